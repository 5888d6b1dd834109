"""Open wallets, put credit in, take it away, and write down what happens to it by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple, TypedDict
from uuid import UUID

import msgspec

from everycent.catalog import queries as catalog
from everycent.catalog.policies import BEFORE_TAX, ORDER
from everycent.credits import grant as grants
from everycent.credits import projection, queries, store
from everycent.credits.drawdown import Kind, Lot
from everycent.credits.grant import (
    EVERYTHING,
    NOTHING_KEPT,
    Basis,
    Grant,
    Order,
    Renewal,
    Rollover,
    Scope,
    Unit,
)
from everycent.credits.purse import Settled, draw
from everycent.credits.wallet import (
    CHANGED,
    EXPIRED,
    GRANTED,
    OPENED,
    TOP_UP_DUE,
    TOP_UP_WITHDRAWN,
    VOIDED,
    Caps,
    Draw,
    Due,
    Granted,
    Taken,
    TopUpRule,
    Wallet,
    Withdrawn,
    checked_caps,
    checked_key,
    checked_rule,
)
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.customers.customer import stream as customer_stream
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text

_LONGEST_REFERENCE = 200


class Writing(TypedDict):
    """Who writes, when it holds from, when it is written, and where ids come from."""

    at: datetime
    recorded_at: datetime
    actor: str
    ids: IdSource


class Terms(NamedTuple):
    """How a new wallet is to be drawn; None: as the tenant's policies say when it is opened."""

    priority: int = 0
    scope: Scope = EVERYTHING
    unit: Unit | None = None
    order: Order | None = None
    before_tax: bool | None = None


class Offer(NamedTuple):
    """A grant as it is asked for: `amount` in minor units. Without `effective_at` it is usable at once."""

    amount: int
    basis: Basis
    reference: str
    priority: int = 50
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    scope: Scope = EVERYTHING
    unit: Unit | None = None
    rollover: Rollover = NOTHING_KEPT
    renewal: Renewal | None = None
    is_owed: bool = False


def open_wallet(tx: Tx, customer: Customer, key: str, terms: Terms, writing: Writing) -> Wallet:
    """A new, empty wallet in the customer's currency. Raises Conflict `wallet.exists`, Invalid."""
    customers.lock(tx, [customer.customer_id])
    _check_scope(tx, terms.scope)
    if store.find_wallets(tx, keys=[checked_key(key)]):
        raise Conflict(
            "wallet.exists",
            f"there is a wallet {key!r} already",
            field="key",
            value=key,
            hint="choose another key",
        )
    policies = catalog.policies(tx)
    opened = Wallet(
        writing["ids"](f"wallet/{key}"), customer.customer_id, key, customer.currency,
        terms.priority, terms.scope, terms.unit,
        Order(policies[ORDER]) if terms.order is None else terms.order,
        policies[BEFORE_TAX] == "true" if terms.before_tax is None else terms.before_tax,
    )  # fmt: skip
    _record(tx, [_draft(opened, OPENED, f"wallet.opened/{key}", opened, writing)], writing)
    return opened


def set_caps(tx: Tx, key: str, caps: Caps, writing: Writing) -> Wallet:
    """Sets both caps of a wallet. Raises NotFound `wallet.unknown`, Invalid `wallet.bad_caps`."""
    found = _locked(tx, key)
    return _changed(tx, found, msgspec.structs.replace(found, caps=checked_caps(caps)), writing)


def set_rule(tx: Tx, key: str, rule: TopUpRule | None, writing: Writing) -> Wallet:
    """Sets the top-up rule of a wallet anew, or (None) takes it away. A top-up that is due stays so.

    Raises NotFound `wallet.unknown`, Invalid `wallet.bad_top_up`."""
    found = _locked(tx, key)
    if rule is not None:
        last = store.last_top_ups(tx, [found.wallet_id]).get(found.wallet_id)
        before = max(
            0 if last is None else last.rule_version,
            0 if found.top_up is None else found.top_up.version,
        )
        rule = msgspec.structs.replace(checked_rule(rule), version=before + 1)
    return _changed(tx, found, msgspec.structs.replace(found, top_up=rule), writing)


