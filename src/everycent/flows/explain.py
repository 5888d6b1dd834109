"""Explain: an invoice taken apart, from the amount owed down to the usage records behind it.

Every number comes out of the event that issued the invoice, where it is frozen, and every
calculation that is shown is done again on the way. Broken `explain.mismatch` says which one gives
something else, `explain.event_changed` that the event is not the one that was recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog import queries as catalog
from everycent.consumption import queries as consumption
from everycent.consumption.queries import DayUsage
from everycent.consumption.usage import is_counter, spans_of
from everycent.db.connection import Tx
from everycent.flows.derivation import line_node
from everycent.flows.derivation_settled import (
    check_sums,
    discount_node,
    line_nodes,
    tax_node,
)
from everycent.flows.exchange_told import home_nodes
from everycent.flows.explain_credit import back_nodes, credit_nodes
from everycent.flows.explain_event import checked_event, entry_node, event_node
from everycent.flows.explain_note import credited_nodes, note_node
from everycent.flows.saying import (
    Node,
    Origin,
    Page,
    Setting,
    Shown,
    day_text,
    moment,
    money,
    setting_of,
)
from everycent.invoicing import postings, queries
from everycent.invoicing.dating import date_told
from everycent.invoicing.invoice import Invoice, InvoiceLine, kind_of
from everycent.invoicing.queries import IssuedInvoice, IssuedNote
from everycent.kernel import ids
from everycent.kernel.errors import Invalid, NotFound, Unavailable
from everycent.kernel.period import Period, instant_text, parse_instant
from everycent.kernel.quantity import plain
from everycent.ledger import queries as ledger
from everycent.ledger.entry import Entry
from everycent.rating.charge import UsagePart
from everycent.subscriptions import operations as subscriptions

FIRST_RECORDS = 5
_CURSOR = re.compile(r"(?P<at>[^~]{1,40})~(?P<key>[0-9a-f]{32})")


class _Evidence(NamedTuple):
    """What is read to explain an invoice. `pages` are keyed by line and part."""

    issued: IssuedInvoice
    event: Any
    entry: Entry | None
    origins: Mapping[int, Origin]
    pages: Mapping[tuple[int, int], Page]
    notes: Sequence[IssuedNote]


def explain(
    tx: Tx, name: str, line: int | None = None, *, first_records: int = FIRST_RECORDS
) -> Node:
    """The tree of an invoice, or of one line of it, with the first records behind each series.

    Of a credit note over lines it says what it credits. Raises NotFound `invoice.unknown`,
    `invoice.line_unknown`, Conflict `invoice.not_an_invoice` of one over a whole invoice,
    Broken `explain.event_changed`, `explain.mismatch`.
    """
    if queries.document(tx, name).reduces is not None:
        return note_node(tx, name, line)
    issued = queries.invoice(tx, name)
    invoice = issued.invoice
    lines = invoice.lines if line is None else (_line(invoice, line),)
    event = checked_event(tx, invoice.name, issued.stream, issued.version)
    entry = None
    if invoice.discount or invoice.net or invoice.tax or invoice.gross or invoice.prepaid:
        entry = ledger.entry(tx, issued.event_id).entry
    setting = setting_of(invoice)
    pages = {
        (each.line_no, number): _first_page(tx, part, setting, first_records)
        for each in lines
        for number, part in enumerate(_parts(each), start=1)
    }
    notes = queries.issued_line_notes(tx, invoice.invoice_id)
    evidence = _Evidence(issued, event, entry, _origins(tx, lines), pages, notes)
    return _invoice_node(evidence, lines, is_whole=line is None)


def records(
    tx: Tx, name: str, line_no: int, part_no: int = 1, *, after: str | None = None, limit: int = 20
) -> Page:
    """A page of the very records that a line counted, in order of time.

    `after` is the cursor of the page before. Raises NotFound `invoice.unknown`,
    `invoice.line_unknown`, `invoice.part_unknown`, Invalid `page.bad_cursor`.
    """
    invoice = queries.invoice(tx, name).invoice
    part = part_of(invoice, line_no, part_no)
    start = consumption.FIRST_RECORD if after is None else _parse_cursor(after)
    return _page(tx, part, setting_of(invoice), start, limit)


def daily(tx: Tx, invoice: Invoice, line_no: int, part_no: int = 1) -> list[DayUsage]:
    """What the roll-ups hold for each local day of a part, band by band: for a picture."""
    part = part_of(invoice, line_no, part_no)
    period = Period(part.starts_at, part.ends_at)
    clock = subscriptions.get(tx, _line(invoice, line_no).subscription).time_zone
    try:
        return consumption.daily(
            tx, part.subject, part.series, period, invoice.customer.time_zone, clock
        )
    except Unavailable:  # in the archive: the picture is left out, as the records are
        return []


def part_of(invoice: Invoice, line_no: int, part_no: int) -> UsagePart:
    """A part of a line. Raises NotFound `invoice.line_unknown`, `invoice.part_unknown`."""
    parts = _parts(_line(invoice, line_no))
    if not 1 <= part_no <= len(parts):
        count = len(parts)
        raise NotFound(
            "invoice.part_unknown",
            f"line {line_no} of {invoice.name} has no usage part {part_no}",
            field="part",
            value=part_no,
            hint=f"it has parts 1 to {count}" if count else "it is a fixed amount without usage",
        )
    return parts[part_no - 1]


def _line(invoice: Invoice, line_no: int) -> InvoiceLine:
    for line in invoice.lines:
        if line.line_no == line_no:
            return line
    raise NotFound(
        "invoice.line_unknown",
        f"{invoice.name} has no line {line_no}",
        field="line",
        value=line_no,
        hint=f"it has lines 1 to {len(invoice.lines)}",
    )


def _parts(line: InvoiceLine) -> Sequence[UsagePart]:
    return () if line.charge.quantity is None else line.charge.quantity.parts


# --- reading -------------------------------------------------------------------------------------


def _origins(tx: Tx, lines: Sequence[InvoiceLine]) -> dict[int, Origin]:
    """The plan versions from which the lines' frozen prices come."""
    keys = {line.subscription for line in lines}
    known = {key: subscriptions.get(tx, key) for key in sorted(keys)}
    plans = catalog.plans(
        tx, {(p.plan_key, p.plan_version) for s in known.values() for p in s.phases}
    )
    found = {}
    for line in lines:
        phase, item = known[line.subscription].item(line.item_no)
        plan = plans[phase.plan_key, phase.plan_version]
        of_plan = item.own.of(plan.item(item.plan_item_no, known[line.subscription].currency))
        found[line.line_no] = Origin(phase.plan_key, phase.plan_version, of_plan)
    return found


