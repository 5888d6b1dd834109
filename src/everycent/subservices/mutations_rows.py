"""Mutations of what rows and heads say. Trailers agree with the spoiled rows, so that nothing but the
content gives them away."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from everycent.subservices.contract import CALLS, ROWS
from everycent.subservices.draft import (
    FIELD,
    NUMBER,
    Change,
    Draft,
    dropped,
    literal,
    set_head,
    set_row,
    turned,
)

_EVERY = frozenset(CALLS)
_PAGED = frozenset(ROWS)
_REPORT = frozenset({"report"})
_USE = frozenset({"report", "events"})
_PERIODS = frozenset({"resources", "report", "events", "chart"})


def _amount(turn: Callable[[str], Any]) -> Change:
    """What was used, and with it what is billable, made into something else; nothing is included."""

    def change(draft: Draft) -> None:
        row = draft.one()
        if draft.call == "report":
            wrong = turn(row["used"])
            row.update(used=wrong, included="0", billable=wrong)
        else:
            row["quantity"] = turn(row["quantity"])
        draft.seal()

    return change


def _amount_literal(turn: Callable[[str], str]) -> Change:
    def change(draft: Draft) -> None:
        name = "used" if draft.call == "report" else "quantity"
        literal(name, turn)(draft)

    return change


def _exponent(amount: str) -> str:
    return f"{Decimal(amount):.2E}"


def _arabic(amount: str) -> str:
    return amount.translate({ord("0") + digit: chr(0x0660 + digit) for digit in range(10)})


def _more(amount: str) -> str:
    return f"{Decimal(amount) + 1:f}"


def _swap_included(draft: Draft) -> None:
    row = draft.one()
    row["included"], row["billable"] = _more(row["used"]), "-1"
    draft.seal()


def _line_twice(draft: Draft) -> None:
    _again(draft)
    draft.seal()


def _again(draft: Draft) -> None:
    rows = draft.rows(draft.last)
    rows.append(dict(rows[-1]))
    draft.number_rows()


def _less(draft: Draft) -> None:
    rows = draft.rows(draft.last)
    rows.pop()
    draft.number_rows()
    draft.seal()


def _at(text: str) -> Change:
    return set_row(at=text)


def _at_end(draft: Draft) -> None:
    draft.one()["at"] = draft.first["to"]
    draft.seal()


def _before(draft: Draft) -> None:
    row = draft.one()
    row["at"] = f"{int(draft.first['from'][:4]) - 1}{draft.first['from'][4:]}"
    draft.seal()


def _offset(draft: Draft) -> None:
    row = draft.one()
    row["at"] = row["at"].replace("Z", "+00:00")
    draft.seal()


def _naive(draft: Draft) -> None:
    row = draft.one()
    row["at"] = row["at"].rstrip("Z")
    draft.seal()


def _cut_off(draft: Draft) -> None:
    for page in draft.pages:
        page["to"] = page["to"].replace("T00:", "T01:") if "T00:" in page["to"] else page["from"]


def _other_year(draft: Draft) -> None:
    for page in draft.pages:
        for name in ("from", "to"):
            page[name] = f"{int(page[name][:4]) - 1}{page[name][4:]}"


def _without_head(name: str) -> Change:
    def change(draft: Draft) -> None:
        for page in draft.pages:
            page.pop(name)

    return change


def _rows_as_object(draft: Draft) -> None:
    field = FIELD[draft.call]
    draft.last[field] = {str(n): row for n, row in enumerate(draft.last[field])}


def _rows_null(draft: Draft) -> None:
    draft.last[FIELD[draft.call]] = None


def _rows_missing(draft: Draft) -> None:
    draft.last.pop(FIELD[draft.call])


def _row_null(draft: Draft) -> None:
    draft.rows(draft.last).append(None)


def _other_customer(draft: Draft) -> None:
    row = draft.one()
    row["customer"] = row["customer"] + "-2"
    draft.seal()


def _resource_renamed(draft: Draft) -> None:
    draft.one()["resource"] = "nobody-listed-this"
    draft.seal()


def _events_text(draft: Draft) -> None:
    row = draft.one()
    row["events"] = str(row["events"])
    draft.seal()


def _twice_in_lists(draft: Draft) -> None:
    rows = draft.rows(draft.last)
    rows.append(rows[-1] | {NUMBER[draft.call]: rows[-1][NUMBER[draft.call]] + 1})
    draft.seal()


ROWS_OF: dict[str, tuple[str, Change, frozenset[str]]] = {
    "negative": ("a quantity below nothing", _amount(lambda a: "-" + a), _USE),
    "quantity_number": ("a quantity as a number", _amount_literal(str), _USE),
    "quantity_exponent": ("a quantity with an exponent", _amount(_exponent), _USE),
    "quantity_nan": ("a quantity NaN, as a text", _amount(lambda _: "NaN"), _USE),
    "quantity_nan_literal": ("a quantity NaN, without quotes", _amount_literal(lambda _: "NaN"), _USE),
    "quantity_infinity": ("a quantity without end", _amount(lambda _: "Infinity"), _USE),
    "quantity_plus": ("a quantity with a plus before it", _amount(lambda a: "+" + a), _USE),
    "quantity_blank": ("a quantity with a blank after it", _amount(lambda a: a + " "), _USE),
    "quantity_comma": ("a quantity with a decimal comma", _amount(lambda a: a + ",0"), _USE),
    "quantity_point": ("a quantity that ends in a point", _amount(lambda a: a + "."), _USE),
    "quantity_empty": ("a quantity of no digits", _amount(lambda _: ""), _USE),
    "quantity_null": ("a quantity null", _amount(lambda _: None), _USE),
    "quantity_true": ("true for a quantity", _amount(lambda _: True), _USE),
    "quantity_list": ("a quantity in a list", _amount(lambda a: [a]), _USE),
    "quantity_long": ("a quantity of 10,000 digits", _amount(lambda _: "9" * 10_000), _USE),
    "quantity_precise": ("19 digits after the point", _amount(lambda _: "1." + "1" * 19), _USE),
    "quantity_arabic": ("a quantity in other digits than 0 to 9", _amount(_arabic), _USE),
    "quantity_underscore": ("a quantity with an underscore", _amount(lambda _: "1_000"), _USE),
    "unit_wrong": ("another unit", set_row(unit="PiB"), _USE),
    "unit_unknown": ("a unit that there is not", set_row(unit="parsec/fortnight"), _USE),
    "unit_null": ("the unit null", set_row(unit=None), _USE),
    "item_unknown": ("an item that the service doesn't have", set_row(item="nothing"), _USE),
    "item_null": ("the item null", set_row(item=None), _USE),
    "at_of_end": ("an instant that is the end of the period", _at_end, _USE),
    "at_before": ("an instant of a year before", _before, _USE),
    "at_offset": ("an instant with an offset for the Z", _offset, _USE),
    "at_naive": ("an instant without a Z", _naive, _USE),
    "at_day": ("a day for an instant", _at("2026-01-15"), _USE),
    "at_number": ("a number for an instant", set_row(at=1767225600), _USE),
    "at_impossible": ("the 31st of February", _at("2026-02-31T00:00:00Z"), _USE),
    "resource_null": ("the resource null", set_row(resource=None), _PAGED),
    "resource_empty": ("the resource an empty text", set_row(resource=""), _PAGED),
    "resource_number": ("the resource a number", set_row(resource=7), _PAGED),
    "customer_null": ("the customer null", set_row(customer=None), _PAGED),
    "customer_empty": ("the customer an empty text", set_row(customer=""), _PAGED),
    "customer_other": ("another customer's", _other_customer, _PAGED),
    "row_field_extra": ("a field too many in a row", set_row(colour="red"), _PAGED),
    "row_null": ("null for a row", _row_null, _PAGED),
    "missing_resource": ("a row without resource", dropped("resource"), _PAGED),
    "missing_customer": ("a row without customer", dropped("customer"), _PAGED),
}  # fmt: skip
LINES: dict[str, tuple[str, Change]] = {
    "billable_off": (
        "used is not included and billable together",
        turned("billable", _more),
    ),
    "included_over": ("more is included than was used", _swap_included),
    "line_twice": ("two lines for a resource and item", _line_twice),
    "line_unlisted": ("a line about a resource that is not listed", _resource_renamed),
    "line_missing": ("a listed resource without a line", _less),
    "events_negative": ("fewer events than none", set_row(events=-1)),
    "events_text": ("the number of events as a text", _events_text),
    "events_fraction": ("half an event", literal("events", lambda _: "0.5")),
    "events_none": ("something used, and no event behind it", set_row(events=0)),
    "missing_used": ("a line without used", dropped("used")),
    "missing_included": ("a line without included", dropped("included")),
    "missing_billable": ("a line without billable", dropped("billable")),
    "missing_unit": ("a line without unit", dropped("unit")),
    "missing_item": ("a line without item", dropped("item")),
    "missing_at": ("a line without at", dropped("at")),
    "missing_events": ("a line without events", dropped("events")),
    "missing_line": ("a line without its number", dropped("line")),
}
EVENTS: dict[str, tuple[str, Change]] = {
    "event_twice": ("an event twice", _twice_in_lists),
    "event_lost": ("an event less", _less),
    "event_more": ("an event that used more", turned("quantity", _more)),
    "event_null": ("an event without a name", set_row(event=None)),
    "missing_event": ("an event without its field", dropped("event")),
    "missing_quantity": ("an event without quantity", dropped("quantity")),
}
RESOURCES: dict[str, tuple[str, Change]] = {
    "resource_twice": ("a resource twice", _twice_in_lists),
    "resource_lost": ("a resource less", _less),
    "resource_renamed": ("a resource under another name", _resource_renamed),
    "since_null": ("since null", set_row(since=None)),
    "until_before": (
        "a resource that ended before the period",
        set_row(until="1999-01-01T00:00:00Z"),
    ),
    "since_later": (
        "a resource that began after the period",
        set_row(since="2999-01-01T00:00:00Z"),
    ),
    "missing_until": ("a resource without until", dropped("until")),
    "missing_kind": ("a resource without kind", dropped("kind")),
}
HEADS: dict[str, tuple[str, Change, frozenset[str]]] = {
    "wrong_period": ("the same period of the year before", _other_year, _PERIODS),
    "wrong_cut_off": ("a period that ends at another hour", _cut_off, _PERIODS),
    "wrong_service": ("another service", set_head(service="somebody-else"), _EVERY),
    "wrong_call": ("another call", set_head(call="invoices"), _EVERY),
    "schema_older": (
        "the schema before this one",
        set_head(schema="everycent-accounting/0"),
        _EVERY,
    ),
    "schema_newer": (
        "the schema after this one",
        set_head(schema="everycent-accounting/2"),
        _EVERY,
    ),
    "schema_number": ("the schema as a number", set_head(schema=1), _EVERY),
    "schema_missing": ("no schema", _without_head("schema"), _EVERY),
    "service_missing": ("no service", _without_head("service"), _EVERY),
    "call_missing": ("no call", _without_head("call"), _EVERY),
    "head_field_extra": ("a field too many in the head", set_head(note="hello"), _EVERY),
    "error_beside": (
        "an error beside the answer",
        set_head(error={"code": "unavailable", "message": "half of it is missing"}),
        _EVERY,
    ),
    "rows_object": ("the rows as an object", _rows_as_object, _EVERY),
    "rows_null": ("the rows null", _rows_null, _EVERY),
    "rows_missing": ("no rows at all", _rows_missing, _EVERY),
}
