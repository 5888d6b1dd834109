"""The life of a contract: every line that should have been charged for it, worked out from what was agreed.

Pure. Goes through the instants at which something was agreed, bills what was due by then as it was known
then, and gives back what the change makes unused. It stands on what the billing run stands on: the fold of
changes, the schedule, the rating and the credits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.plan import Item, Plan
from everycent.catalog.price import Commitment
from everycent.catalog.proration import DEFAULT, Proration
from everycent.consumption.usage import Used
from everycent.kernel.money import Money, major, rounded
from everycent.kernel.period import Period
from everycent.rating.charge import Charge
from everycent.rating.rate import charge
from everycent.subscriptions import unused
from everycent.subscriptions.phases import Plans, phases_of
from everycent.subscriptions.proration import Edge, Part
from everycent.subscriptions.schedule import Due, Sides, due_part, due_periods, edges, is_within
from everycent.subscriptions.subscription import Phase, SubscribedItem
from everycent.subscriptions.timeline import Begin, Change

_INSTANT = timedelta(microseconds=1)
_NOTHING = Fraction(0)

UsedIn = Callable[[Item, Due], Mapping[str, Used]]
"""What was used of an item in a due period, as rating takes it."""


class Agreed(NamedTuple):
    """A change, when it was agreed, and when it was withdrawn, if it was. What is due before such an
    instant is billed as things stood."""

    at: datetime
    change: Change
    withdrawn_at: datetime | None = None


class Line(NamedTuple):
    """A line of the contract's life. `charge` is as it is right for the period; `net` (minor units) is what
    the line adds, which is less where something was charged for it before; `exact` the same in major
    units before it is rounded."""

    at: datetime
    plan_key: str
    item_no: int
    period: Period
    charge: Charge
    net: int
    exact: Fraction
    charged_before: int = 0
    is_credit: bool = False

    @property
    def price_key(self) -> str:
        """The price that is charged or given back."""
        return self.charge.price.key


class _Paid(NamedTuple):
    """What is charged of an item's period so far, credits taken off; it was billed `until` then."""

    due: Due
    starts: Edge
    until: datetime
    net: int


def no_usage(_item: Item, _due: Due) -> Mapping[str, Used]:
    """For contracts without metered prices."""
    return {}


def life(
    agreed: Iterable[Agreed], plans: Plans, zone: str, as_of: datetime, used: UsedIn = no_usage
) -> list[Line]:
    """All lines due by `as_of`, in order of time and item. Raises what folding and rating raise."""
    living = _Life(plans, zone, used)
    held = list(agreed)
    begins = [one.change.action for one in held if isinstance(one.change.action, Begin)]
    currency = plans[begins[0].terms.plan_key, begins[0].terms.plan_version].currency
    moments = {one.at for one in held} | {one.withdrawn_at for one in held if one.withdrawn_at}
    for at in sorted(moments):
        living.bill(at - _INSTANT)
        known = [
            one.change
            for one in held
            if one.at <= at and (one.withdrawn_at is None or at < one.withdrawn_at)
        ]
        living.phases = phases_of(known, living.phases, plans, zone, currency)
        living.correct(at)
    living.bill(as_of)
    return _rounded_once(sorted(living.lines, key=lambda line: (line.at, line.item_no)), living)


def charged_again(lines: Sequence[Line], voided: Mapping[datetime, datetime]) -> list[Line]:
    """The lines where invoices are voided: what was charged at an instant (the key) and voided at
    another one is charged again with what falls due next after that."""
    found = list(lines)
    for charged_at, voided_at in sorted(voided.items()):
        later = [line.at for line in lines if line.at > voided_at]
        if later:
            found += [line._replace(at=min(later)) for line in lines if line.at == charged_at]
    return sorted(found, key=lambda line: (line.at, line.period.start, line.item_no))


