"""A deterministic simulation of the way of a payment: virtual time, seeded faults, the provider's ledger
as the judge. See docs/simulation.md.

clockwork   one heap of (time, tie-break, event), and processes as generators
memory      the database: tables, what it refuses, what a commit may come to
product     the product's operations (charging/operations.py), on the tables in memory
bank        the provider, with its own ledger
network     what becomes of a request and of its answer
worker      processes that charge, step by step
people      schedulers, and persons who pay, refund, resolve and requeue
checks      what must hold after every event, and in the end
world       a seed's world: which faults, how strong; runs it
planted     faults of ours, planted to be caught
"""
