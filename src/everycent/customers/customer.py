"""Customer: the party that owes."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel import currency as currencies
from everycent.kernel import ids
from everycent.kernel.calendar import zone
from everycent.kernel.errors import Invalid
from everycent.kernel.text import HAS_UNSEEN, UNSEEN

_KEY = re.compile(rf"[^\s{UNSEEN}]([^{UNSEEN}]*[^\s{UNSEEN}])?")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


class TaxStatus(StrEnum):
    """Whether taxes are added. EXEMPT: the customer pays none, for a reason that is printed.
    REVERSE_CHARGE: the customer owes them itself, in its own country."""

    TAXED = "taxed"
    EXEMPT = "exempt"
    REVERSE_CHARGE = "reverse_charge"


class Customer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`key` is the customer's name in the systems around us and unique; `time_zone` decides where the
    days of its billing periods begin. `tax_reason` is printed where taxes are not added. By its `group` it
    may be treated otherwise than others when it does not pay."""

    customer_id: UUID
    key: str
    name: str
    currency: str
    time_zone: str
    email: str | None = None
    address: str | None = None
    tax_id: str | None = None
    tax_status: TaxStatus = TaxStatus.TAXED
    tax_reason: str | None = None
    group: str | None = None


REVERSE_CHARGED = "Reverse charge"
"""What an invoice must say (Directive 2006/112/EC, article 226, point 11a)."""

CREATED = EventType("customer.created", 1, Customer)
UPDATED = EventType("customer.updated", 1, Customer)


def stream(customer_id: UUID) -> str:
    """The stream that holds the history of one customer: its data, contracts and invoices."""
    return f"customer:{ids.show(ids.CUSTOMER, customer_id)}"


def checked(customer: Customer) -> Customer:
    """The customer when its data are sound. Raises Invalid naming the field."""
    if len(customer.key) > 200 or not _KEY.fullmatch(customer.key):
        raise Invalid(
            "customer.bad_key",
            "a customer's key has 1 to 200 visible characters",
            field="key",
            value=customer.key,
        )
    for field in ("name", "address", "tax_id", "tax_reason", "group"):
        text = getattr(customer, field)
        limit = {"address": 2000, "group": 80}.get(field, 200)
        if text is None:
            continue
        visible = text.replace("\n", " ") if field == "address" else text
        if not visible.strip() or len(text) > limit or HAS_UNSEEN.search(visible):
            raise Invalid(
                "customer.bad_text",
                f"{field} must have 1 to {limit} characters and no control characters",
                field=field,
                value=text,
            )
    if customer.email is not None and (
        not _EMAIL.fullmatch(customer.email) or HAS_UNSEEN.search(customer.email)
    ):
        raise Invalid(
            "customer.bad_email",
            f"{customer.email[:60]!r} is not an email address",
            field="email",
            value=customer.email,
            hint="write one address, such as billing@example.com",
        )
    currencies.exponent(customer.currency)
    zone(customer.time_zone)
    _check_tax(customer)
    return customer


def _check_tax(customer: Customer) -> None:
    """What an invoice without tax has to say must be there."""
    if customer.tax_status is TaxStatus.REVERSE_CHARGE and customer.tax_id is None:
        raise Invalid(
            "customer.no_tax_id",
            "reverse charge needs the tax number of the customer, who owes the tax",
            field="tax_id",
            hint="give its VAT number",
        )
    if customer.tax_status is TaxStatus.EXEMPT and customer.tax_reason is None:
        raise Invalid(
            "customer.no_tax_reason",
            "an invoice without tax says why, and no reason is given",
            field="tax_reason",
            hint="such as 'Exempt: article 151 of Directive 2006/112/EC'",
        )
    if customer.tax_status is TaxStatus.TAXED and customer.tax_reason is not None:
        raise Invalid(
            "customer.tax_reason_unused",
            "a reason why no tax is added is given, and taxes are added",
            field="tax_reason",
            hint="set the tax status to exempt or reverse_charge",
        )


def untaxed_because(customer: Customer) -> str | None:
    """What is printed where taxes would stand; None for a customer who pays them."""
    if customer.tax_status is TaxStatus.TAXED:
        return None
    return customer.tax_reason or REVERSE_CHARGED


def from_data(data: dict[str, Any], customer_id: UUID) -> Customer:
    """A customer out of plain data (a row of a file, a request). Raises Invalid naming the field."""
    known = set(Customer.__struct_fields__) - {"customer_id"}
    unknown = sorted(set(data) - known)
    if unknown:
        raise Invalid(
            "customer.unknown_field",
            f"{unknown[0]!r} is not a field of a customer",
            field=unknown[0],
            hint="fields are " + ", ".join(sorted(known)),
        )
    for field in ("key", "name", "currency", "time_zone"):
        if not data.get(field):
            raise Invalid("customer.missing_field", f"{field} is missing", field=field)
    values: dict[str, Any] = {
        name: str(value) for name, value in data.items() if value not in (None, "")
    }
    if "tax_status" in values:
        values["tax_status"] = tax_status(values["tax_status"])
    return checked(Customer(customer_id, **values))


def tax_status(text: str) -> TaxStatus:
    """A tax status by its name. Raises Invalid `customer.bad_tax_status`."""
    try:
        return TaxStatus(text)
    except ValueError:
        raise Invalid(
            "customer.bad_tax_status",
            f"{text[:40]!r} is not a tax status",
            field="tax_status",
            value=text,
            hint="one of " + ", ".join(TaxStatus),
        ) from None
