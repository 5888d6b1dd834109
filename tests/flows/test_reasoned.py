"""The records of a reason are told one by one, and they are as many as are counted."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from everycent.corrections import operations as corrections
from everycent.corrections import queries
from everycent.corrections.operations import By
from everycent.flows import reasoned
from everycent.flows.verify import reasons_of_usage, verify
from everycent.invoicing import operations as invoicing
from everycent.invoicing.reasons import Wanted
from everycent.kernel.period import Period
from everycent.metering.queries import known_numbers
from everycent.metering.record import EARLIEST, LATEST, UsageRecord
from everycent.subscriptions import operations as subscriptions
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import midnight, sell, use

CATALOGUE = (
    world.CATALOGUE
    + """
  parts:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: day, product: energy, meter: used_day, per_unit: {unit_amount: 0.25}}
      - {key: eu, product: api, meter: sent_eu, per_unit: {unit_amount: 0.25}}
      - {key: late, product: api, meter: forgiven, per_unit: {unit_amount: 0.25}}
bands:
  tou: {time_zone: UTC, bands: {day: ["07:00-21:00"]}, rest: night}
segments:
  region: {segments: {eu: [{region: eu}]}, rest: other}
intake:
  forgiven: {after_invoice: write_off}
"""
).replace(
    "meters:\n",
    "meters:\n  used: {unit: kWh}\n  used_day: {of: used, band: tou.day}\n  sent: {unit: GB}\n"
    "  sent_eu: {of: sent, segment: region.eu}\n  forgiven: {unit: call}\n",
    1,
)


def record(
    record_id: str,
    subject: str,
    meter: str,
    month: int,
    day: int,
    hour: int = 12,
    where: str = "{}",
) -> UsageRecord:
    at = datetime(2026, month, day, hour, tzinfo=UTC)
    return UsageRecord("app", record_id, subject, meter, at, "5", where)


def earlier(record_id: str, day: int) -> UsageRecord:
    """A reading of December, before the register's contract starts."""
    at = datetime(2025, 12, day, 12, tzinfo=UTC)
    return UsageRecord("app", record_id, "q", "register", at, "5", "{}")


WANTED = [
    # the record                                                          its reason
    (record("a", "a", "calls", 1, 5), "billed"),
    (record("b", "a", "calls", 1, 6), "voided_after_bill"),
    (record("c", "a", "calls", 2, 6), "voided"),
    (record("d", "a", "calls", 2, 7), "not_yet_billed"),
    (record("e", "a", "users", 1, 7, where='{"user":"u"}'), "not_priced"),
    (record("f", "nobody", "calls", 1, 7), "no_subscription"),
    (record("g", "ends", "calls", 2, 25), "outside_term"),
    (record("h", "x", "used", 1, 7, hour=8), "billed"),
    (record("i", "x", "used", 1, 7, hour=22), "part_not_priced"),
    (record("j", "x", "sent", 1, 7, where='{"region":"eu"}'), "billed"),
    (record("k", "x", "sent", 1, 7, where='{"region":"us"}'), "part_not_priced"),
    (record("l", "x", "forgiven", 1, 7), "billed"),
    (record("m", "p", "register", 1, 1, hour=0), "billed"),
    (record("n", "p", "register", 1, 20), "billed"),
    (earlier("o", 10), "opening_reading"),
    (earlier("p", 15), "voided"),
    (earlier("q", 20), "voided_after_bill"),
    (record("r", "q", "register", 1, 20), "billed"),
]  # fmt: skip
LATE = [
    (record("late", "a", "calls", 1, 8), "too_late"),
    (record("late night", "x", "used", 1, 9, hour=23), "too_late"),
    (record("late forgiven", "x", "forgiven", 1, 9), "written_off"),
    (earlier("older", 12), "opening_reading"),
    (earlier("newer", 28), "too_late"),
    (earlier("newer and void", 29), "voided"),
]


