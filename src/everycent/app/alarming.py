"""Alarming: where the operator wants alarms to be told, and what mails and webhooks are sent with."""

from __future__ import annotations

import re
from datetime import datetime

from everycent.alarms.operations import Channel, Writer, is_of_alarm
from everycent.app.away import Told
from everycent.app.settings import Settings
from everycent.app.wiring import App
from everycent.dunning.webhook import check_target
from everycent.flows.deliver import Sender
from everycent.integrations import mail_out, webhook_out
from everycent.integrations.webhook_gate import Gate
from everycent.kernel.errors import Invalid
from everycent.messages.message import Kind, Message, Outcome
from everycent.webhooks.target import Allowed, allowed_of

_HERE = re.compile(r"(https?)://(?:localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(?:[/?]|$)")
_NEEDED = {
    Kind.MAIL: ("EVERYCENT_ALARM_MAIL", "EVERYCENT_SMTP_URL"),
    Kind.WEBHOOK: ("EVERYCENT_ALARM_WEBHOOK", "EVERYCENT_WEBHOOK_SECRET"),
}
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


def writer(app: App) -> Writer:
    """This process, raising and resolving alarms now. Raises as `channels`."""
    return Writer(app.clock(), app.settings.actor, app.ids, channels(app.settings))


def told(settings: Settings) -> Told:
    """Where alarms are told and what with, for a process that stays up and tells them itself while the
    database is away. Raises as `channels` and `senders`, and Invalid `settings.alarm_not_sent` for a
    channel that nothing is sent with: whoever set it up would wait for ever."""
    found = Told(channels(settings), senders(settings))
    for channel in found.channels:
        if channel.kind not in found.senders:
            variable, needed = _NEEDED[channel.kind]
            raise Invalid(
                "settings.alarm_not_sent",
                f"{variable} is set, but nothing says what alarms are sent with: {needed}",
                field=needed,
                hint=f"set {needed} too, or take {variable} away; `everycent alarm list` has them",
            )
    return found


def senders(settings: Settings) -> dict[Kind, Sender]:
    """What can be sent, as it is set up. Raises Invalid for settings that can't be."""
    found: dict[Kind, Sender] = {}
    if settings.smtp_url is not None:
        if settings.mail_from is None:
            raise Invalid(
                "settings.no_sender",
                "nothing says from whom mails come",
                field="EVERYCENT_MAIL_FROM",
                hint="set it to an address, such as Billing <billing@example.com>",
            )
        found[Kind.MAIL] = mail_out.mailer(
            mail_out.server_of(settings.smtp_url, settings.mail_from)
        )
    if settings.webhook_secret is not None:
        found[Kind.WEBHOOK] = _webhooker(settings, settings.webhook_secret)
    return found


def _webhooker(settings: Settings, secret: str) -> Sender:
    """Sends to where webhooks may go; alarms also to this machine, where the operator names it as the place
    for them."""
    secrets = webhook_out.secrets_of(secret)
    gate = Gate(allowed_of(settings.webhook_allow))
    to_alarms = gate._replace(allowed=(*gate.allowed, *_alarms_here(settings.alarm_webhook)))

    def send(message: Message, at: datetime) -> Outcome:
        is_ours = is_of_alarm(message) and message.to == settings.alarm_webhook
        return webhook_out.send(secrets, message, at, to_alarms if is_ours else gate)

    return send


def _alarms_here(url: str | None) -> tuple[Allowed, ...]:
    match = _HERE.match(url or "")
    if match is None:
        return ()
    scheme, port = match.groups()
    told = port or (":443" if scheme == "https" else ":80")
    return allowed_of(f"127.0.0.0/8{told} [::1]{told}")
