"""Explain a credit note over parts of lines: what it takes off which line of which invoice, by whom and
why, and how its taxes come about. All of it is worked out again from the invoice on the way."""

from __future__ import annotations

from collections.abc import Sequence

from everycent.db.connection import Tx
from everycent.flows.explain_event import checked_event, entry_node, event_node
from everycent.flows.saying import (
    Node,
    Setting,
    agree,
    day_text,
    moment,
    money,
    span_text,
)
from everycent.invoicing import postings, queries
from everycent.invoicing.invoice import Invoice, TaxAmount
from everycent.invoicing.line_note import CreditedLine, LineNote, given_back
from everycent.invoicing.queries import IssuedNote
from everycent.invoicing.resettle import rest_of
from everycent.kernel.errors import NotFound
from everycent.ledger import queries as ledger


def note_node(tx: Tx, name: str, line_no: int | None) -> Node:
    """The tree of a note, or of one line of it. Raises NotFound `invoice.line_unknown`, Broken
    `explain.event_changed`, `explain.mismatch`."""
    issued = queries.issued_line_note(tx, name)
    note = issued.note
    setting = Setting(note.currency, note.places, note.customer.time_zone)
    event = checked_event(tx, note.name, issued.stream, issued.version)
    invoice = queries.issued(tx, note.credits_event_id).invoice
    _check(note, invoice)
    lines = [line for line in note.lines if line_no in (None, line.line_no)]
    if not lines:
        known = ", ".join(str(line.line_no) for line in note.lines)
        raise NotFound(
            "invoice.line_unknown",
            f"{note.name} credits nothing of a line {line_no}",
            field="line",
            value=line_no,
            hint=f"it credits of {note.credits} the lines {known}",
        )
    children = [_line_node(line, note, issued, setting) for line in lines]
    if line_no is None:
        children.append(Node("net", "Net", money(-note.net, setting), "sum of what is taken off"))
        children += _tax_nodes(note, invoice, setting)
        children.append(Node("gross", "Gross", money(-note.gross, setting), "net and taxes"))
        children += _set_off_nodes(note, setting)
    entry = ledger.entry(tx, issued.event_id).entry
    expected = postings.of_line_note(note)
    children.append(entry_node(note.name, expected, entry, note.customer.key, setting))
    children.append(event_node(event, setting))
    return Node(
        "credit_note",
        f"Credit note {note.name}",
        money(-note.gross, setting),
        f"takes back parts of {note.credits} of {day_text(note.credits_issued_on)}; {note.customer.name},"
        f" issued {day_text(note.issued_on)}",
        {
            "invoice": note.name, "credits": note.credits, "customer": note.customer.key,
            "issued_on": note.issued_on.isoformat(), "reason": note.reason, "actor": issued.actor,
            "net": money(-note.net, setting), "tax": money(-note.tax, setting),
            "gross": money(-note.gross, setting),
        },
        tuple(children),
    )  # fmt: skip


def credited_nodes(notes: Sequence[IssuedNote], line_no: int, setting: Setting) -> tuple[Node, ...]:
    """What credit notes took off a line of an invoice."""
    return tuple(
        Node(
            "credited",
            f"Taken off by {one.note.name}",
            money(-line.amount, setting),
            _by(one, setting),
            {"note": one.note.name, "reason": one.note.reason, "actor": one.actor},
        )
        for one in notes
        for line in one.note.lines
        if line.line_no == line_no
    )


def _by(issued: IssuedNote, setting: Setting) -> str:
    when = moment(issued.recorded_at, setting.time_zone)
    return f"by {issued.actor}, recorded {when}, because: {issued.note.reason}"


def _check(note: LineNote, invoice: Invoice) -> None:
    off = {line.line_no: line.amount for line in note.lines if line.step}
    given = given_back(invoice, dict(note.before), off)
    told = {line.line_no: (line.amount, line.tax_included, line.discount) for line in note.lines}
    agree(f"{note.name}, the lines", told, given.lines)
    agree(f"{note.name}, the taxes", note.taxes, given.taxes)
    agree(f"{note.name}, the gross", note.gross, given.gross)
    agree(f"{note.name}, in the home currency", note.home, given.home)


def _line_node(line: CreditedLine, note: LineNote, issued: IssuedNote, setting: Setting) -> Node:
    span = span_text(line.starts_at, line.ends_at, setting.time_zone)
    left = line.of - line.before - line.amount
    children = [
        Node(
            "charged",
            "Charged with",
            money(line.of, setting),
            f"{note.credits}, line {line.line_no}",
        )
    ]
    if line.before:
        children.append(Node("before", "Taken off before", money(-line.before, setting)))
    children.append(
        Node("left", "Left of it", money(left, setting), "for what was agreed and used")
    )
    if line.discount:
        children.append(
            Node("discount", "Discount that goes back with it", money(line.discount, setting))
        )
    if line.tax_included:
        children.append(
            Node("included", "Tax that was included in it", money(-line.tax_included, setting))
        )
    detail = f"credits line {line.line_no} of {note.credits}, {span}; {_by(issued, setting)}"
    return Node(
        "line", line.description, money(-line.amount, setting), detail,
        {"line": str(line.line_no), "credits": f"{note.credits}/{line.line_no}"}, tuple(children),
    )  # fmt: skip


def _tax_nodes(note: LineNote, invoice: Invoice, setting: Setting) -> list[Node]:
    """Each tax with what it was before the note and is after it."""
    off = {line.line_no: line.before + line.amount for line in note.lines}
    was, left = rest_of(invoice, dict(note.before), dict(note.before) | off)
    found = []
    for tax in note.taxes:
        key = (tax.category, tax.percent, tax.is_included)
        one, other = money(was.taxes[key].amount, setting), money(left.taxes[key].amount, setting)
        found.append(
            Node(
                "tax",
                _told(tax),
                money(-tax.amount, setting),
                f"of {money(-tax.base, setting)}: {one} before, {other} after, each rounded as on the"
                " invoice",
            )
        )
    return found


def _told(tax: TaxAmount) -> str:
    return f"{tax.category} {tax.percent} %{', included' if tax.is_included else ''}"


def _set_off_nodes(note: LineNote, setting: Setting) -> list[Node]:
    done = sum(step.amount for step in note.set_off[:1])
    found = []
    if done:
        found.append(Node("set_off", f"Set off against {note.credits}", money(done, setting)))
    if done < note.gross:
        rest = money(note.gross - done, setting)
        found.append(Node("credit", "To the customer's credit", rest))
    return found
