"""The second engine counts invoices again: the same when nothing is wrong, and every wrong number told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from everycent.corrections import operations as corrections
from everycent.corrections.operations import By
from everycent.customers import operations as customers
from everycent.customers import queries as who
from everycent.customers.customer import TaxStatus
from everycent.flows import archive_usage, rate_due, recount
from everycent.flows.bill import RunResult
from everycent.flows.recount import Total
from everycent.flows.stories.actions import FORMS
from everycent.flows.stories.document import parse as parse_story
from everycent.flows.stories.play import play
from everycent.flows.verify import COUNTED_AGAIN
from everycent.integrations.usage_archive import ArchiveFolder
from everycent.invoicing import queries as invoices
from everycent.kernel import clock, ids
from everycent.rating.charge import Charge
from everycent.rating.rate import charge as right_charge
from everycent.recount.invoice import Credit, Recounted
from everycent.recount.invoice import recount as recount_invoice
from everycent.recount.line import Behind
from everycent.recount.sold import Plain
from everycent.subscriptions.timeline import Cancel
from tests.conftest import Place
from tests.flows import test_discounts, test_given_back, test_prices, test_rerate, world
from tests.flows.world import calls, midnight, sell, use

COMMAND = str(Path(sys.executable).with_name("everycent"))
WITH_RECOUNT = world.TERMS._replace(recount=True)
FEBRUARY, MARCH = date(2026, 2, 1), date(2026, 3, 1)
IN_MAY = archive_usage.Terms(clock.fixed(datetime(2026, 5, 2, tzinfo=UTC)), ids.derived, "x")

WORLDS = [
    (test_prices.CATALOGUE, test_prices.RECORDS, [FEBRUARY]),
    (test_rerate.CATALOGUE, test_rerate.RECORDS, [FEBRUARY, MARCH, date(2026, 4, 1)]),
]


def counted(place: Place, **more: Any) -> Total:
    with place.database.snapshot(place.tenant_id) as tx:
        return recount.recount_issued(tx, **more)


@pytest.fixture
def sold(place: Place) -> Place:
    sell(place, [("a", "api"), ("b", "advance"), ("c", "api")])
    use(place, [calls("a", 150, date(2026, 1, 20)), calls("c", 10, date(2026, 1, 11))])
    return place


# --- what was issued ---------------------------------------------------------------------------


def test_invoices_come_to_the_same_when_they_are_counted_again(sold: Place) -> None:
    world.run(sold, midnight(MARCH))
    issued = world.issued(sold)
    total = counted(sold)
    assert total == Total(len(issued), sum(len(i.lines) for i in issued), 0, [])


def test_a_share_of_the_invoices_is_always_the_same_and_grows_with_it(sold: Place) -> None:
    world.run(sold, midnight(date(2026, 12, 1)))
    counts = [counted(sold, percent=percent).invoices for percent in (1, 30, 30, 70, 100)]
    assert counts == sorted(counts)
    assert counts[1] == counts[2]
    assert 0 < counts[1] < counts[3] < counts[4] == len(world.issued(sold))


def test_what_came_or_was_taken_back_after_the_bill_changes_nothing(sold: Place) -> None:
    world.run(sold, midnight(FEBRUARY))
    by = By("test", "not ours", sold.now, sold.ids)
    with sold.database.transaction(sold.tenant_id) as tx:
        corrections.void(tx, [("test", "a/2026-01-20")], by)
    use(sold, [calls("c", 99, date(2026, 1, 12))])
    assert counted(sold).differences == []


@pytest.mark.not_recounted
def test_records_that_were_changed_in_place_are_told_with_both_amounts(sold: Place) -> None:
    world.run(sold, midnight(FEBRUARY))
    with psycopg.connect(sold.admin_conninfo) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute(
            "update everycent.usage_record set value = 250 where record_id = 'a/2026-01-20'"
        )
    told = counted(sold).differences
    # 100 × 0.05 + 50 × 0.0333 = 6.665, and with a hundred more 9.995
    assert (
        "INV-000004, line 1: the net amount in minor units is 667, and 1000 when counted again"
        in told
    )
    assert all(each.startswith("INV-000004, ") for each in told)


def test_what_is_in_the_archive_is_believed_and_told_unless_its_files_are_given(
    sold: Place, tmp_path: Path
) -> None:
    world.run(sold, midnight(MARCH))
    files = ArchiveFolder(tmp_path / "archive")
    archive_usage.archive(sold.database, "default", FEBRUARY, files, IN_MAY)
    lines = sum(len(invoice.lines) for invoice in world.issued(sold))
    with_usage = 2  # of January; of February there is no record that could be away
    assert counted(sold)[1:] == (lines, with_usage, [])
    assert counted(sold, files=files)[1:] == (lines, 0, [])


def test_the_command_tells_what_it_counted_again(sold: Place) -> None:
    world.run(sold, midnight(MARCH))
    check = verified(sold, "--recount")
    assert (check["violators"], check["figures"]) == ([], {"invoices": 7, "lines": 11})
    assert verified(sold, "--recount", "--share", "50")["figures"]["invoices"] < 7


def verified(place: Place, *words: str) -> Any:
    environment = os.environ | {"EVERYCENT_DATABASE_URL": place.conninfo, "EVERYCENT_ACTOR": "t"}
    done = subprocess.run(
        [COMMAND, "verify", *words, "--json"], env=environment, capture_output=True, text=True
    )
    (check,) = (c for c in json.loads(done.stdout)["checks"] if c["promise"] == COUNTED_AGAIN)
    return check


# --- before it is issued -----------------------------------------------------------------------


def wrong(item: Any, *rest: Any, **more: Any) -> Charge:
    """Rating with a mistake: what is billed in advance costs a cent more."""
    made = right_charge(item, *rest, **more)
    return msgspec.structs.replace(made, net=made.net + 1) if item.price.in_advance else made


def parked(place: Place, done: RunResult) -> list[tuple[str, str, str]]:
    with place.database.snapshot(place.tenant_id) as tx:
        return [(r.customer, r.code, r.message) for r in invoices.parked(tx, done.run.run_id)]


def test_an_invoice_that_differs_is_not_issued_and_the_others_are(
    sold: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_due, "charge", wrong)
    done = world.run(sold, midnight(FEBRUARY), terms=WITH_RECOUNT)
    assert parked(sold, done) == [
        ("b", "billing.recount_differs", (
         "line 1: the net amount in minor units is 3101, and 3100 when counted again; tax vat of 20 %:"
         " the base in minor units is 3101, and 3100 when counted again; the invoice: the net total in"
         " minor units is 3101, and 3100 when counted again; and 1 more"))
    ]  # fmt: skip
    assert {invoice.customer.key for invoice in world.issued(sold)} == {"a", "c"}
    monkeypatch.undo()
    again = world.run(sold, midnight(FEBRUARY), terms=WITH_RECOUNT)
    assert parked(sold, again) == []
    assert [i.customer.key for i in world.issued(sold)].count("b") == 2


@pytest.mark.not_recounted
def test_without_the_recount_the_wrong_invoice_is_issued(
    sold: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_due, "charge", wrong)
    assert parked(sold, world.run(sold, midnight(FEBRUARY))) == []
    assert len(counted(sold).differences) > 1


def test_the_tenants_policy_has_every_invoice_counted_again(
    sold: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.apply(sold, "policies: {billing.recount: stop}")
    monkeypatch.setattr(rate_due, "charge", wrong)
    done = world.run(sold, midnight(FEBRUARY))
    assert [(who, code) for who, code, _ in parked(sold, done)] == [
        ("b", "billing.recount_differs")
    ]
    monkeypatch.undo()
    assert parked(sold, world.run(sold, midnight(FEBRUARY))) == []


@pytest.mark.not_recounted
def test_the_tenants_policy_may_leave_it_to_the_run(
    sold: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.apply(sold, "policies: {billing.recount: stop}")
    world.apply(sold, "policies: {billing.recount: off}")
    monkeypatch.setattr(rate_due, "charge", wrong)
    assert parked(sold, world.run(sold, midnight(FEBRUARY))) == []


def test_a_roll_up_that_lies_bills_nobody(sold: Place) -> None:
    with psycopg.connect(sold.admin_conninfo) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update everycent.usage_day set total = total + 1 where total = 150")
    ((who, code, message),) = parked(sold, world.run(sold, midnight(FEBRUARY), terms=WITH_RECOUNT))
    assert (who, code) == ("a", "billing.recount_differs")
    assert "line 1: the net amount in minor units is 670, and 667 when counted again" in message


def test_a_bill_that_stands_on_the_archive_is_issued_as_far_as_it_can_be_followed(
    place: Place, tmp_path: Path
) -> None:
    sell(place, [("a", "api")])
    use(place, [calls("a", 150, date(2026, 1, 20)), calls("a", 50, date(2026, 2, 20))])
    files = ArchiveFolder(tmp_path / "archive")
    archive_usage.archive(place.database, "default", FEBRUARY, files, IN_MAY, even_unbilled=True)
    assert parked(place, world.run(place, midnight(MARCH), terms=WITH_RECOUNT)) == []
    assert [invoice.net for invoice in world.issued(place)] == [667 + 990, 250 + 990]


def test_a_run_of_every_kind_of_meter_goes_through_the_recount(place: Place) -> None:
    text, records, until = WORLDS[1]
    sell(place, [("a", "all")], text=text, starts_on=date(2026, 1, 16))
    use(place, records)
    for day in until:
        assert parked(place, world.run(place, midnight(day), terms=WITH_RECOUNT)) == []
    assert len(world.issued(place)) > len(until)


RULES = [
    "unit: second",
    "unit: none",
    "day_count: '30', complement: true",
    "day_count: '30/360', round_daily_rate: true",
    "day_count: '365/366', denominator: plan",
    "denominator: calendar, end_day: billed",
    "change_day: both",
    "change_day: old, minimum: last_part",
    "unit: minute, minimum: last_part, credit: unused_part",
    "round_per_line: false",
    "unit: second, round_per_line: false, credit: paid_part",
]

CHANGING = """
meters: {{calls: {{unit: call}}}}
products: {{base: {{name: Base}}, calls: {{name: Calls}}}}
plans:
  small:
    currency: EUR
    anchor_day: 11
    proration: {{{rule}}}
    trial: {{days: 3, mode: days_off_first_period}}
    prices:
      - {{key: fee, product: base, flat: {{amount: 31.07}}, timing: in_advance}}
      - {{key: after, product: base, flat: {{amount: 9.99}}}}
      - {{key: calls, product: calls, meter: calls, per_unit: {{unit_amount: 0.01}}, minimum: 10}}
  large:
    currency: EUR
    anchor_day: 11
    proration: {{{rule}}}
    prices:
      - {{key: fee, product: base, flat: {{amount: 62}}, timing: in_advance}}
      - {{key: calls, product: calls, meter: calls, per_unit: {{unit_amount: 0.01}}, minimum: 20}}
