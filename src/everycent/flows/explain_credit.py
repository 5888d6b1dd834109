"""What credit paid of an invoice and got back by it, explained: which grants, and what was left of each."""

from __future__ import annotations

from collections.abc import Sequence

from everycent.credits.wallet import Draw
from everycent.flows.saying import Node, Setting, agree, money
from everycent.invoicing.invoice import Correction, Invoice, InvoiceLine, credit_back


def credit_nodes(invoice: Invoice, setting: Setting) -> list[Node]:
    """Credit and what is left to pay; nothing for an invoice that changed no credit."""
    if not invoice.draws:
        return []
    name = invoice.name
    agree(f"{name}, credit", invoice.prepaid, sum(draw.amount for draw in invoice.draws))
    told = {line.line_no: line.prepaid for line in invoice.lines if line.prepaid}
    agree(f"{name}, credit by line", told, _by_line(invoice.draws))
    found = []
    back = [draw for draw in invoice.draws if draw.amount < 0]
    if back:
        amount = -sum(draw.amount for draw in back)
        detail = "to the grants that had paid the lines before"
        nodes = _grants(back, setting)
        found.append(
            Node("returned", "Given back to credit", money(amount, setting), detail, {}, nodes)
        )
    drawn = [draw for draw in invoice.draws if draw.amount > 0]
    if drawn:
        amount = sum(draw.amount for draw in drawn)
        before = sum(draw.amount for draw in drawn if draw.lines)
        detail = "after taxes"
        if before:
            detail = (
                f"{money(before, setting)} before taxes, {money(amount - before, setting)} after"
            )
        nodes = _grants(drawn, setting)
        found.append(Node("prepaid", "Paid by credit", money(-amount, setting), detail, {}, nodes))
    detail = "gross and what is credit again" if back else "gross"
    detail += ", less credit" if back and drawn else " less credit" if drawn else ""
    found.append(Node("payable", "To pay", money(invoice.payable, setting), detail))
    return found


def _by_line(draws: Sequence[Draw]) -> dict[int, int]:
    found: dict[int, int] = {}
    for draw in draws:
        for line_no, amount in draw.lines:
            found[line_no] = found.get(line_no, 0) + amount
    return dict(sorted(found.items()))


def _grants(draws: Sequence[Draw], setting: Setting) -> tuple[Node, ...]:
    return tuple(
        Node(
            "draw",
            f"Grant in {draw.wallet}",
            money(abs(draw.amount), setting),
            f"{draw.basis.value}; of {money(draw.granted, setting)} granted"
            f" {money(draw.left, setting)} were left",
            {"wallet": draw.wallet, "grant": str(draw.grant_id), "draw": str(draw.draw_no)},
        )
        for draw in draws
    )


def back_nodes(line: InvoiceLine, setting: Setting) -> tuple[Node, ...]:
    """Which part of what a line gives back is credit again, if any is."""
    before = line.corrects
    if before is None or line.prepaid >= 0:
        return ()
    again = credit_back(before.charged, before.prepaid, line.amount)
    agree(f"line {line.line_no}, what is credit again", -line.prepaid, again)
    detail = _share_text(before, line.amount, setting)
    value = money(-line.prepaid, setting)
    return (Node("credit_back", "Of that, credit again", value, f"{detail}; not taxed"),)


def _share_text(before: Correction, amount: int, setting: Setting) -> str:
    """How the part was worked out."""
    stood = money(before.prepaid, setting)
    if before.charged + amount <= 0:
        return f"all of the {stood} that credit had paid before taxes"
    return (
        f"{money(-amount, setting)} of {money(before.charged, setting)} are given back, and so is that part"
        f" of the {stood} that credit had paid before taxes"
    )
