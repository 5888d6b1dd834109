"""Alarming: where the operator wants alarms to be told."""

from __future__ import annotations

import re

from everycent.alarms.operations import Channel
from everycent.app.settings import Settings
from everycent.dunning.webhook import check_target
from everycent.kernel.errors import Invalid
from everycent.messages.message import Kind

_MAIL = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,255}")


def channels(settings: Settings) -> tuple[Channel, ...]:
    """The channels that are set up; alarms are in the list all the same. Raises Invalid
    `settings.bad_alarm_mail`, `message.bad_target`: what can not be queued would hold up its cause."""
    found = []
    if settings.alarm_mail is not None:
        if not _MAIL.fullmatch(settings.alarm_mail):
            raise Invalid(
                "settings.bad_alarm_mail",
                "EVERYCENT_ALARM_MAIL is no mail address",
                field="EVERYCENT_ALARM_MAIL",
                value=settings.alarm_mail,
                hint="set it to one address, such as ops@example.com",
            )
        found.append(Channel(Kind.MAIL, settings.alarm_mail))
    if settings.alarm_webhook is not None:
        found.append(Channel(Kind.WEBHOOK, check_target(settings.alarm_webhook)))
    return tuple(found)
