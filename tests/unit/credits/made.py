"""Grants and uses made by hand, for the tests of credit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from everycent.credits.drawdown import Lot, Outcome, Part, Use
from everycent.credits.grant import Basis, Grant, Renewal
from everycent.credits.wallet import Wallet
from everycent.kernel import ids
from everycent.kernel.calendar import parse_interval

START = datetime(2024, 1, 1, tzinfo=UTC)
ANA = ids.derived("ana")


def after(**delta: int) -> datetime:
    """A time after the start."""
    return START + timedelta(**delta)


def lot(name: str, amount: int = 100, left: int | None = None, **more: Any) -> Lot:
    """A grant from the start on; `days` is how long it holds."""
    effective_at = more.pop("effective_at", START)
    days = more.pop("days", None)
    if days is not None:
        more["expires_at"] = effective_at + timedelta(days=days)
    made = Grant(
        ids.derived(name), ids.derived("wallet"), more.pop("number", 1), amount,
        more.pop("basis", Basis.PAID), more.pop("priority", 1), effective_at, **more,
    )  # fmt: skip
    return Lot(made, amount if left is None else left)


def every(interval: str, anchor: date, amount: int = 100, zone: str = "UTC") -> Renewal:
    """A renewal of an amount."""
    months, days = parse_interval(interval)
    return Renewal(amount, anchor, months, days, zone)


def use(amount: int, at: datetime, name: str = "", **part: str) -> Use:
    """One amount that is to be paid."""
    return Use(name or at.isoformat(), at, (Part(amount, **part),))


def left_of(outcome: Outcome, *names: str) -> list[int]:
    """What is left of grants, each with all that came again of it."""
    sums: dict[UUID, int] = {}
    for one in outcome.lots:
        series = one.grant.series_id
        sums[series] = sums.get(series, 0) + one.left
    return [sums[ids.derived(name)] for name in names]


def wallet(key: str = "w", **more: Any) -> Wallet:
    """A wallet of Ana's."""
    return Wallet(ids.derived(f"wallet/{key}"), ANA, key, "EUR", **more)
