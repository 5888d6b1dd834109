"""Issued lines are rated again: to themselves when nothing has changed, else over what counts now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from everycent.app.wiring import random_ids, utc_now
from everycent.corrections import operations as corrections
from everycent.corrections.operations import By
from everycent.examples import utility
from everycent.flows.rerate import Issued, rerate
from everycent.kernel.errors import Invalid, Refusal
from everycent.metering.operations import Names
from everycent.metering.record import UsageRecord
from everycent.rating.charge import Charge
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import midnight

CATALOGUE = """
bands:
  tou: {time_zone: Europe/Zagreb, bands: {day: ["mon-fri 07:00-21:00"]}, rest: night}
meters:
  active: {unit: kWh}
  by_day: {of: active, band: tou.day}
  peak: {of: active, aggregation: peak, window_minutes: 15, unit: kW}
  import: {unit: kvarh}
  excess: {unit: kvarh, formula: "max(import - 0.33 * active, 0)"}
  third: {unit: kvarh, formula: "(excess + 2 * by_day) / 3"}
  stored: {unit: GB}
  register: {unit: kWh, aggregation: counter, digits: 5}
  level: {unit: GB, aggregation: weighted_sum, granularity: second}
  busy: {of: level, aggregation: percentile, percentile: 95}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 25}]}
products:
  energy: {name: Energy, tax: vat}
plans:
  all:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: energy, flat: {amount: 9.90}}
      - {key: advance, product: energy, flat: {amount: 31}, timing: in_advance}
      - {key: day, product: energy, meter: by_day, per_unit: {unit_amount: 0.12345},
         quantity_rounding: {places: 0, mode: half_even}}
      - {key: peak, product: energy, meter: peak, per_unit: {unit_amount: 4.5}}
      - {key: excess, product: energy, meter: excess, per_unit: {unit_amount: 0.5}}
      - {key: third, product: energy, meter: third, per_unit: {unit_amount: 0.5}}
      - key: stored
        product: energy
        meter: stored
        graduated: {tiers: [{up_to: 10, unit_amount: 0.5}, {unit_amount: 0.3}]}
      - {key: read, product: energy, meter: register, per_unit: {unit_amount: 0.25}}
      - {key: level, product: energy, meter: level, per_unit: {unit_amount: 0.1}}
      - {key: busy, product: energy, meter: busy, per_unit: {unit_amount: 0.2}}
