"""A frozen invoice, worked out again from raw records: its lines, its taxes, its totals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import NamedTuple

from everycent.recount.correction import limited
from everycent.recount.credit import Lot, Paid, paid
from everycent.recount.dating import policy_date
from everycent.recount.difference import Difference, Differences
from everycent.recount.exact import CannotRecountError
from everycent.recount.line import Behind, Line, recount_line
from everycent.recount.settle import settle
from everycent.recount.sold import Plain, sold
from everycent.recount.tax import Tax, step_of

_UNTAXED = "none"
_REVERSE_CHARGED = "Reverse charge"


class Credit(NamedTuple):
    """The customer's credit as it stood when the invoice was made, as of an instant."""

    lots: Sequence[Lot] = ()
    as_of: datetime = datetime.min.replace(tzinfo=UTC)


NO_CREDIT = Credit()


class Recounted(NamedTuple):
    """Minor units: what each line adds by its number, net of taxes and discounts; the taxes by category,
    rate and whether prices include them; the totals, and what credit pays of them. Then what differs from
    what the invoice says, and how many lines were believed in their quantity, as records of theirs are
    away."""

    lines: dict[int, int]
    taxes: dict[Tax, int]
    net: int
    tax: int
    gross: int
    prepaid: int
    differences: list[Difference]
    believed: int


def recount(
    invoice: Plain, behind: Callable[[Plain], Behind], credit: Credit = NO_CREDIT
) -> Recounted:
    """The invoice from what stands behind its lines, which are asked for one after the other."""
    found = Differences()
    amounts: dict[int, int] = {}
    believed = 0
    contracts: dict[int, Plain] = {}
    for place, line in enumerate(invoice["lines"], start=1):
        number = line["line_no"]
        found.compare("the number of a line", number, Fraction(place))
        here = found.within(f"line {number}")
        own = behind(line)
        if own.contract is not None:
            contracts[number] = own.contract
        told = _line(line, own, invoice, here)
        amounts[number] = told.amount
        believed += not told.is_whole
    lines, taxes, prepaid = _settled(invoice, amounts, credit, found)
    net, tax = sum(lines.values()), sum(taxes.values())
    for name, total in (("net", net), ("tax", tax), ("gross", net + tax)):
        found.compare(f"the {name} total in minor units", invoice[name], Fraction(total))
    off = sum(line.get("discount", 0) for line in invoice["lines"])
    found.compare("the discount in minor units", invoice.get("discount", 0), Fraction(off))
    found.compare("what credit pays in minor units", invoice.get("prepaid", 0), Fraction(prepaid))
    _compare_date(invoice, contracts, found)
    return Recounted(lines, taxes, net, tax, net + tax, prepaid, found.told, believed)


def _compare_date(invoice: Plain, contracts: Mapping[int, Plain], found: Differences) -> None:
    try:
        day = policy_date(invoice, contracts)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        found.refuse(f"{type(error).__name__} {error}")
        return
    counted = None if day is None else day.isoformat()
    found.compare_texts("the date by the policy", invoice.get("policy_date"), counted)


def _line(line: Plain, behind: Behind, invoice: Plain, found: Differences) -> Line:
    try:
        return recount_line(line, behind, invoice, found)
    except CannotRecountError as error:
        found.refuse(str(error))
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
        # An engine that keeps nothing from going on must not stop at what it does not understand.
        found.refuse(f"{type(error).__name__} {error}")
    return Line(_said(line), is_whole=True)


def _said(line: Plain) -> int:
    """What a line adds, as the invoice says it."""
    corrects = line.get("corrects")
    if corrects is None:
        return int(line["charge"]["net"])
    back = corrects.get("given_back")
    return limited(corrects, line["charge"]["net"] - corrects["charged"] if back is None else -back)


