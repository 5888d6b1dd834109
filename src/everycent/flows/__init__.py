"""The stories that cross slices; one file, one story, each safe to run again."""
