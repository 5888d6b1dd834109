"""Documents on their way, batches and answers as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from everycent.erp.compared import Compared
from everycent.erp.handed import Difference
from everycent.erp.queries import BatchMade, Standing, Step
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text


def document_data(one: Standing) -> dict[str, Any]:
    """A document, and where it stands."""
    return {
        "reference": one.reference,
        "customer": one.customer,
        "issued_on": one.issued_on.isoformat(),
        "currency": one.currency,
        "gross": plain(Money(one.gross, one.currency)),
        "batch": one.batch_no,
        "place": one.place,
        "state": one.state.status.value,
        "tries": one.state.tries,
        "next_at": _instant(one.state.next_at),
        "bill": one.state.bill,
        "trouble": one.state.trouble,
        "reason": one.state.reason,
        "differences": _differences(one.state.differences),
        "changed_at": instant_text(one.changed_at),
    }


def step_data(step: Step) -> dict[str, Any]:
    """Something that happened on a document's way."""
    return {
        "at": instant_text(step.at),
        "event": step.event,
        "state": step.state.status.value,
        "bill": step.state.bill,
        "trouble": step.state.trouble,
        "reason": step.state.reason,
        "differences": _differences(step.state.differences),
        "answer": None if step.answer_id is None else str(step.answer_id),
        "actor": step.actor,
    }


def batch_data(one: BatchMade) -> dict[str, Any]:
    """A batch as it was made."""
    return {
        "batch": one.number,
        "documents": one.documents,
        "totals": msgspec.to_builtins(one.totals),
        "digest": one.digest,
        "previous": one.previous,
        "at": instant_text(one.at),
    }


def answer_data(found: Any) -> dict[str, Any]:
    """What the ERP said, word for word: bytes that are no UTF-8 stand there as \\x00."""
    return {
        "what": found.what,
        "status": found.status,
        "at": instant_text(found.at),
        "why": found.why,
        "raw": bytes(found.raw).decode("utf-8", "backslashreplace"),
    }


def status_data(erp: str, counts: Sequence[Any], trouble: Sequence[Standing]) -> dict[str, Any]:
    """How many documents stand where, and those that are in trouble."""
    return {
        "erp": erp,
        "documents": {row.status: row.documents for row in counts},
        "in_trouble": [document_data(one) for one in trouble],
    }


def compared_data(found: Compared) -> dict[str, Any]:
    """What differs between here and there."""
    return {
        "here": found.here,
        "there": found.there,
        "findings": msgspec.to_builtins(found.findings),
    }


def _differences(found: Sequence[Difference]) -> Any:
    return msgspec.to_builtins(found)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)
