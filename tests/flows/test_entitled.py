"""Entitlements: what contracts and live use allow, in every situation, and that billing counts the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.corrections import operations as corrections
from everycent.credits import operations as credits_
from everycent.credits.wallet import Caps
from everycent.customers import operations as registry
from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.db import embedded
from everycent.entitlements.answer import Answer, Reason
from everycent.entitlements.shown import as_data
from everycent.flows import entitled
from everycent.flows.entitled import When, Who
from everycent.kernel.errors import Invalid, NotFound
from everycent.kernel.ids import derived
from everycent.kernel.period import instant_text
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.operations import Order
from everycent.subscriptions.timeline import Cancel, Pause, Resume
from everycent.tenants import operations as tenants
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_contracts import change, switch
from tests.flows.test_credit import grant, open_wallet, writing
from tests.flows.test_payers import pay
from tests.flows.world import calls, midnight, use
from tests.store import books

CATALOGUE = """
meters:
  calls: {unit: call}
  seats: {unit: seat, aggregation: units, distinct: user}
  stored: {unit: GB, aggregation: weighted_sum, level: sets}
  files: {unit: file, aggregation: unique, distinct: file}
  size: {unit: GB, aggregation: latest}
  register: {unit: kWh, aggregation: counter, digits: 5}
  tokens: {unit: token, formula: calls + 10 * files}
products: {api: {name: API}}
features:
  sso: {kind: switch, name: Single sign-on}
  projects: {kind: limit}
  support: {kind: grade, grades: [mail, phone, gold]}
  calls: {kind: metered, meter: calls}
  fresh: {kind: metered, meter: calls, after_switch: restart}
  today: {kind: metered, meter: calls, reset: day}
  weekly: {kind: metered, meter: calls, reset: week}
  monthly: {kind: metered, meter: calls, reset: month}
  yearly: {kind: metered, meter: calls, reset: year}
  ever: {kind: metered, meter: calls, reset: never}
  seats: {kind: metered, meter: seats, reset: never}
  space: {kind: metered, meter: stored, reset: never}
  gb_months: {kind: metered, meter: stored}
  files: {kind: metered, meter: files}
  size: {kind: metered, meter: size, reset: never}
  power: {kind: metered, meter: register}
  tokens: {kind: metered, meter: tokens}
  unsold: {kind: switch}
plans:
  basic:
    currency: EUR
    anchor_day: 1
    prices: [{key: calls, product: api, meter: calls, per_unit: {unit_amount: 0.01}}]
    features:
      {projects: 3, support: mail, calls: 100, fresh: 100, today: 100, weekly: 100, monthly: 100,
       yearly: 100, ever: 100, seats: 2, space: 10, gb_months: 10, files: 2, size: 10, power: 100,
       tokens: 100}
  plus:
    currency: EUR
    anchor_day: 1
    prices: [{key: calls, product: api, meter: calls, per_unit: {unit_amount: 0.01}}]
    features:
      {sso: on, projects: 10, support: phone, calls: 1000, fresh: 1000, monthly: 1000}
  soft:
    currency: EUR
    anchor_day: 1
    prices: [{key: calls, product: api, meter: calls, per_unit: {unit_amount: 0.01}}]
    features: {sso: off, calls: {limit: 100, soft: true}, support: gold, projects: 0}
  free:
    currency: EUR
    prices: [{key: fee, product: api, flat: {amount: 0}}]
    features: {projects: unlimited, calls: unlimited, sso: on}
  none: {currency: EUR, prices: [{key: fee, product: api, flat: {amount: 0}}]}
  trial:
    currency: EUR
    trial: {days: 14}
    prices: [{key: calls, product: api, meter: calls, per_unit: {unit_amount: 0.01}}]
    features: {sso: on, calls: 100}
