"""/v1/wallets: prepaid credit, what is in it, and what may still be used."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from everycent.api import money
from everycent.api.operation import Asked, doing, reading
from everycent.api.parameters import at_or_now
from everycent.api.shapes import (
    Amount,
    Body,
    Currency,
    Day,
    Instant,
    Name,
    Page,
    Paged,
    Query,
    Shown,
    Zone,
)
from everycent.credits import queries
from everycent.credits.allowance import Reason as WhyAllowed
from everycent.credits.drawdown import CarryOverage
from everycent.credits.grant import Basis, Order
from everycent.credits.trial import tried
from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.flows import wallets as flow
from everycent.flows import wallets_told as told

READ, WRITE = "wallets:read", "wallets:write"
Keys = Annotated[list[Name], Meta(max_length=200)]
Interval = Annotated[str, Meta(max_length=40, examples=["month", "2 weeks"])]


class CreditUnit(Shown):
    """A unit of the seller's own, and what one costs in the wallet's currency."""

    name: str
    price: Amount


class WalletCaps(Shown):
    """How low the real-time balance may fall: at `soft` somebody is told, at `hard` all ends."""

    soft: Amount | None
    hard: Amount | None


class TopUpRule(Shown):
    """When the balance falls below this, a top-up of so much is due."""

    below: Amount
    amount: Amount


class Wallet(Shown):
    """A wallet and the terms on which it is drawn."""

    wallet: str
    currency: Currency
    priority: int
    order: Order
    before_tax: bool
    products: list[str]
    prices: list[str]
    unit: CreditUnit | None
    caps: WalletCaps
    top_up: TopUpRule | None


class WalletAllowance(Shown):
    """Whether more may be used, and how much down to the hard cap."""

    is_allowed: bool
    reason: WhyAllowed
    left: Amount | None


class CostRefusal(Shown):
    """Why the running cost of a wallet can't be worked out."""

    code: str
    message: str
    field: str | None = None
    value: str | None = None
    hint: str | None = None


class CustomerAllowance(WalletAllowance):
    """The same of all wallets of a customer together."""

    customer: str


class WalletStanding(Wallet):
    """A wallet and how it stands now. The balance is what is usable less the running cost."""

    customer: str
    usable: Amount
    waiting: Annotated[Amount, Meta(description="What may be used later.")]
    reserved: Annotated[Amount, Meta(description="What the running cost would draw.")]
    missing: Annotated[Amount, Meta(description="What of the running cost nothing pays.")]
    balance: Amount
    balance_units: str | None
    allowance: WalletAllowance
    refusal: Annotated[CostRefusal | None, Meta(description="Why the running cost is not known.")]


class GrantRenews(Shown):
    """How a grant comes again, and what rolls over then; null for all."""

    every: str
    amount: Amount
    keep_least: Amount
    keep_most: Amount | None


class CreditGrant(Shown):
    """Credit that was paid for or given away."""

    number: int
    amount: Amount
    currency: Currency
    units: str | None
    unit: CreditUnit | None
    basis: Basis
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    products: list[str]
    prices: list[str]
    renews: GrantRenews | None


class CreditDraw(Shown):
    """What became of a grant; below nothing what was given back."""

    at: datetime
    why: str
    document: str | None
    amount: Amount
    left: Amount


class GrantHistory(CreditGrant):
    """A grant with every draw on it."""

    reference: str
    left: Amount
    draws: list[CreditDraw]


class WalletShown(WalletStanding):
    """A wallet with all its grants, and the top-up that is due."""

    grants: list[GrantHistory]
    due: Amount | None


class Wanted(Paged):
    """Whose wallets are wanted."""

    customer: str | None = None


class AsOf(Query):
    """As of when."""

    as_of: Annotated[Instant | None, Meta(description="As it stands then; now when left out.")] = (
        None
    )


class TriedGrant(Body):
    """A grant to be drawn; amounts are of any one unit. `keep_most` null rolls over everything."""

    id: Name
    amount: Amount
    priority: int = 0
    effective_at: Instant | None = None
    expires_at: Instant | None = None
    left: Amount | None = None
    products: Keys = field(default_factory=list)
    prices: Keys = field(default_factory=list)
    every: Interval | None = None
    anchor: Day | None = None
    keep_least: Amount = "0"
    keep_most: Amount | None = "0"


class TriedUse(Body):
    """What is used of it."""

    at: Instant
    amount: Amount
    id: str = ""
    product: str = ""
    price: str = ""


