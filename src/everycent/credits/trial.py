"""Draw-downs without a wallet: grants and uses as JSON in, what is left and every movement out.

Amounts are of any one unit, money or not, with as many decimals as are told; they stay exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from everycent.credits.bounds import check_renewals
from everycent.credits.drawdown import CarryOverage, Lot, Outcome, Part, Policy, Use, draw_down
from everycent.credits.grant import Basis, Grant, Order, Renewal, Rollover, Scope, checked
from everycent.kernel import ids
from everycent.kernel.calendar import local_date, parse_interval, zone
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT
from everycent.kernel.period import instant_text, parse_instant
from everycent.kernel.quantity import plain

_MAX_CHARS = 50_000_000
_LARGEST = Decimal(10) ** 12
_PLACES = 12


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Grant(_Strict):
    id: str
    amount: Decimal
    priority: int = 0
    effective_at: str | None = None
    expires_at: str | None = None
    left: Decimal | None = None
    products: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    every: str | None = None
    anchor: date | None = None
    keep_least: Decimal = Decimal(0)
    keep_most: Decimal | None = Decimal(0)


class _Use(_Strict):
    at: str
    amount: Decimal
    id: str = ""
    product: str = ""
    price: str = ""


class _Trial(_Strict):
    grants: list[_Grant]
    uses: list[_Use]
    until: str
    order: Order = Order.EXPIRY
    carry_overage: CarryOverage = CarryOverage.NEVER
    time_zone: str = "UTC"
    resets: tuple[str, ...] = ()


def tried(text: str) -> dict[str, Any]:
    """The answer to a trial, as plain data. Raises Invalid `credit.bad_trial`, `credit.too_many_renewals`,
    and what malformed numbers, times and grants raise, naming the field."""
    trial = _parsed(text)
    zone(trial.time_zone)
    places = _places_of(trial)
    lots = [_lot(told, n, trial.time_zone, places) for n, told in enumerate(trial.grants, start=1)]
    uses = [
        Use(
            told.id or f"{n}",
            parse_instant(told.at, f"uses[{n - 1}].at"),
            (Part(_whole(told.amount, places, f"uses[{n - 1}].amount"), told.product, told.price),),
        )
        for n, told in enumerate(trial.uses, start=1)
    ]
    _check_names([told.id for told in trial.grants], "grants")
    _check_names([use.use_id for use in uses], "uses")
    resets = [parse_instant(at, f"resets[{n}]") for n, at in enumerate(trial.resets)]
    until = parse_instant(trial.until, "until")
    check_renewals(lots, until, "until", 1 + len(uses) + len(resets))
    found = draw_down(lots, uses, until, Policy(trial.order, trial.carry_overage), resets)
    names = {lot.grant.grant_id: told.id for lot, told in zip(lots, trial.grants, strict=True)}
    return _answer(found, names, places)


def _parsed(text: str) -> _Trial:
    if len(text) > _MAX_CHARS:
        raise Invalid("credit.bad_trial", "that is more than 50 million characters", field="file")
    try:
        return msgspec.json.decode(text, type=_Trial)
    except msgspec.MsgspecError as error:
        told, _, place = str(error).partition(" - at `$")
        raise Invalid(
            "credit.bad_trial",
            f"the trial can't be read: {told}",
            field=place.strip("`.") or "file",
            hint="docs/wallets.md shows one with all that can be told",
        ) from error


def _places_of(trial: _Trial) -> int:
    """The most decimals that any amount has."""
    told: list[Decimal | None] = [use.amount for use in trial.uses]
    for grant in trial.grants:
        told += [grant.amount, grant.left, grant.keep_least, grant.keep_most]
    ends = [amount.as_tuple().exponent for amount in told if amount is not None]
    return max([0, *(-end for end in ends if isinstance(end, int))])


def _whole(amount: Decimal, places: int, field: str) -> int:
    """An amount in units of the last decimal place."""
    if not amount.is_finite() or not 0 <= amount < _LARGEST or places > _PLACES:
        raise Invalid(
            "credit.bad_amount",
            f"an amount is 0 or more, below 10^12, with up to {_PLACES} decimals",
            field=field,
            value=str(amount)[:40],
        )
    return int(amount.scaleb(places, EXACT))


def _lot(told: _Grant, number: int, time_zone: str, places: int) -> Lot:
    field = f"grants[{number - 1}]"
    begins = datetime(1970, 1, 1, tzinfo=UTC)
    if told.effective_at is not None:
        begins = parse_instant(told.effective_at, f"{field}.effective_at")
    ends = (
        None if told.expires_at is None else parse_instant(told.expires_at, f"{field}.expires_at")
    )
    amount = _whole(told.amount, places, f"{field}.amount")
    renewal = None
    if told.every is not None and told.effective_at is None:
        raise Invalid(
            "credit.bad_trial",
            "what comes again must say since when",
            field=f"{field}.effective_at",
        )
    if told.every is not None:
        anchor = told.anchor or local_date(begins, time_zone)
        renewal = Renewal(amount, anchor, *parse_interval(told.every), time_zone)
    rollover = Rollover(
        _whole(told.keep_least, places, f"{field}.keep_least"),
        None if told.keep_most is None else _whole(told.keep_most, places, f"{field}.keep_most"),
    )
    grant = checked(
        Grant(
            ids.derived(f"grant/{told.id}"), ids.derived("wallet"), number, amount, Basis.PROMOTIONAL,
            told.priority, begins, ends, Scope(told.products, told.prices), None, rollover, renewal,
        )
    )  # fmt: skip
    left = amount if told.left is None else _whole(told.left, places, f"{field}.left")
    return Lot(grant, left)


def _check_names(names: Iterable[str], field: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Invalid("credit.bad_trial", f"{name!r} stands twice", field=field, value=name)
        seen.add(name)


def _answer(found: Outcome, names: dict[UUID, str], places: int) -> dict[str, Any]:
    left = dict.fromkeys(names.values(), 0)
    for lot in found.lots:
        left[names[lot.grant.series_id]] += lot.left
    return {
        "left": {name: _told(amount, places) for name, amount in left.items()},
        "overage": {name: _told(amount, places) for name, amount in found.overage.items()},
        "movements": [
            {
                "at": instant_text(one.at),
                "grant": names[one.lot.grant.series_id],
                "what": one.kind.value,
                "amount": _told(one.amount, places),
                "use": one.use_id or None,
            }
            for one in found.movements
        ],
    }


def _told(amount: int, places: int) -> str:
    return plain(Decimal(amount).scaleb(-places, EXACT))