"""
JAN, MID, FEB, MAR = date(2026, 1, 1), date(2026, 1, 16), date(2026, 2, 1), date(2026, 3, 1)
_ids = count()
Step = tuple[Any, ...]


def day(number: int, month: int = 1) -> date:
    return date(2026, month, number)


def noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(server: embedded.Instance) -> Iterator[Place]:
    """A database in which every test has a tenant of its own."""
    with books.fresh(server, "test_entitled") as place:
        yield place


@pytest.fixture
def seller(shared: Place) -> Place:
    """The catalogue, and `acme` and `holding` without a contract."""
    return new_seller(shared)


def new_seller(shared: Place) -> Place:
    slug = f"seller-{next(_ids)}"
    place = shared._replace(tenant_id=tenants.create(shared.database, slug, slug, shared.now),
                            ids=lambda key: derived(f"{slug}/{key}"))  # fmt: skip
    world.apply(place, CATALOGUE)
    with place.database.transaction(place.tenant_id) as tx:
        made = [
            Customer(place.ids(f"customer/{key}"), key, f"Customer {key}", "EUR", world.ZONE)
            for key in ("acme", "holding")
        ]
        registry.create(tx, made, **world.writing(place))
    return place


def start(
    place: Place, plan: str, key: str, on: date, subject: str = "acme", customer: str = "acme"
) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        order = Order(customers.by_name(tx, customer), plan, key, on, subject)
        contracts.start(tx, [order], **world.writing(place))


def play(place: Place, steps: Sequence[Step]) -> None:
    """What happens, one thing after the other."""
    for what, *told in steps:
        match what:
            case "start":
                start(place, *told)
            case "used":
                amount, on, *subject = told
                name = subject[0] if subject else "acme"
                record = calls(name, amount, on, name=f"{name}/{next(_ids)}")
                use(place, [record], fold=amount % 2 == 0)
            case "switch":
                plan, on = told
                switch(place, plan, on, "a")
            case _:
                change(place, {"pause": Pause(), "resume": Resume(), "cancel": Cancel()}[what],
                       told[0], "a")  # fmt: skip


def ask(
    place: Place, feature: str, at: date | datetime, amount: str | None = None,
    *, key: str | None = None, is_now: bool = True, customer: str = "acme",
) -> Answer:  # fmt: skip
    as_of = at if isinstance(at, datetime) else noon(at)
    wanted = None if amount is None else Decimal(amount)
    with place.database.snapshot(place.tenant_id) as tx:
        who = Who(customers.by_name(tx, customer), key)
        return entitled.check(tx, who, feature, When(as_of, is_now), wanted)


def told(answer: Answer) -> tuple[Any, ...]:
    numbers = (answer.limit, answer.used, answer.left)
    return answer.code.value, *(None if one is None else str(one) for one in numbers)


BASIC = ("start", "basic", "a", JAN)
PLUS = ("start", "plus", "b", JAN)
YES, NO = True, False
SITUATIONS: list[tuple[str, list[Step], tuple[Any, ...], tuple[Any, ...]]] = [
    # what happened, asked, and then: allowed, code, limit, used, left
    ("nothing", [], ("sso", MID), (NO, "no_contract", None, None, None)),
    ("nothing", [], ("calls", MID), (NO, "no_contract", "0", None, "0")),
    ("the plan lacks it", [BASIC], ("sso", MID), (NO, "not_included", None, None, None)),
    ("no plan has it", [BASIC], ("unsold", MID), (NO, "not_included", None, None, None)),
    ("it is off", [("start", "soft", "a", JAN)], ("sso", MID),
     (NO, "not_included", None, None, None)),
    ("it is on", [("start", "plus", "a", JAN)], ("sso", MID), (YES, "included", None, None, None)),
    ("any of two", [BASIC, PLUS], ("sso", MID), (YES, "included", None, None, None)),
    ("not begun", [("start", "plus", "a", FEB)], ("sso", MID),
     (NO, "not_started", None, None, None)),
    ("not begun", [("start", "plus", "a", FEB)], ("calls", MID),
     (NO, "not_started", "0", None, "0")),
    ("the first day", [("start", "plus", "a", FEB)], ("sso", midnight(FEB)),
     (YES, "included", None, None, None)),
    ("ended", [("start", "plus", "a", JAN), ("cancel", MID)], ("sso", MID),
     (NO, "ended", None, None, None)),
    ("the last instant", [("start", "plus", "a", JAN), ("cancel", MID)],
     ("sso", midnight(MID) - timedelta(microseconds=1)), (YES, "included", None, None, None)),
    ("cancelled for later", [("start", "plus", "a", JAN), ("cancel", FEB)], ("sso", MID),
     (YES, "included", None, None, None)),
    ("paused", [("start", "plus", "a", JAN), ("pause", MID)], ("sso", day(20)),
     (NO, "paused", None, None, None)),
    ("paused for later", [("start", "plus", "a", JAN), ("pause", FEB)], ("sso", MID),
     (YES, "included", None, None, None)),
    ("resumed", [("start", "plus", "a", JAN), ("pause", MID), ("resume", day(20))],
     ("sso", day(20)), (YES, "included", None, None, None)),
    ("one paused, one runs", [("start", "plus", "a", JAN), ("pause", MID), ("start", "basic", "b", JAN)],
     ("sso", day(20)), (NO, "paused", None, None, None)),
    ("paused, then cancelled", [("start", "plus", "a", JAN), ("pause", MID), ("cancel", day(20))],
     ("sso", day(25)), (NO, "ended", None, None, None)),
    ("planned", [BASIC, ("switch", "plus", FEB)], ("sso", MID),
     (NO, "not_started", None, None, None)),
    ("lost with a switch", [("start", "plus", "a", JAN), ("switch", "basic", MID)],
     ("sso", day(20)), (NO, "not_included", None, None, None)),
    ("on trial", [("start", "trial", "a", JAN)], ("sso", day(14)),
     (YES, "included", None, None, None)),
    ("after the trial", [("start", "trial", "a", JAN)], ("sso", MID),
     (YES, "included", None, None, None)),
    ("a new count after the trial", [("start", "trial", "a", JAN), ("used", 30, day(10)),
     ("used", 4, day(15))], ("calls", MID), (YES, "within_limit", "100", "4", "96")),
    ("a trial is counted too", [("start", "trial", "a", JAN), ("used", 30, day(10))],
     ("calls", day(14)), (YES, "within_limit", "100", "30", "70")),

    ("a limit", [BASIC], ("projects", MID), (YES, "within_limit", "3", None, None)),
    ("a limit, just so many", [BASIC], ("projects", MID, "3"), (YES, "within_limit", "3", None, None)),
    ("a limit, one more", [BASIC], ("projects", MID, "4"), (NO, "beyond_limit", "3", None, None)),
    ("limits add up", [BASIC, PLUS], ("projects", MID, "13"), (YES, "within_limit", "13", None, None)),
    ("of one contract", [BASIC, PLUS], ("projects", MID, "13", "b"),
     (NO, "beyond_limit", "10", None, None)),
    ("a limit of nothing", [("start", "soft", "a", JAN)], ("projects", MID),
     (NO, "limit_reached", "0", None, None)),
    ("no limit", [("start", "free", "a", JAN)], ("projects", MID, "99"),
     (YES, "unlimited", None, None, None)),
    ("no limit beside one", [BASIC, ("start", "free", "b", JAN)], ("projects", MID, "99"),
     (YES, "unlimited", None, None, None)),

    ("unused", [BASIC], ("calls", MID), (YES, "within_limit", "100", "0", "100")),
    ("used", [BASIC, ("used", 60, day(5)), ("used", 39, MID)], ("calls", MID),
     (YES, "within_limit", "100", "99", "1")),
    ("the last one", [BASIC, ("used", 99, day(5))], ("calls", MID, "1"),
     (YES, "within_limit", "100", "99", "1")),
    ("a part of one too many", [BASIC, ("used", 99, day(5))], ("calls", MID, "1.000000000000000001"),
     (NO, "beyond_limit", "100", "99", "1")),
    ("used up", [BASIC, ("used", 100, day(5))], ("calls", MID),
     (NO, "limit_reached", "100", "100", "0")),
    ("used up, any more", [BASIC, ("used", 100, day(5))], ("calls", MID, "0.1"),
     (NO, "limit_reached", "100", "100", "0")),
    ("more than all", [BASIC, ("used", 130, day(5))], ("calls", MID),
     (NO, "limit_reached", "100", "130", "0")),
    ("beyond a soft limit", [("start", "soft", "a", JAN), ("used", 130, day(5))], ("calls", MID, "9"),
     (YES, "over_soft_limit", "100", "130", "0")),
    ("over a soft limit at once", [("start", "soft", "a", JAN)], ("calls", MID, "101"),
     (YES, "over_soft_limit", "100", "0", "100")),
    ("metered without a limit", [("start", "free", "a", JAN), ("used", 7, day(5))], ("calls", MID, "1e9"),
     (YES, "unlimited", None, "7", None)),
    ("another subject's use", [BASIC, ("used", 60, day(5), "other")], ("calls", MID),
     (YES, "within_limit", "100", "0", "100")),
    ("use before the period", [("start", "basic", "a", date(2025, 12, 1)), ("used", 60, date(2025, 12, 31)),
     ("used", 2, JAN)], ("calls", MID), (YES, "within_limit", "100", "2", "98")),
    ("use before the contract", [("start", "basic", "a", day(10)), ("used", 60, day(5)),
     ("used", 2, day(11))], ("calls", MID), (YES, "within_limit", "100", "2", "98")),
    ("use of the next period", [BASIC, ("used", 60, FEB)], ("calls", MID),
     (YES, "within_limit", "100", "0", "100")),
    ("counted anew", [BASIC, ("used", 100, day(31))], ("calls", midnight(FEB)),
     (YES, "within_limit", "100", "0", "100")),
    ("just before", [BASIC, ("used", 100, day(31))], ("calls", midnight(FEB) - timedelta(microseconds=1)),
     (NO, "limit_reached", "100", "100", "0")),
    ("switched up", [BASIC, ("used", 90, day(5)), ("switch", "plus", MID), ("used", 20, day(20))],
     ("calls", day(25)), (YES, "within_limit", "1000", "110", "890")),
    ("switched up, counted anew", [BASIC, ("used", 90, day(5)), ("switch", "plus", MID),
     ("used", 20, day(20))], ("fresh", day(25)), (YES, "within_limit", "1000", "20", "980")),
    ("switched down", [("start", "plus", "a", JAN), ("used", 500, day(5)), ("switch", "basic", MID)],
     ("calls", day(25)), (NO, "limit_reached", "100", "500", "0")),
    ("switched and paused", [BASIC, ("switch", "plus", day(5)), ("used", 8, day(6)), ("pause", day(10)),
     ("resume", MID), ("used", 2, MID)], ("fresh", day(25)), (YES, "within_limit", "1000", "10", "990")),
    ("paused between", [BASIC, ("used", 8, day(6)), ("pause", day(10)), ("resume", MID), ("used", 2, MID)],
     ("calls", day(25)), (YES, "within_limit", "100", "10", "90")),
    ("two contracts, one subject", [BASIC, PLUS, ("used", 300, day(5))], ("calls", MID),
     (YES, "within_limit", "1100", "300", "800")),
    ("the second one later", [BASIC, ("start", "plus", "b", day(10)), ("used", 300, day(5)),
     ("used", 50, day(12))], ("calls", MID), (YES, "within_limit", "1100", "350", "750")),
    ("two subjects", [BASIC, ("start", "plus", "b", JAN, "site"), ("used", 30, day(5)),
     ("used", 50, day(12), "site")], ("calls", MID), (YES, "within_limit", "1100", "80", "1020")),
    ("of one contract", [BASIC, PLUS, ("used", 101, day(5))], ("calls", MID, None, "a"),
     (NO, "limit_reached", "100", "101", "0")),
    ("windows apart", [BASIC, ("start", "free", "b", day(10)), ("used", 3, day(5)), ("used", 4, day(12))],
     ("calls", MID), (YES, "unlimited", None, "11", None)),

    ("by days", [BASIC, ("used", 100, day(15)), ("used", 4, MID)], ("today", MID),
     (YES, "within_limit", "100", "4", "96")),
    ("by weeks from Monday", [BASIC, ("used", 9, day(11)), ("used", 4, day(12))], ("weekly", MID),
     (YES, "within_limit", "100", "4", "96")),
    ("by months", [("start", "basic", "a", date(2025, 12, 5)), ("used", 9, date(2025, 12, 31)),
     ("used", 4, JAN)], ("monthly", MID), (YES, "within_limit", "100", "4", "96")),
    ("by years", [("start", "basic", "a", date(2025, 12, 5)), ("used", 9, date(2025, 12, 31)),
     ("used", 4, JAN), ("used", 5, FEB)], ("yearly", day(2, 2)), (YES, "within_limit", "100", "9", "91")),
    ("never", [("start", "basic", "a", date(2025, 12, 5)), ("used", 9, date(2025, 12, 31)),
     ("used", 4, JAN), ("used", 5, FEB)], ("ever", MAR), (YES, "within_limit", "100", "18", "82")),
    ("a formula", [BASIC, ("used", 9, day(5))], ("tokens", MID), (YES, "within_limit", "100", "9", "91")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "asked", "expected"),
    [one[1:] for one in SITUATIONS],
    ids=[f"{n}: {one[0]}" for n, one in enumerate(SITUATIONS, start=1)],
)
def test_in_this_situation_the_answer_is(
    seller: Place, steps: list[Step], asked: tuple[Any, ...], expected: tuple[Any, ...]
) -> None:
    play(seller, steps)
    feature, at, *more = asked
    amount, key = [*more, None, None][:2]
    answer = ask(seller, feature, at, amount, key=key)
    assert (answer.is_allowed, *told(answer)) == expected


def record(meter: str, at: datetime, value: str = "1", **dimensions: str) -> UsageRecord:
    text = "{" + ",".join(f'"{name}":"{told}"' for name, told in sorted(dimensions.items())) + "}"
    return UsageRecord("test", f"{meter}/{next(_ids)}", "acme", meter, at, value, text)


AT = noon(MID)
LEVELS = [
    # feature      records                                                        used
    ("seats", [record("seats", noon(day(5)), user="ann"), record("seats", noon(day(6)), user="bob"),
               record("seats", noon(day(7)), user="ann", operation="remove")], "1"),
    ("seats", [record("seats", AT, user="ann"), record("seats", noon(FEB), user="bob")], "1"),
    ("seats", [record("seats", noon(date(2025, 12, 5)), user="ann")], "1"),
    ("space", [record("stored", noon(day(5)), "7.5"), record("stored", AT, "8")], "8"),
    ("gb_months", [record("stored", midnight(day(1)), "31")], "15.541666666666666667"),
    ("files", [record("files", noon(day(5)), file="a"), record("files", noon(day(6)), file="a")], "1"),
    ("size", [record("size", noon(day(5)), "3"), record("size", noon(day(6)), "2.5")], "2.5"),
    ("power", [record("register", midnight(JAN), "100"), record("register", noon(day(9)), "160")], "60"),
    ("tokens", [record("calls", noon(day(5)), "3"), record("files", noon(day(6)), file="a")], "13"),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "records", "used"), LEVELS)
@pytest.mark.parametrize("fold", [True, False])
def test_whatever_a_meter_counts_is_used(
    seller: Place, feature: str, records: list[UsageRecord], used: str, fold: bool
) -> None:
    play(seller, [BASIC])
    use(seller, records, fold=fold)
    answer = ask(seller, feature, AT)
    assert str(answer.used) == used
    assert answer.limit == (answer.left or 0) + Decimal(used) - (answer.over or 0)


def test_a_seat_that_is_given_up_is_there_for_somebody_else_at_once(seller: Place) -> None:
    play(seller, [BASIC])
    use(seller, [record("seats", AT - timedelta(hours=1), user=name) for name in ("ann", "bob")])
    assert told(ask(seller, "seats", AT)) == ("limit_reached", "2", "2", "0")
    gone = record("seats", AT - timedelta(seconds=1), user="ann", operation="remove")
    use(seller, [gone], fold=False)
    assert told(ask(seller, "seats", AT)) == ("within_limit", "2", "1", "1")
    assert ask(seller, "seats", AT).reasons[0].message == "1 of 2 seat in use; 1 left"
    assert ask(seller, "seats", AT).resets_at is None


def test_a_late_record_counts_in_its_own_window_and_a_voided_one_no_more(seller: Place) -> None:
    play(seller, [("start", "basic", "a", date(2025, 12, 1)), ("used", 60, day(5))])
    use(seller, [calls("acme", 500, date(2025, 12, 31)), calls("acme", 25, day(3))], fold=False)
    assert told(ask(seller, "calls", MID)) == ("within_limit", "100", "85", "15")
    by = corrections.By("test", "wrong", seller.now, seller.ids)
    with seller.database.transaction(seller.tenant_id) as tx:
        (done,) = [corrections.void(tx, [("test", f"acme/{day(3)}")], by)]
    assert done is not None
    assert told(ask(seller, "calls", MID)) == ("within_limit", "100", "60", "40")


def test_as_of_the_past_only_what_had_been_used_by_then_counts(seller: Place) -> None:
    play(seller, [BASIC, ("used", 60, day(5)), ("used", 30, day(20))])
    assert told(ask(seller, "calls", MID, is_now=False))[2] == "60"
    assert told(ask(seller, "calls", MID))[2] == "90"


def test_a_plan_version_that_was_sold_keeps_its_features(seller: Place) -> None:
    play(seller, [BASIC])
    world.apply(seller, CATALOGUE.replace("calls: 100,", "calls: 5, sso: on,"))
    assert told(ask(seller, "calls", MID))[1] == "100"
    assert ask(seller, "sso", MID).code is Reason.NOT_INCLUDED
    start(seller, "basic", "b", JAN)
    assert told(ask(seller, "calls", MID))[1] == "105"
    answer = ask(seller, "sso", MID)
    assert [(one.code.value, one.standing and one.standing.phase.plan_version)
            for one in answer.reasons] == [("included", 2)]  # fmt: skip


REASONS = [
    # steps                                       asked                       what is said
    ([], ("sso", MID), ["the customer has no contract"]),
    ([BASIC], ("sso", MID), ["a: plan basic version 1 (phase 1) does not include it"]),
    ([BASIC, ("cancel", MID)], ("sso", MID), ["no plan of the customer's contracts includes it"]),
    ([("start", "plus", "a", FEB)], ("sso", MID),
     ["a: plan plus version 1 (phase 1) includes it from 2026-02-01 on"]),
    ([BASIC, ("switch", "plus", FEB)], ("sso", MID),
     ["a: plan plus version 1 (phase 2) includes it from 2026-02-01 on",
      "a: plan basic version 1 (phase 1) does not include it"]),
    ([("start", "plus", "a", JAN), ("pause", MID)], ("sso", day(20)),
     ["a: plan plus version 1 (phase 1) includes it, and is paused since 2026-01-16"]),
    ([("start", "plus", "a", JAN), ("cancel", MID)], ("sso", day(20)),
     ["a: plan plus version 1 (phase 1) included it until 2026-01-16, and has ended"]),
    ([("start", "trial", "a", JAN)], ("sso", day(5)),
     ["a: plan trial version 1 (phase 1) includes it, on trial until 2026-01-15"]),
    ([BASIC, PLUS], ("support", MID),
     ["b: plan plus version 1 (phase 1) includes the grade phone",
      "a: plan basic version 1 (phase 1) includes the grade mail"]),
    ([BASIC, PLUS], ("projects", MID),
     ["up to 13 are allowed", "a: plan basic version 1 (phase 1) includes up to 3",
      "b: plan plus version 1 (phase 1) includes up to 10"]),
    ([BASIC, ("used", 60, day(5))], ("calls", MID, "50"),
     ["60 of 100 call used since 2026-01-01, counted anew on 2026-02-01; 40 left, and not 50",
      "a: plan basic version 1 (phase 1) includes 100 call a period"]),
    ([BASIC, ("used", 60, day(5))], ("ever", MID),
     ["60 of 100 call used since 2026-01-01; 40 left",
      "a: plan basic version 1 (phase 1) includes 100 call in all"]),
    ([("start", "free", "a", JAN), ("used", 7, day(5))], ("calls", MID),
     ["7 call used since 2026-01-01, counted anew on 2026-02-01; any use is allowed",
      "a: plan free version 1 (phase 1) includes any use"]),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "asked", "said"), REASONS)
def test_the_reasons_name_contract_plan_and_phase(
    seller: Place, steps: list[Step], asked: tuple[Any, ...], said: list[str]
) -> None:
    play(seller, steps)
    answer = ask(seller, *asked)
    assert [one.message for one in answer.reasons] == said
    assert [one.message for one in answer.reasons if one.standing is None] == [
        text for text in said if not text.startswith(("a:", "b:"))
    ]


def test_the_best_grade_of_all_contracts_holds(seller: Place) -> None:
    play(seller, [BASIC, PLUS])
    assert ask(seller, "support", MID).grade == "phone"
    start(seller, "soft", "c", JAN)
    assert ask(seller, "support", MID).grade == "gold"


def test_a_list_gives_for_every_feature_what_a_question_gives(seller: Place) -> None:
    play(seller, [BASIC, ("start", "plus", "b", JAN, "site"), ("used", 60, day(5)),
                  ("used", 31, day(6), "site")])  # fmt: skip
    with seller.database.snapshot(seller.tenant_id) as tx:
        found = entitled.listed(tx, Who(customers.by_name(tx, "acme")), When(noon(MID)))
    assert [one.asked.feature.key for one in found] == sorted(
        one.asked.feature.key for one in found
    )
    assert len(found) == 18
    for one in found:
        assert one == ask(seller, one.asked.feature.key, MID)


def cap(place: Place, key: str, hard: int | None, soft: int | None = None) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        credits_.set_caps(tx, key, Caps(soft, hard), writing(place))


CAPS = [
    # caps (soft, hard), granted, used     code, the cap's sentence
    ((None, None), 0, 60, "within_limit", None),
    ((100, None), 50, 60, "within_limit", None),
    ((None, 0), 0, 0, "hard_cap", "is 0.00 EUR, and its hard cap 0.00 EUR"),
    ((None, 0), 61, 60, "within_limit", None),
    ((None, 0), 60, 60, "hard_cap", "is 0.00 EUR, and its hard cap 0.00 EUR"),
    ((None, -50), 0, 60, "hard_cap", "is -0.60 EUR, and its hard cap -0.50 EUR"),
    ((None, -61), 0, 60, "within_limit", None),
]


@pytest.mark.parametrize("payer", ["acme", "holding"])
@pytest.mark.parametrize(("caps", "granted", "used", "code", "said"), CAPS)
def test_the_hard_cap_of_who_pays_ends_what_is_metered(
    seller: Place, payer: str, caps: tuple[int | None, int | None], granted: int, used: int,
    code: str, said: str | None,
) -> None:  # fmt: skip
    play(seller, [BASIC, ("used", used, day(5))] if used else [BASIC])
    if payer != "acme":
        pay(seller, "acme", payer, JAN)
        open_wallet(seller, "unasked", "acme")
        cap(seller, "unasked", 0)
    open_wallet(seller, "w", payer)
    if granted:
        grant(seller, "w", granted)
    cap(seller, "w", caps[1], caps[0])
    answer = ask(seller, "calls", MID)
    assert answer.code.value == code
    assert answer.used == used
    if said is not None:
        assert said in answer.reasons[0].message
        assert answer.reasons[0].message.startswith(f"the balance of wallet w of {payer} ")
        assert answer.reasons[1].code is Reason.WITHIN_LIMIT
    assert ask(seller, "projects", MID).is_allowed, "only use costs"


REFUSED = [
    # feature, amount, contract     code
    ("nothing", None, None, NotFound, "feature.unknown"),
    ("calls", "0", None, Invalid, "entitlement.bad_amount"),
    ("calls", "-1", None, Invalid, "entitlement.bad_amount"),
    ("sso", "1", None, Invalid, "entitlement.bad_amount"),
    ("support", "1", None, Invalid, "entitlement.bad_amount"),
    ("calls", None, "nothing", NotFound, "subscription.unknown"),
]


@pytest.mark.parametrize(("feature", "amount", "key", "kind", "code"), REFUSED)
def test_what_makes_no_question_is_refused(
    seller: Place, feature: str, amount: str | None, key: str | None, kind: Any, code: str
) -> None:
    play(seller, [BASIC])
    with pytest.raises(kind) as refused:
        ask(seller, feature, MID, amount, key=key)
    assert refused.value.code == code


def test_nobody_elses_contract_is_looked_at(seller: Place) -> None:
    start(seller, "plus", "theirs", JAN, "acme", "holding")
    assert ask(seller, "sso", MID).code is Reason.NO_CONTRACT
    assert ask(seller, "sso", MID, customer="holding").is_allowed
    with pytest.raises(NotFound):
        ask(seller, "sso", MID, key="theirs")


def test_programs_are_told_everything(seller: Place) -> None:
    play(seller, [("start", "soft", "a", JAN), ("used", 130, day(5))])
    assert as_data(ask(seller, "calls", MID, "2.50"), "acme") == {
        "customer": "acme", "feature": "calls", "name": "calls", "kind": "metered",
        "at": instant_text(noon(MID)), "amount": "2.5", "allowed": True, "code": "over_soft_limit",
        "unlimited": False, "soft": True, "limit": "100", "used": "130", "left": "0", "over": "30",
        "unit": "call", "resets_at": "2026-01-31T23:00:00Z", "grade": None,
        "windows": [{"subject": "acme", "starts_at": "2025-12-31T23:00:00Z",
                     "ends_at": "2026-01-31T23:00:00Z", "limit": "100", "used": "130"}],
        "reasons": [
            {"code": "over_soft_limit",
             "message": "130 of 100 call used since 2026-01-01, counted anew on 2026-02-01;"
                        " use goes on beyond the limit"},
            {"code": "included",
             "message": "a: plan soft version 1 (phase 1) includes 100 call a period",
             "subscription": "a", "plan": "soft", "plan_version": 1, "phase": 1, "state": "running"},
        ],
    }  # fmt: skip


def billed(place: Place) -> list[Decimal]:
    """The quantities of the lines over calls, in order of time."""
    lines = [
        line for paper in world.issued(place) for line in paper.lines
        if line.charge.price.key == "calls" and line.charge.quantity is not None
    ]  # fmt: skip
    return [
        Decimal(line.charge.quantity.value)
        for line in sorted(lines, key=lambda line: line.starts_at)
    ]


@settings(max_examples=25, deadline=None)
@given(
    uses=st.lists(st.tuples(st.integers(1, 31), st.integers(1, 150)), max_size=8),
    switched_on=st.none() | st.integers(2, 31),
)
def test_used_and_left_are_the_limit_and_used_is_what_billing_counts(
    shared: Place, uses: list[tuple[int, int]], switched_on: int | None
) -> None:
    place = new_seller(shared)
    play(place, [BASIC, *(("used", amount, day(number)) for number, amount in uses)])
    if switched_on is not None:
        play(place, [("switch", "plus", day(switched_on))])
    last = midnight(FEB) - timedelta(microseconds=1)
    kept, fresh = ask(place, "calls", last), ask(place, "fresh", last)
    world.run(place, midnight(FEB))
    lines = billed(place)
    assert (kept.used, fresh.used) == (sum(lines), lines[-1])
    for one in (kept, fresh):
        assert one.limit == (100 if switched_on is None else 1000)
        assert one.used + one.left == one.limit + one.over
        assert one.is_allowed is (one.used < one.limit)
        for amount in (one.left, one.left + 1):
            if amount:
                asked = ask(place, one.asked.feature.key, last, str(amount))
                assert asked.is_allowed is (amount == one.left and one.over == 0)
