"""A preview is the invoice that is issued next, also under a change, and leaves nothing behind."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from everycent.app.wiring import random_ids
from everycent.customers import operations as customer_operations
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.examples import data
from everycent.flows import bill
from everycent.flows.preview import Planned, Preview, as_data, effect, preview
from everycent.flows.rehearse import rehearse
from everycent.flows.replay import TABLES
from everycent.flows.stories.actions import ACTIONS
from everycent.flows.stories.play import load
from everycent.flows.stories.world import World
from everycent.invoicing.invoice import Invoice
from everycent.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.changing import When
from everycent.subscriptions.operations import Writing
from everycent.subscriptions.order import Order
from everycent.subscriptions.timeline import Cancel, Pause
from tests.conftest import Place
from tests.flows import test_discounts, world
from tests.flows.world import calls, midnight

PUBLISHED = sorted((Path(__file__).parents[1] / "stories").glob("*.yaml"))
SHIPPED = [data.story(name) for name in data.STORIES]
_NEVER_ISSUED = ("invoice_id", "number", "name", "run_id")
_OF_A_FOLD = ("fold_id", "digest")
MORE = (
    world.CATALOGUE.replace("meters:", "meters:\n  seen: {unit: view}")
    + """\
  views:
    currency: EUR
    anchor_day: 1
    prices: [{key: seen, product: gift, meter: seen, per_unit: {unit_amount: 0.10}}]
