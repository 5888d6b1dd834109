"""Alarms: what is wrong, until it is right again."""
