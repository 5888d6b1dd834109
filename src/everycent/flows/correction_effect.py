"""What a correction of usage changes: records, lines of invoices, usage that is not billed yet.

Plain values, and the sums over them. Invoices stand as they were issued; what is told here is what
they would say if they were made over what counts now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from everycent.corrections.correction import Kind
from everycent.flows.rerate import Issued, Rated
from everycent.invoicing.invoice import Invoice, InvoiceLine, amount_of
from everycent.invoicing.resettle import resettled
from everycent.kernel.errors import Refusal
from everycent.kernel.money import Money, plain
from everycent.kernel.period import Period, instant_text
from everycent.rating.charge import Charge

NOTE = (
    "Invoices stand as they were issued. The next billing run charges or gives back the difference, where"
    " the meter's policy `after_invoice` says so; else `everycent usage reasons` counts what they no"
    " longer agree with as voided_after_bill and too_late."
)
REGISTER_NOTE = (
    "Lines over register readings: the next bill stands on the reading that was billed last, so a"
    " difference on the newest line comes with the next bill by itself."
)


class LineEffect(NamedTuple):
    """An issued line rated again: as things stood before the correction, and as they stand with it. A
    Refusal stands where a charge can't be worked out."""

    line: InvoiceLine
    before: Rated
    after: Rated

    @property
    def difference(self) -> int | None:
        """Net in minor units, None where one of the charges is missing."""
        if isinstance(self.before, Refusal) or isinstance(self.after, Refusal):
            return None
        return self.after.net - self.before.net

    @property
    def is_register(self) -> bool:
        """Whether the line stands on readings of a register."""
        quantity = self.line.charge.quantity
        return quantity is not None and any(part.closing is not None for part in quantity.parts)


class InvoiceEffect(NamedTuple):
    """The changed lines of an invoice. Amounts are minor units: the differences of the invoice's net (after
    its discounts) and of its taxes. Lines that can't be rated are in no sum."""

    invoice: Invoice
    lines: tuple[LineEffect, ...]
    net: int
    tax: int

    @property
    def gross(self) -> int:
        """The difference with taxes."""
        return self.net + self.tax


class UnbilledEffect(NamedTuple):
    """A period of a subscribed item that is not billed yet. Quantities are None where the usage can't
    be worked out, and `refusal` says why."""

    subscription: str
    what: str
    period: Period
    time_zone: str
    unit: str
    before: str | None
    after: str | None
    refusal: Refusal | None = None


class Effect(NamedTuple):
    """What a correction does. `unchanged` counts records of its file that are right already;
    `correction_id` is None for a preview. `same_lines` were rated again and come out as before."""

    correction_id: UUID | None
    kind: Kind
    reason: str
    voided: int
    restored: int
    added: int
    unchanged: int
    invoices: tuple[InvoiceEffect, ...]
    unbilled: tuple[UnbilledEffect, ...]
    same_lines: int

    def totals(self) -> dict[tuple[str, str], tuple[int, int]]:
        """By customer and currency the differences of net and tax, in minor units."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for one in self.invoices:
            key = (one.invoice.customer.key, one.invoice.currency)
            net, tax_ = found.get(key, (0, 0))
            found[key] = (net + one.net, tax_ + one.tax)
        return found

    def notes(self) -> list[str]:
        """What else whoever reads it must know."""
        lines = [line for one in self.invoices for line in one.lines]
        if not lines:
            return []
        return [NOTE, REGISTER_NOTE] if any(line.is_register for line in lines) else [NOTE]


def invoice_effects(
    issued: Sequence[Issued], before: Sequence[Rated], after: Sequence[Rated]
) -> tuple[InvoiceEffect, ...]:
    """What changes on each invoice, in the order given; lines that come out the same are left out,
    those that can't be rated are not."""
    changed: dict[UUID, tuple[Invoice, list[LineEffect]]] = {}
    rated: dict[UUID, dict[int, LineEffect]] = {}
    for (invoice, line), was, now in zip(issued, before, after, strict=True):
        effect = LineEffect(line, was, now)
        rated.setdefault(invoice.invoice_id, {})[line.line_no] = effect
        if not _is_same(was, now):
            changed.setdefault(invoice.invoice_id, (invoice, []))[1].append(effect)
    return tuple(
        InvoiceEffect(
            invoice,
            tuple(lines),
            *_difference(invoice, rated[invoice.invoice_id]),
        )
        for invoice, lines in changed.values()
    )


