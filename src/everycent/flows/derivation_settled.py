"""Derivation: what coupons took off an invoice and which taxes came on top, calculated again.

Pure. Everything comes out of the frozen invoice and through the very functions that settled it.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from everycent.catalog.policies import LEVEL, SPLIT, Policies
from everycent.flows.saying import (
    Node,
    Setting,
    agree,
    day_text,
    exact_text,
    money,
    rounding_text,
)
from everycent.invoicing import tax as taxes
from everycent.invoicing.invoice import Discount, Invoice, InvoiceLine, TaxAmount
from everycent.invoicing.resettle import resettled
from everycent.kernel.money import EXACT

_LEVELS = {
    taxes.LINE: "on each line",
    taxes.TAX: "on all rates of the tax together",
    taxes.INVOICE: "on all taxes together",
}


def check_sums(invoice: Invoice) -> None:
    """Adds everything up, takes the coupons off and works the taxes out again.

    Raises Broken `explain.mismatch` naming what differs.
    """
    name = invoice.name
    agree(f"{name}, net", invoice.net, sum(line.base for line in invoice.lines))
    agree(f"{name}, discounts", invoice.discount, sum(line.discount for line in invoice.lines))
    agree(f"{name}, tax", invoice.tax, sum(tax.amount for tax in invoice.taxes))
    agree(f"{name}, gross", invoice.gross, invoice.net + invoice.tax)
    agree(f"{name}, the bases of the taxes", _bases(invoice), _taxed(invoice))
    again = resettled(invoice).settled
    for discount, taken in zip(invoice.discounts, again.taken, strict=True):
        agree(f"{discount.name}, what it stands on", discount.base, str(taken.base))
        agree(f"{discount.name}, the amount", discount.amount, taken.amount)
        shares = {share.line_no - 1: share.amount for share in discount.shares}
        told = {place: str(share) for place, share in taken.shares.items()}
        agree(f"{discount.name}, the lines", shares, told)
    for line, (included, off) in zip(invoice.lines, again.lines, strict=True):
        where = f"line {line.line_no}"
        agree(f"{where}, the tax that it includes", line.tax_included, included)
        agree(f"{where}, the discount", line.discount, off)
    for stored, found in zip(invoice.taxes, again.taxes, strict=True):
        agree(f"tax {stored.category}", stored.amount, found.amount)
        agree(f"tax {stored.category}, all of it", stored, found)


def _bases(invoice: Invoice) -> dict[tuple[str, str, bool], int]:
    bases: dict[tuple[str, str, bool], int] = {}
    for tax in invoice.taxes:
        key = (tax.category, tax.percent, tax.is_included)
        bases[key] = bases.get(key, 0) + tax.base
    return bases


def _taxed(invoice: Invoice) -> dict[tuple[str, str, bool], int]:
    found: dict[tuple[str, str, bool], int] = {}
    for line in invoice.lines:
        for key in line.tax_keys:
            found[key] = found.get(key, 0) + line.base - line.prepaid
    return found


# --- coupons -------------------------------------------------------------------------------------


def discount_node(discount: Discount, invoice: Invoice, setting: Setting) -> Node:
    """What a coupon took off, of what, and which line which part."""
    coupon = discount.coupon
    base = _exact_money(discount.base, setting)
    if coupon.percent is not None:
        detail = f"{coupon.percent} % of {base}"
    else:
        detail = f"{money(discount.available or 0, setting)} off, of {base}"
    if discount.rest:
        detail += f"; {money(discount.rest, setting)} goes to the next invoice"
    facts = {
        "coupon": coupon.key,
        "version": str(discount.version),
        "application": discount.name,
        "use": str(discount.use_no),
        "redemption": f"{discount.redemption_no} of {coupon.times or 'any number'}",
        "base": base,
        "split": invoice.policies[SPLIT],
        "lines": ", ".join(str(share.line_no) for share in discount.shares),
    }
    shares = tuple(
        Node(
            "share_of_discount", f"Line {share.line_no}", f"−{_exact_money(share.amount, setting)}"
        )
        for share in discount.shares
    )
    return Node(
        "discount",
        f"Discount {coupon.name}",
        money(-discount.amount, setting),
        detail,
        facts,
        shares,
    )


def line_nodes(line: InvoiceLine, invoice: Invoice, setting: Setting) -> tuple[Node, ...]:
    """What stands between the amount of a line's price and what of it is taxed, if anything does."""
    found = []
    if line.tax_included:
        percent = line.waived_percent or line.tax_percent
        value = money(-line.tax_included, setting)
        found.append(Node("included", "Tax included", value, f"the price includes {percent} %"))
    if line.discount:
        value = money(-line.discount, setting)
        found.append(Node("discount", "Discount", value, _taken_text(line, invoice, setting)))
    if found:
        value = money(line.base, setting)
        found.append(Node("base", "Net of the line", value, "what is taxed and owed without taxes"))
    return tuple(found)