"""


@pytest.mark.parametrize("rule", RULES)
def test_a_contract_that_changes_goes_through_the_recount_by_every_rule(
    place: Place, rule: str
) -> None:
    text = CHANGING.format(rule=rule)
    sell(place, [("acme", "small")], text=text)
    use(place, [calls("acme", 150, date(2026, 1, day)) for day in (2, 8, 20)])
    days = [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 24), date(2026, 2, 20), MARCH]
    for day in days:
        if day == days[2]:
            test_given_back.switch(place, "large", day)
        if day == days[3]:
            test_given_back.change(place, Cancel(), day)
        assert parked(place, world.run(place, midnight(day), terms=WITH_RECOUNT)) == []
    lines = [line for invoice in world.issued(place) for line in invoice.lines]
    assert any(line.corrects is not None for line in lines) or rule == "unit: none"
    assert counted(place).differences == []


# --- every number of an invoice ----------------------------------------------------------------

Leaf = tuple[str | int, ...]

NOT_OF_THE_AMOUNT = {
    # where a number stands that takes no part in what is owed            why it can't be told
    "number", "run_id", "invoice_id", "subscription_id", "customer_id", "item_no",  # names
    "issued_on", "due_on", "since",  # dates: when it was issued, since when a rate holds
    "digest", "subject_id", "meter_id", "fold_id",  # seals, which `verify` proves without this
    "peak_at", "counted", "opening_level", "at",  # told beside the value
    "scheme", "series",  # what was agreed: a term that was not reached may be any other
    "opening", "closing",  # readings: their values are told in stretches
    "version", "use_no", "redemption_no", "times", "priority", "limit",  # how a coupon came to be used here
    "draw_no",  # draws of a grant, which the database has in a chain
    "within",  # how far a tax may be from its percentage
}  # fmt: skip


def leaves(value: Any, path: Leaf = ()) -> Iterator[tuple[Leaf, int | str]]:
    """Every number in plain data, with the way to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    elif not isinstance(value, bool) and str(value).lstrip("-").replace(".", "", 1).isdigit():
        yield path, value


