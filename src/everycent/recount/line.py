"""A line of an invoice, worked out again: its quantity from the records, its price, its amount."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from everycent.recount import formula, price
from everycent.recount.aggregate import Answer, Asked, answer
from everycent.recount.belonging import Record
from everycent.recount.clock import full_period, instant
from everycent.recount.correction import Made, corrected
from everycent.recount.difference import Differences
from everycent.recount.exact import ZERO, CannotRecountError, carried, factor, rounded, total
from everycent.recount.payer import payer_of
from everycent.recount.portion import Portion, is_agreed, portion_of
from everycent.recount.register import Reading, opening_of
from everycent.recount.sold import Plain


class Behind(NamedTuple):
    """What stands behind a line. For each of its parts the `records` of the subject and meter up to its
    end, as far back as its aggregation looks, in the order in which they count; None where they are away.
    For each part the reading `billed` last, if any, and whether it `moved`: then the last one up to the
    start is it. `contract` says by which clock and from which anchor
    periods are counted, whose usage is billed and since when; None where nobody knows."""

    records: Sequence[Sequence[Record] | None] = ()
    billed: Sequence[Reading | None] = ()
    contract: Plain | None = None
    moved: Sequence[bool] = ()


class Line(NamedTuple):
    """What a line adds to its invoice as prices are told, in minor units before discounts; `is_whole` is
    False where its records are away, so that its quantity was believed."""

    amount: int
    is_whole: bool


def recount_line(line: Plain, behind: Behind, invoice: Plain, found: Differences) -> Line:
    """The line of an invoice from its records; tells `found` what stands otherwise in it."""
    charge, places = line["charge"], invoice["places"]
    terms, quantity = charge["price"], charge.get("quantity")
    part = portion_of(line, behind.contract, found)
    if behind.contract is not None:
        payer = payer_of(line, behind.contract)
        found.compare_texts("who pays", invoice["customer"]["customer_id"], payer)
    answers: list[Answer | None] = []
    worth = Fraction(1)
    if quantity is not None:
        rounding = quantity.get("rounding")
        found.compare_texts(
            "the rounding of the quantity", rounding, terms.get("quantity_rounding")
        )
        answers = _parts(line, quantity, behind, found)
        if is_agreed(charge) and behind.contract is not None:
            told = behind.contract.get("quantity")
            found.compare_texts("the agreed quantity", quantity["exact"], told)
        worth = _quantity(quantity, answers, found)
    is_whole = None not in answers
    if terms["scheme"]["type"] == "commitment":
        worth = Fraction(charge["amount"])
    if not price.looks_at_events(terms["scheme"]):
        amount = price.of_quantity(terms["scheme"], worth)
    elif is_whole and answers[0] is not None:
        events = [(r.value, r.dimensions) for r in answers[0].records]
        amount = price.of_events(terms["scheme"], events)
    else:
        amount = Fraction(charge["amount"])
    found.compare("the amount", charge["amount"], amount)
    _steps(charge, amount, found)
    owed = _owed(terms, amount, part, places, found, charge)
    times = factor(charge.get("exchange"), invoice["currency"])
    minor = _minor(owed * times, places, terms["amount_rounding"])
    found.compare("the net amount in minor units", charge["net"], minor)
    if line.get("corrects") is None:
        return Line(int(minor), is_whole)
    made = Made(amount * times, part, int(minor))
    return Line(corrected(line, behind.contract, made, invoice, found), is_whole)


def _minor(owed: Fraction, places: int, mode: str) -> Fraction:
    return rounded(owed * Fraction(10) ** places, 0, mode)


def _owed(
    terms: Plain, amount: Fraction, of: Portion, places: int, found: Differences, charge: Plain
) -> Fraction:
    """The share of a fee, or what the limits leave of another one; in major units."""
    kind, has_agreed = terms["scheme"]["type"], is_agreed(charge)
    is_fee = price.is_fee(terms, is_agreed=has_agreed)
    owed = price.limited(terms, amount, of.part.share, is_open=of.is_open, is_agreed=has_agreed)
    free = ZERO if kind == "commitment" else amount * (of.part.share if is_fee else 1)
    limit = "maximum" if owed < free else "minimum" if owed > free else None
    found.compare_texts("the limit in force", charge.get("limit"), limit)
    if is_fee and limit is None and of.rule.get("round_daily_rate", False) and of.part.share != 1:
        rate = _minor(amount / of.part.whole, places, terms["amount_rounding"])
        owed = rate * of.part.units / 10**places
    return owed


def _parts(line: Plain, quantity: Plain, behind: Behind, found: Differences) -> list[Answer | None]:
    answers: list[Answer | None] = []
    for place, part in enumerate(quantity["parts"]):
        here = found.within(f"part {place + 1}")
        _frame(line, part, behind.contract, here)
        known = behind.records[place] if place < len(behind.records) else None
        billed = behind.billed[place] if place < len(behind.billed) else None
        has_moved = place < len(behind.moved) and behind.moved[place]
        has_moved = has_moved or (billed is None and _stands_on_late(part, known or ()))
        since = part["starts_at"] if has_moved else part.get("since")
        answers.append(None if known is None else _part(part, known, (billed, since), here))
    return answers


def _stands_on_late(part: Plain, known: Sequence[Record]) -> bool:
    """Whether a register of which no reading was billed does not stand on the one with which the contract
    began: periods before were billed without one, and what came late for them is billed by itself."""
    said = part.get("opening")
    if said is None:
        return False
    since = instant(part.get("since", part["starts_at"]))
    began = opening_of(known, since, instant(part["starts_at"]))
    return began is None or (began.at, began.value) != (
        instant(said["at"]),
        Fraction(said["value"]),
    )


def _frame(line: Plain, part: Plain, contract: Plain | None, found: Differences) -> None:
    """A part counts the time of its line, of the contract's subject, by the contract's clock."""
    for name in ("starts_at", "ends_at"):
        found.compare_texts(name, part[name], line[name])
    if contract is None:
        return
    found.compare_texts("the subject", part["subject"], contract["subject"])
    series = part["series"]
    kind = series["aggregation"]
    if kind in ("units", "weighted_sum"):
        full = full_period(contract, instant(line["starts_at"]))
        told = [instant(at) for at in part.get("whole", (line["starts_at"], line["ends_at"]))]
        found.compare_texts("the full period", told, [full.start, full.end])
    if kind == "counter":
        since = instant(contract["starts_at"])
        found.compare_texts("the start of the contract", instant(part["since"]), since)
    is_timed = kind in ("units", "weighted_sum") or (series.get("window_minutes") or 0) >= 15
    zone = contract["zone"] if is_timed else "UTC"
    found.compare_texts("the clock", part.get("zone", "UTC"), zone)


def _part(
    part: Plain,
    known: Sequence[Record],
    opening: tuple[Reading | None, str | None],
    found: Differences,
) -> Answer:
    """What a part comes to. A register opens with the reading that is told, or else with the last one up to
    a time."""
    billed, opens = opening
    start, end = instant(part["starts_at"]), instant(part["ends_at"])
    whole_start, whole_end = map(instant, part.get("whole", (part["starts_at"], part["ends_at"])))
    since = None if opens is None else instant(opens)
    asked = Asked(start, end, whole_start, whole_end, part.get("zone", "UTC"), since)
    made = answer(known, part["series"], asked, billed)
    found.compare("the number of records", part["records"], Fraction(len(made.records)))
    found.compare("the sum of the records", part["total"], total(r.value for r in made.records))
    found.compare("the value", part.get("exact", part["value"]), made.value)
    found.compare("the value as shown", part["value"], carried(made.value))
    if made.consumed is not None:
        told = [
            (
                Fraction(s["opening"]["value"]),
                Fraction(s["closing"]["value"]),
                Fraction(s["consumption"]),
            )
            for s in part.get("stretches", ())
        ]
        found.compare_texts("the readings", told, made.consumed.stretches)
        closing, shown = part.get("closing"), made.consumed.closing
        found.compare_texts(
            "the last reading",
            None if closing is None else (instant(closing["at"]), Fraction(closing["value"])),
            None if shown is None else (shown.at, shown.value),
        )
    return made


def _quantity(quantity: Plain, answers: Sequence[Answer | None], found: Differences) -> Fraction:
    """The quantity that is priced: the formula over the parts, divided and rounded once."""
    values = {}
    for part, made in zip(quantity["parts"], answers, strict=True):
        believed = Fraction(part.get("exact", part["value"]))
        values[part.get("input", "")] = believed if made is None else made.value
    if not quantity["parts"] and quantity.get("expression") is None:
        values[""] = Fraction(quantity["exact"])
    exact = values[""] if quantity.get("expression") is None else _formula(quantity, "", values)
    found.compare("the quantity before rounding", quantity["exact"], carried(exact))
    rounding = quantity.get("rounding")
    if rounding is None:
        worth = carried(exact)
    else:
        divided = exact / Fraction(rounding.get("divide_by") or 1)
        worth = rounded(divided, rounding["places"], rounding["mode"])
    found.compare("the quantity", quantity["value"], worth)
    return worth


def _formula(quantity: Plain, path: str, values: Mapping[str, Fraction]) -> Fraction:
    """The formula that stands at a path of names; the quantity's own stands at ''."""
    inner = quantity.get("inner", {})
    expression = inner[path]["expression"] if path else quantity["expression"]

    def value_of(name: str) -> Fraction:
        below = f"{path}.{name}" if path else name
        if below not in values and below not in inner:
            raise CannotRecountError(f"the formula names {below!r}, which is not there")
        return values[below] if below in values else _formula(quantity, below, values)

    return formula.evaluate(expression, value_of)


def _steps(charge: Plain, amount: Fraction, found: Differences) -> None:
    """What is shown of the calculation: products that are right, and that come to the amount."""
    summed = ZERO
    for number, step in enumerate(charge["steps"], start=1):
        product = Fraction(step["amount"])
        if step.get("quantity") is not None:
            percent = step.get("percent")
            rate = Fraction(step.get("unit_amount") or 0)
            rate = rate if percent is None else Fraction(percent) / 100
            product = Fraction(step["quantity"]) * rate + Fraction(step.get("flat_amount") or 0)
        found.within(f"step {number}").compare("the amount", step["amount"], product)
        summed += product
    found.compare("the sum of the steps", summed, amount)
