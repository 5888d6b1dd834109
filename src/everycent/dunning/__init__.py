"""Dunning: when money is collected, what follows failures, and what is done about debts that stay."""
