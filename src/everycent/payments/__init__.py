"""Money in: attempts that charge at most once, payments and what they pay, refunds, dunning."""
