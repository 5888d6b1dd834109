"""Seven faults in every state of the billing process and between every two."""
