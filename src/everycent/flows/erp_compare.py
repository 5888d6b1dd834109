"""Compare: all that the ERP has of us beside all that we have told it; what it lost goes there again.

All pages are read before anything is believed: their number of documents has to be what each page says, no
page may come twice, and one that can't be read ends the comparison without a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from everycent.erp import compared, judge, operations, queries
from everycent.erp.compared import Compared, Finding, What
from everycent.erp.handed import Said, State
from everycent.erp.judge import Found
from everycent.flows import erp_alarms
from everycent.flows.hand_over import Desk
from everycent.kernel.errors import Unavailable

_MOST_PAGES = 100_000
_MOST_DOCUMENTS = 50_000_000
_AT_ONCE = 2_000


def compare(desk: Desk) -> Compared:
    """Compares, writes down what it found, and hands over again what is lost. Raises Unavailable
    `erp.not_compared` when the ERP can't be read as a whole."""
    with desk.database.snapshot(desk.tenant_id) as tx:
        before = {
            one.document_id: one.state
            for one in queries.listed(tx, desk.erp.name, limit=_MOST_DOCUMENTS)
        }
    try:
        there = _all_of(desk)
    except Unavailable as refusal:
        with desk.database.transaction(desk.tenant_id) as tx:
            erp_alarms.reflect_not_compared(tx, desk.erp.name, refusal.message, desk.alarms)
        raise
    found = _beside(desk, before, there)
    with desk.database.transaction(desk.tenant_id) as tx:
        writer = desk.writer
        operations.found(tx, writer, found)
        gone = [
            one.document_id
            for one in found.findings
            if one.what is What.LOST and one.document_id is not None
        ]
        operations.send_lost(tx, writer, gone, before, "the ERP does not have it any more")
        erp_alarms.reflect(tx, desk.watched, desk.alarms)
        erp_alarms.reflect_compared(tx, found, desk.alarms)
        erp_alarms.reflect_not_compared(tx, desk.erp.name, None, desk.alarms)
    return found


def _beside(desk: Desk, before: Mapping[UUID, State], there: list[Found]) -> Compared:
    """What differs from what is here, a part of it at a time. What went on its way since `before` may be
    there by now or not, and is missed next time if it should be."""
    by_reference: dict[str, list[Found]] = {}
    for found in there:
        by_reference.setdefault(found.reference, []).append(found)
    findings: list[Finding] = []
    with desk.database.snapshot(desk.tenant_id) as tx:
        standing = queries.listed(tx, desk.erp.name, limit=_MOST_DOCUMENTS)
        for first in range(0, len(standing), _AT_ONCE):
            some = standing[first : first + _AT_ONCE]
            ids = [one.document_id for one in some]
            told = queries.asked_about(tx, desk.erp.name, desk.seller, ids)
            for one in some:
                has = by_reference.pop(one.reference, [])
                if not has and before.get(one.document_id) != one.state:
                    continue
                findings += compared.differs(one.document_id, told[one.document_id], one.state, has)
    findings += compared.unknown([found for rest in by_reference.values() for found in rest])
    return Compared(desk.erp.name, len(standing), len(there), tuple(findings))


def _all_of(desk: Desk) -> list[Found]:
    found: list[Found] = []
    after: str | None = None
    cursors: set[str] = set()
    counts: set[int] = set()
    for _ in range(_MOST_PAGES):
        page = judge.of_page(desk.erp.listed(desk.seller, after))
        if isinstance(page, Said):
            raise _not_compared(page.reason)
        found += page.documents
        counts.add(page.total)
        if page.next is None:
            break
        if page.next in cursors or not page.documents:
            raise _not_compared("its pages go round in a circle")
        cursors.add(page.next)
        after = page.next
    if counts != {len(found)}:
        said = " and ".join(f"{count:,}" for count in sorted(counts))
        raise _not_compared(f"it says that there are {said} documents, and told {len(found):,}")
    return found


def _not_compared(why: str) -> Unavailable:
    return Unavailable(
        "erp.not_compared",
        f"what the ERP has can't be read as a whole: {why}",
        hint="try again when the ERP is quiet",
    )
