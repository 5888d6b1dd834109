"""What happened, once, in order, for ever: append-only streams of events under a hash chain."""
