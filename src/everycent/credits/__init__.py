"""Prepaid credit: wallets, what was granted into them, and what was drawn out of them."""
