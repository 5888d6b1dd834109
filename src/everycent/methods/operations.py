"""Add payment methods, take them away, and give those up that will never pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.customers import operations as customers
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict, NotFound
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.methods import method as methods
from everycent.methods import projection, store
from everycent.methods.mandate import Mandate
from everycent.methods.method import ACTIVE, FAILED, REMOVED, Method


class New(NamedTuple):
    """A method as it is told: see Method."""

    customer_id: UUID
    provider: str
    payer: str
    token: str
    label: str = ""
    expires_on: date | None = None
    mandate: Mandate | None = None


def add(tx: Tx, new: Sequence[New], *, at: datetime, actor: str, ids: IdSource) -> list[Method]:
    """Adds methods, any number at once; each comes after those that its customer has already. An invoice
    that waits for a method can be charged from now on.

    Raises Conflict `payment_method.exists`, `payment_method.mandate_differs`, Invalid (see
    `methods.checked`)."""
    customers.lock(tx, sorted({one.customer_id for one in new}))
    known = store.list_methods(tx, customer_ids=sorted({one.customer_id for one in new}))
    ranks: dict[UUID, int] = {}
    taken = set()
    for one in known:
        ranks[one.customer_id] = max(ranks.get(one.customer_id, 0), one.rank)
        if one.state != REMOVED:
            taken.add((one.customer_id, one.provider, one.token))
    added = []
    for told in new:
        if (told.customer_id, told.provider, told.token) in taken:
            raise Conflict(
                "payment_method.exists",
                "the customer has this method already",
                field="token",
                hint="remove it first, when it was given up and works again",
            )
        taken.add((told.customer_id, told.provider, told.token))
        rank = ranks[told.customer_id] = ranks.get(told.customer_id, 0) + 1
        method_id = ids(f"payment_method/{told.customer_id}/{rank}")
        made = Method(
            method_id, told.customer_id, told.provider, told.payer, told.token, told.label, rank,
            ACTIVE, told.expires_on, mandate=told.mandate,
        )  # fmt: skip
        added.append(methods.checked(made))
    if any(one.mandate is not None for one in added):
        _check_mandates(tx, added)
    drafts = [
        Draft(
            ids(f"payment_method.added/{one.customer_id}/{one.rank}"),
            methods.stream(one.method_id), methods.ADDED, at, actor, one,
        )
        for one in added
    ]  # fmt: skip
    journal.record(tx, drafts, at, projection.method)
    return added


def _check_mandates(tx: Tx, added: Sequence[Method]) -> None:
    """A mandate is one signature for one account, whichever customers it is used for."""
    store.lock_mandates(tx)
    names = sorted({one.mandate.mandate_id for one in added if one.mandate is not None})
    known = [*(store.list_methods(tx, mandates=names) if names else ()), *added]
    meant: dict[tuple[str, str], Mandate] = {}
    for one in known:
        if one.mandate is None or one.state == REMOVED:
            continue
        first = meant.setdefault((one.provider, one.mandate.mandate_id), one.mandate)
        if first != one.mandate:
            raise Conflict(
                "payment_method.mandate_differs",
                f"mandate {one.mandate.mandate_id} is known with another account, holder or date",
                field="mandate",
                value=one.mandate.mandate_id,
                hint="a new signature is a new mandate with a name of its own",
            )


def remove(
    tx: Tx, method_id: UUID, *, reason: str, at: datetime, actor: str, ids: IdSource
) -> Method:
    """Takes a method away: it is not charged any more. Raises NotFound `payment_method.unknown`."""
    found = store.list_methods(tx, ids=[method_id])
    if not found:
        raise NotFound("payment_method.unknown", "there is no such payment method", field="method")
    (gone,) = _change(tx, found, REMOVED, {method_id: reason}, at, actor, ids)
    return gone


def give_up(
    tx: Tx, reasons: Mapping[UUID, str], *, at: datetime, actor: str, ids: IdSource
) -> list[Method]:
    """Methods that will never pay, with why: the customer's next one is charged instead."""
    found = store.list_methods(tx, ids=sorted(reasons)) if reasons else []
    active = [one for one in found if one.state == ACTIVE]
    return _change(tx, active, FAILED, reasons, at, actor, ids)


def _change(
    tx: Tx,
    found: Sequence[Method],
    state: str,
    reasons: Mapping[UUID, str],
    at: datetime,
    actor: str,
    ids: IdSource,
) -> list[Method]:
    changed: list[Method] = [
        msgspec.structs.replace(one, state=state, why=reasons[one.method_id]) for one in found
    ]
    drafts = [
        Draft(
            ids(f"payment_method.changed/{one.method_id}/{state}/{instant_text(at)}"),
            methods.stream(one.method_id), methods.CHANGED, at, actor, one,
        )
        for one in changed
    ]  # fmt: skip
    if drafts:
        journal.record(tx, drafts, at, projection.method)
    return changed
