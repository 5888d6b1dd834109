"""What credit paid of an invoice, explained: which grants, and what was left of each."""

from __future__ import annotations

from everycent.flows.saying import Node, Setting, agree, money
from everycent.invoicing.invoice import Invoice


def credit_nodes(invoice: Invoice, setting: Setting) -> list[Node]:
    """Credit and what is left to pay; nothing for an invoice that no credit paid of."""
    if not invoice.draws:
        return []
    agree(f"{invoice.name}, credit", invoice.prepaid, sum(d.amount for d in invoice.draws))
    before = sum(line.prepaid for line in invoice.lines)
    taken = tuple(
        Node(
            "draw",
            f"Grant in {draw.wallet}",
            money(draw.amount, setting),
            f"{draw.basis.value}; of {money(draw.granted, setting)} granted"
            f" {money(draw.left, setting)} were left",
            {"wallet": draw.wallet, "grant": str(draw.grant_id), "draw": str(draw.draw_no)},
        )
        for draw in invoice.draws
    )
    detail = "after taxes"
    if before:
        detail = f"{money(before, setting)} before taxes, {money(invoice.prepaid - before, setting)} after"
    return [
        Node("prepaid", "Paid by credit", money(-invoice.prepaid, setting), detail, {}, taken),
        Node("payable", "To pay", money(invoice.payable, setting), "gross less credit"),
    ]
