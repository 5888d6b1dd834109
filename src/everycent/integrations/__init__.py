"""The outside world: files and formats of others."""