def _settled(
    invoice: Plain, amounts: Mapping[int, int], credit: Credit, found: Differences
) -> tuple[dict[int, int], dict[Tax, int], int]:
    """What is left of the lines without taxes and discounts, the taxes, and what credit pays of both."""
    _compare_rates(invoice, found)
    try:
        lines = [sold(line, amounts[line["line_no"]]) for line in invoice["lines"]]
        settled = settle(invoice, lines, found)
        bought = paid(invoice, lines, settled, credit.lots, credit.as_of)
    except CannotRecountError as error:
        found.refuse(str(error))
        return _believed(invoice, amounts)
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
        found.refuse(f"{type(error).__name__} {error}")
        return _believed(invoice, amounts)
    bases = {}
    for line in invoice["lines"]:
        number = line["line_no"]
        here = found.within(f"line {number}")
        included, off = Fraction(settled.included[number]), Fraction(settled.discount[number])
        before = Fraction(bought.before.get(number, 0))
        here.compare("the tax in it in minor units", line.get("tax_included", 0), included)
        here.compare("the discount in minor units", line.get("discount", 0), off)
        here.compare("what credit pays before taxes", line.get("prepaid", 0), before)
        bases[number] = amounts[number] - int(included) - int(off)
    _compare_taxes(invoice, bought.taxes, found)
    _compare_draws(invoice, bought, found)
    taxes = {tax: amount for tax, (_, amount) in bought.taxes.items()}
    return bases, taxes, sum(drawn.amount for drawn in bought.drawn)


def _compare_rates(invoice: Plain, found: Differences) -> None:
    """A line has rates where it has taxes; all are nothing where the customer is not taxed."""
    for line in invoice["lines"]:
        here = found.within(f"line {line['line_no']}")
        category, percent = line["charge"]["product"]["tax_category"], line.get("tax_percent")
        if (category == _UNTAXED) is not (percent is None):
            here.compare_texts("the tax rate", percent, f"that of the category {category}")
        elif percent is not None and _reason(invoice) is not None:
            here.compare_texts("the tax rate", percent, "+".join("0" for _ in category.split("+")))


def _believed(
    invoice: Plain, amounts: Mapping[int, int]
) -> tuple[dict[int, int], dict[Tax, int], int]:
    lines = {
        line["line_no"]: amounts[line["line_no"]]
        - line.get("tax_included", 0)
        - line.get("discount", 0)
        for line in invoice["lines"]
    }
    taxes = {_named(tax): tax["amount"] for tax in invoice["taxes"]}
    return lines, taxes, invoice.get("prepaid", 0)


def _named(tax: Plain) -> Tax:
    return tax["category"], tax["percent"], tax.get("is_included", False)


def _reason(invoice: Plain) -> str | None:
    """Why the customer is not taxed."""
    customer = invoice.get("customer", {})
    if customer.get("tax_status", "taxed") == "taxed":
        return None
    return str(customer.get("tax_reason") or _REVERSE_CHARGED)


def _compare_taxes(
    invoice: Plain, taxes: Mapping[Tax, tuple[int, int]], found: Differences
) -> None:
    told = {_named(tax): tax for tax in invoice["taxes"]}
    found.compare_texts("the list of taxes", sorted(map(_named, invoice["taxes"])), sorted(taxes))
    reason, step = _reason(invoice), step_of(invoice)
    for name, (base, amount) in taxes.items():
        if name not in told:
            continue
        here = found.within(f"tax {name[0]} of {name[1]} %" + ", in prices" * name[2])
        here.compare("the base in minor units", told[name]["base"], Fraction(base))
        here.compare("the amount in minor units", told[name]["amount"], Fraction(amount))
        here.compare("the step", told[name].get("step", 1), step)
        here.compare_texts("why nothing is due", told[name].get("reason"), reason)


def _compare_draws(invoice: Plain, bought: Paid, found: Differences) -> None:
    """One after the other, out of the same grants."""
    told = [
        (d["grant_id"], d["amount"], d["left"], d["granted"], tuple(map(tuple, d.get("lines", ()))))
        for d in invoice.get("draws", ())
    ]
    found.compare_texts("what is drawn", told, [tuple(drawn) for drawn in bought.drawn])