"""
)


def plain(document: Invoice, *, is_folded: bool = True) -> dict[str, Any]:
    """The document without its number; where usage was not folded, without what a fold adds to seals."""
    told = msgspec.to_builtins(document)
    for name in _NEVER_ISSUED:
        told.pop(name, None)
    return told if is_folded else without_folds(told)


def without_folds(told: Any) -> Any:
    if isinstance(told, dict):
        return {k: without_folds(v) for k, v in told.items() if k not in _OF_A_FOLD}
    return [without_folds(each) for each in told] if isinstance(told, list | tuple) else told


def previewed(place: Place, name: str = "a", as_of: datetime | None = None, **more: Any) -> Preview:
    now = more.pop("now", place.now)
    writing = Writing(at=now, recorded_at=now, actor="test", ids=place.ids)
    return preview(place.database, place.tenant_id, name, as_of, writing=writing,
                   terms=world.TERMS, **more)  # fmt: skip


def tables(place: Place) -> dict[str, list[Any]]:
    """Every row of every table of the tenant."""
    with place.database.snapshot(place.tenant_id) as tx:
        names = [
            name
            for (name,) in tx.tuples(
                "select relname::text from pg_class where relkind in ('r', 'p') and"
                " relnamespace = 'everycent'::regnamespace"
                " and has_table_privilege('everycent_app', oid, 'select')"
            )
        ]
        return {
            name: sorted(map(str, tx.tuples(f"select t::text from everycent.{name} t")))
            for name in names
        }


def test_everything_that_billing_writes_is_compared(place: Place) -> None:
    assert {target.name for target in TABLES} <= tables(place).keys()
    assert {"late_usage", "late_mark", "billing_run", "journal_event"} <= tables(place).keys()


@pytest.mark.parametrize("path", [*SHIPPED, *PUBLISHED], ids=lambda path: path.stem)
def test_each_bill_of_a_story_is_what_was_previewed(place: Place, path: Path) -> None:
    story = load(path)
    told = World(place.database, place.tenant_id, actor="story", time_zone=story.time_zone,
                 payment_days=story.payment_days)  # fmt: skip
    terms = bill.Terms("story", story.time_zone, story.payment_days)
    compared = 0
    for step in story.steps:
        told.at = step.at
        if step.action != "bill":
            if step.expect_refusal is None:
                ACTIONS[step.action].do(told, step.given)
            continue
        found: dict[str, list[Any]] = {}
        with place.database.snapshot(place.tenant_id) as tx:
            everybody = [one.key for one in customers.page(tx, limit=10_000)]
        for key in everybody:
            try:
                ours = preview(place.database, place.tenant_id, key, told.at,
                               writing=told.writing, terms=terms)  # fmt: skip
                found[key] = [plain(one, is_folded=False) for one in ours.documents]
            except Conflict as refusal:
                found[key] = [refusal.code]
        known = {invoice.name for invoice in world.issued(place)}
        came = ACTIONS["bill"].do(told, step.given)
        issued = {row["customer"]: [row["code"]] for row in came.data["parked"]}
        for one in sorted(world.issued(place), key=lambda one: one.invoice_id):
            if one.name not in known:
                told_of = plain(one, is_folded=False)
                issued.setdefault(one.customer.key, []).append(told_of)
        assert {key: told_of for key, told_of in found.items() if told_of} == issued
        compared += len(issued)
    assert compared


def test_with_folded_usage_it_is_the_invoice_to_the_last_byte_and_nothing_is_written(
    place: Place,
) -> None:
    world.sell(place, [("a", "api"), ("b", "api")])
    world.use(place, [calls("a", 150, date(2026, 1, 5)), calls("b", 9, date(2026, 1, 5))])
    before = tables(place)
    ours = previewed(place, as_of=midnight(date(2026, 2, 1)))
    assert tables(place) == before
    world.run(place, midnight(date(2026, 2, 1)))
    (theirs,) = [one for one in world.issued(place) if one.customer.key == "a"]
    assert [plain(one) for one in ours.documents] == [plain(theirs)]
    (told,) = as_data(ours)["documents"]
    assert {"number", "invoice_id"} & told.keys() == set()
    assert Decimal(told["gross"]) * 100 == theirs.gross


def test_usage_counts_before_it_is_folded_also_late_usage(place: Place) -> None:
    late = world.CATALOGUE + "intake:\n  calls: {after_invoice: next_invoice}\n"
    world.sell(place, [("a", "api")], text=late)
    world.use(place, [calls("a", 100, date(2026, 1, 5))])
    world.run(place, midnight(date(2026, 2, 1)))
    fresh = [calls("a", 30, date(2026, 1, 9)), calls("a", 50, date(2026, 2, 9))]
    world.use(place, fresh, fold=False)
    before = tables(place)
    ours = previewed(place, as_of=midnight(date(2026, 3, 1)))
    assert tables(place) == before
    world.run(place, midnight(date(2026, 3, 1)))
    theirs = world.issued(place)[1:]
    assert [len(one.lines) for one in theirs] == [3]
    assert theirs[0].lines[2].corrects is not None
    assert [plain(one, is_folded=False) for one in ours.documents] == [
        plain(one, is_folded=False) for one in theirs
    ]


def test_without_a_day_it_is_what_is_due_or_what_falls_due_next(place: Place) -> None:
    world.sell(place, [("a", "api"), ("b", "advance")])
    assert previewed(place, "a").as_of == midnight(date(2026, 2, 1))
    assert previewed(place, "b").as_of == place.now
    world.run(place, place.now)
    assert previewed(place, "b").as_of == midnight(date(2026, 2, 1))
    assert [one.gross for one in previewed(place, "b").documents] == [3720]


def change(place: Place, planned: Planned) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        by = Writing(at=place.now, recorded_at=place.now, actor="test", ids=place.ids)
        if isinstance(planned.change, str):
            subscriptions.switch(tx, "a", planned.change, planned.when, reason="", writing=by)
        else:
            subscriptions.change(tx, "a", planned.change, planned.when, reason="", writing=by)


@pytest.mark.parametrize(
    ("planned", "gross", "more"),
    [
        # 31.00 and 20 % are paid; 15 of 31 days stay.
        (Planned(Cancel(), When(date(2026, 1, 16))), [-1920], -1920),
        (Planned(Pause(), When(date(2026, 1, 16)), "a"), [-1920], -1920),
        (Planned(Cancel(), When(date(2026, 1, 16), keeps_paid=True)), [], 0),
        (Planned("views", When(date(2026, 1, 16))), [-1920], -1920),
        (Planned("views", When()), [], -3720),
    ],
)
def test_a_change_is_tried_out_and_comes_out_so(
    place: Place, planned: Planned, gross: list[int], more: int
) -> None:
    world.sell(place, [("a", "advance")], text=MORE)
    world.run(place, place.now)
    before = tables(place)
    as_of = midnight(planned.when.on or date(2026, 2, 1))
    ours = previewed(place, as_of=as_of, planned=planned)
    assert tables(place) == before
    assert [one.gross for one in ours.documents if one.gross] == gross
    assert effect(ours) == more
    change(place, planned)
    known = len(world.issued(place))
    world.run(place, as_of)
    issued = world.issued(place)[known:] if gross else []
    assert [plain(one) for one in ours.documents if one.gross] == [plain(one) for one in issued]


def test_without_a_day_a_change_is_looked_at_on_its_day(place: Place) -> None:
    world.sell(place, [("a", "advance")])
    world.run(place, place.now)
    found = previewed(place, planned=Planned(Cancel(), When(date(2026, 1, 16))))
    assert found.as_of == midnight(date(2026, 1, 16))
    assert [one.gross for one in found.documents] == [-1920]


def test_what_can_not_be_billed_or_changed_is_refused_as_it_would_be(place: Place) -> None:
    early = world.CATALOGUE.replace("since: 2000-01-01", "since: 2026-06-01")
    world.sell(place, [("a", "advance")], text=early)
    with pytest.raises(Conflict) as refused:
        previewed(place)
    assert refused.value.code == "tax.no_rate"
    with pytest.raises(Conflict) as refused:
        previewed(place, planned=Planned(Pause(), When(date(2026, 1, 16)), None), as_of=place.now)
    assert refused.value.code == "tax.no_rate"
    with pytest.raises(NotFound):
        previewed(place, "nobody")
    with pytest.raises(NotFound):
        previewed(place, planned=Planned(Cancel(), When(), "other"))
    with pytest.raises(Invalid) as wrong:
        previewed(place, as_of=datetime(2300, 1, 1, tzinfo=UTC))
    assert wrong.value.code == "billing.out_of_range"


def test_of_several_contracts_the_change_names_one(place: Place) -> None:
    world.sell(place, [("a", "advance")])
    with place.database.transaction(place.tenant_id) as tx:
        found = customers.by_name(tx, "a")
        subscriptions.start(tx, [Order(found, "advance", "two", world.START)],
                            **world.writing(place))  # fmt: skip
    with pytest.raises(Invalid) as refused:
        previewed(place, planned=Planned(Cancel(), When()))
    assert refused.value.code == "preview.which_subscription"
    assert "a, two" in (refused.value.hint or "")


@pytest.mark.parametrize("level", ["rate", "line"])
def test_coupons_taxes_and_policies_take_part(place: Place, level: str) -> None:
    plans = [("ana", "basic"), ("bob", "consumer")]
    world.sell(place, plans, text=test_discounts.catalogue(tax__rounding_level=level))
    for customer, _ in plans:
        for coupon in ("quarter", "ten"):
            test_discounts.give(place, coupon, customer)
    for month in (2, 3, 4):  # the first coupon is good for two of them
        as_of = midnight(date(2026, month, 1))
        ours = [previewed(place, name, as_of) for name, _ in plans]
        known = len(world.issued(place))
        world.run(place, as_of)
        theirs = {one.customer.key: plain(one) for one in world.issued(place)[known:]}
        assert {one.customer.key: plain(one.documents[0]) for one in ours} == theirs
        assert {len(one["discounts"]) for one in theirs.values()} == {2 if month < 4 else 1}


def rehearsed(place: Place, disturbances: int) -> int:
    """How often a customer had to be looked at until it could be locked, when others change it so often
    in between."""
    tries: list[int] = []

    def do(tx: Tx) -> int:
        found = customers.by_name(tx, "a")
        tries.append(1)
        if len(tries) <= disturbances:
            changed = msgspec.structs.replace(found, name=f"Name {len(tries)}")
            with place.database.transaction(place.tenant_id) as other:
                customer_operations.update(
                    other, changed, **world.writing(place) | {"ids": random_ids}
                )
        customer_operations.lock(tx, [found.customer_id])
        return len(tries)

    return rehearse(place.database, place.tenant_id, do)


def test_it_is_tried_again_when_somebody_changes_the_same_meanwhile(place: Place) -> None:
    world.sell(place, [("a", "api")])
    assert rehearsed(place, 0) == 1
    assert rehearsed(place, 2) == 3
    with pytest.raises(Unavailable) as refused:
        rehearsed(place, 3)
    assert refused.value.code == "rehearsal.busy"
