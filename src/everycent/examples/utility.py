"""An electricity utility: metering points with real quarter-hour load profiles, four tariffs, day and
night bands, peak demand, ramped reactive energy, fees and VAT.

The file says what the points, tariffs and prices are; profiles come from SimBench (Open Database
License 1.0). One point more, read by a cumulative register, shows an exchange and an estimate.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.customers import operations as customers
from everycent.customers import queries as customer_queries
from everycent.customers.customer import Customer
from everycent.db.connection import Database
from everycent.examples.data import folder
from everycent.flows import bill
from everycent.invoicing import queries as invoices
from everycent.invoicing.invoice import Invoice
from everycent.kernel import calendar
from everycent.kernel.calendar import Repeated, Skipped
from everycent.kernel.canonical import encode
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Invalid
from everycent.kernel.ids import IdSource
from everycent.kernel.money import EXACT, Money, plain
from everycent.kernel.quantity import parse_decimal
from everycent.kernel.quantity import plain as plain_quantity
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order

DATA = folder("utility") / "utility.json"
PROFILES = folder("utility") / "simbench_load_2016H1.csv.gz"
SOURCE = "grid-meters"
BATCH = 20_000

_PRODUCTS = {
    "active_T0": "Grid use, active energy",
    "active_T1": "Grid use, active energy, day",
    "active_T2": "Grid use, active energy, night",
    "peak_T1": "Grid use, peak demand, day",
    "reactive": "Grid use, excess reactive energy",
    "meter_fee": "Metering fee",
    "supply_active_T0": "Energy supply",
    "supply_active_T1": "Energy supply, day",
    "supply_active_T2": "Energy supply, night",
    "renewables": "Renewables levy",
    "business_usage": "Business usage levy",
}
_METERS = {
    "active": {"unit": "kWh"},
    "reactive_import": {"unit": "kvarh"},
    "reactive_export": {"unit": "kvarh"},
    "active_T1": {"of": "active", "band": "tou.T1"},
    "active_T2": {"of": "active", "band": "tou.T2"},
    "peak_T1": {
        "of": "active",
        "band": "tou.T1",
        "aggregation": "peak",
        "window_minutes": "15",
        "unit": "kW",
    },
    "reactive": {
        "unit": "kvarh",
        "formula": "max(reactive_import + reactive_export - 0.33 * active, 0)",
    },
    "register": {"unit": "kWh", "aggregation": "counter", "digits": "6"},
}
_METER_OF = {
    "active_T0": "active",
    "active_T1": "active_T1",
    "active_T2": "active_T2",
    "peak_T1": "peak_T1",
    "reactive": "reactive",
    "renewables": "active",
    "business_usage": "active",
}


class Utility(NamedTuple):
    """The utility's file."""

    told: dict[str, Any]

    @property
    def time_zone(self) -> str:
        """The zone of the customers and of the profiles' wall clock."""
        return str(self.told["time_zone"])

    @property
    def points(self) -> list[dict[str, str]]:
        """The metering points; each is a customer."""
        return list(self.told["points"])


