"""Terms, steps that were taken, and campaigns that ended, as rows."""

from __future__ import annotations

from everycent.charging import projection as charging_rows
from everycent.charging.decided import REQUEUED
from everycent.dunning.step import ENDED, STEP_TAKEN, Ended, StepTaken
from everycent.dunning.terms import TermsSet
from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table
from everycent.messages import projection as message_rows
from everycent.messages.message import QUEUED

TERMS = table(
    "dunning_terms",
    "tenant_id int4, version int4, at timestamptz, content text, event_id uuid",
    key="tenant_id, version",
)
STEP = table(
    "dunning_step",
    "tenant_id int4, customer_id uuid, currency text, episode int4, number int4, campaign text,"
    " step text, taken_on date, amount int8, at timestamptz, event_id uuid",
    key="tenant_id, customer_id, currency, episode, number",
)
END = table(
    "dunning_end",
    "tenant_id int4, customer_id uuid, currency text, episode int4, steps int4, why text,"
    " ended_on date, at timestamptz, event_id uuid",
    key="tenant_id, customer_id, currency, episode",
)


def terms_set(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new version of the tenant's terms."""
    told: TermsSet = event.payload
    content = encode(told.terms).decode()
    rows.add(TERMS, tenant_id, told.version, event.at, content, event.event_id)


def step_taken(event: Event, rows: Rows, tenant_id: int) -> None:
    """A step that was taken."""
    s: StepTaken = event.payload
    rows.add(
        STEP, tenant_id, s.customer_id, s.currency, s.episode, s.number, s.campaign, s.step.key,
        s.facts.on, s.facts.amount, event.at, event.event_id,
    )  # fmt: skip


def ended(event: Event, rows: Rows, tenant_id: int) -> None:
    """An episode that ended."""
    e: Ended = event.payload
    rows.add(
        END, tenant_id, e.customer_id, e.currency, e.episode, e.steps, e.why.value, e.on, event.at,
        event.event_id,
    )  # fmt: skip


def any_of(event: Event, rows: Rows, tenant_id: int) -> None:
    """The rows of what happened to an episode, or of a message or decision that came of it."""
    _BY_TYPE[event.type](event, rows, tenant_id)


_BY_TYPE = {
    STEP_TAKEN.name: step_taken,
    ENDED.name: ended,
    QUEUED.name: message_rows.queued,
    REQUEUED.name: charging_rows.decided,
}
