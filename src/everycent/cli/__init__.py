"""The command line: translate, call, show. No rules."""
