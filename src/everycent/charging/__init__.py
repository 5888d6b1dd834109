"""Charging: attempts to move money through a provider, of which at most one ever succeeds."""
