"""Endpoints and deliveries as people see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from everycent.cli.common import print_lines
from everycent.flows.webhook_told import state
from everycent.kernel.period import instant_text
from everycent.webhooks.course import Answer
from everycent.webhooks.queries import Delivery, Standing

_UNTRUSTED = (401, 403)


def standing_row(found: Standing) -> list[str]:
    """The same for a table."""
    one = found.endpoint
    numbers = (found.number, found.waiting, found.failed, found.failures)
    return [one.key, state(one), one.url, " ".join(one.types), *(f"{n:,}" for n in numbers)]


def print_standing(found: Standing) -> None:
    """The same for people."""
    one = found.endpoint
    told = [
        ("state", f"{state(one)} {one.reason}".strip()),
        ("url", one.url),
        ("types", " ".join(one.types)),
        ("events are sent", "whole" if one.with_payload else "thin"),
        ("told", f"{found.number:,}, of which {found.waiting:,} wait, {found.failed:,} given up"),
    ]
    if found.succeeded_at is not None:
        told.append(("came through last", instant_text(found.succeeded_at)))
    if found.failing_since is not None:
        said = f"{instant_text(found.failing_since)}, {found.failures:,} in a row"
        told.append(("fails since", said))
    for kept in one.signing:
        until = "" if kept.until is None else f", signs until {instant_text(kept.until)}"
        told.append((f"secret {kept.fingerprint}", f"since {instant_text(kept.made_at)}{until}"))
    click.echo(f"{one.key} ({one.name})")
    print_lines(told)


def event_row(told: Mapping[str, Any]) -> list[str]:
    """The same for a table."""
    at = instant_text(told["at"])[:19]
    return [str(told["number"]), told["type"], told["stream"], at, told["webhook_id"]]


def delivery_row(one: Delivery) -> list[str]:
    """A delivery for a table."""
    following = "" if one.next_at is None else instant_text(one.next_at)[:19]
    answered = "" if one.answered is None else str(one.answered)
    return [
        str(one.number), one.type, one.stream, one.status, str(one.tries), following, answered,
        one.reason,
    ]  # fmt: skip


def answer(told: Answer) -> str:
    """What came of a test."""
    if told.is_taken:
        return f"taken: it answered {told.status}"
    if told.status is None:
        return f"not taken: {told.reason}"
    asks = "; does it know the secret of this endpoint?" if told.status in _UNTRUSTED else ""
    return f"not taken: it answered {told.status}{asks}"


def counts(found: Mapping[str, int]) -> str:
    """What sending came to."""
    return (
        f"{found['delivered']:,} delivered, {found['waiting']:,} to be tried again,"
        f" {found['failed']:,} given up"
    )
