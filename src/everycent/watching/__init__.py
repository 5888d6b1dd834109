"""Watching usage as it comes: thresholds that are crossed once, gaps in series that should have none."""
