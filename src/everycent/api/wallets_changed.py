"""/v1/wallets: wallets are opened, credit is put in and taken away, rules and caps are set."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, field

from everycent.api import money
from everycent.api.operation import Asked, changing, doing
from everycent.api.parameters import day_or_none, instant, past
from everycent.api.shapes import Amount, Body, Currency, Day, Instant, Name, Query, Reason, Shown
from everycent.api.wallets import WRITE, CostRefusal, CreditGrant, Interval, Keys, Wallet
from everycent.api.writing import Writing, writing
from everycent.credits import grant as grants
from everycent.credits import operations, queries
from everycent.credits.allowance import Reason as WhyAllowed
from everycent.credits.grant import Basis, Order, Renewal, Rollover, Scope
from everycent.credits.operations import Offer, Terms
from everycent.credits.wallet import Caps, TopUpRule
from everycent.credits.wallet import Wallet as Held
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import wallets as flow
from everycent.flows import wallets_told as told
from everycent.kernel.calendar import local_date, parse_interval
from everycent.kernel.errors import Invalid, NotFound

At = Annotated[Instant | None, Meta(description="When it holds; now when left out.")]
Priority = Annotated[int, Meta(ge=0, le=1000, description="The lowest pays first.")]
Effective = Annotated[Instant | None, Meta(description="Usable from then on; from `at` on else.")]
Expires = Annotated[Instant | None, Meta(description="The first instant at which it is gone.")]


class NewWallet(Body):
    """An empty wallet for a customer, in its currency. `unit` and `unit_price` are told both or not."""

    customer: Name
    key: Annotated[Name | None, Meta(description="The customer's key when left out.")] = None
    unit: Name | None = None
    unit_price: Amount | None = None
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    order: Annotated[Order | None, Meta(description="As the policy credits.order says else.")] = (
        None
    )
    before_tax: Annotated[
        bool | None, Meta(description="As the policy credits.before_tax says when left out.")
    ] = None
    products: Keys = field(default_factory=list)
    prices: Keys = field(default_factory=list)


class TopUp(Body):
    """Credit that was paid for. Without an amount it is the top-up that is due."""

    reference: Annotated[Name, Meta(description="The payment, or the agreement when it is owed.")]
    amount: Annotated[Amount | None, Meta(description="In the wallet's unit or currency.")] = None
    owed: Annotated[bool, Meta(description="Not paid yet: the customer owes it from now on.")] = (
        False
    )
    effective: Effective = None
    expires: Expires = None
    priority: Priority = 50
    products: Keys = field(default_factory=list)
    prices: Keys = field(default_factory=list)
    at: At = None


class NewGrant(Body):
    """Credit that is given away, once or again and again."""

    amount: Annotated[Amount, Meta(description="In the wallet's unit or currency.")]
    reason: Reason
    effective: Effective = None
    expires: Expires = None
    priority: Priority = 50
    every: Interval | None = None
    anchor: Annotated[Day | None, Meta(description="A local day on which it comes again.")] = None
    keep_least: Annotated[Amount, Meta(description="When it comes again this is left over.")] = "0"
    keep_most: Annotated[
        Amount | None, Meta(description="At most this rolls over; null for all.")
    ] = "0"
    products: Keys = field(default_factory=list)
    prices: Keys = field(default_factory=list)
    at: At = None


class NewRule(Body):
    """When the real-time balance falls below this, a top-up of so much is due."""

    below: Amount
    amount: Amount
    at: At = None


class NewCaps(Body):
    """Both caps; one that is left out is none."""

    soft: Annotated[Amount | None, Meta(description="At this balance somebody is told.")] = None
    hard: Annotated[
        Amount | None, Meta(description="At this one nothing more is used; below 0 an overdraft.")
    ] = None
    at: At = None


class CreditEnded(Body):
    """Why, and from when on."""

    reason: Reason
    at: At = None


class VoidedGrant(Shown):
    """What was taken away of a grant."""

    wallet: str
    number: int
    voided: Amount
    currency: Currency


class WithdrawnTopUp(Shown):
    """A top-up that will not be paid."""

    wallet: str
    due: int
    is_withdrawn: bool


class WalletCheck(Body):
    """As of when to look; now when left out."""

    as_of: Instant | None = None


class DueTopUp(Shown):
    """A top-up that is due now."""

    wallet: str
    amount: Amount
    balance: Amount
    currency: Currency


class SettledGrant(Shown):
    """Credit that expired or came again."""

    wallet: str
    what: str
    number: int
    at: datetime
    amount: Amount


class CapMet(Shown):
    """A wallet whose cap is met."""

    wallet: str
    reason: WhyAllowed
    balance: Amount


class RefusedWallet(CostRefusal, kw_only=True):
    """A wallet of which the running cost can't be worked out, and why."""

    wallet: str


