"""Values that every slice speaks in: money, quantities, periods, ids, errors. Pure."""
