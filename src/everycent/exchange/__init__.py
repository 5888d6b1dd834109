"""Exchange rates: dated, as they were told, and what is worked out of them."""
