"""What is sold and at what price: meters, bands, taxes, products, plans; versions that never change."""
