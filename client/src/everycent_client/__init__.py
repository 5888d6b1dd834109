"""The Python client of everycent.

with Client("https://billing.example.com", "ec_…") as billing:
    for alarm in billing.list_alarms():
        print(alarm.message)
"""

from everycent_client.buffer import Flushed, State, UsageBuffer
from everycent_client.clients import AsyncClient, Client
from everycent_client.core import Page
from everycent_client.errors import (
    ConflictError,
    EverycentError,
    Fault,
    ForbiddenError,
    InvalidError,
    NoAnswerError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
)
from everycent_client.webhooks import UnverifiedError, verify

__all__ = [
    "AsyncClient",
    "Client",
    "ConflictError",
    "EverycentError",
    "Fault",
    "Flushed",
    "ForbiddenError",
    "InvalidError",
    "NoAnswerError",
    "NotFoundError",
    "Page",
    "RateLimitedError",
    "RefusedError",
    "State",
    "UnauthorizedError",
    "UnavailableError",
    "UnverifiedError",
    "UsageBuffer",
    "verify",
]
