"""Reports: what sub-services say was used in a period, pulled as a whole or not at all, and frozen."""
