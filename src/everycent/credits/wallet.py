"""Wallet: where a customer's credit lies, how it is drawn, and the events of its life.

What is drawn stands in the event that drew it: an invoice's in the invoice (`Draw`), what expired or was
voided in `Taken`.
"""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

import msgspec

from everycent.credits.grant import EVERYTHING, Basis, Grant, Order, Scope, Unit
from everycent.journal.types import EventType
from everycent.kernel.errors import Invalid

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,119}", re.ASCII)


class Caps(msgspec.Struct, frozen=True, omit_defaults=True):
    """How low the real-time balance may fall, in minor units; below nothing is a negative number. At
    `soft` or lower somebody is told, at `hard` or lower nothing more may be used."""

    soft: int | None = None
    hard: int | None = None


class TopUpRule(msgspec.Struct, frozen=True):
    """When the real-time balance falls below `below`, a top-up of `amount` is due (minor units).
    `version` counts how often the rule was set."""

    below: int
    amount: int
    version: int = 1


class Wallet(msgspec.Struct, frozen=True, omit_defaults=True):
    """`key` is unique for the tenant. Of several wallets of a customer the one with the lowest priority
    pays first, then by key. With `before_tax` it pays lines before taxes, else the invoice after them.

    The policies are frozen here when the wallet is opened. Series in `ended` do not come again.
    """

    wallet_id: UUID
    customer_id: UUID
    key: str
    currency: str
    priority: int = 0
    scope: Scope = EVERYTHING
    unit: Unit | None = None
    order: Order = Order.EXPIRY
    before_tax: bool = False
    caps: Caps = Caps()
    top_up: TopUpRule | None = None
    ended: tuple[UUID, ...] = ()


class Due(msgspec.Struct, frozen=True):
    """A top-up that a rule made due: the real-time `balance` (minor units) was below the rule's bound as
    of an instant. It is credit once it is paid."""

    wallet_id: UUID
    customer_id: UUID
    currency: str
    due_no: int
    rule: TopUpRule
    balance: int
    as_of: datetime


class Granted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A grant that was made. `reference` names the payment, or the reason of a promotion; `is_owed`: the
    customer has it already and owes it. `settles` is the due top-up that it pays."""

    customer_id: UUID
    currency: str
    grant: Grant
    reference: str = ""
    is_owed: bool = False
    settles: Due | None = None


class Draw(msgspec.Struct, frozen=True, omit_defaults=True):
    """`amount` (minor units; negative: given back) out of a grant of `granted`, of which `left` is there
    afterwards. Draws of one grant are numbered from 1. One before taxes tells the `lines` of its document
    that it paid, or was given back for, as (number, amount)."""

    wallet_id: UUID
    wallet: str
    grant_id: UUID
    draw_no: int
    amount: int
    left: int
    granted: int
    basis: Basis
    lines: tuple[tuple[int, int], ...] = ()


class Taken(msgspec.Struct, frozen=True, omit_defaults=True):
    """Credit that expired or was voided, with the reason. `is_owed` as in `Granted`."""

    customer_id: UUID
    currency: str
    draws: tuple[Draw, ...]
    reason: str = ""
    is_owed: bool = False


class Withdrawn(msgspec.Struct, frozen=True, omit_defaults=True):
    """A due top-up that will not be paid."""

    due: Due
    reason: str = ""


OPENED = EventType("wallet.opened", 1, Wallet)
CHANGED = EventType("wallet.changed", 1, Wallet)
GRANTED = EventType("credit.granted", 1, Granted)
EXPIRED = EventType("credit.expired", 1, Taken)
VOIDED = EventType("credit.voided", 1, Taken)
TOP_UP_DUE = EventType("wallet.top_up_due", 1, Due)
TOP_UP_WITHDRAWN = EventType("wallet.top_up_withdrawn", 1, Withdrawn)


def checked_key(key: str) -> str:
    """The key of a wallet when it can be one. Raises Invalid `wallet.bad_key`."""
    if not _KEY.fullmatch(key):
        raise Invalid(
            "wallet.bad_key",
            f"{key[:130]!r} can't be the key of a wallet",
            field="key",
            value=key,
            hint="use up to 120 letters, digits and _.:/- and begin with a letter or a digit",
        )
    return key


def checked_caps(caps: Caps) -> Caps:
    """Caps of which the soft one is met first. Raises Invalid `wallet.bad_caps`."""
    if caps.soft is not None and caps.hard is not None and caps.soft < caps.hard:
        raise Invalid(
            "wallet.bad_caps",
            "the soft cap would be met after the hard one",
            field="soft",
            value=caps.soft,
            hint="a cap is a balance: the soft one is the higher",
        )
    return caps


def checked_rule(rule: TopUpRule) -> TopUpRule:
    """A rule that tops up by something. Raises Invalid `wallet.bad_top_up`."""
    if rule.amount <= 0:
        raise Invalid(
            "wallet.bad_top_up",
            "a top-up is of an amount above 0",
            field="amount",
            value=rule.amount,
        )
    return rule