def _changed(tx: Tx, before: Wallet, after: Wallet, writing: Writing) -> Wallet:
    if after != before:
        name = f"wallet.changed/{after.key}/{instant_text(writing['recorded_at'])}"
        _record(tx, [_draft(after, CHANGED, name, after, writing)], writing)
    return after


def grant(tx: Tx, key: str, offer: Offer, writing: Writing) -> Grant:
    """Puts credit into a wallet. Raises NotFound `wallet.unknown`, Conflict `credit.booked_before`,
    Invalid."""
    return _granted(tx, _locked(tx, key), offer, None, writing)


def pay_top_up(tx: Tx, key: str, reference: str, writing: Writing) -> Grant:
    """The top-up that is due was paid: it becomes credit. Raises NotFound `wallet.nothing_due`, Conflict
    `credit.booked_before`."""
    found = _locked(tx, key)
    due = queries.open_top_up(tx, found)
    offer = Offer(due.rule.amount, Basis.PAID, reference)
    return _granted(tx, found, offer, due, writing)


def withdraw_top_up(tx: Tx, key: str, reason: str, writing: Writing) -> Due:
    """The top-up that is due will not be paid. Its rule rests until it is set anew.

    Raises NotFound `wallet.nothing_due`."""
    found = _locked(tx, key)
    due = queries.open_top_up(tx, found)
    name = f"wallet.top_up_withdrawn/{key}/{due.due_no}"
    draft = _draft(found, TOP_UP_WITHDRAWN, name, Withdrawn(due, _text(reason)), writing)
    _record(tx, [draft], writing)
    return due


def _granted(tx: Tx, wallet: Wallet, offer: Offer, due: Due | None, writing: Writing) -> Grant:
    _check_scope(tx, offer.scope)
    _check_new(tx, wallet, offer)
    number = store.last_number(tx, wallet.wallet_id) + 1
    made = grants.checked(
        Grant(
            writing["ids"](f"grant/{wallet.key}/{number}"), wallet.wallet_id, number, offer.amount,
            offer.basis, offer.priority, offer.effective_at or writing["at"], offer.expires_at,
            offer.scope, offer.unit or wallet.unit, offer.rollover, offer.renewal,
        )
    )  # fmt: skip
    told = Granted(
        wallet.customer_id, wallet.currency, made, _text(offer.reference), offer.is_owed, due
    )
    name = f"credit.granted/{wallet.key}/{number}"
    _record(tx, [_draft(wallet, GRANTED, name, told, writing)], writing)
    return made


def _check_new(tx: Tx, wallet: Wallet, offer: Offer) -> None:
    """Raises Conflict `credit.booked_before` for a payment that is credit of the wallet already."""
    if offer.basis is not Basis.PAID or offer.is_owed:
        return
    number = store.booked_before(tx, wallet.wallet_id, offer.reference)
    if number is not None:
        raise Conflict(
            "credit.booked_before",
            f"{offer.reference} is credit of {wallet.key} already, as grant {number}",
            field="reference",
            value=offer.reference,
            hint="each payment is put in once; give another one its own reference",
        )


def _check_scope(tx: Tx, scope: Scope) -> None:
    """Raises NotFound for a product that the catalogue does not have."""
    for product in scope.products:
        catalog.get(tx, "product", product)


def void(tx: Tx, key: str, number: int, reason: str, writing: Writing) -> Taken:
    """Takes away what is left of a grant; one that comes again does so no more.

    Raises NotFound `credit.unknown`, Conflict `credit.used_up`.
    """
    wallet = _locked(tx, key)
    held = queries.lots_of(tx, wallet, number)
    draws = []
    for lot in (one.lot for one in held if one.lot.left):
        g = lot.grant
        draws.append(
            Draw(wallet.wallet_id, key, g.grant_id, lot.draws + 1, lot.left, 0, g.amount, g.basis)
        )
    newest = held[-1].lot.grant
    renews = newest.renewal is not None and newest.series_id not in wallet.ended
    if not draws and not renews:
        raise Conflict(
            "credit.used_up",
            f"nothing is left of grant {number} of {key}",
            field="number",
            value=number,
        )
    told = Taken(wallet.customer_id, wallet.currency, tuple(draws), _text(reason), held[-1].is_owed)
    drafts = []
    if renews:
        ended = msgspec.structs.replace(wallet, ended=(*wallet.ended, newest.series_id))
        drafts.append(_draft(wallet, CHANGED, f"wallet.ended/{newest.series_id}", ended, writing))
    if draws:
        name = f"credit.voided/{draws[0].grant_id}/{draws[0].draw_no}"
        drafts.append(_draft(wallet, VOIDED, name, told, writing))
    _record(tx, drafts, writing)
    return told


