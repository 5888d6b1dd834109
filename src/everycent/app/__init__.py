"""The composition root: settings, clock, ids, and the database they lead to."""
