"""Campaign: which step is due for whom, as a pure function of what is open, of due days and of the steps
that were taken. Nothing is remembered beside those: no timer can be lost, and none goes off too early.

Everything is counted in whole days on the customer's clock, per customer and currency.

- What is *overdue* are invoices whose due day is over. What the customer has paid on account, and open
  credit notes, come off it.
- A campaign begins when that comes to its threshold or more, and its first step's day has come. From then
  on it is an episode: it goes on, also below the threshold, until nothing is overdue any more. The next
  episode begins with the first step again.
- Steps are taken in the order of the file, one on a day at most, each once in an episode, and never nearer
  to the one before than the file has them. So after an outage the first missed step is taken at once, and
  the others follow at their distances: nobody gets three letters in a night, or is written off on the day
  after the first reminder.
- While a charge for any of it is under way, or nobody knows what became of one, no step is taken.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from everycent.dunning.letter import Facts, Item, link_for
from everycent.dunning.step import Why
from everycent.dunning.terms import Campaign, Step, Terms, campaign_of


class Owed(NamedTuple):
    """An open invoice: minor units, and whether a charge for it is under way or of unknown outcome. It was
    charged `tries` times in vain; `kept` says why it is not to be charged again, if it is not."""

    invoice_id: UUID
    invoice: str
    due_on: date
    left: int
    is_under_way: bool = False
    tries: int = 0
    kept: str | None = None


class Taken(NamedTuple):
    """A step that was taken in the episode that runs, by the event that says so."""

    key: str
    on: date
    event_id: UUID | None = None


class Account(NamedTuple):
    """What a customer owes in a currency, as it stands: open invoices, what is there to pay them with
    (`held`, minor units), and the steps of episode number `episode` if one runs, else none."""

    customer_id: UUID
    customer: str
    name: str
    group: str | None
    email: str | None
    time_zone: str
    currency: str
    owed: tuple[Owed, ...]
    held: int
    episode: int
    taken: tuple[Taken, ...] = ()


class Due(NamedTuple):
    """A step that is to be taken: the how manieth it is in which episode, and of what it speaks."""

    campaign: Campaign
    step: Step
    episode: int
    number: int
    facts: Facts
    overdue: tuple[Owed, ...]
    is_last: bool


class Over(NamedTuple):
    """An episode that has come to its end."""

    episode: int
    steps: int
    why: Why


def decided(
    account: Account, terms: Terms, today: date, *, is_written_off: bool = False
) -> Due | Over | None:
    """What is to be done about an account on a day of the customer's. `is_written_off`: something that the
    episode is about was given up and stays so."""
    overdue = overdue_of(account, today)
    open_sum = sum(one.left for one in overdue) - account.held
    campaign = campaign_of(terms, account.customer, account.group)
    threshold = None if campaign is None else campaign.thresholds.get(account.currency)
    if account.taken:
        if today < account.taken[-1].on:
            return None  # as of a day before what was decided already
        if open_sum <= 0:
            why = Why.WRITTEN_OFF if is_written_off else Why.SETTLED
            return Over(account.episode, len(account.taken), why)
        if threshold is None:
            return Over(account.episode, len(account.taken), Why.WITHDRAWN)
    if campaign is None or threshold is None or open_sum <= 0:
        return None
    if not account.taken and open_sum < threshold:
        return None
    place = _next_place(campaign, account.taken)
    if place is None or any(one.is_under_way for one in overdue):
        return None
    if today < due_day(campaign, place, overdue[0].due_on, account.taken):
        return None
    return Due(
        campaign,
        campaign.steps[place],
        account.episode if account.taken else account.episode + 1,
        len(account.taken) + 1,
        _facts(account, overdue, open_sum, today, terms),
        overdue,
        place == len(campaign.steps) - 1,
    )


def overdue_of(account: Account, today: date) -> tuple[Owed, ...]:
    """The open invoices whose due day is over, the oldest first."""
    found = (one for one in account.owed if one.left > 0 and one.due_on < today)
    return tuple(sorted(found, key=lambda one: (one.due_on, one.invoice)))


def due_day(campaign: Campaign, place: int, oldest_due: date, taken: tuple[Taken, ...]) -> date:
    """The first day on which a step of a campaign may be taken. `oldest_due` is the due day of the oldest
    invoice that is overdue."""
    step = campaign.steps[place]
    days = []
    if step.after_due is not None:
        days.append(oldest_due + timedelta(days=step.after_due))
    if taken:
        days.append(taken[-1].on + timedelta(days=_gap(campaign, place)))
    return max(days, default=oldest_due + timedelta(days=_offset(campaign, place)))


def write_offs(due: Due) -> dict[UUID, int]:
    """What of the invoices is to be given up, the newest first: all that is open less what there is to pay
    it with."""
    left = due.facts.amount
    found = {}
    for one in reversed(due.overdue):
        share = min(left, one.left)
        if share > 0:
            found[one.invoice_id] = share
            left -= share
    return found


def _next_place(campaign: Campaign, taken: tuple[Taken, ...]) -> int | None:
    """The place of the step after the furthest that was taken; None after the last one. Steps are known by
    their keys, so that a file may change while an episode runs."""
    keys = {one.key for one in taken}
    done = [place for place, step in enumerate(campaign.steps) if step.key in keys]
    place = done[-1] + 1 if done else 0
    return place if place < len(campaign.steps) else None


def _gap(campaign: Campaign, place: int) -> int:
    before = _offset(campaign, place - 1) if place else 0
    return max(1, _offset(campaign, place) - before)


def _offset(campaign: Campaign, place: int) -> int:
    """How many days after the due day a step comes that nothing delays."""
    days = 0
    for step in campaign.steps[: place + 1]:
        days = days + (step.after_step or 0) if step.after_due is None else step.after_due
    return days


def _facts(
    account: Account, overdue: tuple[Owed, ...], amount: int, today: date, terms: Terms
) -> Facts:
    items = tuple(Item(one.invoice, one.due_on, one.left) for one in overdue)
    link = link_for(terms.pay_link, account.customer)
    return Facts(
        account.customer, account.name, account.currency, amount, items, today, account.held,
        terms.sender, link,
    )  # fmt: skip
