"""Payments: the contract every provider adapter keeps, the fake provider, the wire."""
