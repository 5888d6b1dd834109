"""Webhooks: endpoints that are told what the journal says, in its order, each at least once."""
