"""The second engine: every amount of an invoice worked out again, slowly, from raw records."""
