"""Alarming: where the operator wants alarms to be told."""

from __future__ import annotations

from everycent.alarms.operations import Channel
from everycent.app.settings import Settings
from everycent.messages.message import Kind


def channels(settings: Settings) -> tuple[Channel, ...]:
    """The channels that are set up; alarms are in the list all the same."""
    found = []
    if settings.alarm_mail is not None:
        found.append(Channel(Kind.MAIL, settings.alarm_mail))
    if settings.alarm_webhook is not None:
        found.append(Channel(Kind.WEBHOOK, settings.alarm_webhook))
    return tuple(found)
