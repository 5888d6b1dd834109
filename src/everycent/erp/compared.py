"""Compared: all that the ERP has of a seller beside all that it was told; what is lost, doubled, changed or
not ours."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from everycent.erp.handed import Difference, State, Status
from everycent.erp.judge import Found, judged
from everycent.erp.told import Document
from everycent.journal.types import EventType
from everycent.kernel.strict_json import shown


class What(StrEnum):
    """LOST: the ERP has had it and has it no more. DOUBLED: it is there more than once. CHANGED: it says
    something else there. UNKNOWN: we have never told the ERP of it. LATE: it is registered there, which we
    had not heard."""

    LOST = "lost"
    DOUBLED = "doubled"
    CHANGED = "changed"
    UNKNOWN = "unknown"
    LATE = "late"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that is not the same on both sides."""

    what: What
    reference: str
    document_id: UUID | None = None
    differences: tuple[Difference, ...] = ()


class Compared(msgspec.Struct, frozen=True, omit_defaults=True):
    """A comparison: `here` documents that were handed over, `there` documents that the ERP has."""

    erp: str
    here: int
    there: int
    findings: tuple[Finding, ...] = ()


COMPARED = EventType("erp.compared", 1, Compared)


def stream(erp: str) -> str:
    """The stream of an ERP's comparisons."""
    return f"erp_compared:{erp}"


def differs(
    document_id: UUID, document: Document, state: State, there: Sequence[Found]
) -> list[Finding]:
    """What differs between a document and what the ERP has under its reference. What is on its way and not
    there yet is no finding."""
    name = document.reference
    if not there:
        is_gone = state.status in (Status.REGISTERED, Status.ACKNOWLEDGED)
        return [Finding(What.LOST, name, document_id)] if is_gone else []
    if len(there) > 1:
        bills = shown(", ".join(str(one.bill) for one in there))
        return [Finding(What.DOUBLED, name, document_id, (Difference("bill", "one", bills),))]
    (found,) = there
    said = judged(document, found)
    if said.trouble is not None:
        return [Finding(What.CHANGED, name, document_id, said.differences)]
    if state.status is Status.REGISTERED and said.bill != state.bill:
        return [Finding(What.CHANGED, name, document_id, _bill(found, state.bill))]
    if state.status is not Status.REGISTERED and said.status is Status.REGISTERED:
        return [Finding(What.LATE, name, document_id, _bill(found, None))]
    return []


def unknown(there: Sequence[Found]) -> list[Finding]:
    """Documents of which the ERP was never told by us."""
    return [Finding(What.UNKNOWN, shown(one.reference), None, _bill(one, None)) for one in there]


def _bill(found: Found, ours: str | None) -> tuple[Difference, ...]:
    return (Difference("bill", ours or "nothing", shown(str(found.bill))),)
