"""Mail out: messages over SMTP. TLS is required unless the server is on this machine."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from everycent.kernel.errors import Invalid
from everycent.messages.message import Message, Outcome

_SECONDS = 30
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"smtp": 587, "smtps": 465}


class Server(NamedTuple):
    """A mail server, and from whom mails come. `is_wrapped`: TLS from the first byte on; else STARTTLS."""

    host: str
    port: int
    user: str | None
    password: str | None
    is_wrapped: bool
    sender: Address


def server_of(url: str, sender: str) -> Server:
    """A server as settings say it: `smtp://user:password@host:587` or `smtps://…`, and `Name <address>`.
    Raises Invalid `settings.bad_mail`; what it says never shows a password."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/"):
            raise _bad("EVERYCENT_SMTP_URL", "it is written like smtp://user:password@host:587")
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise _bad("EVERYCENT_SMTP_URL", "its host or port can't be read") from None
    name, address = parseaddr(sender)
    if not sender.isprintable():
        raise _bad("EVERYCENT_MAIL_FROM", "it is one line")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return Server(
        parts.hostname, port, user, password, parts.scheme == "smtps",
        _address(address, name, "EVERYCENT_MAIL_FROM"),
    )  # fmt: skip


def mailer(server: Server) -> Callable[[Message, datetime], Outcome]:
    """What sends mails through the server, each over a connection of its own."""
    return lambda message, at: send(server, message, at)


def send(server: Server, message: Message, at: datetime) -> Outcome:
    """Sends a mail. What the server refuses for good (5xx) is not tried again."""
    try:
        mail = mail_of(message, server.sender, at)
    except Invalid as refusal:
        return Outcome(is_delivered=False, reason=refusal.message, is_final=True)
    try:
        with _connected(server) as connection:
            refused = connection.send_message(
                mail, from_addr=server.sender.addr_spec, to_addrs=[message.to]
            )
            assert not refused, "one recipient is taken or refused"
        return Outcome(is_delivered=True, reason=f"taken by {server.host}")
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(*error.recipients[message.to])
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(is_delivered=False, reason=f"{type(error).__name__}: {error}")


def mail_of(message: Message, sender: Address, at: datetime) -> EmailMessage:
    """The mail itself. A header that would be more than one line is refused: Raises Invalid
    `message.bad_header`, `settings.bad_mail`."""
    mail = EmailMessage(policy=SMTP)
    try:
        mail["From"] = sender
        mail["To"] = _address(message.to, "", "to")
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = f"<{message.name}@{sender.domain}>"
        for name, value in message.headers.items():
            mail[name] = value
        mail.set_content(message.body)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
    except (ValueError, MessageError) as error:
        raise Invalid("message.bad_header", f"the mail can't be written: {error}") from error
    return mail


def _connected(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.is_wrapped:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=_SECONDS, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    try:
        if not server.is_wrapped and server.host not in _LOOPBACK:
            connection.starttls(context=context)
        if server.user is not None:
            connection.login(server.user, server.password or "")
    except BaseException:
        connection.close()
        raise
    return connection


def _refused(code: int, said: bytes | str) -> Outcome:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    # What is wrong with a login is ours to mend, and the mail may go then.
    is_final = 500 <= code < 600 and code not in (530, 534, 535, 538)
    return Outcome(is_delivered=False, reason=f"{code} {' '.join(text.split())}", is_final=is_final)


def _address(text: str, name: str, field: str) -> Address:
    try:
        found = Address(display_name=name, addr_spec=text)
    except (ValueError, IndexError, MessageError):
        found = Address()
    if not found.username or not found.domain or any(sign in text for sign in "\r\n,;<>"):
        raise _bad(field, f"{text[:60]!r} is not a mail address")
    return found


def _bad(field: str, why: str) -> Invalid:
    return Invalid("settings.bad_mail", f"{field}: {why}", field=field)
