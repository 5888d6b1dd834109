"""Judge: what an ERP's answer means. It is believed only if it says, to the letter, what was sent.

An answer is JSON without a doubt (no key twice, no NaN, amounts as text), of the schema that we speak,
without anything missing or unknown. What it says of a document is compared with the document, field by
field; where it differs nothing is taken over from it, and the differences are told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

from everycent.erp.handed import Difference, Said, Status, Trouble
from everycent.erp.port import Parcel, Reply
from everycent.erp.told import Document
from everycent.kernel import strict_json
from everycent.kernel.strict_json import Strict, UnreadableError, shown

_LONGEST_BILL = 100
_T = TypeVar("_T")
_BILL = re.compile(r"[!-~]([ -~]*[!-~])?")


class Found(Strict, frozen=True):
    """A document as the ERP has it."""

    reference: str
    customer: str
    currency: str
    net: str
    tax: str
    gross: str
    state: str
    bill: str | None
    reason: str | None


class _Sent(Strict, frozen=True):
    schema: Literal["everycent-erp/1"]
    batch: int
    control: str
    documents: list[Found]


class _Asked(Strict, frozen=True):
    schema: Literal["everycent-erp/1"]
    documents: list[Found]


class _Page(Strict, frozen=True):
    schema: Literal["everycent-erp/1"]
    documents: list[Found]
    next: str | None
    count: int


class Page(NamedTuple):
    """A page of what the ERP has; `total` is how many documents there are on all pages."""

    documents: list[Found]
    next: str | None
    total: int


_STATES = {
    "received": Status.ACKNOWLEDGED,
    "registered": Status.REGISTERED,
    "rejected": Status.ABORTED,
}
_COMPARED = ("customer", "currency", "net", "tax", "gross")


def of_sent(parcel: Parcel, reply: Reply) -> dict[str, Said]:
    """What the answer to documents that were handed over says of each, by reference."""
    sent = {one.reference: one for one in parcel.documents}
    try:
        told = _read(reply, _Sent)
    except UnreadableError as error:
        return _all(sent, _trouble(reply, str(error)))
    head = _differences(
        {"batch": str(parcel.batch_no), "control": parcel.control},
        {"batch": str(told.batch), "control": told.control},
    )
    if head:
        return _all(sent, _mismatch(head, "it answers another batch"))
    strange = _strange(sent, told.documents)
    if strange is not None:
        return _all(sent, strange)
    found = {one.reference: one for one in told.documents}
    return {
        name: judged(one, found[name])
        if name in found
        else _mismatch((Difference("reference", name, "nothing"),), "it says nothing of it")
        for name, one in sent.items()
    }


def of_asked(asked: Mapping[str, Document], reply: Reply) -> dict[str, Said]:
    """What the answer to a question says of each document, by reference."""
    try:
        told = _read(reply, _Asked)
    except UnreadableError as error:
        return _all(asked, _trouble(reply, str(error)))
    unknown = [one.reference for one in told.documents if one.reference not in asked]
    if unknown:
        differs = Difference("reference", "nothing", unknown[0])
        return _all(asked, _mismatch((differs,), "it speaks of what was not asked"))
    shared = _shared_bill(told.documents)
    if shared is not None:
        return _all(asked, shared)
    found: dict[str, list[Found]] = {}
    for one in told.documents:
        found.setdefault(one.reference, []).append(one)
    return {name: _one_of(document, found.get(name, [])) for name, document in asked.items()}


def of_page(reply: Reply) -> Page | Said:
    """A page of what the ERP has, or what is wrong with it."""
    try:
        told = _read(reply, _Page)
    except UnreadableError as error:
        return _trouble(reply, str(error))
    return Page(told.documents, told.next, told.count)


def judged(document: Document, found: Found) -> Said:
    """What the ERP says of a document, if it is this document."""
    sent = {name: getattr(document, name) for name in _COMPARED[1:]}
    sent["customer"] = document.customer.key
    differs = _differences(sent, {name: getattr(found, name) for name in _COMPARED})
    status = _STATES.get(found.state)
    if status is None:
        said = found.state
        differs = (*differs, Difference("state", "received, registered or rejected", said))
    elif (found.bill is not None) != (status is Status.REGISTERED):
        differs = (
            *differs,
            Difference("bill", f"as {found.state} has it", str(found.bill)),
        )
    elif (found.reason is not None) != (status is Status.ABORTED):
        said = str(found.reason)
        differs = (*differs, Difference("reason", f"as {found.state} has it", said))
    if found.bill is not None and not (
        _BILL.fullmatch(found.bill) and len(found.bill) <= _LONGEST_BILL
    ):
        differs = (*differs, Difference("bill", "1 to 100 visible characters", found.bill))
    if found.reason is not None and not (found.reason.isprintable() and found.reason.strip()):
        differs = (*differs, Difference("reason", "a line of text", found.reason))
    if differs:
        return _mismatch(differs, "it says something else than what was sent")
    return Said(status, found.bill, found.reason or "")


def _one_of(document: Document, found: Sequence[Found]) -> Said:
    if not found:
        return Said(None, reason="the ERP does not know it any more", trouble=Trouble.ABSENT)
    if len(found) > 1:
        bills = ", ".join(str(one.bill) for one in found)
        differs = Difference("documents", "1", f"{len(found)}: {bills}")
        return Said(None, None, "the ERP has it more than once", Trouble.TWICE, (differs,))
    return judged(document, found[0])


def _strange(sent: Mapping[str, Document], told: Sequence[Found]) -> Said | None:
    """What is wrong with an answer as a whole: it speaks of something else, or of something twice."""
    counts = Counter(one.reference for one in told)
    for name, count in counts.items():
        if name not in sent:
            differs = Difference("reference", "nothing", name)
            return _mismatch((differs,), "it speaks of what was not sent")
        if count > 1:
            differs = Difference("reference", f"{name} once", f"{name} {count} times")
            return _mismatch((differs,), "it speaks of a document twice")
    return _shared_bill(told)


def _shared_bill(told: Sequence[Found]) -> Said | None:
    """What is wrong with an answer that gives several documents one id."""
    owners: dict[str, str] = {}
    for one in told:
        if one.bill is not None and owners.setdefault(one.bill, one.reference) != one.reference:
            differs = Difference("bill", "an id of its own", one.bill)
            return _mismatch((differs,), "it gives several documents one id")
    return None


def _differences(sent: Mapping[str, str], told: Mapping[str, str]) -> tuple[Difference, ...]:
    return tuple(
        Difference(name, value, told[name]) for name, value in sent.items() if told[name] != value
    )


def _mismatch(differences: tuple[Difference, ...], reason: str) -> Said:
    told = tuple(Difference(d.field, shown(d.sent), shown(d.answered)) for d in differences)
    return Said(None, None, reason, Trouble.MISMATCH, told)


def _trouble(reply: Reply, reason: str) -> Said:
    if reply.trouble is not None:
        return Said(None, None, shown(reply.why), reply.trouble, (), reply.not_before)
    return Said(None, None, shown(reason), Trouble.MALFORMED)


def _all(documents: Mapping[str, Document], said: Said) -> dict[str, Said]:
    return dict.fromkeys(documents, said)


def _read(reply: Reply, shape: type[_T]) -> _T:
    """An answer's body as a shape. Raises UnreadableError, also where there is none."""
    if reply.trouble is not None:
        raise UnreadableError
    return strict_json.read(reply.raw, shape)
