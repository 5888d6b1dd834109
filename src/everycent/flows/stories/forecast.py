"""What a story expects of the next invoice before it is issued, and of a change before it is made."""

from __future__ import annotations

from datetime import date

from everycent.catalog.document_refusals import Strict
from everycent.flows import bill
from everycent.flows.preview import Planned, effect, preview
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.expected import (
    Difference,
    ExpectedInvoice,
    amounts,
    check_amount,
    checked,
    differences,
    invoice_told,
)
from everycent.flows.stories.times import instant, wrong
from everycent.flows.stories.world import Action, Came, World
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import Action as Change
from everycent.subscriptions.timeline import Cancel, Pause, Resume


class _Preview(Strict):
    customer: str
    as_of: str | None = None
    switch: str | None = None
    cancel: bool = False
    pause: bool = False
    resume: bool = False
    on: date | None = None
    keep_paid: bool = False
    subscription: str | None = None
    expect: list[ExpectedInvoice] | None = None
    effect: str | None = None


def _read_preview(given: _Preview, moment: Moment) -> _Preview:
    if given.as_of is not None:
        try:
            instant(given.as_of, moment.time_zone)
        except Invalid as refusal:
            refusal.field = "as_of"
            raise
    changes = _changes(given)
    if len(changes) > 1:
        raise wrong("one change is tried at a time")
    for field in ("on", "keep_paid", "subscription", "effect"):
        if not changes and getattr(given, field):
            raise wrong("it says something about a change, and none is tried", field=field)
    if given.resume and given.on is None:
        raise wrong("nothing says when to resume", field="on")
    checked(given.expect or ())
    check_amount(given.effect, "effect")
    return given


def _changes(given: _Preview) -> list[str | Change]:
    asked = ((given.cancel, Cancel()), (given.pause, Pause()), (given.resume, Resume()))
    found: list[str | Change] = [change for is_asked, change in asked if is_asked]
    return found if given.switch is None else [*found, given.switch]


def _preview(world: World, given: _Preview) -> Came:
    planned = None
    for change in _changes(given):
        planned = Planned(change, When(given.on, given.keep_paid), given.subscription)
    found = preview(
        world.database, world.tenant_id, given.customer,
        None if given.as_of is None else instant(given.as_of, world.time_zone),
        writing=world.writing,
        terms=bill.Terms(world.actor, world.time_zone, world.payment_days), planned=planned,
    )  # fmt: skip
    told = [invoice_told(document) | {"number": "preview"} for document in found.documents]
    differs: list[Difference] = []
    if given.expect is not None:
        differs += differences(given.expect, told, {})
    more = effect(found)
    effects = {} if more is None else {"effect": plain(Money(more, found.customer.currency))}
    if given.effect is not None:
        differs += amounts(found.customer.key, {"effect": given.effect}, effects)
    return Came({"previewed": told, **effects}, differs)


FORECAST: dict[str, Action] = {
    "preview": Action(_preview, Form(_Preview, short="customer", read=_read_preview))
}
"""This action by name."""
