"""The equation of an invoice's line: quantity × price, its limits and shares, and what is rounded of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.price import BlockTiers, Flat, Graduated, Package, PerUnit, Volume
from everycent.invoicing.invoice import Invoice, InvoiceLine
from everycent.kernel.money import EXACT, major
from everycent.kernel.quantity import as_decimal, plain
from everycent.rating.charge import Charge, Limit, unit_of
from everycent.rating.priced import daily_rate, limit_of


class Term(NamedTuple):
    """A number of a line's equation with what it is; `sign` stands before it."""

    sign: str
    text: str
    label: str
    kind: str = ""


def equation(line: InvoiceLine, invoice: Invoice) -> tuple[Term, ...]:
    """quantity × price × share = exact → amount. Tiers stand for themselves, in a table of their own."""
    charge, currency = line.charge, invoice.currency
    terms = [*_price_terms(charge, currency)]
    exact = Fraction(charge.amount)
    share = Fraction(1) if charge.share is None else Fraction(*charge.share)
    if charge.share is not None and isinstance(charge.price.scheme, Flat):
        rule = charge.proration
        if rule is not None and rule.round_daily_rate:
            exact = Fraction(major(daily_rate(charge.price, exact, charge.share[1], currency)))
            label = f"a {unit_of(charge)}, rounded"
            terms.append(Term("→", f"{plain(as_decimal(exact))} {currency}", label, "price"))
            terms.append(Term("×", str(charge.share[0]), f"{unit_of(charge)}s of the period"))
            exact *= charge.share[0]
        else:
            exact *= share
            terms.append(Term("×", _share_text(charge.share), f"{unit_of(charge)}s of the period"))
    if charge.limit is not None:
        exact = limit_of(charge.price, charge.limit, share) or Fraction(0)
        part = "" if charge.share is None else f" for {_share_text(charge.share)}"
        sides = {Limit.MINIMUM: "<", Limit.MAXIMUM: ">"}
        terms.append(
            Term(
                sides[charge.limit],
                f"{plain(as_decimal(exact, 12))} {currency}",
                f"the {charge.limit.value}{part} is in force",
                "price",
            )
        )
    if len(terms) > 1:
        shown = as_decimal(exact, 12)
        sign = "=" if Fraction(shown) == exact else "≈"
        terms.append(Term(sign, f"{plain(shown)} {currency}", "exactly", "exact"))
    amount = f"{Decimal(charge.net).scaleb(-invoice.places, EXACT):f} {currency}"
    how = charge.price.amount_rounding.value.replace("_", " ").replace("half even", "half to even")
    terms.append(Term("→", amount, f"rounded {how}", "amount"))
    if line.corrects is not None:
        before = f"{Decimal(line.corrects.charged).scaleb(-invoice.places, EXACT):f} {currency}"
        net = f"{Decimal(line.amount).scaleb(-invoice.places, EXACT):f} {currency}"
        terms.append(Term("−", before, f"charged before by {line.corrects.invoice}", "before"))
        terms.append(Term("=", net, "on this invoice", "amount"))
    return tuple(terms)


def _price_terms(charge: Charge, currency: str) -> Iterator[Term]:
    scheme, quantity = charge.price.scheme, charge.quantity
    if isinstance(scheme, Flat) or quantity is None:
        yield Term("", f"{charge.amount} {currency}", "fixed amount", "price")
    elif isinstance(scheme, Graduated) or len(charge.steps) != 1:
        kind = "tiers" if isinstance(scheme, Graduated | BlockTiers) else "steps"
        yield Term("", f"{charge.amount} {currency}", f"sum of the {kind}", "price")
    else:
        (step,) = charge.steps
        unit, per = quantity.unit, quantity.unit
        if isinstance(scheme, Package):
            unit, per = "packages", f"{scheme.size} {quantity.unit}"
        elif isinstance(scheme, BlockTiers):
            unit, per = "blocks", "block"
        yield Term("", f"{step.quantity} {unit}", _quantity_label(charge), "quantity")
        where = f" in {step.what}" if isinstance(scheme, Volume | BlockTiers) else ""
        if step.percent is None:
            yield Term("×", f"{step.unit_amount} {currency}", f"price per {per}{where}", "price")
        else:
            yield Term("×", f"{step.percent} %", f"percentage{where}", "price")
        if step.flat_amount is not None:
            yield Term("+", f"{step.flat_amount} {currency}", f"once{where}", "price")


def _share_text(share: tuple[int, int]) -> str:
    return f"{share[0]}/{share[1]}"


def _quantity_label(charge: Charge) -> str:
    quantity = charge.quantity
    assert quantity is not None
    scheme = charge.price.scheme
    if isinstance(scheme, Package | BlockTiers):
        return f"begun, for {quantity.value} {quantity.unit}"
    if isinstance(scheme, PerUnit) and scheme.included != "0":
        return f"beyond {scheme.included} included, of {quantity.value}"
    if quantity.exact_unit is not None:
        return f"converted from {quantity.exact} {quantity.exact_unit}"
    if quantity.exact == quantity.value:
        return "quantity"
    return f"rounded from {quantity.exact}"
