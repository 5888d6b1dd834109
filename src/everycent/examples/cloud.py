"""Cloud usage: a real, anonymised bill in FOCUS 1.0 format, rated again from its list prices.

Every price key is a meter with a per-unit price, every row a usage record, every sub-account a
customer. Source: FOCUS sample data, CC BY 4.0 (examples/cloud/README.md). Rows that are not usage
(credits, adjustments) are told apart and not rated.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Database
from everycent.examples.data import folder
from everycent.flows import bill
from everycent.invoicing import queries as invoices
from everycent.kernel import calendar
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Invalid
from everycent.kernel.ids import IdSource
from everycent.kernel.money import EXACT, Money
from everycent.kernel.money import plain as plain_money
from everycent.kernel.quantity import parse_decimal, plain
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order

DATA = folder("cloud") / "focus_1.0_sample.csv.gz"
_NULLS = {"", "NULL"}
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}")
_NEEDED = (
    "Id", "ChargeCategory", "SkuPriceId", "SkuId", "ProviderName", "ListUnitPrice",
    "PricingQuantity", "PricingUnit", "ListCost", "SubAccountId", "SubAccountName",
    "ChargePeriodStart", "BillingCurrency", "ChargeDescription",
)  # fmt: skip


class Row(NamedTuple):
    """A usage row of the file: what it says, and the price key it falls under."""

    row_id: str
    account: str
    account_name: str
    price: str
    description: str
    unit: str
    unit_price: str
    quantity: str
    list_cost: str
    at: datetime
    currency: str


class Difference(NamedTuple):
    """A row whose own list cost is not its list unit price times its quantity."""

    row: str
    price: str
    unit_price: str
    quantity: str
    rated: str
    listed: str


class Account(NamedTuple):
    """A sub-account: the exact sum of its rated rows, and its invoices' sum after rounding."""

    key: str
    name: str
    records: int
    exact: str
    gross: str


class Billed(NamedTuple):
    """What the example made and found."""

    rows: int
    rated: int
    prices: int
    exact: str
    listed: str
    invoiced: str
    currency: str
    differences: list[Difference]
    accounts: list[Account]
    not_usage: list[dict[str, str]]


def read(path: Path) -> tuple[list[Row], list[dict[str, str]]]:
    """The usage rows, and the rows that are something else with the reason they are not rated.

    Raises Invalid `example.unreadable`.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    rows: list[Row] = []
    others: list[dict[str, str]] = []
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or [])]
        if missing:
            raise Invalid(
                "example.unreadable",
                f"{path.name} has no column {missing[0]}",
                field=missing[0],
                hint="the example reads files in FOCUS 1.0 format",
            )
        for told in reader:
            if told["ChargeCategory"] != "Usage":
                others.append(
                    {
                        "row": told["Id"],
                        "category": told["ChargeCategory"],
                        "billed_cost": told.get("BilledCost", ""),
                        "why": "not usage: it has no price and quantity to rate",
                    }
                )
                continue
            rows.append(_row(told))
    return rows, others


def _row(told: dict[str, str]) -> Row:
    price_id = told["SkuPriceId"] if told["SkuPriceId"] not in _NULLS else told["SkuId"]
    key = f"{told['ProviderName']}:{price_id}"
    if not _KEY.fullmatch(key):
        key = f"price:{hashlib.sha256(key.encode()).hexdigest()[:24]}"
    at = datetime.fromisoformat(told["ChargePeriodStart"])
    return Row(
        told["Id"],
        told["SubAccountId"],
        told["SubAccountName"],
        key,
        told["ChargeDescription"],
        told["PricingUnit"],
        told["ListUnitPrice"],
        plain(parse_decimal(told["PricingQuantity"], "PricingQuantity")),
        told["ListCost"],
        at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC),
        told["BillingCurrency"],
    )


def rated(row: Row) -> Decimal:
    """The row's exact amount: list unit price × pricing quantity, unrounded."""
    return EXACT.multiply(Decimal(row.unit_price), Decimal(row.quantity))


def catalogue(rows: Iterable[Row], currency: str) -> str:
    """A catalogue in which every price key of the file is a meter and a per-unit price.

    Raises Invalid `example.two_prices` when a key has two prices.
    """
    by_key: dict[str, Row] = {}
    for row in rows:
        known = by_key.setdefault(row.price, row)
        if Decimal(known.unit_price) != Decimal(row.unit_price):
            raise Invalid(
                "example.two_prices",
                f"{row.price} has the prices {known.unit_price} and {row.unit_price}",
                field="ListUnitPrice",
            )
    plans: dict[str, Any] = {}
    for account in sorted({row.account for row in rows}):
        used = sorted({row.price for row in rows if row.account == account})
        plans[_plan_key(account)] = {
            "currency": currency,
            "interval": "month",
            "anchor_day": "1",
            "prices": [
                {
                    "key": key,
                    "product": "cloud",
                    "description": _shown(by_key[key].description),
                    "meter": key,
                    "per_unit": {"unit_amount": plain(Decimal(by_key[key].unit_price))},
                    "amount_rounding": "half_even",
                }
                for key in used
            ],
        }
    meters = {key: {"unit": row.unit, "aggregation": "sum"} for key, row in by_key.items()}
    products = {"cloud": {"name": "Cloud services"}}
    return json.dumps({"meters": meters, "products": products, "plans": plans})


