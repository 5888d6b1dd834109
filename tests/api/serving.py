"""A real server process (`everycent serve`) over a test's database, and what is sent to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import psycopg

from everycent.access import keys, operations
from everycent.db.connection import Database
from everycent.kernel import ids
from tests.conftest import NOW, Place

JSON = "application/json"
COMMAND = [str(Path(sys.executable).with_name("everycent")), "serve", "--port", "0", "--json"]


class Served(NamedTuple):
    """A server with a client that has a key of the place's tenant."""

    place: Place
    process: subprocess.Popen[str]
    address: str
    key: str
    client: httpx2.Client

    def post(
        self, content: Any, kind: str | None = JSON, *, key: str | None = None, **headers: str
    ) -> httpx2.Response:
        """Posts bytes, or anything else as JSON; headers are named with underscores."""
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        told["authorization"] = f"Bearer {key or self.key}"
        if kind is not None:
            told["content-type"] = kind
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.client.post("/v1/usage", content=body, headers=told)


def make_key(
    database: Database, tenant_id: int, name: str, scopes: Sequence[str] = ("usage:write",)
) -> str:
    """A key whose text is made of its name."""
    text = keys.text_of(name.rjust(43, "x"))
    digest = keys.digest_of(text)
    assert digest is not None
    made = keys.ApiKey(key_id(name), name, digest, tuple(scopes), NOW)
    with database.transaction(tenant_id) as tx:
        operations.create_key(tx, made, at=NOW, recorded_at=NOW, actor="test", ids=ids.derived)
    return text


def key_id(name: str) -> Any:
    """The id of the key that was made under this name."""
    return ids.derived(f"api_key/{name}")


def start(
    conninfo: str, *options: str, **environment: str
) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """A server process and what it tells once it listens: its `address`. With more options and variables of
    the environment."""
    process = subprocess.Popen(
        [*COMMAND, *options],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"EVERYCENT_DATABASE_URL": conninfo} | environment,
        start_new_session=True,
    )
    assert process.stdout is not None
    told = process.stdout.readline()
    assert told, "the server did not start"
    return process, json.loads(told)


@contextmanager
def served(place: Place, **environment: str) -> Iterator[Served]:
    """A server over the place, with more variables of the environment; whatever is left of it is ended."""
    key = make_key(place.database, place.tenant_id, "main")
    process, told = start(place.conninfo, **environment)
    try:
        with httpx2.Client(base_url=told["address"], timeout=60) as client:
            yield Served(place, process, told["address"], key, client)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def held(place: Place) -> Iterator[None]:
    """Nobody can store a record before the block ends."""
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as connection:
        connection.execute("lock table usage_key in exclusive mode")
        yield
        connection.rollback()


def record(name: str, value: Any = 1, **changed: Any) -> dict[str, Any]:
    """A plain record with this id."""
    told = {
        "id": name, "source": "gw", "subject": "acme", "meter": "calls",
        "at": "2026-01-05T12:00:00Z", "value": value,
    }  # fmt: skip
    return told | changed


def stored(place: Place, prefix: str, tenant_id: int | None = None) -> Counter[tuple[str, str]]:
    """The stored records whose ids begin so, as (id, value), with how often each is there."""
    with place.database.transaction(tenant_id or place.tenant_id) as tx:
        return Counter(
            tx.tuples(
                "select record_id, value::text from usage_record where starts_with(record_id, %s)",
                (prefix,),
            )
        )