def changed(invoice: Plain, path: Leaf) -> Plain:
    """The invoice with one number made larger by one."""
    copy: Any = deepcopy(invoice)
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    old = inner[path[-1]]
    inner[path[-1]] = old + 1 if isinstance(old, int) else str(int(old.split(".")[0]) + 1)
    return copy  # type: ignore[no-any-return]


def is_of_nothing(invoice: Any, path: Leaf) -> bool:
    """Whether a number is multiplied with zero, as in the step of a tier that nothing reached."""
    if "steps" not in path:
        return False
    step = invoice["lines"][path[1]]["charge"]["steps"][path[-2]]
    factors = (step.get("quantity"), step.get("unit_amount"))
    return path[-1] in ("quantity", "unit_amount") and "0" in factors


Known = tuple[list[Behind], Credit]
"""What stands behind each line of an invoice, and the credit that there was."""


def again(invoice: Plain, known: Known) -> Recounted:
    """The invoice counted again over what stands behind its lines in turn."""
    lines = iter(known[0])
    return recount_invoice(invoice, lambda _: next(lines), known[1])


def with_all_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Plain, Known]]:
    """Every invoice with what stands behind each of its lines."""
    found = []

    def keep(invoice: Plain, behind: Callable[[Plain], Behind], credit: Credit) -> Any:
        known = [behind(line) for line in invoice["lines"]], credit
        found.append((json.loads(json.dumps(invoice)), known))
        return again(invoice, known)

    monkeypatch.setattr(recount, "recount_invoice", keep)
    assert counted(place).differences == []
    return found


