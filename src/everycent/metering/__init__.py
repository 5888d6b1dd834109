"""How much was used: records deduplicated for ever, rolled up behind a fold, read per period."""
