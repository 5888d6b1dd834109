"""Scopes, which a key has one by one, and roles, which give a person many of them.

Who reads may not change, and nothing is allowed that is not named here.
"""

from __future__ import annotations

from collections.abc import Set

_READ_AND_WRITE = (
    "alarms",
    "catalog",
    "coupons",
    "customers",
    "dunning",
    "erp",
    "exchange",
    "invoices",
    "keys",
    "measurements",
    "members",
    "payments",
    "reports",
    "runs",
    "subscriptions",
    "usage",
    "wallets",
    "webhooks",
)
_READ_ONLY = ("audit", "books", "entitlements", "journal")

READS = tuple(sorted(f"{name}:read" for name in (*_READ_AND_WRITE, *_READ_ONLY)))
WRITES = tuple(sorted(f"{name}:write" for name in _READ_AND_WRITE))
SCOPES = tuple(sorted(READS + WRITES))
"""All that are about one tenant, `subject:read` and `subject:write`."""
OPERATORS = ("tenants:read", "tenants:write")
"""Those about all tenants, which no role has: the command line gives them to keys."""
ALL_SCOPES = (*SCOPES, *OPERATORS)

_SECRETIVE = frozenset({"audit:read", "keys:read", "members:read"})
_PLAIN = frozenset(READS) - _SECRETIVE


def _writing(*names: str) -> frozenset[str]:
    return frozenset(f"{name}:write" for name in names)


ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset(SCOPES),
    "finance": _PLAIN
    | {"audit:read"}
    | _writing(
        "alarms", "coupons", "customers", "dunning", "erp", "exchange", "invoices", "payments",
        "reports", "runs", "subscriptions", "wallets",
    ),
    "support": _PLAIN | _writing("alarms", "customers", "subscriptions"),
    "developer": _PLAIN
    | {"keys:read"}
    | _writing("alarms", "catalog", "keys", "measurements", "reports", "usage", "webhooks"),
    "read-only": _PLAIN,
}  # fmt: skip
"""What people may do by their role. Whoever has none may do nothing."""

_TELLS = {"api_key": "keys:read", "member": "members:read"}


def may_see(event_type: str, scopes: Set[str]) -> bool:
    """Whether what an event says in detail is for whoever has these scopes: the journal tells nobody what
    its subject would refuse."""
    needed = _TELLS.get(event_type.partition(".")[0])
    return needed is None or needed in scopes
