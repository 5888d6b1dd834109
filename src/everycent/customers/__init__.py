"""Who owes: customers and what is printed about them on an invoice."""
