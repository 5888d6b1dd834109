"""What the use costs. Pure: a quantity and a price in, an amount with its whole derivation out."""
