"""Answers that are not quite true: each mutation takes a true answer and spoils one thing in it.

A mutation is chosen when a pull begins and stays with it: all pages of the snapshot are spoiled by it.
Where a mutation needs more pages than there are, the rows are spread over so many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from everycent.subservices.contract import CALLS, ROWS, Record
from everycent.subservices.desk import paged
from everycent.subservices.draft import FIELD, NUMBER, Change, Draft, Endless
from everycent.subservices.mutations_bytes import BYTES
from everycent.subservices.mutations_rows import EVENTS, HEADS, LINES, RESOURCES, ROWS_OF

PAGED = frozenset(ROWS)
REPORT = frozenset({"report"})
EVERY = frozenset(CALLS)


class Mutation(NamedTuple):
    """What is spoiled in words, how, in which calls, and how many pages that takes."""

    what: str
    change: Change
    calls: frozenset[str] = PAGED
    pages: int = 1


def fits(name: str, call: str, rows: int) -> bool:
    """Whether an answer can be spoiled by a mutation: it takes a row for each page."""
    mutation = MUTATIONS[name]
    return call in mutation.calls and (name in _WITHOUT_ROWS or rows >= mutation.pages)


def mutated(name: str, call: str, pages: list[Record]) -> Any:
    """The pages of an answer, spoiled: records, bytes, or what happens instead of one."""
    mutation = MUTATIONS[name]
    if len(pages) < mutation.pages:
        pages = _spread(call, pages, mutation.pages)
    draft = Draft(call, pages)
    mutation.change(draft)
    return Endless(draft) if draft.endless else draft.pages


def _spread(call: str, pages: list[Record], wanted: int) -> list[Record]:
    """The same answer on at least so many pages."""
    rows = [row for page in pages for row in page[FIELD[call]]]
    changing = ("page", FIELD[call], "next", "trailer")
    head = {name: value for name, value in pages[0].items() if name not in changing}
    return paged(head, rows, pages[-1]["trailer"]["sums"], len(rows) // wanted)


def _page_missing(draft: Draft) -> None:
    del draft.pages[1]
    draft.link()


def _page_missing_unseen(draft: Draft) -> None:
    _page_missing(draft)
    draft.number_pages()
    draft.number_rows()


def _page_twice(draft: Draft) -> None:
    draft.pages.insert(1, dict(draft.pages[0]))
    draft.link()


def _page_twice_numbered(draft: Draft) -> None:
    rows = [dict(row) for row in draft.rows(draft.first)]
    draft.pages.insert(1, draft.first | {FIELD[draft.call]: rows})
    draft.link()
    draft.number_pages()
    draft.number_rows()


def _pages_swapped(draft: Draft) -> None:
    draft.pages[1], draft.pages[2] = draft.pages[2], draft.pages[1]
    draft.link()


def _pages_swapped_numbered(draft: Draft) -> None:
    _pages_swapped(draft)
    draft.number_pages()
    draft.number_rows()


def _first_again(draft: Draft) -> None:
    draft.pages[1] = dict(draft.first)


def _cursor_loops(draft: Draft) -> None:
    del draft.last["trailer"]
    draft.last["next"] = "2"


def _cursor_same(draft: Draft) -> None:
    draft.pages[1]["next"] = "2"


def _endless(draft: Draft) -> None:
    draft.endless = True


def _next(value: Any) -> Change:
    return lambda draft: draft.first.update(next=value)


def _without_next(draft: Draft) -> None:
    draft.first.pop("next")


def _snapshot(value: Any) -> Change:
    return lambda draft: draft.pages[1].update(snapshot=value)


def _without_snapshot(draft: Draft) -> None:
    draft.pages[1].pop("snapshot")


def _page(turn: Callable[[int], Any]) -> Change:
    def change(draft: Draft) -> None:
        for page in draft.pages:
            page["page"] = turn(page["page"])

    return change


def _without_page(draft: Draft) -> None:
    draft.last.pop("page")


def _rows_restart(draft: Draft) -> None:
    for page in draft.pages:
        for number, row in enumerate(draft.rows(page), start=1):
            row[NUMBER[draft.call]] = number
    draft.seal()


def _rows_from_zero(draft: Draft) -> None:
    for number, row in enumerate(draft.all_rows()):
        row[NUMBER[draft.call]] = number
    draft.seal()


def _row_number_text(draft: Draft) -> None:
    row = draft.all_rows()[-1]
    row[NUMBER[draft.call]] = str(row[NUMBER[draft.call]])
    draft.seal()


def _without_trailer(draft: Draft) -> None:
    draft.last.pop("trailer")


def _early_trailer(draft: Draft) -> None:
    draft.first["trailer"] = draft.trailer


def _trailer_early_only(draft: Draft) -> None:
    draft.first["trailer"] = draft.last.pop("trailer")


def _ends_early(draft: Draft) -> None:
    draft.first["next"] = None


def _ends_early_sealed(draft: Draft) -> None:
    draft.first.update(next=None, trailer=draft.trailer)


def _next_and_trailer(draft: Draft) -> None:
    draft.last["next"] = str(len(draft.pages) + 1)


def _empty_page(draft: Draft) -> None:
    draft.pages.insert(1, draft.first | {FIELD[draft.call]: []})
    draft.link()
    draft.number_pages()


def _empty(draft: Draft) -> None:
    draft.pages = [draft.first | {FIELD[draft.call]: [], "next": None}]
    draft.first.pop("trailer", None)


def _silent(draft: Draft) -> None:
    trailer = draft.trailer
    _empty(draft)
    draft.first["trailer"] = trailer | {"rows": 0, "sums": []}
    draft.seal()


def _trailer(name: str, turn: Callable[[Any], Any]) -> Change:
    return lambda draft: draft.trailer.update({name: turn(draft.trailer[name])})


def _trailer_without(name: str) -> Change:
    def change(draft: Draft) -> None:
        draft.trailer.pop(name)

    return change


def _digest_of_last(draft: Draft) -> None:
    rows = draft.rows(draft.last)
    true = draft.trailer["rows"]
    draft.pages, pages = [draft.last], draft.pages
    draft.seal()
    draft.trailer["rows"] = true
    draft.pages = pages
    assert rows


def _sum(name: str, value: Any) -> Change:
    return lambda draft: draft.trailer["sums"][0].update({name: value})


def _row_dropped(draft: Draft) -> None:
    draft.rows(draft.first).pop(0)


def _row_twice(draft: Draft) -> None:
    rows = draft.rows(draft.first)
    rows.insert(1, dict(rows[0]))


def _rows_swapped(draft: Draft) -> None:
    one, other = draft.rows(draft.first), draft.rows(draft.pages[1])
    one[0], other[0] = other[0], one[0]


def _rows_swapped_numbered(draft: Draft) -> None:
    _rows_swapped(draft)
    draft.number_rows()


def _row_changed(draft: Draft) -> None:
    row = draft.rows(draft.last)[-1]
    row["resource"] = str(row["resource"]) + "x"


_PAGES: dict[str, tuple[str, Change, int]] = {
    "page_missing": ("the second page is left out", _page_missing, 3),
    "page_missing_numbered": (
        "the second page is left out, pages and rows are numbered as if nothing was missing",
        _page_missing_unseen,
        3,
    ),
    "page_twice": ("the first page comes twice", _page_twice, 2),
    "page_twice_numbered": (
        "the first page comes twice, pages and rows are numbered on",
        _page_twice_numbered,
        2,
    ),
    "pages_swapped": ("the second page and the third change places", _pages_swapped, 4),
    "pages_swapped_numbered": (
        "the second page and the third change places, numbered in the order they come",
        _pages_swapped_numbered,
        4,
    ),
    "first_page_again": ("the second page is the first again", _first_again, 2),
    "cursor_loops": ("the last page leads back to the second", _cursor_loops, 3),
    "cursor_same": ("the second page leads to itself", _cursor_same, 3),
    "cursor_endless": ("page follows page for ever, each full of rows", _endless, 1),
    "cursor_number": ("the next page as a number", _next(2), 2),
    "cursor_empty": ("the next page an empty text", _next(""), 2),
    "cursor_unknown": ("the next page is one that there is not", _next("999999999"), 2),
    "cursor_missing": ("no field that tells the next page", _without_next, 2),
    "snapshot_changes": ("the second page is of another snapshot", _snapshot("s-other"), 2),
    "snapshot_null": ("the snapshot of the second page null", _snapshot(None), 2),
    "snapshot_missing": ("the second page tells no snapshot", _without_snapshot, 2),
    "page_always_one": ("every page says that it is the first", _page(lambda _: 1), 2),
    "page_from_zero": ("pages are numbered from 0", _page(lambda n: n - 1), 1),
    "page_text": ("page numbers as texts", _page(str), 1),
    "page_skips": ("pages are numbered 1, 3, 5", _page(lambda n: 2 * n - 1), 2),
    "page_number_missing": ("the last page tells no number", _without_page, 1),
    "rows_restart": ("rows are numbered anew on every page", _rows_restart, 2),
    "rows_from_zero": ("rows are numbered from 0", _rows_from_zero, 1),
    "row_number_text": ("the number of the last row as a text", _row_number_text, 1),
    "trailer_missing": ("the last page has no trailer", _without_trailer, 1),
    "trailer_null": ("the trailer null", lambda d: d.last.update(trailer=None), 1),
    "trailer_early": ("the first page has the trailer too", _early_trailer, 2),
    "trailer_only_early": ("the first page has the trailer, the last none", _trailer_early_only, 2),
    "next_and_trailer": ("the last page has a trailer and a next page", _next_and_trailer, 1),
    "ends_early": ("the first page has neither a next page nor a trailer", _ends_early, 2),
    "ends_early_sealed": ("the first page has the trailer and no next page", _ends_early_sealed, 2),
    "empty_page": ("a page without rows after the first", _empty_page, 2),
    "empty_answer": ("no rows, and no trailer", _empty, 1),
    "silent_empty": ("no rows, and a trailer that agrees", _silent, 1),
    "trailer_rows_off": ("a row more in the trailer", _trailer("rows", lambda n: n + 1), 1),
    "trailer_rows_text": ("the rows of the trailer as a text", _trailer("rows", str), 1),
    "trailer_rows_missing": ("a trailer without rows", _trailer_without("rows"), 1),
    "trailer_digest_off": ("another digest", _trailer("digest", lambda d: d[::-1]), 1),
    "trailer_digest_capitals": ("the digest in capitals", _trailer("digest", str.upper), 1),
    "trailer_digest_null": ("the digest null", _trailer("digest", lambda _: None), 1),
    "trailer_digest_missing": ("a trailer without digest", _trailer_without("digest"), 1),
    "trailer_digest_of_last": ("the digest of the last page alone", _digest_of_last, 2),
    "trailer_extra_field": (
        "a field too many in the trailer",
        lambda d: d.trailer.update(ok=True),
        1,
    ),
    "row_dropped": ("the first row is left out", _row_dropped, 2),
    "row_twice": ("the first row comes twice", _row_twice, 1),
    "rows_swapped": (
        "a row of the first page and one of the second change places",
        _rows_swapped,
        2,
    ),
    "rows_swapped_numbered": (
        "a row of the first page and one of the second change places, numbered as they come",
        _rows_swapped_numbered,
        2,
    ),
    "row_changed": ("the last row was changed after the digest was made", _row_changed, 1),
    "trailer_sums_missing": ("a trailer without sums", _trailer_without("sums"), 1),
    "trailer_sums_null": ("the sums null", _trailer("sums", lambda _: None), 1),
}
_SUMS: dict[str, tuple[str, Change]] = {
    "sum_used_off": ("another sum of what was used", _sum("used", "12345.678")),
    "sum_billable_off": ("another sum of what is billable", _sum("billable", "12345.678")),
    "sum_unit_wrong": ("the sum in another unit", _sum("unit", "PiB")),
    "sum_item_unknown": ("a sum of an item that there is not", _sum("item", "nothing")),
    "sum_number": ("a sum as a number", _sum("used", 1)),
    "sum_missing": ("a sum less", lambda d: d.trailer["sums"].pop() and None),
    "sum_twice": (
        "a sum twice",
        lambda d: d.trailer["sums"].append(dict(d.trailer["sums"][0])),
    ),
}
MUTATIONS: dict[str, Mutation] = (
    {name: Mutation(what, change, PAGED, pages) for name, (what, change, pages) in _PAGES.items()}
    | {name: Mutation(what, change, REPORT) for name, (what, change) in _SUMS.items()}
    | {name: Mutation(what, change, calls) for name, (what, change, calls) in ROWS_OF.items()}
    | {name: Mutation(what, change, REPORT) for name, (what, change) in LINES.items()}
    | {
        name: Mutation(what, change, frozenset({"events"}))
        for name, (what, change) in EVENTS.items()
    }
    | {
        name: Mutation(what, change, frozenset({"resources"}))
        for name, (what, change) in RESOURCES.items()
    }
    | {name: Mutation(what, change, calls) for name, (what, change, calls) in HEADS.items()}
    | {name: Mutation(what, change, EVERY) for name, (what, change) in BYTES.items()}
)
"""Every mutation by its name. docs/sub-services.md lists them."""
NAMES: tuple[tuple[str, str], ...] = tuple((name, one.what) for name, one in MUTATIONS.items())
"""Names and descriptions."""
_WITHOUT_ROWS = frozenset(
    {"page_from_zero", "page_text", "page_number_missing", "trailer_missing", "trailer_null",
     "next_and_trailer", "empty_answer", "trailer_rows_off", "trailer_rows_text",
     "trailer_rows_missing", "trailer_digest_off", "trailer_digest_capitals", "trailer_digest_null",
     "trailer_digest_missing", "trailer_extra_field", "trailer_sums_missing", "trailer_sums_null"}
    | set(HEADS) | set(BYTES)
)  # fmt: skip
"""Mutations that also an answer without rows can have."""
UNSEEN = frozenset({"silent_empty"})
"""Mutations that no single call gives away: only another call contradicts them, or what is expected."""
