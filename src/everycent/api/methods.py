"""Payment methods: how customers can be charged: the provider's tokens, and never a card number."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from msgspec import Meta

from everycent.api.operation import Asked, changing, reading
from everycent.api.parameters import day, day_or_none
from everycent.api.payments import READ, WRITE
from everycent.api.shapes import (
    Body,
    Day,
    Name,
    Page,
    Paged,
    Query,
    Reason,
    Shown,
)
from everycent.app import accounts, providers
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Invalid
from everycent.methods import mandate as mandates
from everycent.methods import method as methods
from everycent.methods import operations, queries
from everycent.methods.mandate import Mandate
from everycent.methods.operations import New
from everycent.methods.shown import method_data


class MandateShown(Shown):
    """The mandate of a direct debit."""

    id: str
    signed_on: date
    holder: str
    iban: str
    bic: str | None


class PaymentMethod(Shown):
    """A way in which a customer can be charged. The active one with the lowest rank is."""

    method: str
    customer_id: str
    provider: str
    payer: str
    token: str
    label: str
    rank: int
    state: Literal["active", "failed", "removed"]
    expires_on: date | None
    mandate: MandateShown | None
    why: str | None


class NewMandate(Body):
    """The mandate that the customer signed for direct debits."""

    id: Annotated[Name, Meta(description="Its reference.")]
    signed_on: Day
    holder: Annotated[Name | None, Meta(description="The customer's name when left out.")] = None
    bic: Annotated[Name | None, Meta(description="Where our bank wants it.")] = None
    used: Annotated[bool, Meta(description="Somebody has collected by it before.")] = False


class NewMethod(Body):
    """A way in which a customer can be charged. For direct debits the provider is our account that
    collects, the token the customer's IBAN, and there is a mandate."""

    token: Name
    provider: Annotated[Name, Meta(description="Its name in providers.yaml.")]
    payer: Annotated[Name | None, Meta(description="The customer's key when left out.")] = None
    label: Annotated[str, Meta(max_length=200, description="Shown to people.")] = ""
    expires_on: Day | None = None
    mandate: NewMandate | None = None


class RemovedMethod(Body):
    """Why it goes."""

    reason: Reason = "removed"


def list_payment_methods(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """The payment methods of a customer. The first active one is charged."""
    owner = customers.by_name(tx, asked.path["customer"])
    found = queries.of_customers(tx, [owner.customer_id])
    return asked.part([method_data(one) for one in found], lambda last: str(last["method"]))


def add_payment_method(tx: Tx, asked: Asked[Query, NewMethod]) -> dict[str, Any]:
    """Adds a payment method to a customer. It is charged when those before it can't be."""
    wanted, settings = asked.body, asked.app.settings
    owner = customers.by_name(tx, asked.path["customer"])
    until = day_or_none(wanted.expires_on, "expires_on")
    _check_way(wanted, is_debit=wanted.provider in accounts.configured(settings))
    providers.check_known(settings, wanted.provider)
    told = New(
        owner.customer_id, wanted.provider, wanted.payer or owner.key, wanted.token, wanted.label,
        until,
    )  # fmt: skip
    given = wanted.mandate
    if given is not None:
        signed = mandates.checked(
            Mandate(
                given.id, day(given.signed_on, "mandate.signed_on"), given.holder or owner.name,
                wanted.token, given.bic, given.used,
            ),
            local_date(asked.now, owner.time_zone),
        )  # fmt: skip
        shown = wanted.label or f"account, ends in {signed.iban[-4:]}"
        told = told._replace(token=signed.iban, label=shown, mandate=signed)
    (made,) = operations.add(tx, [told], at=asked.now, actor=asked.who.actor, ids=asked.app.ids)
    return method_data(made)


def remove_payment_method(tx: Tx, asked: Asked[Query, RemovedMethod]) -> dict[str, Any]:
    """Takes a payment method away: it is not charged any more."""
    gone = operations.remove(
        tx, ids.parse(methods.PREFIX, asked.path["method"], "method"), reason=asked.body.reason,
        at=asked.now, actor=asked.who.actor, ids=asked.app.ids,
    )  # fmt: skip
    return method_data(gone)


_OF_CUSTOMER = "/v1/customers/{customer}/payment-methods"
OPERATIONS = [
    reading(_OF_CUSTOMER, READ, list_payment_methods, Page[PaymentMethod], Paged),
    changing("POST", _OF_CUSTOMER, WRITE, add_payment_method, PaymentMethod, NewMethod, status=201),
    changing(
        "POST",
        "/v1/payment-methods/{method}/remove",
        WRITE,
        remove_payment_method,
        PaymentMethod,
        RemovedMethod,
    ),
]


def _check_way(wanted: NewMethod, *, is_debit: bool) -> None:
    if is_debit and wanted.mandate is None:
        raise Invalid(
            "payment_method.mandate_missing",
            f"{wanted.provider} collects by direct debit, for which the customer signs a mandate",
            field="mandate",
        )
    if wanted.mandate is not None and not is_debit:
        raise Invalid(
            "payment_method.no_account",
            f"{wanted.provider[:40]!r} is no account of ours that collects by direct debit",
            field="provider",
            value=wanted.provider,
            hint="it is set up in providers.yaml with kind: sepa",
        )
