"""Payment methods: how a customer can be charged, by the provider's token and nothing else."""