class WalletsChecked(Shown):
    """What a look at all wallets found and wrote down."""

    wallets: int
    due: list[DueTopUp]
    settled: list[SettledGrant]
    caps_met: list[CapMet]
    refused: list[RefusedWallet]
    to_be_billed_first: list[str]


def create_wallet(tx: Tx, asked: Asked[Query, NewWallet]) -> dict[str, Any]:
    """Opens an empty wallet for a customer, in its currency."""
    wanted = asked.body
    if (wanted.unit is None) != (wanted.unit_price is None):
        raise Invalid(
            "wallet.bad_unit", "a unit needs a name and a price", field="unit", hint="give both"
        )
    unit = None
    if wanted.unit is not None and wanted.unit_price is not None:
        unit = grants.checked_unit(wanted.unit, wanted.unit_price)
    terms = Terms(wanted.priority, _scope(wanted), unit, wanted.order, wanted.before_tax)
    owner = customers.by_name(tx, wanted.customer)
    made = operations.open_wallet(tx, owner, wanted.key or owner.key, terms, writing(asked))
    return told.wallet_data(made)


def top_up_wallet(tx: Tx, asked: Asked[Query, TopUp]) -> dict[str, Any]:
    """Puts credit that was paid for into a wallet: an amount, or the top-up that is due."""
    wanted = asked.body
    found, zone, write = _wallet(tx, asked, wanted.at)
    if wanted.amount is None:
        return told.grant_data(found, operations.pay_top_up(tx, found.key, wanted.reference, write))
    offer = Offer(
        grants.worth(wanted.amount, found.unit, found.currency), Basis.PAID, wanted.reference,
        wanted.priority, _when(wanted.effective, zone, "effective"),
        _when(wanted.expires, zone, "expires"), _scope(wanted), is_owed=wanted.owed,
    )  # fmt: skip
    return told.grant_data(found, operations.grant(tx, found.key, offer, write))


def grant_credit(tx: Tx, asked: Asked[Query, NewGrant]) -> dict[str, Any]:
    """Gives credit away into a wallet, once or again and again."""
    wanted = asked.body
    found, zone, write = _wallet(tx, asked, wanted.at)
    minor = grants.worth(wanted.amount, found.unit, found.currency)
    begins = _when(wanted.effective, zone, "effective") or write["at"]
    renewal = None
    if wanted.every is not None:
        first = day_or_none(wanted.anchor, "anchor") or local_date(begins, zone)
        renewal = Renewal(minor, first, *parse_interval(wanted.every), zone)
    most = wanted.keep_most
    rollover = Rollover(
        _minor(found, wanted.keep_least, "keep_least"),
        None if most is None else _minor(found, most, "keep_most"),
    )
    offer = Offer(
        minor, Basis.PROMOTIONAL, wanted.reason, wanted.priority, begins,
        _when(wanted.expires, zone, "expires"), _scope(wanted), rollover=rollover, renewal=renewal,
    )  # fmt: skip
    return told.grant_data(found, operations.grant(tx, found.key, offer, write))


def void_grant(tx: Tx, asked: Asked[Query, CreditEnded]) -> dict[str, Any]:
    """Takes away what is left of a grant. One that comes again does so no more."""
    found, _, write = _wallet(tx, asked, asked.body.at)
    number = _number(asked.path["number"])
    taken = operations.void(tx, found.key, number, asked.body.reason, write)
    return {
        "wallet": found.key,
        "number": number,
        "voided": money.amount(sum(draw.amount for draw in taken.draws), found.currency),
        "currency": found.currency,
    }