def load(path: Path) -> Utility:
    """Reads a utility file. Raises Invalid `example.unreadable` when it is not of that shape."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        for field in ("currency", "vat_percent", "time_zone", "tariffs", "points"):
            told[field]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(
            "example.unreadable",
            f"{path.name} is not a utility file: {type(error).__name__} {error}",
            field="data",
            hint="examples/utility/utility.json shows the shape",
        ) from error
    return Utility(told)


def catalogue(utility: Utility, *, with_register: bool) -> str:
    """The catalogue file that the tariffs amount to."""
    tariffs: dict[str, dict[str, str]] = dict(utility.told["tariffs"])
    items = list(dict.fromkeys(item for tariff in tariffs.values() for item in tariff))
    plans = {key: _plan(utility, key, tariff) for key, tariff in tariffs.items()}
    if with_register:
        first = next(iter(tariffs.values()))
        price = next((p for i, p in first.items() if i.startswith("active")), "0.04")
        plans["register_low"] = _register_plan(utility, price)
        items = list(dict.fromkeys([*items, "active_T0", "meter_fee"]))
    return json.dumps(
        {
            "bands": {
                "tou": {"time_zone": "UTC+01:00", "bands": {"T1": ["07:00-21:00"]}, "rest": "T2"}
            },
            "meters": _METERS,
            "taxes": {
                "vat": {
                    "rates": [{"since": "2000-01-01", "percent": utility.told["vat_percent"]}],
                    "rounding": "half_up",
                }
            },
            "products": {item: {"name": _PRODUCTS.get(item, item), "tax": "vat"} for item in items},
            "plans": plans,
        },
        indent=1,
    )


def _plan(utility: Utility, key: str, tariff: dict[str, str]) -> dict[str, Any]:
    prices = []
    for item, price in tariff.items():
        entry: dict[str, Any] = {"key": item, "product": item, "amount_rounding": "half_even"}
        if item == "meter_fee":
            entry["flat"] = {"amount": price}
        else:
            meter = _METER_OF.get(item.removeprefix("supply_"))
            if meter is None:
                raise Invalid(
                    "example.unknown_item",
                    f"tariff {key} prices {item!r}, which the example does not know",
                    field="tariffs",
                    value=item,
                )
            entry |= {
                "meter": meter,
                "per_unit": {"unit_amount": price},
                "quantity_rounding": {"places": "0", "mode": "half_even"},
            }
        prices.append(entry)
    name = key.replace("_", " ").capitalize()
    return {
        "name": name,
        "currency": utility.told["currency"],
        "interval": "month",
        "anchor_day": "1",
        "prices": prices,
    }


def _register_plan(utility: Utility, price: str) -> dict[str, Any]:
    plan = _plan(utility, "register_low", {"active_T0": price, "meter_fee": "1.390"})
    plan["prices"][0]["meter"] = "register"
    return plan


def records(utility: Utility, profiles: Path) -> Iterator[UsageRecord]:
    """Three records per point and quarter hour: active energy, reactive import, reactive export."""
    wall_clock = _wall_clock(utility.time_zone)
    points = [
        (
            point["id"],
            point["profile"],
            EXACT.divide(parse_decimal(point["peak_kw"], "peak_kw"), Decimal(4)),
            EXACT.divide(parse_decimal(point["peak_kvar"], "peak_kvar"), Decimal(4)),
        )
        for point in utility.points
    ]
    multiply = EXACT.multiply
    with _opened(profiles) as lines:
        for row in csv.DictReader(lines):
            start = row["start"]
            at, mark = wall_clock(start)
            for subject, profile, kw_quarter, kvar_quarter in points:
                active = multiply(Decimal(row[f"{profile}_p"]), kw_quarter)
                reactive = multiply(Decimal(row[f"{profile}_q"]), kvar_quarter)
                taken = plain_quantity(max(reactive, Decimal(0)))
                given = plain_quantity(max(reactive.copy_negate(), Decimal(0)))
                key = f"{subject}/{start}{mark}"
                yield UsageRecord(SOURCE, f"{key}/a", subject, "active", at, plain_quantity(active))
                yield UsageRecord(SOURCE, f"{key}/i", subject, "reactive_import", at, taken)
                yield UsageRecord(SOURCE, f"{key}/e", subject, "reactive_export", at, given)


def _opened(path: Path) -> Any:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _wall_clock(time_zone: str) -> Callable[[str], tuple[datetime, str]]:
    """Reads the profile's clock. Rows are in order of time, so that a reading that stands there a
    second time is the one after the clock was set back."""
    latest: list[datetime] = []

    def read(text: str) -> tuple[datetime, str]:
        wall = datetime.fromisoformat(text)
        at = calendar.resolve_wall(wall, time_zone, Skipped.REFUSE, Repeated.FIRST)
        mark = ""
        if latest and at <= latest[0]:
            at = calendar.resolve_wall(wall, time_zone, Skipped.REFUSE, Repeated.SECOND)
            mark = "+"
        latest[:] = [at]
        return at, mark

    return read


def register_records(first: date, time_zone: str) -> tuple[list[UsageRecord], UsageRecord]:
    """The readings of the point with a register, and the actual reading that comes later.

    January is read. In February the device is exchanged, and at the end of the month nobody can get
    in: the reading is an estimate. After February's bill the actual reading for that instant comes
    in, lower than estimated, and March puts it right.
    """

    def reading(months: int, days: int, value: str, **told: str) -> UsageRecord:
        day = calendar.add_months(first, months) + timedelta(days=days)
        at = calendar.start_of_day(day, time_zone)
        dims = encode(told).decode()
        tail = f"{told['register']}/{told.get('kind', '')}{told.get('role', '')}"
        return UsageRecord(
            SOURCE, f"{REGISTER_POINT}/{day}/{tail}", REGISTER_POINT, "register", at, value, dims
        )

    old, new = {"register": "A-1001"}, {"register": "B-2002"}
    told = [
        reading(0, 0, "999640", **old, kind="actual"),
        reading(1, 0, "21", **old, kind="actual"),
        reading(1, 13, "174", **old, kind="actual", role="removed"),
        reading(1, 13, "0", **new, kind="actual", role="installed"),
        reading(2, 0, "190", **new, kind="estimated"),
        reading(3, 0, "486", **new, kind="actual"),
        reading(4, 0, "801", **new, kind="actual"),
        reading(5, 0, "1077", **new, kind="actual"),
        reading(6, 0, "1312", **new, kind="actual"),
    ]
    return told, reading(2, 0, "163", **new, kind="actual")


REGISTER_POINT = "HR-0013"


class Progress(NamedTuple):
    """What the example is doing: a phase, how far it is, and of how much (None: unknown)."""

    phase: str
    done: int
    total: int | None


class Billed(NamedTuple):
    """What the example made: how many usage records, and the first days of the billed months."""

    records: int
    months: list[date]


def play(
    database: Database,
    tenant_id: int,
    utility: Utility,
    profiles: Path,
    *,
    clock: Clock,
    ids: IdSource,
    actor: str,
    with_register: bool,
    workers: int = 1,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Billed:
    """Sets the utility up in a tenant, takes its usage in and bills month by month.

    Doing it again does nothing: everything has its key.
    """
    first, last, rows = _span(profiles)
    first = first.replace(day=1)
    months: list[date] = []
    while not months or calendar.add_months(first, len(months)) <= last:
        months.append(calendar.add_months(first, len(months)))
    _set_up(database, tenant_id, utility, first, clock, ids, actor, with_register=with_register)
    names = metering.Names()
    total = rows * 3 * len(utility.points)
    stream = records(utility, profiles)
    taken = 0
    while batch := list(islice(stream, BATCH)):
        metering.ingest(database, tenant_id, batch, clock(), names)
        taken += len(batch)
        on_progress(Progress("usage", taken, total))
    late = None
    if with_register:
        readings, late = register_records(first, utility.time_zone)
        metering.ingest(database, tenant_id, readings, clock(), names)
        taken += len(readings)
    on_progress(Progress("roll-ups", 0, None))
    metering.fold(database, tenant_id)
    terms = bill.Terms(actor, utility.time_zone)
    for number, month in enumerate(months):
        as_of = calendar.start_of_day(calendar.add_months(month, 1), utility.time_zone)
        bill.run(database, tenant_id, as_of, clock=clock, ids=ids, terms=terms, workers=workers)
        if late is not None and number == 1:
            taken += 1
            metering.ingest(database, tenant_id, [late], clock(), names)
        on_progress(Progress("billing", number + 1, len(months)))
    return Billed(taken, months)


def _span(profiles: Path) -> tuple[date, date, int]:
    """The first and the last local day of the profiles, and their number of rows."""
    first = last = ""
    rows = 0
    with _opened(profiles) as lines:
        for row in csv.reader(lines):
            if not row or row[0] == "start":
                continue
            first = first or row[0]
            last = row[0]
            rows += 1
    if not rows:
        raise Invalid("example.unreadable", f"{profiles.name} has no rows", field="profiles")
    return date.fromisoformat(first[:10]), date.fromisoformat(last[:10]), rows


def _set_up(
    database: Database,
    tenant_id: int,
    utility: Utility,
    first: date,
    clock: Clock,
    ids: IdSource,
    actor: str,
    *,
    with_register: bool,
) -> None:
    at = calendar.start_of_day(first, utility.time_zone)
    writing: dict[str, Any] = {"at": at, "recorded_at": clock(), "actor": actor, "ids": ids}
    points = [(point["id"], point["tariff"]) for point in utility.points]
    if with_register:
        points.append((REGISTER_POINT, "register_low"))
    with database.transaction(tenant_id) as tx:
        text = catalogue(utility, with_register=with_register)
        catalog.apply(tx, document.parse(text), **writing)
        known = customer_queries.by_keys(tx, [key for key, _ in points])
        fresh = [
            Customer(
                ids(f"customer/{key}"),
                key,
                f"Metering point {key}",
                utility.told["currency"],
                utility.time_zone,
            )
            for key, _ in points
            if key not in known
        ]
        customers.create(tx, fresh, **writing)
        tariff_of = dict(points)
        subscriptions.start(
            tx,
            [Order(c, tariff_of[c.key], c.key, first) for c in fresh],
            **writing,
        )


def result(database: Database, tenant_id: int) -> dict[str, dict[str, Any]]:
    """All invoices in the shape of the file's `expected.invoices`: point → month → lines and sums."""
    found: dict[str, dict[str, Any]] = {}
    with database.snapshot(tenant_id) as tx:
        for row in invoices.listed(tx, limit=1_000_000):
            invoice = invoices.issued(tx, row.event_id).invoice
            month = calendar.local_date(invoice.lines[0].starts_at, invoice.customer.time_zone)
            found.setdefault(invoice.customer.key, {})[f"{month:%Y-%m}"] = _shown(invoice)
    return {key: dict(sorted(found[key].items())) for key in sorted(found)}


def _shown(invoice: Invoice) -> dict[str, Any]:
    def money(minor: int) -> str:
        return plain(Money(minor, invoice.currency))

    return {
        "lines": {
            line.charge.price.key: {
                "quantity": line.charge.quantity.value if line.charge.quantity else "1",
                "amount": money(line.net),
            }
            for line in invoice.lines
        },
        "net": money(invoice.net),
        "vat": money(invoice.tax),
        "gross": money(invoice.gross),
    }