def _plan_key(account: str) -> str:
    return f"list-prices-{hashlib.sha256(account.encode()).hexdigest()[:16]}"


def _shown(description: str) -> str:
    text = " ".join(description.split())
    return text if len(text) <= 120 else text[:119] + "…"


def play(
    database: Database,
    tenant_id: int,
    path: Path,
    *,
    clock: Clock,
    ids: IdSource,
    actor: str,
) -> Billed:
    """Sets up prices and customers out of the file, takes the usage in, bills it, compares."""
    rows, others = read(path)
    if not rows:
        raise Invalid("example.unreadable", f"{path.name} has no usage rows", field="data")
    currency = rows[0].currency
    first = min(row.at for row in rows).date().replace(day=1)
    last = max(row.at for row in rows).date()
    writing: dict[str, Any] = {
        "at": calendar.start_of_day(first, "UTC"),
        "recorded_at": clock(),
        "actor": actor,
        "ids": ids,
    }
    names = {row.account: row.account_name for row in rows}
    with database.transaction(tenant_id) as tx:
        catalog.apply(tx, document.parse(catalogue(rows, currency)), **writing)
        made = [
            Customer(ids(f"customer/{key}"), key, name, currency, "UTC")
            for key, name in sorted(names.items())
        ]
        customers.create(tx, made, **writing)
        orders = [Order(c, _plan_key(c.key), f"{c.key}/cloud", first) for c in made]
        subscriptions.start(tx, orders, **writing)
    metering.ingest(
        database,
        tenant_id,
        [
            UsageRecord("focus", row.row_id, row.account, row.price, row.at, row.quantity)
            for row in rows
        ],
        clock(),
        metering.Names(),
    )
    month = first
    while month <= last:
        month = calendar.add_months(month, 1)
        as_of = calendar.start_of_day(month, "UTC")
        bill.run(database, tenant_id, as_of, clock=clock, ids=ids, terms=bill.Terms(actor))
    return _compared(database, tenant_id, rows, others, currency)


def _compared(
    database: Database,
    tenant_id: int,
    rows: list[Row],
    others: list[dict[str, str]],
    currency: str,
) -> Billed:
    gross: dict[str, int] = {}
    charged: dict[tuple[str, str], Decimal] = {}
    with database.snapshot(tenant_id) as tx:
        for row in invoices.listed(tx, limit=1_000_000):
            invoice = invoices.issued(tx, row.event_id).invoice
            gross[row.customer] = gross.get(row.customer, 0) + row.gross
            for line in invoice.lines:
                key = (row.customer, line.charge.price.key)
                before = charged.get(key, Decimal(0))
                charged[key] = EXACT.add(before, Decimal(line.charge.amount))
    exact: dict[str, Decimal] = {}
    per_line: dict[tuple[str, str], Decimal] = {}
    counts: dict[str, int] = {}
    names = {}
    for row_ in rows:
        amount = rated(row_)
        exact[row_.account] = EXACT.add(exact.get(row_.account, Decimal(0)), amount)
        line_key = (row_.account, row_.price)
        per_line[line_key] = EXACT.add(per_line.get(line_key, Decimal(0)), amount)
        counts[row_.account] = counts.get(row_.account, 0) + 1
        names[row_.account] = row_.account_name
    for line_key, amount in per_line.items():
        assert charged[line_key] == amount, f"{line_key}: {charged[line_key]} is not {amount}"
    accounts = [
        Account(key, names[key], counts[key], plain(exact[key]),
                plain_money(Money(gross.get(key, 0), currency)))
        for key in sorted(exact, key=lambda k: -exact[k])
    ]  # fmt: skip
    differences = [
        Difference(r.row_id, r.price, r.unit_price, r.quantity, plain(rated(r)), r.list_cost)
        for r in rows
        if Decimal(r.list_cost) != rated(r)
    ]
    total = Decimal(0)
    listed = Decimal(0)
    for row_ in rows:
        total = EXACT.add(total, rated(row_))
        listed = EXACT.add(listed, Decimal(row_.list_cost))
    return Billed(
        len(rows) + len(others),
        len(rows),
        len({row_.price for row_ in rows}),
        plain(total),
        plain(listed),
        plain_money(Money(sum(gross.values()), currency)),
        currency,
        differences,
        accounts,
        others,
    )


def as_data(made: Billed) -> dict[str, Any]:
    """The result as plain data."""
    return made._asdict() | {
        "differences": [difference._asdict() for difference in made.differences],
        "accounts": [account._asdict() for account in made.accounts],
    }


def told(made: Billed) -> str:
    """The result in sentences."""
    return (
        f"{made.rows:,} rows: {made.rated:,} usage records under {made.prices} prices,"
        f" {len(made.not_usage)} rows that are not usage\n"
        f"rated exactly     {made.exact} {made.currency}  (list unit price × pricing quantity)\n"
        f"the file's own    {made.listed} {made.currency}  (sum of its list costs)\n"
        f"invoiced          {made.invoiced} {made.currency}  (each line rounded to the cent once)\n\n"
        "Every line on an invoice equals the exact sum of its rows before rounding. Where the file's\n"
        "own list cost is another number, its rows are listed: most were rounded to 10 or 11\n"
        "decimals, some carry a pricing quantity in other units than their price.\n"
    )
