"""Direct debits: files for the bank, what its statements say about them, and files that never went."""