def set_top_up_rule(tx: Tx, asked: Asked[Query, NewRule]) -> dict[str, Any]:
    """Tops a wallet up automatically: sets the rule, or sets it anew."""
    found, _, write = _wallet(tx, asked, asked.body.at)
    rule = TopUpRule(
        _minor(found, asked.body.below, "below"),
        grants.worth(asked.body.amount, found.unit, found.currency),
    )
    return told.wallet_data(operations.set_rule(tx, found.key, rule, write))


def remove_top_up_rule(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Makes no automatic top-ups any more. One that is due stays so."""
    found, _, write = _wallet(tx, asked, None)
    return told.wallet_data(operations.set_rule(tx, found.key, None, write))


def set_caps(tx: Tx, asked: Asked[Query, NewCaps]) -> dict[str, Any]:
    """Sets both spend caps of a wallet."""
    soft, hard = asked.body.soft, asked.body.hard
    found, _, write = _wallet(tx, asked, asked.body.at)
    caps = Caps(
        None if soft is None else _minor(found, soft, "soft"),
        None if hard is None else _minor(found, hard, "hard"),
    )
    return told.wallet_data(operations.set_caps(tx, found.key, caps, write))


def withdraw_top_up(tx: Tx, asked: Asked[Query, CreditEnded]) -> dict[str, Any]:
    """Says that the top-up that is due will not be paid. Its rule rests until it is set anew."""
    found, _, write = _wallet(tx, asked, asked.body.at)
    due = operations.withdraw_top_up(tx, found.key, asked.body.reason, write)
    return {"wallet": found.key, "due": due.due_no, "is_withdrawn": True}


def check_wallets(asked: Asked[Query, WalletCheck]) -> dict[str, Any]:
    """Looks at all wallets: writes down what expired and came again and which top-ups are due, and tells
    whose caps are met. Twice is once."""
    at = past(asked.body.as_of, "UTC", asked.now, "as_of")
    database, tenant_id = asked.app.database, asked.who.tenant_id
    return told.check_data(flow.check(database, tenant_id, at, writing(asked, at)))


_ONE = "/v1/wallets/{wallet}"
OPERATIONS = [
    changing("POST", "/v1/wallets", WRITE, create_wallet, Wallet, NewWallet, status=201),
    doing("POST", "/v1/wallets/check", WRITE, check_wallets, WalletsChecked, WalletCheck),
    changing(
        "POST",
        f"{_ONE}/top-ups",
        WRITE,
        top_up_wallet,
        CreditGrant,
        TopUp,
        status=201,
        is_planned=True,
    ),
    changing(
        "POST", f"{_ONE}/withdraw-top-up", WRITE, withdraw_top_up, WithdrawnTopUp, CreditEnded
    ),
    changing(
        "POST",
        f"{_ONE}/grants",
        WRITE,
        grant_credit,
        CreditGrant,
        NewGrant,
        status=201,
        is_planned=True,
    ),
    changing(
        "POST",
        _ONE + "/grants/{number}/void",
        WRITE,
        void_grant,
        VoidedGrant,
        CreditEnded,
        is_planned=True,
    ),
    changing("PUT", f"{_ONE}/top-up-rule", WRITE, set_top_up_rule, Wallet, NewRule),
    changing("DELETE", f"{_ONE}/top-up-rule", WRITE, remove_top_up_rule, Wallet),
    changing("PUT", f"{_ONE}/caps", WRITE, set_caps, Wallet, NewCaps),
]


def _wallet(tx: Tx, asked: Asked[Any, Any], at: str | None) -> tuple[Held, str, Writing]:
    """The wallet, its customer's time zone, and what is written with."""
    found = queries.wallet(tx, asked.path["wallet"])
    zone = customers.by_ids(tx, [found.customer_id])[found.customer_id].time_zone
    return found, zone, writing(asked, past(at, zone, asked.now, "at"))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise NotFound("credit.unknown", f"there is no grant {text[:20]!r}", field="number")
    return int(text)


def _scope(wanted: NewWallet | TopUp | NewGrant) -> Scope:
    return Scope(tuple(wanted.products), tuple(wanted.prices))


def _when(text: str | None, zone: str, name: str) -> datetime | None:
    return None if text is None else instant(text, zone, name)


def _minor(found: Held, text: str, name: str) -> int:
    return grants.minor_of(text, found.unit, found.currency, name)
