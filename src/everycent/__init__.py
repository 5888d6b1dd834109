"""everycent: who owes how much, and why, proved to the cent."""
