"""Builds the running product out of settings: the database, the clock, the source of ids, the keys."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.conninfo import conninfo_to_dict

from everycent.access import keys
from everycent.app.settings import Settings
from everycent.db import embedded
from everycent.db import migrate as migrations
from everycent.db.connection import Database
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Invalid
from everycent.kernel.ids import IdSource, uuid7


class App(NamedTuple):
    """Everything a command needs. `clock` is when things are recorded, never when they hold."""

    settings: Settings
    database: Database
    clock: Clock
    ids: IdSource


def utc_now() -> datetime:
    """The system clock."""
    return datetime.now(UTC)


_RANDOM_BITS = 74
_last_id = 0
_KEY_BYTES = 32
_id_lock = threading.Lock()


def random_ids(key: str) -> UUID:  # noqa: ARG001 - the product's ids do not depend on what they name
    """A new id, greater than every one before it in this process: what is made first comes first."""
    global _last_id
    unix_ms = time.time_ns() // 1_000_000
    with _id_lock:
        if unix_ms > _last_id >> _RANDOM_BITS:
            _last_id = unix_ms << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS - 1)
        else:
            _last_id += 1 + secrets.randbits(32)
        return uuid7(_last_id >> _RANDOM_BITS, _last_id & ((1 << _RANDOM_BITS) - 1))


def conninfo(settings: Settings) -> str:
    """How to reach the database; starts the embedded one when it is not running. Raises Unavailable,
    Invalid `settings.bad_database_url`."""
    if settings.database_url is not None:
        return checked(settings.database_url)
    return embedded.up(settings.home).conninfo()


def checked(url: str) -> str:
    """The URL of a database. Raises Invalid `settings.bad_database_url`; what it says never shows it."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise Invalid(
            "settings.bad_database_url",
            "EVERYCENT_DATABASE_URL can't be read",
            field="EVERYCENT_DATABASE_URL",
            hint="write it like postgresql://user:password@host:5432/name",
        ) from None
    return url


def made_ready(settings: Settings, url: str) -> list[str]:
    """Brings the schema up to date, and says what was applied; with EVERYCENT_MIGRATE=off it is only
    checked. Raises Unavailable `migration.missing` and as `everycent.db.migrate.migrate`."""
    if settings.migrates:
        return migrations.migrate(url)
    migrations.check(url)
    return []


@contextmanager
def running(settings: Settings) -> Iterator[App]:
    """The product with an up-to-date schema, as `made_ready`; the embedded database stays up afterwards."""
    url = conninfo(settings)
    made_ready(settings, url)
    database = Database(url, max_size=settings.pool)
    try:
        yield App(settings, database, utc_now, random_ids)
    finally:
        database.close()


def random_key() -> tuple[str, bytes]:
    """The text of a new API key, and the digest that is kept of it."""
    text = keys.text_of(secrets.token_urlsafe(_KEY_BYTES))
    digest = keys.digest_of(text)
    assert digest is not None, "a fresh key has the form of a key"
    return text, digest


def signing_key(settings: Settings) -> Ed25519PrivateKey:
    """The key that signs checkpoints, made on first use and kept in the instance's folder (mode 0600)."""
    path = settings.home / "checkpoint.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{secrets.token_hex(8)}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
        with contextlib.suppress(FileExistsError):  # somebody else was first: theirs is the key
            path.hardlink_to(fresh)
        fresh.unlink()
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


def known_public_key(settings: Settings) -> bytes | None:
    """The public half of the signing key, or None where checkpoints were never signed."""
    if not (settings.home / "checkpoint.key").exists():
        return None
    return signing_key(settings).public_key().public_bytes_raw()
