"""What is measured and sold, and at what price: meters, taxes, products, plans; versions never change."""
