"""How much was used: records of a series over a period become answers, live or as folded."""
