"""Coupons that customers have: who was given which, and what it has taken off so far."""
