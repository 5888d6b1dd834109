"""The equation of an invoice's line: quantity × price, its limits and shares, and what is rounded of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.price import (
    BlockTiers,
    Commitment,
    Dynamic,
    Flat,
    Graduated,
    Package,
    PerUnit,
    Volume,
)
from everycent.exchange.rate import Exchange, factor
from everycent.invoicing.invoice import Invoice, InvoiceLine, kind_of
from everycent.kernel.currency import exponent
from everycent.kernel.money import EXACT, major
from everycent.kernel.quantity import as_decimal, plain, shown
from everycent.rating.charge import Charge, Limit, Step, is_agreed, priced_in, unit_of
from everycent.rating.priced import daily_rate, is_fee, limit_of


class Term(NamedTuple):
    """A number of a line's equation with what it is; `sign` stands before it."""

    sign: str
    text: str
    label: str
    kind: str = ""


def equation(line: InvoiceLine, invoice: Invoice) -> tuple[Term, ...]:
    """quantity × price × share = exact → amount. Tiers stand for themselves, in a table of their own."""
    charge = line.charge
    currency = priced_in(charge, invoice.currency)
    terms = [*_price_terms(charge, currency)]
    exact = Fraction(charge.amount)
    share = Fraction(1) if charge.share is None else Fraction(*charge.share)
    if charge.share is not None and is_fee(charge.price, is_agreed=is_agreed(charge.quantity)):
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
    if isinstance(charge.price.scheme, Commitment):
        exact -= Fraction(charge.amount) if charge.limit is not None else exact
        terms.append(Term("−", f"{charge.amount} {currency}", "charged in the period", "price"))
    if len(terms) > 1:
        terms.append(_before_rounding(exact, currency))
    if charge.exchange is not None:
        terms += _exchange_terms(charge.exchange)
        exact *= factor(charge.exchange)
        terms.append(_before_rounding(exact, invoice.currency))
        currency = invoice.currency
    amount = f"{Decimal(charge.net).scaleb(-invoice.places, EXACT):f} {currency}"
    how = charge.price.amount_rounding.value.replace("_", " ").replace("half even", "half to even")
    terms.append(Term("→", amount, f"rounded {how}", "amount"))
    if line.corrects is not None:
        before = f"{Decimal(line.corrects.charged).scaleb(-invoice.places, EXACT):f} {currency}"
        net = f"{Decimal(line.amount).scaleb(-invoice.places, EXACT):f} {currency}"
        terms.append(Term("−", before, f"charged before by {line.corrects.invoice}", "before"))
        if line.corrects.credited and line.amount == line.corrects.credited - line.corrects.charged:
            off = Decimal(line.corrects.credited).scaleb(-invoice.places, EXACT)
            terms.append(
                Term("→", f"{off:f} {currency}", "taken off by credit notes before", "before")
            )
        kind = kind_of(invoice.series).replace("_", " ")
        terms.append(Term("=", net, f"on this {kind}", "amount"))
    return tuple(terms)


def _before_rounding(exact: Fraction, currency: str) -> Term:
    told = as_decimal(exact, 12)
    sign = "=" if Fraction(told) == exact else "≈"
    return Term(sign, _amount(told, currency), "before rounding", "exact")


def _exchange_terms(exchange: Exchange) -> Iterator[Term]:
    at = exchange.of
    for quote in exchange.quotes:
        forwards = quote.base == at
        at = quote.quote if forwards else quote.base
        label = f"{quote.quote} for 1 {quote.base}, {quote.on}"
        yield Term("×" if forwards else "÷", quote.rate, label, "price")


def _amount(value: Decimal, currency: str) -> str:
    """With as many decimals as the currency has, or more where there are more."""
    own = f"{value:f}".partition(".")[2]
    return f"{value:.{max(len(own), exponent(currency))}f} {currency}"


def _price_terms(charge: Charge, currency: str) -> Iterator[Term]:
    scheme, quantity = charge.price.scheme, charge.quantity
    if isinstance(scheme, Flat) or quantity is None:
        yield Term("", _amount(Decimal(charge.amount), currency), "fixed amount", "price")
    elif isinstance(scheme, Graduated) or len(charge.steps) != 1:
        kind = "tiers" if isinstance(scheme, Graduated | BlockTiers) else "steps"
        amount = _amount(Decimal(charge.amount), currency)
        yield Term("", amount, f"sum of the {kind}", "price")
    else:
        (step,) = charge.steps
        if isinstance(scheme, Dynamic):
            yield from _carried(step, currency)
            return
        unit, per = quantity.unit, quantity.unit
        if isinstance(scheme, Package):
            unit, per = "packages", f"{scheme.size} {quantity.unit}"
        elif isinstance(scheme, BlockTiers):
            unit, per = "blocks", "block"
        yield Term("", f"{shown(step.quantity or '0')} {unit}", _quantity_label(charge), "quantity")
        where = f" in {step.what}" if isinstance(scheme, Volume | BlockTiers) else ""
        if step.percent is None:
            price = _amount(Decimal(step.unit_amount or "0"), currency)
            yield Term("×", price, f"price per {per}{where}", "price")
        else:
            yield Term("×", f"{step.percent} %", f"percentage{where}", "price")
        if step.flat_amount is not None:
            once = _amount(Decimal(step.flat_amount), currency)
            yield Term("+", once, f"once{where}", "price")


def _carried(step: Step, currency: str) -> Iterator[Term]:
    """What the records say themselves."""
    yield Term("", _amount(Decimal(step.quantity or "0"), currency), "told by the records")
    if step.unit_amount not in (None, "1"):
        yield Term("×", str(step.unit_amount), "multiplier", "price")


def _share_text(share: tuple[int, int]) -> str:
    return f"{share[0]}/{share[1]}"


def _quantity_label(charge: Charge) -> str:
    quantity = charge.quantity
    assert quantity is not None
    scheme = charge.price.scheme
    if isinstance(scheme, Package | BlockTiers):
        return f"begun, for {shown(quantity.value)} {quantity.unit}"
    if isinstance(scheme, PerUnit) and scheme.included != "0":
        return f"beyond {scheme.included} included, of {shown(quantity.value)}"
    if is_agreed(quantity):
        return "agreed"
    if quantity.exact_unit is not None:
        return f"converted from {quantity.exact} {quantity.exact_unit}"
    if quantity.exact == quantity.value:
        return "quantity" if shown(quantity.value) == quantity.value else "quantity, shortened"
    return f"rounded from {quantity.exact}"