"""
FEE, ADVANCE, DAY, PEAK, EXCESS, THIRD, STORED, READ, LEVEL, BUSY = range(1, 11)


def at(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def use(meter: str, value: str, when: datetime, **dimensions: str) -> UsageRecord:
    told = msgspec.json.encode(dimensions).decode() if dimensions else "{}"
    return UsageRecord("test", f"{meter}/{when.isoformat()}", "a", meter, when, value, told)


RECORDS = [
    use("active", "10.5", at(1, 20)),
    use("active", "20.25", at(1, 21, 23)),
    use("active", "5", at(2, 3)),
    use("import", "50", at(1, 22)),
    use("import", "1", at(2, 22)),
    use("stored", "25.5", at(1, 30)),
    use("register", "99900", at(1, 15, 12)),
    use("register", "20", midnight(date(2026, 2, 1))),
    use("register", "120", midnight(date(2026, 3, 1))),
    use("register", "220", midnight(date(2026, 4, 1))),
    use("level", "100", at(1, 20)),
    use("level", "-40", at(2, 10)),
]


@pytest.fixture
def billed(place: Place) -> Place:
    """A contract from the middle of January on, billed three times, up to the end of March."""
    world.sell(place, [("a", "all")], text=CATALOGUE, starts_on=date(2026, 1, 16))
    world.use(place, RECORDS)
    for month in (2, 3, 4):
        world.run(place, midnight(date(2026, month, 1)))
    return place


def issued(place: Place) -> list[Issued]:
    return [Issued(invoice, line) for invoice in world.issued(place) for line in invoice.lines]


def again(place: Place, lines: Sequence[Issued], **more: Any) -> list[Charge | Refusal]:
    with place.database.snapshot(place.tenant_id) as tx:
        return rerate(tx, lines, **more)


def sealed(charge: Charge | Refusal) -> Charge | Refusal:
    """The charge without the number of the fold, up to which its usage was read."""
    if isinstance(charge, Refusal) or charge.quantity is None:
        return charge
    parts = tuple(msgspec.structs.replace(part, fold_id=0) for part in charge.quantity.parts)
    quantity = msgspec.structs.replace(charge.quantity, parts=parts)
    return msgspec.structs.replace(charge, quantity=quantity)


def different(place: Place, **more: Any) -> dict[tuple[int, int], tuple[str, int]]:
    """The lines that come out otherwise, by month and item, with their quantities and net then."""
    lines = issued(place)
    found = {}
    for (_, line), made in zip(lines, again(place, lines, **more), strict=True):
        if sealed(made) != sealed(line.charge):
            assert isinstance(made, Charge)
            assert made.quantity is not None
            month = line.starts_at.month if line.starts_at.day < 28 else line.starts_at.month + 1
            found[month, line.item_no] = (made.quantity.value, made.net)
    return found


def correct(place: Place, *records: UsageRecord) -> None:
    """Replaces records."""
    by = By("test", "read again", place.now, place.ids)
    with place.database.transaction(place.tenant_id) as tx:
        corrections.replace(place.database, tx, records, Names(), by)


def test_every_line_of_the_utility_comes_out_as_it_was_billed(place: Place) -> None:
    told = utility.load(utility.DATA)
    utility.play(
        place.database, place.tenant_id, told, utility.PROFILES, with_register=True,
        clock=utc_now, ids=random_ids, actor="test",
    )  # fmt: skip
    lines = issued(place)
    assert len(lines) > 13 * 6 * 3
    changed = [
        (each.line.subscription, each.line.charge.quantity.value, made.quantity.value)
        for each, made in zip(lines, again(place, lines), strict=True)
        if sealed(made) != sealed(each.line.charge)
        and isinstance(made, Charge) and made.quantity and each.line.charge.quantity
    ]  # fmt: skip
    # An estimate was billed and the actual reading came later, 27 kWh below it: they move on by a month.
    assert changed == [
        (utility.REGISTER_POINT, "343", "316"),
        (utility.REGISTER_POINT, "296", "323"),
    ]


def test_lines_of_every_kind_come_out_as_they_were_billed(billed: Place) -> None:
    lines = issued(billed)
    assert {line.item_no for _, line in lines} == set(range(1, 11))
    assert len({invoice.number for invoice, _ in lines}) >= 3
    assert different(billed) == {}
    world.use(billed, [use("active", "1", at(5, 1))])
    assert different(billed) == {}


def test_only_what_counts_the_changed_record_comes_out_otherwise(billed: Place) -> None:
    correct(billed, use("active", "10.5", at(1, 20))._replace(value="12"))
    # 10.5 kWh on a Tuesday noon become 12; the peak was at night and is the same over other records.
    assert different(billed) == {
        (1, DAY): ("12", 148),
        (1, PEAK): ("81", 36450),
        (1, EXCESS): ("39.3575", 1968),
        (1, THIRD): ("21.119166666666666667", 1056),
    }


def test_a_late_record_is_counted_live_before_any_fold_has_counted_it(billed: Place) -> None:
    world.use(billed, [use("stored", "4.5", at(1, 31))], fold=False)
    assert different(billed) == {}
    # 10 × 0.50 + 20 × 0.30
    assert different(billed, is_live=True) == {(1, STORED): ("30", 1100)}


def test_a_corrected_reading_moves_consumption_from_one_line_to_the_next(billed: Place) -> None:
    assert [line.charge.net for _, line in issued(billed) if line.item_no == READ] == [
        3000, 2500, 2500,
    ]  # fmt: skip
    correct(billed, use("register", "20", midnight(date(2026, 2, 1)))._replace(value="30"))
    assert different(billed) == {(1, READ): ("130", 3250), (2, READ): ("90", 2250)}


def test_a_line_rated_alone_stands_on_the_reading_that_was_sealed_with_it(billed: Place) -> None:
    correct(billed, use("register", "20", midnight(date(2026, 2, 1)))._replace(value="30"))
    (february,) = [e for e in issued(billed) if e.line.item_no == READ and e.line.starts_at.month == 1
                   and e.line.starts_at.day == 31]  # fmt: skip
    (made,) = again(billed, [february])
    assert isinstance(made, Charge)
    assert made.net == february.line.charge.net == 2500


def test_a_corrected_opening_reading_changes_the_first_line_only(billed: Place) -> None:
    correct(billed, use("register", "99900", at(1, 15, 12))._replace(value="99910"))
    assert different(billed) == {(1, READ): ("110", 2750)}


@pytest.mark.parametrize(
    ("known", "voided", "expected"),
    [
        # What opened January and what closed it are gone: only 120 and 220 are left of four readings.
        (RECORDS, [at(1, 15, 12), midnight(date(2026, 2, 1))], ["0", "0", "100"]),
        # The reading at the end of January opened the register.
        (RECORDS[7:10], [midnight(date(2026, 2, 1))], ["0", "0", "100"]),
    ],
)
def test_a_line_after_one_that_has_no_reading_any_more_stands_on_no_reading_that_was_taken_back(
    place: Place, known: list[UsageRecord], voided: list[datetime], expected: list[str]
) -> None:
    world.sell(place, [("a", "all")], text=CATALOGUE, starts_on=date(2026, 1, 16))
    world.use(place, known)
    for month in (2, 3, 4):
        world.run(place, midnight(date(2026, month, 1)))
    assert different(place) == {}
    by = By("test", "another meter", place.now, place.ids)
    with place.database.transaction(place.tenant_id) as tx:
        gone = [("test", f"register/{when.isoformat()}") for when in voided]
        corrections.void(tx, gone, by)
    lines = [each for each in issued(place) if each.line.item_no == READ]
    made = again(place, lines)
    assert [
        one.quantity.value for one in made if isinstance(one, Charge) and one.quantity
    ] == expected


def test_a_level_that_was_wrong_changes_every_line_that_stands_on_it(billed: Place) -> None:
    before = {(line.starts_at.day < 28, line.charge.quantity.value)
              for _, line in issued(billed) if line.item_no == LEVEL and line.charge.quantity}  # fmt: skip
    assert len(before) == 3
    correct(billed, use("level", "100", at(1, 20))._replace(value="110"))
    changed = different(billed)
    assert {key for key in changed if key[1] == LEVEL} == {(1, LEVEL), (2, LEVEL), (3, LEVEL)}
    assert changed[3, LEVEL] == ("70", 700)


def test_a_line_that_can_not_be_rated_any_more_says_why(billed: Place) -> None:
    reading = use("register", "120", midnight(date(2026, 3, 1)))
    correct(billed, reading._replace(value="15"))
    lines = [each for each in issued(billed) if each.line.item_no == READ]
    january, february, march = again(billed, lines)
    assert isinstance(january, Charge)
    assert isinstance(february, Invalid)
    assert february.code == "register.runs_backwards"
    assert isinstance(march, Charge)
    assert march.net == 2500