def _page(
    tx: Tx, part: UsagePart, setting: Setting, after: tuple[datetime, UUID], limit: int
) -> Page:
    series = part.series
    rows = consumption.page(
        tx,
        part.subject_id,
        part.meter_id,
        spans_of(series, Period(part.starts_at, part.ends_at)),
        ends_included=is_counter(series),
        fold_id=part.fold_id,
        series=series,
        after=after,
        limit=limit + 1,
    )
    found = tuple(
        Shown(
            row.record_id,
            row.source,
            instant_text(row.at),
            moment(row.at, setting.time_zone),
            plain(row.value),
            row.dimensions,
        )
        for row in rows[:limit]
    )
    more = len(rows) > limit > 0
    return Page(found, _cursor(rows[limit - 1]) if more else None)


def _first_page(tx: Tx, part: UsagePart, setting: Setting, limit: int) -> Page:
    """The first records, or why there are none to show: all else is answered without them."""
    try:
        return _page(tx, part, setting, _beginning(part), limit)
    except Unavailable as refusal:
        return Page((), None, f"{refusal.message}; {refusal.hint}")


def _beginning(part: UsagePart) -> tuple[datetime, UUID]:
    """Where the first records shown begin: for a peak, where it was reached."""
    if part.peak_at is None:
        return consumption.FIRST_RECORD
    return part.peak_at, consumption.FIRST_RECORD[1]


