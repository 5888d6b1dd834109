"""The shipped examples: a utility to the cent for six months, and a cloud bill to the last decimal."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from everycent.app.wiring import random_ids, utc_now
from everycent.examples import cloud, utility
from everycent.flows.verify import verify
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT
from tests.conftest import Place
from tests.oracle import utility as oracle

WRITING = {"clock": utc_now, "ids": random_ids, "actor": "test"}


def play(
    place: Place, told: utility.Utility, profiles: Path, *, with_register: bool
) -> utility.Billed:
    return utility.play(
        place.database, place.tenant_id, told, profiles, with_register=with_register, **WRITING
    )


def test_six_months_of_the_utility_come_out_exactly(place: Place) -> None:
    told = utility.load(utility.DATA)
    billed = play(place, told, utility.PROFILES, with_register=True)
    assert billed.records == 628_858
    made = utility.result(place.database, place.tenant_id)
    register = made.pop(utility.REGISTER_POINT)
    published = told.told["expected"]["invoices"]
    for point, months in published.items():
        for month, invoice in months.items():
            assert made[point][month] == invoice, (point, month)
    # The months that are not published, and those that are, from an engine that shares no code.
    assert made == oracle.invoices(told.told, utility.PROFILES)
    # Through zero in January, an exchange in February, an estimate of 190 that was 163 put right in March.
    assert [register[month]["lines"]["active_T0"]["quantity"] for month in sorted(register)] == [
        "381", "343", "296", "315", "276", "235",
    ]  # fmt: skip
    with place.database.snapshot(place.tenant_id) as tx:
        checks = {c.promise: c for c in verify(tx, trusted_key=None, with_replay=True)}
    assert [check.promise for check in checks.values() if check.violators] == []
    assert checks["every record is billed or has a reason"].figures == {
        "billed": 628_856, "too_late": 1, "opening_reading": 1,
    }  # fmt: skip
    again = play(place, told, utility.PROFILES, with_register=True)
    assert again == billed
    with place.database.snapshot(place.tenant_id) as tx:
        assert tx.value("select count(*) from invoice") == 13 * 6


OTHER = {
    "currency": "CHF",
    "vat_percent": "8.1",
    "time_zone": "America/New_York",
    "tariffs": {"only": {"active_T1": "0.2", "active_T2": "0.1", "peak_T1": "3.5", "reactive": "0.01",
                         "meter_fee": "2.345", "renewables": "0.015"}},
    "points": [{"id": "P/1", "profile": "A", "tariff": "only", "peak_kw": "12.5", "peak_kvar": "3.75"}],
}  # fmt: skip


def test_a_file_of_the_same_shape_with_other_points_zone_and_months_comes_out_too(
    place: Place, tmp_path: Path
) -> None:
    data = tmp_path / "other.json"
    data.write_text(json.dumps(OTHER))
    profiles = tmp_path / "profiles.csv.gz"
    rows = ["start,A_p,A_q"]
    # Autumn: New York sets its clocks back on 6 November 2016, so 01:00 to 01:45 stand there twice.
    for day in range(1, 9):
        for quarter in range(96):
            hour, minute = divmod(quarter * 15, 60)
            row = f"2016-11-{day:02d}T{hour:02d}:{minute:02d},0.{(day * 37 + quarter) % 1000:03d},-0.1"
            rows.append(row)
            if day == 6 and hour == 1 and minute == 45:
                rows.extend(r.replace(",0.", ",1.") for r in rows[-4:])
    profiles.write_bytes(gzip.compress("\n".join(rows).encode(), mtime=0))
    told = utility.load(data)
    play(place, told, profiles, with_register=False)
    made = utility.result(place.database, place.tenant_id)
    assert made == oracle.invoices(told.told, profiles)
    assert list(made["P/1"]) == ["2016-11"]


def test_what_is_no_utility_file_is_refused(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"tariffs": {}}', "\x00"):
        path = tmp_path / "x.json"
        path.write_text(text)
        with pytest.raises(Invalid) as refused:
            utility.load(path)
        assert refused.value.code == "example.unreadable"


def test_every_cloud_row_is_rated_at_its_list_price_and_differences_are_shown(place: Place) -> None:
    made = cloud.play(place.database, place.tenant_id, cloud.DATA, **WRITING)
    rows, others = cloud.read(cloud.DATA)
    assert (made.rows, made.rated, made.prices, len(made.accounts)) == (1000, 997, 267, 73)
    assert [other["category"] for other in others].count("Adjustment") == 2
    total = Decimal(0)
    for row in rows:
        total = EXACT.add(total, EXACT.multiply(Decimal(row.unit_price), Decimal(row.quantity)))
    assert Decimal(made.exact) == total == Decimal("23.004351956668488")
    assert made.listed == "23.00460575119"
    assert made.invoiced == "22.74"
    assert len(made.differences) == sum(Decimal(r.list_cost) != cloud.rated(r) for r in rows) == 490
    with place.database.snapshot(place.tenant_id) as tx:
        for check in verify(tx, trusted_key=None, with_replay=True):
            assert check.violators == [], check.promise
