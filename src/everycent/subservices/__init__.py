"""Sub-services: who knows what was used, and answers the five calls of docs/sub-services.md.

`kit` is what one is written with; `compute` and `storage` are two of them. Nothing here knows of billing.
"""
