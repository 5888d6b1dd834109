"""Where the money is: balanced entries, each caused by exactly one event of the journal."""
