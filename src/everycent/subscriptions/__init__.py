"""Who has agreed to what, from when until when, and which periods of it are due."""
