"""Archives: old months of usage records in files, out of which they can be put back."""
