"""Benchmarks: what the product does in a second, beside the limit of the same rows in the same run."""
