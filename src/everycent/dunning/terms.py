"""Terms: how a tenant collects what it is owed: when, what follows which failure, and its campaigns.

They are recorded as a whole and numbered from 1; an event that refers to a version can always be read with
what was agreed on then. Campaigns that are under way go on by the newest terms.
"""

from __future__ import annotations

import msgspec

from everycent.charging.policy import DEFAULT, Policies, Policy, Rule
from everycent.dunning.schedule import Schedule
from everycent.journal.types import EventType
from everycent.payments.failure import Failure

Rules = dict[Failure, Rule]
"""What follows failures, by their kind; kinds that are left out are as before."""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step of a campaign, by its `key`, which no other one has. It is taken `after_due` days after the
    oldest open invoice fell due, or `after_step` days after the step before: one of the two is told.

    What it does: send the customer the letter `mail`, tell `webhook` (an address), `charge` what is open
    again, `pause` the customer's contracts, write off what is open as `uncollectable`.
    """

    key: str
    after_due: int | None = None
    after_step: int | None = None
    mail: str | None = None
    webhook: str | None = None
    charge: bool = False
    pause: bool = False
    uncollectable: bool = False


class Campaign(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is done about customers who owe too much for too long. It begins for a customer when what is
    overdue in a currency reaches that currency's threshold (minor units), and ends when nothing is overdue.
    It is for the named customers and groups, or, without any, for all for whom no other one is."""

    key: str
    thresholds: dict[str, int]
    steps: tuple[Step, ...]
    customers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    language: str = "en"


class Letter(msgspec.Struct, frozen=True):
    """A letter of the tenant's own in one language. See `letter` for what may stand in it."""

    subject: str
    text: str


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version of a tenant's terms. `failures` are rules for everybody, `groups` those for customers of a
    group, which come before them. `sender` stands in letters for who is owed, `pay_link` is where to pay.
    """

    schedule: Schedule = Schedule()
    failures: Rules = {}
    groups: dict[str, Rules] = {}
    campaigns: tuple[Campaign, ...] = ()
    letters: dict[str, dict[str, Letter]] = {}
    sender: str = ""
    pay_link: str = ""


class TermsSet(msgspec.Struct, frozen=True):
    """Terms that hold from here on, and which version of them it is."""

    version: int
    terms: Terms


SET = EventType("dunning.terms_set", 1, TermsSet)
STREAM = "dunning:terms"
NOTHING_SET = Terms()
"""What holds until a file is applied: collect monthly, follow failures as usual, no campaigns."""


def policy_of(terms: Terms, group: str | None) -> Policy:
    """What follows failures for customers of a group, or of none: the group's rule, else the tenant's, else
    the product's."""
    own = {} if group is None else terms.groups.get(group, {})
    return msgspec.structs.replace(DEFAULT, rules={**DEFAULT.rules, **terms.failures, **own})


def policies_of(terms: Terms) -> Policies:
    """What follows failures for customers of every group that has rules of its own, and for all others."""
    return Policies(policy_of(terms, None), {key: policy_of(terms, key) for key in terms.groups})


def campaign_of(terms: Terms, customer: str, group: str | None) -> Campaign | None:
    """The campaign for a customer: one that names it, else one for its group, else the one for all."""
    named = (one for one in terms.campaigns if customer in one.customers)
    grouped = (one for one in terms.campaigns if group is not None and group in one.groups)
    of_all = (one for one in terms.campaigns if not one.customers and not one.groups)
    return next(named, None) or next(grouped, None) or next(of_all, None)
