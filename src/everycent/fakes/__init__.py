"""Stand-ins of payment providers: real servers with ledgers of their own, which judge what the product did.

They import nothing of the product but the kernel, so that no mistake of its payments can hide in them.
"""
