"""Functions in a cloud: behind an API gateway, and started by a clock (docs/deployment.md)."""
