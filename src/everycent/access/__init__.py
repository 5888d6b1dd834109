"""Access: who may do what over HTTP, what was done by whom, and what was answered."""