@pytest.mark.parametrize(("text", "records", "until"), WORLDS, ids=["prices", "meters"])
def test_every_number_of_an_invoice_that_is_changed_is_told(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    records: Sequence[Any],
    until: list[date],
) -> None:
    sell(place, [("a", "all")], text=text, starts_on=date(2026, 1, 16))
    use(place, records)
    for day in until:
        world.run(place, midnight(day))
    silent, tried = silent_numbers(place, monkeypatch)
    assert silent == set()
    assert tried > 100


def silent_numbers(place: Place, monkeypatch: pytest.MonkeyPatch) -> tuple[set[Leaf], int]:
    """The numbers of which no change is told, and how many were changed."""
    silent = set()
    tried = 0
    for invoice, known in with_all_behind(place, monkeypatch):
        for path, _ in leaves(invoice):
            if NOT_OF_THE_AMOUNT.intersection(path) or is_of_nothing(invoice, path):
                continue
            tried += 1
            if not again(changed(invoice, path), known).differences:
                silent.add(path)
    return silent, tried


POLICIES = [
    ("taxed", {}),
    ("exempt", {"discount__split": "exact"}),
    ("taxed", {"discount__split": "exact", "tax__rounding_level": "line", "discount__rest": "carried"}),
    ("taxed", {"discount__split": "per_line", "tax__rounding_level": "tax", "tax__rounding_step": "0.05"}),
    ("taxed", {"discount__split": "exact", "tax__rounding_level": "invoice", "tax__rounding_mode": "up"}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "policies"), POLICIES)
