"""A second, naive answer to the electricity example: what every monthly invoice must say.

It shares no code with the product. Every rule of the data file is written out once, slowly and
exactly: sums run in a decimal context that refuses to round, and rounding happens only where the
rules ask for it.
"""

import csv
import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import (
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from pathlib import Path
from typing import Any, TextIO, cast
from zoneinfo import ZoneInfo

Row = Mapping[str, str]

ALWAYS_WRONG = [InvalidOperation, DivisionByZero, Overflow]
EXACT = Context(prec=100, traps=[*ALWAYS_WRONG, Inexact])
ROUNDING = Context(prec=100, traps=ALWAYS_WRONG)

ZERO = Decimal(0)
QUARTERS_PER_HOUR = Decimal(4)
WHOLE = Decimal("1")
CENT = Decimal("0.01")
FREE_REACTIVE_SHARE = Decimal("0.33")

BAND_CLOCK = timezone(timedelta(hours=1))
DAY_STARTS = time(7, 0)
DAY_ENDS = time(21, 0)


def invoices(utility: dict[str, Any], profiles: Iterable[Row] | str | Path) -> dict[str, Any]:
    """Every invoice: point -> month -> lines, net, vat and gross, all as strings.

    `profiles` is the table of quarter hours, as rows or as the path of a CSV file (plain or .gz).
    """
    rows = _read(profiles) if isinstance(profiles, str | Path) else profiles
    quarters = list(_placed_in_time(rows, ZoneInfo(utility["time_zone"])))
    vat_percent = _number(utility["vat_percent"])
    result: dict[str, Any] = {}
    for point in utility["points"]:
        prices = utility["tariffs"][point["tariff"]]
        by_month: dict[str, list[tuple[bool, Row]]] = {}
        for month, is_day, row in quarters:
            by_month.setdefault(month, []).append((is_day, row))
        result[point["id"]] = {
            month: _invoice(_exact_quantities(point, by_month[month]), prices, vat_percent)
            for month in sorted(by_month)
        }
    return result


def _read(path: str | Path) -> list[Row]:
    """The rows of a CSV file, which may be gzipped."""
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(cast(TextIO, file)))


def _placed_in_time(rows: Iterable[Row], zone: ZoneInfo) -> Iterator[tuple[str, bool, Row]]:
    """Each quarter hour with its local month and whether it starts in the day band.

    A wall-clock time that comes a second time is the second pass of the hour that autumn repeats.
    """
    seen: set[datetime] = set()
    previous: datetime | None = None
    for row in rows:
        wall = datetime.fromisoformat(row["start"])
        fold = 1 if wall in seen else 0
        seen.add(wall)
        instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if previous is not None and instant <= previous:
            raise ValueError(f"quarter hour {row['start']} does not follow the one before it")
        previous = instant
        is_day = DAY_STARTS <= instant.astimezone(BAND_CLOCK).time() < DAY_ENDS
        yield f"{wall:%Y-%m}", is_day, row


def _exact_quantities(
    point: Mapping[str, str], quarters: list[tuple[bool, Row]]
) -> dict[str, Decimal]:
    """The unrounded quantity of every item for one point and one month."""
    peak_kw, peak_kvar = _number(point["peak_kw"]), _number(point["peak_kvar"])
    day = night = imported = exported = ZERO
    day_powers: list[Decimal] = []
    with localcontext(EXACT):
        for is_day, row in quarters:
            kwh = _number(row[point["profile"] + "_p"]) * peak_kw / QUARTERS_PER_HOUR
            kvarh = _number(row[point["profile"] + "_q"]) * peak_kvar / QUARTERS_PER_HOUR
            if is_day:
                day += kwh
                day_powers.append(kwh * QUARTERS_PER_HOUR)
            else:
                night += kwh
            if kvarh > 0:
                imported += kvarh
            else:
                exported += -kvarh
        active = day + night
        return {
            "active_T0": active,
            "active_T1": day,
            "active_T2": night,
            "peak_T1": max(day_powers, default=ZERO),
            "reactive": max(imported + exported - FREE_REACTIVE_SHARE * active, ZERO),
            "meter_fee": Decimal(1),
            "renewables": active,
            "business_usage": active,
        }


def _invoice(
    quantities: Mapping[str, Decimal], prices: Mapping[str, str], vat_percent: Decimal
) -> dict[str, Any]:
    """One invoice; an item named supply_X is the supplier's price for the quantity of X."""
    lines: dict[str, dict[str, str]] = {}
    net = ZERO
    for item, price in prices.items():
        quantity = _rounded(quantities[item.removeprefix("supply_")], WHOLE, ROUND_HALF_EVEN)
        with localcontext(EXACT):
            exact_amount = quantity * _number(price)
        amount = _rounded(exact_amount, CENT, ROUND_HALF_EVEN)
        lines[item] = {"quantity": str(quantity), "amount": str(amount)}
        with localcontext(EXACT):
            net += amount
    with localcontext(EXACT):
        exact_vat = net * vat_percent / Decimal(100)
    vat = _rounded(exact_vat, CENT, ROUND_HALF_UP)
    with localcontext(EXACT):
        gross = net + vat
    return {
        "lines": lines,
        "net": str(_rounded(net, CENT, ROUND_HALF_EVEN)),
        "vat": str(vat),
        "gross": str(_rounded(gross, CENT, ROUND_HALF_EVEN)),
    }


def _number(text: str) -> Decimal:
    """The exact decimal that a string spells; anything that is not a string is refused."""
    if not isinstance(text, str):
        raise TypeError(f"numbers are strings here, not {type(text).__name__}: {text!r}")
    return Decimal(text)


def _rounded(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """`value` rounded to a multiple of `step`, never a negative zero."""
    with localcontext(ROUNDING):
        return value.quantize(step, rounding=rounding) + ZERO


def main(arguments: list[str]) -> int:
    """Print the invoices of a utility file and its load profile as JSON."""
    if len(arguments) != 2:
        print("usage: python -m tests.oracle.utility UTILITY_JSON PROFILE_CSV_GZ", file=sys.stderr)
        return 2
    utility = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    print(json.dumps(invoices(utility, arguments[1]), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
