"""Examples on real input: an electricity utility and a cloud reseller."""