def _is_same(was: Rated, now: Rated) -> bool:
    """What a person would call the same: the quantity and the net. Of a line that can't be rated nobody
    knows what the correction does to it, though the reason be the same before and after."""
    if isinstance(was, Refusal) or isinstance(now, Refusal):
        return False
    return (_quantity_of(was), was.net) == (_quantity_of(now), now.net)


def _quantity_of(charge: Charge) -> str | None:
    return None if charge.quantity is None else charge.quantity.value


def _difference(invoice: Invoice, rated: Mapping[int, LineEffect]) -> tuple[int, int]:
    """Net and taxes. Coupons take, and taxes are rounded, over several lines: so both are worked out for
    the whole invoice."""
    were: dict[int, int] = {}
    are: dict[int, int] = {}
    for number, line in rated.items():
        if isinstance(line.before, Charge) and isinstance(line.after, Charge):
            corrects = line.line.corrects
            were[number] = amount_of(line.before, corrects)
            are[number] = amount_of(line.after, corrects)
    was, now = resettled(invoice, were), resettled(invoice, are)
    return now.net - was.net, now.tax - was.tax


# --- for programs ---------------------------------------------------------------------------------


def as_data(effect: Effect) -> dict[str, Any]:
    """The effect as a program gets it: amounts and quantities as plain decimal text."""
    return {
        "correction": None if effect.correction_id is None else str(effect.correction_id),
        "is_preview": effect.correction_id is None,
        "kind": effect.kind.value,
        "reason": effect.reason,
        "records": {
            "voided": effect.voided,
            "restored": effect.restored,
            "added": effect.added,
            "unchanged": effect.unchanged,
        },
        "invoices": [_invoice_data(one) for one in effect.invoices],
        "lines_that_stay_the_same": effect.same_lines,
        "customers": [
            {"customer": customer, "currency": currency, **_amounts(net, tax_, currency)}
            for (customer, currency), (net, tax_) in effect.totals().items()
        ],
        "unbilled": [_unbilled_data(one) for one in effect.unbilled],
        "notes": effect.notes(),
    }


def _amounts(net: int, tax_: int, currency: str) -> dict[str, str]:
    parts = {"net": net, "tax": tax_, "gross": net + tax_}
    return {name: plain(Money(minor, currency)) for name, minor in parts.items()}


def _invoice_data(one: InvoiceEffect) -> dict[str, Any]:
    invoice = one.invoice
    return {
        "invoice": invoice.name,
        "customer": invoice.customer.key,
        "currency": invoice.currency,
        "difference": _amounts(one.net, one.tax, invoice.currency),
        "lines": [_line_data(line, invoice.currency) for line in one.lines],
    }


def _line_data(effect: LineEffect, currency: str) -> dict[str, Any]:
    line, quantity = effect.line, effect.line.charge.quantity
    difference = effect.difference
    return {
        "line_no": line.line_no,
        "subscription": line.subscription,
        "what": line.charge.price.description,
        "starts_at": instant_text(line.starts_at),
        "ends_at": instant_text(line.ends_at),
        "unit": None if quantity is None else quantity.unit,
        "billed": _rated_data(line.charge, currency),
        "before": _rated_data(effect.before, currency),
        "after": _rated_data(effect.after, currency),
        "difference": None if difference is None else plain(Money(difference, currency)),
    }


def _rated_data(rated: Rated, currency: str) -> dict[str, Any]:
    if isinstance(rated, Refusal):
        return {"refusal": rated.as_dict()}
    return {"quantity": _quantity_of(rated), "net": plain(Money(rated.net, currency))}


def _unbilled_data(one: UnbilledEffect) -> dict[str, Any]:
    return {
        "subscription": one.subscription,
        "what": one.what,
        "starts_at": instant_text(one.period.start),
        "ends_at": instant_text(one.period.end),
        "unit": one.unit,
        "before": one.before,
        "after": one.after,
        "refusal": None if one.refusal is None else one.refusal.as_dict(),
    }