def _cursor(row: Any) -> str:
    return f"{instant_text(row.at)}~{row.key.hex}"


def _parse_cursor(text: str) -> tuple[datetime, UUID]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise Invalid(
            "page.bad_cursor",
            f"{text[:60]!r} is not a cursor",
            field="page",
            value=text,
            hint="pass on what the page before ended with",
        )
    return parse_instant(match["at"], "page"), UUID(match["key"])


# --- the invoice as a tree -----------------------------------------------------------------------


def _invoice_node(evidence: _Evidence, lines: Sequence[InvoiceLine], *, is_whole: bool) -> Node:
    invoice = evidence.issued.invoice
    setting = setting_of(invoice)
    children = [
        _settled_line(
            line,
            invoice,
            setting,
            evidence.origins.get(line.line_no),
            {
                part: page
                for (number, part), page in evidence.pages.items()
                if number == line.line_no
            },
            credited_nodes(evidence.notes, line.line_no, setting),
        )
        for line in lines
    ]
    taxes = [tax_node(tax, invoice, setting) for tax in invoice.taxes]
    check_sums(invoice)
    if is_whole:
        count = len(invoice.lines)
        detail = f"sum of {count} lines" if count > 1 else "the one line"
        if invoice.discounts:
            detail += ", less discounts"
        children.extend(discount_node(each, invoice, setting) for each in invoice.discounts)
        children.append(Node("net", "Net", money(invoice.net, setting), detail))
        children.extend(taxes)
        children.append(Node("gross", "Gross", money(invoice.gross, setting), "net and taxes"))
        children.extend(credit_nodes(invoice, setting))
        children.extend(home_nodes(invoice))
    expected = postings.of_invoice(invoice)
    children.append(
        entry_node(invoice.name, expected, evidence.entry, invoice.customer.key, setting)
    )
    children.append(event_node(evidence.event, setting))
    is_invoice = kind_of(invoice.series) == "invoice"
    return Node(
        "invoice",
        f"{'Invoice' if is_invoice else 'Credit note'} {invoice.name}",
        money(invoice.gross, setting),
        f"{invoice.customer.name}, issued {day_text(invoice.issued_on)}"
        + (f", due {day_text(invoice.due_on)}" if is_invoice else ""),
        _invoice_facts(invoice, setting),
        tuple(children),
    )


def _settled_line(
    line: InvoiceLine,
    invoice: Invoice,
    setting: Setting,
    origin: Origin | None,
    pages: Mapping[int, Page],
    credited: Sequence[Node],
) -> Node:
    """A line, with what coupons took off it, the taxes in its price, what of it is credit again, and what
    was credited of it since."""
    node = line_node(line, setting, origin, pages)
    off = (*line_nodes(line, invoice, setting), *back_nodes(line, setting))
    if not off and not credited:
        return node
    return msgspec.structs.replace(node, children=(*off, *node.children, *credited))


def _invoice_facts(invoice: Invoice, setting: Setting) -> dict[str, str]:
    customer = invoice.customer
    facts = {
        "invoice": invoice.name,
        "id": ids.show(ids.INVOICE, invoice.invoice_id),
        "customer": customer.key,
        "name": customer.name,
        "address": customer.address or "",
        "email": customer.email or "",
        "tax_id": customer.tax_id or "",
        "time_zone": customer.time_zone,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": invoice.due_on.isoformat(),
        "dated": date_told(invoice),
        "discount": money(invoice.discount, setting) if invoice.discount else "",
        "net": money(invoice.net, setting),
        "tax": money(invoice.tax, setting),
        "gross": money(invoice.gross, setting),
    }
    if invoice.run_id is not None:
        facts["run"] = ids.show(ids.RUN, invoice.run_id)
    return {label: text for label, text in facts.items() if text}
