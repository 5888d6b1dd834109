"""The ERP: a fake one, files, and a real Tryton."""
