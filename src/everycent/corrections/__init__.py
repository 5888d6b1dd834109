"""What was recorded wrongly and is put right: records taken back, replaced, whole spans sent again."""
