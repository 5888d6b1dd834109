"""Settings: where the instance lives and which database it uses. All of them come from the environment.

EVERYCENT_HOME          folder of the local instance; by default the nearest `.everycent` folder at or
                        above the working directory, else one in the user's data directory
EVERYCENT_DATABASE_URL  a PostgreSQL server (15 or newer) to use instead of the embedded one
EVERYCENT_RUNTIME_DIR   where root's instances keep what must be reachable for the database's user, when
                        EVERYCENT_HOME is not; /var/lib/everycent when not set
EVERYCENT_TENANT        the tenant that commands work on; `default` when not set
EVERYCENT_ACTOR         who is recorded as having done something; the login name when not set
EVERYCENT_SMTP_URL      the mail server, such as smtps://user:password@host; no mails are sent when not set
EVERYCENT_MAIL_FROM     from whom mails come, such as Billing <billing@example.com>
EVERYCENT_WEBHOOK_SECRET  what webhooks are signed with: whsec_ and base64; none are sent when not set
EVERYCENT_WEBHOOK_ALLOW where webhooks may go besides the public internet: addresses, networks and ports
                        with blanks between, such as 127.0.0.1:9000 10.1.0.0/16 :9443; nowhere when not set
EVERYCENT_SECRET_KEY    base64 of 32 random bytes, with which secrets are sealed that are kept in the
                        database; made in EVERYCENT_HOME when not set, but not with EVERYCENT_DATABASE_URL
EVERYCENT_ALARM_MAIL    to whom alarms are mailed; to nobody when not set
EVERYCENT_ALARM_WEBHOOK the https address that alarms are posted to; none when not set
EVERYCENT_USAGE_SPOOL   what becomes of usage that comes while the database is away: `refuse` (the default:
                        it is to be sent again), `disk` (kept in EVERYCENT_HOME), or the folder for it
EVERYCENT_USAGE_SPOOL_MB  how much of it may be kept, in megabytes; 1000
EVERYCENT_READ_SECONDS  how long the server's database may take over one statement of a question; 20
EVERYCENT_READ_THREADS  how many questions the server works on at a time; 3
EVERYCENT_PREPARE       `off` where a pooler in front of the database keeps no prepared statements; `on`
EVERYCENT_MIGRATE       `off` where `everycent migrate` is a job, and processes only wait for the schema
                        that they need, with a login that could not change it; `on`
EVERYCENT_POOL          how many connections to the database a process works with at most, 4 to 100; 10
EVERYCENT_RATE_PER_SECOND  how many requests a second each key and each person may send; 1000, and 0 for any
EVERYCENT_RATE_BURST    how many of them at once; 2000
EVERYCENT_REFUSED_PER_SECOND  how many unknown keys and tokens a second an address may try; 5, and 0 for any
EVERYCENT_OIDC_ISSUER   the identity provider that people sign in with, as it calls itself; not set: none
EVERYCENT_OIDC_AUDIENCE whom its tokens have to be for: client ids, with commas in between
EVERYCENT_OIDC_EMAIL_CLAIM    the claim with a person's e-mail address; `email`
EVERYCENT_OIDC_SUBJECT_CLAIM  the claim that says who it is, for ever; `sub`
EVERYCENT_OIDC_PLAIN    `loopback` lets a provider on this machine be asked by http, to try things
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from everycent.kernel.errors import Invalid

USAGE_SPOOL = "usage-spool"
"""The folder of the home that usage waits in with EVERYCENT_USAGE_SPOOL=disk."""


class Oidc(NamedTuple):
    """What the environment says of the identity provider."""

    issuer: str
    audiences: tuple[str, ...]
    email_claim: str = "email"
    subject_claim: str = "sub"
    is_plain_allowed: bool = False


class Settings(NamedTuple):
    """What the environment says."""

    home: Path
    database_url: str | None
    tenant: str
    actor: str
    read_seconds: int = 20
    read_threads: int = 3
    smtp_url: str | None = None
    mail_from: str | None = None
    webhook_secret: str | None = None
    alarm_mail: str | None = None
    alarm_webhook: str | None = None
    usage_spool: Path | None = None
    usage_spool_mb: int = 1000
    rate_per_second: int = 1000
    rate_burst: int = 2000
    refused_per_second: int = 5
    oidc: Oidc | None = None
    webhook_allow: str = ""
    secret_key: str | None = None
    prepares: bool = True
    migrates: bool = True
    pool: int = 10


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process."""
    home = _home(environ)
    return Settings(
        home=home,
        database_url=environ.get("EVERYCENT_DATABASE_URL") or None,
        tenant=environ.get("EVERYCENT_TENANT") or "default",
        actor=environ.get("EVERYCENT_ACTOR") or _login(),
        read_seconds=_number(environ, "EVERYCENT_READ_SECONDS", 20, most=3600),
        read_threads=_number(environ, "EVERYCENT_READ_THREADS", 3, most=6),
        smtp_url=environ.get("EVERYCENT_SMTP_URL") or None,
        mail_from=environ.get("EVERYCENT_MAIL_FROM") or None,
        webhook_secret=environ.get("EVERYCENT_WEBHOOK_SECRET") or None,
        alarm_mail=environ.get("EVERYCENT_ALARM_MAIL") or None,
        alarm_webhook=environ.get("EVERYCENT_ALARM_WEBHOOK") or None,
        usage_spool=_spool(environ.get("EVERYCENT_USAGE_SPOOL") or "refuse", home),
        usage_spool_mb=_number(environ, "EVERYCENT_USAGE_SPOOL_MB", 1000, most=1_000_000),
        rate_per_second=_number(
            environ, "EVERYCENT_RATE_PER_SECOND", 1000, most=1_000_000, least=0
        ),
        rate_burst=_number(environ, "EVERYCENT_RATE_BURST", 2000, most=10_000_000),
        refused_per_second=_number(
            environ, "EVERYCENT_REFUSED_PER_SECOND", 5, most=100_000, least=0
        ),
        oidc=_oidc(environ),
        webhook_allow=environ.get("EVERYCENT_WEBHOOK_ALLOW") or "",
        secret_key=environ.get("EVERYCENT_SECRET_KEY") or None,
        prepares=_switch(
            environ, "EVERYCENT_PREPARE", "behind a pooler that keeps no prepared statements"
        ),
        migrates=_switch(
            environ, "EVERYCENT_MIGRATE", "where `everycent migrate` is a job of its own"
        ),
        pool=_number(environ, "EVERYCENT_POOL", 10, most=100, least=4),
    )