class CreditTrial(Body):
    """Grants and uses, up to an instant."""

    grants: Annotated[list[TriedGrant], Meta(max_length=1000)]
    uses: Annotated[list[TriedUse], Meta(max_length=5000)]
    until: Instant
    order: Order = Order.EXPIRY
    carry_overage: CarryOverage = CarryOverage.NEVER
    time_zone: Zone = "UTC"
    resets: Annotated[list[Instant], Meta(max_length=1000)] = field(default_factory=list)


class TriedMovement(Shown):
    """Something that happens to a grant, and for which use."""

    at: datetime
    grant: str
    what: str
    amount: Amount
    use: str | None


class TrialAnswer(Shown):
    """What is left of each grant, what of each use is not paid, and everything that happens."""

    left: dict[str, str]
    overage: dict[str, str]
    movements: list[TriedMovement]


def list_wallets(tx: Tx, asked: Asked[Wanted, None]) -> Page[dict[str, Any]]:
    """Wallets with their real-time balances, in order of their keys."""
    wanted = asked.query
    if wanted.customer is not None:
        owner = customers.by_name(tx, wanted.customer)
        return asked.page(_of_customer(tx, owner, wanted, asked.now), _place)
    known = queries.wallets(tx, after=wanted.after or "", limit=wanted.size + 1)
    owners = customers.by_ids(tx, sorted({one.customer_id for one in known}))
    found = {one.wallet.key: one for one in flow.standings(tx, list(owners.values()), asked.now)}
    data = [
        told.standing_data(found[one.key], owners[one.customer_id].key)
        for one in known
        if one.key in found
    ]
    return asked.page(data, _place)


def _of_customer(tx: Tx, owner: Customer, wanted: Wanted, now: datetime) -> list[dict[str, Any]]:
    found = [
        one for one in flow.standings(tx, [owner], now) if one.wallet.key > (wanted.after or "")
    ]
    found.sort(key=lambda one: one.wallet.key)
    return [told.standing_data(one, owner.key) for one in found[: wanted.size + 1]]


def _place(last: dict[str, Any]) -> str:
    return str(last["wallet"])


def get_wallet(tx: Tx, asked: Asked[AsOf, None]) -> dict[str, Any]:
    """One wallet: its balance, every grant, and every draw."""
    found = queries.wallet(tx, asked.path["wallet"])
    owner = customers.by_ids(tx, [found.customer_id])[found.customer_id]
    at = _as_of(tx, asked, owner)
    (standing,) = [s for s in flow.standings(tx, [owner], at) if s.wallet.key == found.key]
    last = queries.last_top_ups(tx, [found.wallet_id]).get(found.wallet_id)
    is_due = last is not None and last.state == "open"
    return told.standing_data(standing, owner.key) | {
        "grants": told.history_data(found, queries.history(tx, found)),
        "due": money.amount(last.amount, found.currency) if last is not None and is_due else None,
    }


def get_allowance(tx: Tx, asked: Asked[AsOf, None]) -> dict[str, Any]:
    """Whether a customer may use more, by the caps of all its wallets together, and why."""
    owner = customers.by_name(tx, asked.path["customer"])
    at = _as_of(tx, asked, owner)
    answer = flow.may_use(tx, owner, at)
    return {"customer": owner.key, **told.allowance_data(answer, owner.currency)}


def _as_of(tx: Tx, asked: Asked[AsOf, None], owner: Customer) -> datetime:
    at = at_or_now(asked.query.as_of, owner.time_zone, asked.now, "as_of")
    if at > asked.now:
        flow.check_reach(tx, owner, at)
    return at


def try_credit(asked: Asked[Query, CreditTrial]) -> dict[str, Any]:
    """Draws grants down that lie in no wallet: what would be left, and why. Nothing is stored."""
    return tried(msgspec.json.encode(asked.body).decode())


OPERATIONS = [
    reading("/v1/wallets", READ, list_wallets, Page[WalletStanding], Wanted, is_frequent=True),
    doing("POST", "/v1/wallets/try", READ, try_credit, TrialAnswer, CreditTrial),
    reading("/v1/wallets/{wallet}", READ, get_wallet, WalletShown, AsOf, is_frequent=True),
    reading(
        "/v1/customers/{customer}/allowance",
        READ,
        get_allowance,
        CustomerAllowance,
        AsOf,
        is_frequent=True,
    ),
]
