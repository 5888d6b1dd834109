"""Tenants: separate books in one database, kept apart by row-level security."""