def _switch(environ: Mapping[str, str], name: str, hint: str) -> bool:
    text = environ.get(name) or "on"
    if text not in ("on", "off"):
        raise Invalid(
            "settings.bad_switch",
            f"{name} is {text[:40]!r}",
            field=name,
            value=text,
            hint=f"set it to on, or to off {hint}",
        )
    return text == "on"


def _number(environ: Mapping[str, str], name: str, usual: int, *, most: int, least: int = 1) -> int:
    text = environ.get(name) or str(usual)
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and least <= int(text) <= most):
        raise Invalid(
            "settings.bad_number",
            f"{name} is {text[:40]!r}",
            field=name,
            value=text,
            hint=f"set it to a whole number from {least} to {most}",
        )
    return int(text)


def _oidc(environ: Mapping[str, str]) -> Oidc | None:
    issuer = environ.get("EVERYCENT_OIDC_ISSUER", "").strip()
    if not issuer:
        return None
    told = environ.get("EVERYCENT_OIDC_AUDIENCE", "").split(",")
    audiences = tuple(part.strip() for part in told if part.strip())
    if not audiences:
        raise Invalid(
            "settings.no_audience",
            "EVERYCENT_OIDC_AUDIENCE is not set",
            field="EVERYCENT_OIDC_AUDIENCE",
            hint="set it to the client id that the identity provider knows us by: tokens for others open"
            " nothing here",
        )
    plain = environ.get("EVERYCENT_OIDC_PLAIN") or ""
    if plain not in ("", "loopback"):
        raise Invalid(
            "settings.bad_plain",
            f"EVERYCENT_OIDC_PLAIN is {plain[:40]!r}",
            field="EVERYCENT_OIDC_PLAIN",
            value=plain,
            hint="leave it out, or set it to loopback",
        )
    return Oidc(
        issuer, audiences, environ.get("EVERYCENT_OIDC_EMAIL_CLAIM") or "email",
        environ.get("EVERYCENT_OIDC_SUBJECT_CLAIM") or "sub", plain == "loopback",
    )  # fmt: skip


def _home(environ: Mapping[str, str]) -> Path:
    if environ.get("EVERYCENT_HOME"):
        return Path(environ["EVERYCENT_HOME"]).absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".everycent").is_dir():
            return folder / ".everycent"
    if os.geteuid() == 0:
        return Path("/var/lib/everycent/home")
    base = environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "everycent"


def _spool(text: str, home: Path) -> Path | None:
    if text == "refuse":
        return None
    if text == "disk":
        return home / USAGE_SPOOL
    if not Path(text).is_absolute():
        raise Invalid(
            "settings.bad_spool",
            f"EVERYCENT_USAGE_SPOOL is {text[:40]!r}",
            field="EVERYCENT_USAGE_SPOOL",
            value=text,
            hint="set it to refuse, to disk, or to a folder from the root on",
        )
    return Path(text)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
