"""The ERP: every final invoice and credit note is handed over, until it is in the books there, once."""