class _Life:
    """What is billed so far, and the phases as they are known."""

    def __init__(self, plans: Plans, zone: str, used: UsedIn) -> None:
        self.plans = plans
        self.zone = zone
        self.used = used
        self.phases: tuple[Phase, ...] = ()
        self.paid: dict[tuple[int, datetime], _Paid] = {}
        self.covered: dict[int, datetime] = {}
        self.lines: list[Line] = []

    def bill(self, as_of: datetime) -> None:
        """Charges what is due and not charged yet."""
        for is_commitment in (False, True):  # these count what the others come to
            self._bill(as_of, is_commitment=is_commitment)

    def _bill(self, as_of: datetime, *, is_commitment: bool) -> None:
        for phase in self.phases:
            sides = sides_of(phase, self.phases)
            for item in phase.items:
                if item.is_commitment is not is_commitment:
                    continue
                since = self.covered.get(item.item_no, item.opens_at or phase.starts_at)
                dues = due_periods(
                    phase.cycle(self.zone), since, phase.ends_at, as_of,
                    in_advance=item.in_advance, rule=rule_of(item), sides=sides,
                )  # fmt: skip
                for due in dues:
                    made = self.charge(phase, item, due)
                    self.covered[item.item_no] = due.period.end
                    starts, _ = edges(due.period, due.whole, sides)
                    self.paid[item.item_no, due.period.start] = _Paid(
                        due, starts, due.period.end, made.net
                    )
                    exact = Fraction(made.amount) * (due.share if made.share else 1)
                    self.lines.append(
                        Line(
                            due.due_at,
                            phase.plan_key,
                            item.item_no,
                            due.period,
                            made,
                            made.net,
                            exact,
                        )
                    )

    def charge(self, phase: Phase, item: SubscribedItem, due: Due) -> Charge:
        """What an item costs for a period."""
        plan = self.plan(phase)
        priced = item.own.of(plan.items[item.plan_item_no - 1])
        return charge(
            priced, self.used(priced, due), plan.currency, due.share, units=due.units,
            rule=rule_of(item), is_last=due.is_last, counted=self._counted(priced, plan, due),
        )  # fmt: skip

    def _counted(self, priced: Item, plan: Plan, due: Due) -> Decimal:
        """What was charged for the period of a commitment so far; nothing for what is none."""
        scheme, total = priced.price.scheme, 0
        if not isinstance(scheme, Commitment):
            return Decimal(0)
        for (item_no, _), paid in self.paid.items():
            _, item = _item(self.phases, item_no)
            if not item.is_commitment and scheme.counts(item.price_key):
                total += paid.net * is_within(
                    paid.due.period, due.period, in_advance=item.in_advance
                )
        return major(Money(total, plan.currency))

    def plan(self, phase: Phase) -> Plan:
        """The plan of a phase."""
        return self.plans[phase.plan_key, phase.plan_version]

    def correct(self, at: datetime) -> None:
        """Gives back what is paid in advance and not used as the phases are now, and charges again what was
        given back and is used after all."""
        for (item_no, start), paid in sorted(self.paid.items()):
            phase, item = _item(self.phases, item_no)
            ends = max(
                start, paid.until if phase.ends_at is None else min(phase.ends_at, paid.until)
            )
            if ends == paid.due.period.end or not item.in_advance:
                continue
            again = self._again(phase, item, paid, ends)
            made = self.charge(phase, item, again)
            more = made.net - paid.net
            if ends < paid.due.period.end:
                more = -self._given_back(phase, item, paid, again, made)
            shares = paid.due.share, again.share
            self.paid[item_no, start] = paid._replace(due=again, net=paid.net + more)
            if more:
                period = Period(*sorted((again.period.end, paid.due.period.end)))
                exact = -unused.exact_credit(made, shares)
                self.lines.append(
                    Line(
                        at, phase.plan_key, item_no, period, made, more, exact, paid.net,
                        is_credit=more < 0,
                    )
                )  # fmt: skip

    def _given_back(
        self, phase: Phase, item: SubscribedItem, paid: _Paid, again: Due, made: Charge
    ) -> int:
        """What is given back where less is used than was paid for, as the plan says."""
        if item.item_no in phase.keeps:
            return 0
        shares = paid.due.share, again.share
        currency = self.plan(phase).currency
        return unused.given_back(made, paid.net, shares, rule_of(item), currency)

    def _again(self, phase: Phase, item: SubscribedItem, paid: _Paid, ends: datetime) -> Due:
        """The period that was paid for, as far as it is used."""
        due, sides = paid.due, sides_of(phase, self.phases)
        used = Period(due.period.start, ends)
        if used.end == used.start:
            return due._replace(period=used, share=_NOTHING)
        part = Part(used, paid.starts, edges(used, due.whole, sides)[1])
        return due_part(part, due.whole, phase.cycle(self.zone), due.due_at, rule_of(item))


def _rounded_once(lines: list[Line], living: _Life) -> list[Line]:
    """The lines, where a plan says so with a credit as what the rounded sum of it and of the charge that
    follows on it at the same instant leaves of it."""
    found = list(lines)
    for place, credit in enumerate(lines):
        phase, item = _item(living.phases, credit.item_no)
        if not credit.is_credit or rule_of(item).round_per_line:
            continue
        currency = living.plan(phase).currency
        for line in lines:
            if (line.at, line.price_key, line.is_credit) == (credit.at, credit.price_key, False):
                both = rounded(
                    line.exact + credit.exact, currency, line.charge.price.amount_rounding
                )
                found[place] = credit._replace(net=both.minor - line.net)
    return found


def rule_of(item: SubscribedItem) -> Proration:
    """How parts of periods of an item are counted."""
    return DEFAULT if item.proration is None else item.proration


def sides_of(phase: Phase, phases: Iterable[Phase]) -> Sides:
    """What is before and after a phase on its track, without a gap."""
    others = [one for one in phases if one.track == phase.track and one.takes_place]
    return Sides(
        any(one.ends_at == phase.starts_at for one in others),
        phase.ends_at is not None and any(one.starts_at == phase.ends_at for one in others),
    )


def _item(phases: Iterable[Phase], item_no: int) -> tuple[Phase, SubscribedItem]:
    return next((p, item) for p in phases for item in p.items if item.item_no == item_no)
