"""What we ask for, in writing: invoices and credit notes, their taxes, numbers and entries."""
