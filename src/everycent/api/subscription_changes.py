"""/v1/subscriptions/…/…: what can be agreed of a contract that is there, now or planned, and taken back.

Each can be asked with ?plan=show: that it would clash with what was agreed is told then, too.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from everycent.api.contracts import (
    Agreement,
    ContractChange,
    Plan,
    Prices,
    Quantities,
    Subscription,
    TermTold,
    Version,
    told_of,
    when_of,
    why,
)
from everycent.api.operation import Asked, changing
from everycent.api.parameters import day, day_or_none
from everycent.api.shapes import Amount, Day, Name, Query
from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.subscriptions import operations
from everycent.subscriptions.changing import When
from everycent.subscriptions.shown import as_data
from everycent.subscriptions.timeline import MAIN, Pause, Resume

_WRITE = "subscriptions:write"
_Told = dict[str, Any]


class Switch(ContractChange, kw_only=True):
    """Another plan, or another version of the same."""

    plan: Plan
    quantities: Quantities = msgspec.field(default_factory=dict)
    prices: Prices = msgspec.field(default_factory=dict)
    term: TermTold = None
    plan_version: Version = None


class OtherQuantities(ContractChange, kw_only=True):
    """Other quantities of prices."""

    quantities: Annotated[
        dict[str, Amount],
        Meta(min_length=1, description="By key of the price.", examples=[{"seats": "12"}]),
    ]
    add_on: Annotated[Name | None, Meta(description="Of an add-on, by its name.")] = None


class NewAddOn(Agreement, kw_only=True):
    """A plan beside the contract's own."""

    plan: Plan
    name: Annotated[Name | None, Meta(description="The plan's key when left out.")] = None
    on: Annotated[Day | None, Meta(description="Its first local day; today when left out.")] = None
    quantities: Quantities = msgspec.field(default_factory=dict)
    prices: Prices = msgspec.field(default_factory=dict)
    term: TermTold = None
    plan_version: Version = None


class Pausing(Agreement, kw_only=True):
    """A pause from a day on."""

    on: Annotated[
        Day | None, Meta(description="The first local day; the end of the period when left out.")
    ] = None
    keep_paid: Annotated[bool, Meta(description="Nothing is given back.")] = False


class Resuming(Agreement, kw_only=True):
    """The first day that is billed again."""

    on: Day


def cancel_subscription(tx: Tx, asked: Asked[Query, ContractChange]) -> _Told:
    """Ends a contract: `on` is the first day that is not billed any more. When left out, it is the end of
    the running period, or of the first term that its notice allows. What is paid beyond is given back by
    the next billing run."""
    return as_data(operations.cancel(tx, _key(asked), when_of(asked.body), **why(asked)))


def switch_subscription(tx: Tx, asked: Asked[Query, Switch]) -> _Told:
    """Goes over to the newest version of another plan. Quantities go on where both plans have the price, if
    no other are told; with a term a new one begins."""
    wanted = asked.body
    made = operations.switch(
        tx, _key(asked), wanted.plan, when_of(wanted), told=told_of(wanted), **why(asked)
    )
    return as_data(made)


def change_quantities(tx: Tx, asked: Asked[Query, OtherQuantities]) -> _Told:
    """Agrees on other quantities of prices, such as seats, of the contract's plan or of an add-on."""
    wanted = asked.body
    made = operations.agree(
        tx, _key(asked), wanted.quantities, when_of(wanted), track=wanted.add_on or MAIN,
        **why(asked),
    )  # fmt: skip
    return as_data(made)


def create_add_on(tx: Tx, asked: Asked[Query, NewAddOn]) -> _Told:
    """Adds the newest version of a plan to a contract, beside its own plan."""
    wanted = asked.body
    made = operations.add(
        tx, _key(asked), wanted.plan, day_or_none(wanted.on, "on"), name=wanted.name,
        told=told_of(wanted), **why(asked),
    )  # fmt: skip
    return as_data(made)


def drop_add_on(tx: Tx, asked: Asked[Query, ContractChange]) -> _Told:
    """Ends an add-on of a contract; when no day is told, with its period or its term."""
    made = operations.drop(tx, _key(asked), asked.path["add_on"], when_of(asked.body), **why(asked))
    return as_data(made)


def pause_subscription(tx: Tx, asked: Asked[Query, Pausing]) -> _Told:
    """Bills nothing of a contract from a day on, until it is resumed."""
    when = When(day_or_none(asked.body.on, "on"), asked.body.keep_paid)
    return as_data(operations.change(tx, _key(asked), Pause(), when, **why(asked)))


def resume_subscription(tx: Tx, asked: Asked[Query, Resuming]) -> _Told:
    """Goes on with a paused contract, on the terms that hold by then."""
    when = When(day(asked.body.on, "on"))
    return as_data(operations.change(tx, _key(asked), Resume(), when, **why(asked)))


def withdraw_subscription_change(tx: Tx, asked: Asked[Query, Agreement]) -> _Told:
    """Takes a change of a contract back by its number, as if it had not been agreed. Nothing may have been
    billed by it."""
    number = asked.path["change"]
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise NotFound(
            "subscription.change_unknown",
            f"{_key(asked)} has no change {number!r}",
            field="change",
            value=number,
            hint="changes have numbers: list them",
        )
    return as_data(operations.withdraw(tx, _key(asked), int(number), **why(asked)))


def _key(asked: Asked[Any, Any]) -> str:
    return asked.path["subscription"]


def _change(path: str, work: Any, body: Any) -> Any:
    return changing(
        "POST", f"/v1/subscriptions/{{subscription}}/{path}", _WRITE, work, Subscription, body,
        is_planned=True,
    )  # fmt: skip


OPERATIONS = [
    _change("cancel", cancel_subscription, ContractChange),
    _change("switch", switch_subscription, Switch),
    _change("quantities", change_quantities, OtherQuantities),
    _change("add-ons", create_add_on, NewAddOn),
    _change("add-ons/{add_on}/drop", drop_add_on, ContractChange),
    _change("pause", pause_subscription, Pausing),
    _change("resume", resume_subscription, Resuming),
    _change("changes/{change}/withdraw", withdraw_subscription_change, Agreement),
]