@pytest.fixture
def seller(place: Place) -> Place:
    """January is billed; there is a record of each reason, one that is billed over a register included."""
    sold = [("a", "api"), ("ends", "api"), ("p", "power"), ("q", "power"), ("x", "parts")]
    sell(place, sold, text=CATALOGUE)
    with place.database.transaction(place.tenant_id) as tx:
        subscriptions.cancel(
            tx,
            "ends",
            subscriptions.When(date(2026, 2, 20)),
            reason="",
            writing=world.writing(place),
        )
    use(place, [told for told, _ in WANTED])
    world.run(place, midnight(date(2026, 2, 1)))
    use(place, [told for told, _ in LATE])
    with place.database.transaction(place.tenant_id) as tx:
        wrong = [("app", name) for name in ("b", "c", "p", "q", "newer and void")]
        corrections.void(tx, wrong, By("x", "wrong", place.now, place.ids))
    return place


def told_and_counted(seller: Place) -> tuple[dict[str, str], Counter[str], dict[str, int]]:
    """The reason of each record, and how often each is counted by batches and at once."""
    found = {}
    with seller.database.snapshot(seller.tenant_id) as tx:
        counted = reasons_of_usage(tx)
        batches = Counter[str]()
        for _, reason, records in reasoned.by_batch(tx, Period(EARLIEST, LATEST)):
            batches[reason] += records
        for reason in counted:
            keys = reasoned.with_reason(tx, [Period(EARLIEST, LATEST)], Wanted(reason), limit=100)
            found |= {one.record_id: reason for one in queries.with_keys(tx, keys)}
    return found, batches, counted


def test_every_record_is_told_under_the_reason_by_which_it_is_counted(seller: Place) -> None:
    found, batches, counted = told_and_counted(seller)
    assert found == {told.record_id: reason for told, reason in [*WANTED, *LATE]}
    assert batches == counted == Counter(found.values())


CREDITED = dict.fromkeys("ahjl", "credited")
"""What was billed to the customers a and x; what no line of theirs counted stays as it is."""


def test_what_was_on_an_invoice_that_was_taken_back_is_told_as_credited(seller: Place) -> None:
    writing = world.at_year_end(seller)
    with seller.database.transaction(seller.tenant_id) as tx:
        for invoice in world.issued(seller):
            if invoice.customer.key in ("a", "x"):
                invoicing.credit(tx, invoice.name, reason="x", time_zone="UTC", **writing)
    found, batches, counted = told_and_counted(seller)
    assert found == {told.record_id: reason for told, reason in [*WANTED, *LATE]} | CREDITED
    assert batches == counted == Counter(found.values())
    with seller.database.snapshot(seller.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=False))
    assert [check.promise for check in checks if check.violators] == []


def test_the_records_of_a_reason_are_paged_within_a_span(seller: Place) -> None:
    january = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    with seller.database.snapshot(seller.tenant_id) as tx:
        pages, after = [], reasoned.BEFORE_ALL
        while keys := reasoned.with_reason(tx, [january], Wanted("billed"), after, 2):
            page = queries.with_keys(tx, keys)
            pages.append([one.record_id for one in page])
            assert page[-1].record is not None
            after = (page[-1].record.at, page[-1].key)
        assert [sorted(page) for page in pages] == [["a", "m"], ["h", "j"], ["l", "n"], ["r"]]
        assert reasoned.with_reason(tx, [january], Wanted("not_yet_billed")) == []
        numbers = known_numbers(tx, [("subject", "x"), ("meter", "used")])
        mine = Wanted("billed", numbers["subject", "x"], numbers["meter", "used"])
        one_by_one = [january._replace(end=january.start), january]
        (key,) = reasoned.with_reason(tx, one_by_one, mine)
        assert [one.record_id for one in queries.with_keys(tx, [key])] == ["h"]
        months = {reason for _, reason, _ in reasoned.by_batch(tx, january)}
    assert "not_yet_billed" not in months
    assert "billed" in months