def record_settled(tx: Tx, settled: Iterable[Settled], writing: Writing) -> None:
    """Writes down what happened to wallets by itself, each at its own instant."""
    drafts = of_settled(settled, actor=writing["actor"], ids=writing["ids"])
    if drafts:
        _record(tx, drafts, writing)


def of_settled(settled: Iterable[Settled], *, actor: str, ids: IdSource) -> list[Draft]:
    """The events of what happened to wallets by itself, each at its own instant."""
    drafts = []
    for (wallet, at, kind), group in groupby(
        settled, key=lambda one: (one.wallet, one.movement.at, one.movement.kind)
    ):
        writing: Writing = {"at": at, "recorded_at": at, "actor": actor, "ids": ids}
        happened = [one.movement for one in group]
        if kind is Kind.GRANTED:
            for movement in happened:
                grant = movement.lot.grant
                told = Granted(wallet.customer_id, wallet.currency, grant, "renewal")
                drafts.append(
                    _draft(wallet, GRANTED, f"credit.granted/{grant.grant_id}", told, writing)
                )
        else:
            draws = tuple(draw(wallet, movement) for movement in happened)
            name = f"credit.expired/{draws[0].grant_id}/{draws[0].draw_no}"
            gone = Taken(wallet.customer_id, wallet.currency, draws)
            drafts.append(_draft(wallet, EXPIRED, name, gone, writing))
    return drafts


def record_due(tx: Tx, dues: Sequence[tuple[Wallet, Due]], writing: Writing) -> None:
    """Writes down top-ups that have become due."""
    drafts = [
        _draft(wallet, TOP_UP_DUE, f"wallet.top_up_due/{wallet.key}/{due.due_no}", due, writing)
        for wallet, due in dues
    ]
    if drafts:
        _record(tx, drafts, writing)


def given_back(tx: Tx, draws: Sequence[Draw]) -> tuple[Draw, ...]:
    """The draws that undo an invoice's: what it drew goes back to the grants that it came from."""
    if not draws:
        return ()
    stands: dict[UUID, Lot] = {
        held.lot.grant.grant_id: held.lot
        for held in store.list_lots(tx, [draw.grant_id for draw in draws])
    }
    return tuple(
        msgspec.structs.replace(
            draw,
            draw_no=stands[draw.grant_id].draws + 1,
            amount=-draw.amount,
            left=stands[draw.grant_id].left + draw.amount,
            lines=tuple((line_no, -amount) for line_no, amount in draw.lines),
        )
        for draw in draws
    )


def _locked(tx: Tx, key: str) -> Wallet:
    """The wallet, which nobody draws on up to the end of the transaction."""
    customers.lock(tx, [queries.wallet(tx, key).customer_id])
    return queries.wallet(tx, key)


def _text(text: str) -> str:
    if len(text) > _LONGEST_REFERENCE or not text.isprintable():
        raise Invalid(
            "credit.bad_reference",
            f"a reference or reason has up to {_LONGEST_REFERENCE} visible characters",
            field="reference",
            value=text,
        )
    return text


def _draft(
    wallet: Wallet, type_: EventType, name: str, payload: msgspec.Struct, writing: Writing
) -> Draft:
    stream = customer_stream(wallet.customer_id)
    return Draft(writing["ids"](name), stream, type_, writing["at"], writing["actor"], payload)


def _record(tx: Tx, drafts: Sequence[Draft], writing: Writing) -> None:
    journal.record(tx, drafts, writing["recorded_at"], projection.project)