def _taken_text(line: InvoiceLine, invoice: Invoice, setting: Setting) -> str:
    """Which coupons took what off a line."""
    if line.kept is not None:
        part, whole = line.kept
        return f"{part}/{whole}, the part that was taken off the line that this one corrects"
    told = [
        f"{discount.name} {_exact_money(share.amount, setting)}"
        for discount in invoice.discounts
        for share in discount.shares
        if share.line_no == line.line_no and share.amount != "0"
    ]
    taxes_too = ", with the taxes in it" if line.charge.price.includes_tax else ""
    return " and ".join(told) + taxes_too


def _exact_money(text: str, setting: Setting) -> str:
    """Minor units as an exact text ('11500/17') the way people write money."""
    exact = Fraction(text)
    if exact.denominator == 1:
        return money(int(exact), setting)
    return f"{exact_text(exact / 10**setting.places)} {setting.currency}"


# --- taxes ---------------------------------------------------------------------------------------


def tax_node(tax: TaxAmount, invoice: Invoice, setting: Setting) -> Node:
    """A tax with its base, its exact amount, and how that was rounded."""
    base = Decimal(tax.base).scaleb(-setting.places, EXACT)
    exact = EXACT.multiply(base, Decimal(tax.percent)).scaleb(-2, EXACT)
    key = (tax.category, tax.percent, tax.is_included)
    numbers = [str(line.line_no) for line in invoice.lines if key in line.tax_keys]
    facts = {
        "category": tax.category,
        "percent": tax.percent,
        "base": money(tax.base, setting),
        "exact": f"{exact_text(exact)} {setting.currency}",
        "since": tax.since.isoformat(),
        "lines": ", ".join(numbers),
    }
    what = f"Tax {tax.category} {tax.percent} %"
    if tax.reason is not None:
        facts["reason"] = tax.reason
        detail = f"of {money(tax.base, setting)}; {tax.reason}"
        return Node("tax", what, money(tax.amount, setting), detail, facts)
    return Node(
        "tax",
        f"{what}, included" if tax.is_included else what,
        money(tax.amount, setting),
        f"{_product(tax, invoice, exact, setting)}; in force since {day_text(tax.since)}",
        facts,
    )


def _product(tax: TaxAmount, invoice: Invoice, exact: Decimal, setting: Setting) -> str:
    told = f"{money(tax.base, setting)} × {tax.percent} % = {exact_text(exact)} {setting.currency}"
    amount = Decimal(tax.amount).scaleb(-setting.places, EXACT)
    if exact == amount:
        return told
    level = Policies(invoice.policies)[LEVEL]
    told += f", {rounding_text(tax.rounding, setting.places, setting.currency)}"
    if tax.step != 1:
        told += f", to multiples of {money(tax.step, setting)}"
    if level != taxes.RATE:
        told += f", {_LEVELS[level]}"
    return told
