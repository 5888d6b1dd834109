"""Figures: what somebody who watches over the product wants to see of every tenant, as numbers."""
