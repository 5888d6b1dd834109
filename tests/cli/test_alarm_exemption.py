"""Alarms may be told to this machine, where the operator says so; dunning webhooks may not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from everycent.app import alarming
from everycent.app.settings import from_environment
from everycent.kernel import ids
from everycent.messages.message import Kind, Message
from tests.dunning import post


@pytest.mark.parametrize(
    ("occasion", "is_delivered"),
    [("alarm.raised/alm_1/webhook/1", True), ("dunning/alarm.raised/1/webhook", False)],
)
def test_only_what_tells_of_an_alarm_is_sent_to_this_machine(
    occasion: str, is_delivered: bool
) -> None:
    with post.hook() as taker:
        settings = from_environment(
            {
                "EVERYCENT_HOME": "/nowhere",
                "EVERYCENT_ALARM_WEBHOOK": taker.url,
                "EVERYCENT_WEBHOOK_SECRET": post.SECRET,
            }
        )
        send = alarming.senders(settings)[Kind.WEBHOOK]
        message = Message(ids.derived(occasion), Kind.WEBHOOK, occasion, taker.url, "", "{}")
        assert send(message, datetime.now(UTC)).is_delivered == is_delivered
        assert len(taker.got) == is_delivered
