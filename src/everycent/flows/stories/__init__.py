"""Stories: the months of customers as dated steps in a file, run on a test clock and compared."""
