"""The ERP: the fake one."""
