"""Entitlements: whether a customer may use a feature, how much is left of it, and why."""
