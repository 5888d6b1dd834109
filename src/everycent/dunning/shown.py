"""Steps of campaigns as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from everycent.dunning.step import Ended, StepTaken
from everycent.kernel.ids import show
from everycent.kernel.money import Money, plain
from everycent.messages.message import PREFIX


def step_data(one: StepTaken, customer: str) -> dict[str, Any]:
    """A step that was taken, and what it did."""
    return {
        "customer": customer,
        "currency": one.currency,
        "campaign": one.campaign,
        "episode": one.episode,
        "number": one.number,
        "step": one.step.key,
        "on": one.facts.on,
        "amount": plain(Money(one.facts.amount, one.currency)),
        "invoices": [item.invoice for item in one.facts.items],
        "is_last": one.is_last,
        "paused": [each.subscription for each in one.paused],
        "charged": one.charged,
        "written_off": {
            name: plain(Money(minor, one.currency)) for name, minor in one.written_off.items()
        },
        "messages": [show(PREFIX, message_id) for message_id in one.messages],
        "left_out": one.left_out,
    }


def ended_data(one: Ended, customer: str) -> dict[str, Any]:
    """The end of an episode."""
    return {
        "customer": customer,
        "currency": one.currency,
        "why": one.why.value,
        "resumed": one.resumed,
        "left_out": one.left_out,
    }