@pytest.mark.parametrize("plan", ["basic", "consumer"])
def test_every_number_of_a_discount_or_a_tax_that_is_changed_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, policies: Any, plan: str, status: str
) -> None:
    sell(place, [("ana", plan)], text=test_discounts.catalogue(**policies))
    if status != "taxed":
        with place.database.transaction(place.tenant_id) as tx:
            exempt = msgspec.structs.replace(
                who.by_name(tx, "ana"), tax_status=TaxStatus(status), tax_reason="by law"
            )
            customers.update(tx, exempt, **world.writing(place))
    for coupon in ("quarter", "ten", "big"):
        test_discounts.give(place, coupon)
    assert parked(place, world.run(place, midnight(FEBRUARY), terms=WITH_RECOUNT)) == []
    silent, tried = silent_numbers(place, monkeypatch)
    assert silent == set()
    assert tried > 40


def test_every_number_of_what_a_change_gives_back_that_is_changed_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = test_given_back.CATALOGUE.replace(
        "small: {", "small: {proration: {unit: second, credit: paid_part}, "
    )
    sell(place, [("acme", "small")], text=text)
    world.run(place, midnight(date(2026, 1, 1)))
    test_given_back.switch(place, "large", date(2026, 1, 16))
    world.run(place, midnight(date(2026, 1, 16)))
    (line, _) = world.issued(place)[-1].lines
    assert line.corrects is not None
    assert line.corrects.given_back == 1600
    silent, tried = silent_numbers(place, monkeypatch)
    # which line is corrected is a name; what credit stands for is proved with the chain; what credit
    # notes took off is a limit, which is not reached here
    believed = {("corrects", name) for name in ("line_no", "step", "prepaid", "credited")}
    assert {path[-2:] for path in silent} == believed
    assert tried > 20


CONVERTED = """
name: converted
time_zone: UTC
catalog:
  products: {p: {name: P}}
  policies: {currency.conversion: converted}
  plans:
    a:
      currency: EUR
      anchor_day: 1
      proration: {RULE}
      prices: [{key: fee, product: p, flat: {amount: 31}, timing: in_advance}]
    b:
      currency: EUR
      anchor_day: 1
      prices: [{key: fee, product: p, flat: {amount: 62}, timing: in_advance}]
steps:
  - at: 2026-01-01
    exchange: {rates: {EUR/USD: 1.2}}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: a, key: us}
  - bill: {}
  - at: 2026-01-16
    exchange: {rates: {EUR/USD: 1.2}}
  - switch: {subscription: us, plan: b, on: 2026-01-16}
  - bill: {expect: [{customer: us, lines: [{amount: -19.20}, {amount: 38.40}]}]}
"""


@pytest.mark.parametrize(
    "rule", ["credit: unused_part", "credit: paid_part", "round_per_line: false"]
)
def test_what_is_given_back_of_a_converted_price_is_counted_again_by_its_rate(place, rule):
    told = parse_story(CONVERTED.replace("RULE", rule), FORMS, str)
    found = play(place.database, place.tenant_id, told)
    assert [one.differences for one in found.steps if one.differences] == []
    assert counted(place).differences == []
