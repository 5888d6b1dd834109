"""Compute and storage take a real cloud bill in, and files of one's own, and tell what they left out."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
from decimal import Decimal

import pytest

from everycent.examples.data import folder
from everycent.kernel.errors import Invalid
from everycent.subservices import served
from tests.payments.fake import COMMAND
from tests.subservices.reader import PERIOD
from tests.subservices.started import event, level, resource, running

FOCUS = folder("cloud") / "focus_1.0_sample.csv.gz"
SEPTEMBER = ("2024-09-01T00:00:00Z", "2024-10-01T00:00:00Z")
UNITS = {
    "vm_time": {
        "Hours": 3600, "vCPU-Hours": 3600, "OCPU Hours": 3600, "ACU-Hours": 3600, "LCU-Hours": 3600,
        "WriteCapacityUnit-Hours": 3600, "Seconds": 1,
    },
    "jobs": dict.fromkeys(
        ("Requests", "API Requests", "Events", "Queries", "IOs", "StateTransitions", "Metrics",
         "Security Checks", "ReadRequestUnits", "WriteRequestUnits"), 1),
    "storage": dict.fromkeys(("GB-Months", "GB Months", "GB/Month"), 720 * 10**9) | {"GB Hours": 10**9},
    "moved": {"GB": 10**9},
}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    """The bill, read without the product."""
    with gzip.open(FOCUS, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected(rows, item):
    """By customer: what the bill says was used of an item."""
    found: dict[str, Decimal] = {}
    for row in rows:
        factor = UNITS[item].get(row["ConsumedUnit"])
        amount = row["ConsumedQuantity"]
        if factor and row["ChargeCategory"] == "Usage" and not amount.startswith("-"):
            found[row["SubAccountId"]] = (
                found.get(row["SubAccountId"], Decimal(0)) + Decimal(amount) * factor
            )
    return {customer: amount for customer, amount in found.items() if amount}


def used(lines, item):
    found: dict[str, Decimal] = {}
    for line in lines:
        if line["item"] == item and line["used"] != "0":
            found[line["customer"]] = found.get(line["customer"], Decimal(0)) + Decimal(
                line["used"]
            )
    return found


@pytest.mark.parametrize(("name", "month", "period"), [
    ("compute", None, SEPTEMBER), ("storage", None, SEPTEMBER), ("storage", "2026-01", PERIOD),
])  # fmt: skip
def test_every_usable_row_of_the_bill_is_reported_exactly(tmp_path, rows, name, month, period):
    options = ["--fill", "focus", *(["--month", month] if month else [])]
    with running(tmp_path, name, *options) as one:
        reader = one.reader()
        lines = reader.report(period)
        assert reader.pull("report", ("2024-08-01T00:00:00Z", "2024-09-01T00:00:00Z")) == []
    for item in reader.items:
        if item != "files":
            assert used(lines, item) == expected(rows, item)


def test_storage_takes_100_gb_off_for_each_customer_and_hour(tmp_path, rows):
    with running(tmp_path, "storage", "--fill", "focus") as one:
        lines = [o for o in one.reader().report(SEPTEMBER) if o["item"] == "storage"]
    hours: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        if row["ConsumedUnit"] == "GB-Months":
            hour = (row["SubAccountId"], row["ChargePeriodStart"])
            hours[hour] = (
                hours.get(hour, Decimal(0)) + Decimal(row["ConsumedQuantity"]) * 720 * 10**9
            )
    by_the_hour = {customer for customer, _ in hours}
    over: dict[str, Decimal] = {}
    for (customer, _), amount in hours.items():
        over[customer] = over.get(customer, Decimal(0)) + max(Decimal(0), amount - 100 * 10**9)
    billed = dict.fromkeys(by_the_hour, Decimal(0))
    for line in lines:
        if line["customer"] in by_the_hour:
            billed[line["customer"]] += Decimal(line["billable"])
    assert billed == over
    assert sum(amount > 0 for amount in over.values()) > 3


def test_what_is_not_taken_is_counted_with_its_reason(tmp_path):
    told = {}
    for name in served.SERVICES:
        one = served.open_service(name, tmp_path)
        told[name] = served.fill(one, FOCUS)
        again = served.fill(one, FOCUS)
        assert (again.resources, again.events, again.taken) == (0, 0, told[name].taken)
        one.book.close()
    compute, storage = told["compute"], told["storage"]
    assert compute.left_out == storage.left_out
    assert compute.taken + storage.taken + sum(compute.left_out.values()) == compute.rows == 1000
    assert (compute.of_another, storage.of_another) == (storage.taken, compute.taken)
    assert compute.left_out["its quantity is below nothing"] == 6
    assert compute.left_out["not usage but credit"] == 1
    assert "32 left out: unit Units is neither time, a count, nor bytes" in compute.told()


def test_a_bill_may_be_taken_in_as_several_months(tmp_path):
    one = served.open_service("compute", tmp_path)
    for month in ("2026-02", "2026-01"):
        filled = served.fill(one, FOCUS, month)
        assert filled.events == 237
    sums = []
    for start, end in (PERIOD, (PERIOD[1], "2026-03-01T00:00:00Z")):
        told = one.desk.answer("report", {"from": start, "to": end}).body
        sums.append(told["trailer"]["sums"])
    assert sums[0] == sums[1] != []
    one.book.close()


def test_json_lines_of_ones_own_are_taken_all_or_none(tmp_path):
    good = [
        resource("vm-1"),
        event("e-1", "vm-1", "jobs", "2.5"),
        level("vm-1", "vm_time", "1", PERIOD[0]),
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in good) + "\n", "utf-8")
    one = served.open_service("compute", tmp_path / "data")
    filled = served.fill(one, path)
    assert (filled.rows, filled.resources, filled.events) == (3, 1, 1)
    before = one.book.counts()
    for bad, why in (
        (
            json.dumps(resource("vm-2")) + "\n" + json.dumps(event("e-2", "vm-9", "jobs", "1")),
            "line 2: there is no",
        ),
        ("{nothing", "no JSON lines"),
        (json.dumps(event("e-1", "vm-1", "jobs", "3")), "other content"),
    ):
        path.write_text(bad, "utf-8")
        with pytest.raises(Invalid, match=why) as refused:
            served.fill(one, path)
        assert refused.value.code == "subservice.unreadable"
    assert one.book.counts() == before
    one.book.close()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--fill", "nothing.csv"], "subservice.unreadable"),
        (["--fill", "focus", "--month", "2026-13"], "subservice.bad_month"),
        (["--fill", str(folder("cloud") / "README.md")], "subservice.unreadable"),
    ],
)
def test_a_file_that_can_not_be_taken_is_refused_before_anything_starts(tmp_path, options, code):
    command = [
        *COMMAND,
        "subservice",
        "compute",
        "--port",
        "0",
        "--data",
        str(tmp_path),
        "--json",
        *options,
    ]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert code in done.stdout + done.stderr


def test_a_bill_that_is_no_focus_file_is_refused(tmp_path):
    path = tmp_path / "bill.csv"
    path.write_text("a,b\n1,2\n", "utf-8")
    one = served.open_service("compute", tmp_path)
    with pytest.raises(Invalid, match="no FOCUS"):
        served.fill(one, path)
    one.book.close()
