"""The HTTP interface: translates requests into calls of flows, and refusals into problem documents."""
