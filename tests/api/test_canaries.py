"""Secrets are canaries: whatever fails, none of them is told, logged or stored."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from everycent.access.roles import SCOPES
from everycent.api import server
from tests.api import shaped
from tests.api.serving import COMMAND, make_key
from tests.conftest import Place
from tests.flows import world

PROVIDERS = """\
providers:
  psp: {kind: http, url: "http://127.0.0.1:9", key: PSP_KEY, webhook_secret: PSP_WEBHOOK, \
idempotent_for: 24h, looks_up: "true", latest_commit: 2m}
  card: {kind: stripe, key: STRIPE_KEY, webhook_secret: STRIPE_WEBHOOK, url: "http://127.0.0.1:9"}
"""
NAMES = ("PSP_KEY", "PSP_WEBHOOK", "STRIPE_KEY", "STRIPE_WEBHOOK", "EVERYCENT_WEBHOOK_SECRET")
pytestmark = pytest.mark.not_recounted


def canary(name: str) -> str:
    """A secret that nobody else has, of a form that is taken everywhere."""
    return "whsec_" + base64.b64encode(f"canary {name}".ljust(33).encode()).decode()


class Watched(NamedTuple):
    """A server whose secrets are canaries, all that it said, and what was answered."""

    place: Place
    client: httpx2.Client
    key: str
    secrets: dict[str, str]
    answers: list[str]
    folder: Path
    process: subprocess.Popen[str]

    def send(self, method: str, path: str, key: str | None = None, **more: Any) -> int:
        headers = {"authorization": f"Bearer {key or self.key}"} | more.pop("headers", {})
        answer = self.client.request(method, path, headers=headers, **more)
        self.answers.append(f"{answer.status_code} {answer.headers}\n{answer.text}")
        return answer.status_code

    def said(self) -> dict[str, str]:
        """All texts in which a secret could stand."""
        return {
            "stdout": (self.folder / "out").read_text("utf-8"),
            "stderr": (self.folder / "err").read_text("utf-8"),
            "answers": "\n".join(self.answers),
            "database": dumped(self.place),
        }


def dumped(place: Place) -> str:
    """Every row of every table, as `pg_dump` would write it."""
    told = []
    with psycopg.connect(place.conninfo) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables"
            " where schemaname !~ '^pg_' and schemaname <> 'information_schema'"
        ).fetchall()
        for schema, table in tables:
            names = sql.Identifier(schema, table)
            query = sql.SQL("copy (select * from {}) to stdout").format(names)
            with connection.cursor().copy(query) as rows:
                told.append(b"".join(map(bytes, rows)).decode())
    whole = "\n".join(told)
    assert len(told) > 50
    assert "Customer acme" in whole, "rows of tenants are there"
    return whole


@pytest.fixture(scope="module")
def watched(module_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "providers.yaml").write_text(PROVIDERS, "utf-8")
    world.sell(module_place, [("acme", "api")])
    secrets = {name: canary(name) for name in NAMES}
    smtp = canary("smtp").removeprefix("whsec_")
    key = make_key(module_place.database, module_place.tenant_id, "canarykey", SCOPES)
    environment = {
        **secrets,
        "EVERYCENT_DATABASE_URL": module_place.conninfo,
        "EVERYCENT_HOME": str(folder),
        "EVERYCENT_SMTP_URL": f"smtp://clerk:{smtp}@127.0.0.1:9",
        "EVERYCENT_MAIL_FROM": "billing@example.com",
    }
    secrets |= {"smtp": smtp, "key": key}
    password = conninfo_to_dict(module_place.conninfo).get("password")
    assert password, "the database has a password"
    secrets["database"] = str(password)
    with (
        (folder / "out").open("w+") as out,
        (folder / "err").open("w") as err,
    ):
        process = subprocess.Popen(
            COMMAND, stdout=out, stderr=err, text=True, env=os.environ | environment,
            start_new_session=True,
        )  # fmt: skip
        try:
            address = _address(folder / "out", process)
            with httpx2.Client(base_url=address, timeout=60) as client:
                yield Watched(module_place, client, key, secrets, [], folder, process)
        finally:
            process.kill()
            process.communicate()


def _address(out: Path, process: subprocess.Popen[str]) -> str:
    while not (told := out.read_text("utf-8")).endswith("\n"):
        assert process.poll() is None, "the server did not start"
    address: str = json.loads(told)["address"]
    return address


def in_any_form(secret: str) -> set[str]:
    """The secret as it is, and as it is usually packed."""
    raw = secret.encode()
    bare = secret.removeprefix("whsec_")
    packed = base64.b64encode(raw).decode().rstrip("=")[:-1]
    return {secret, bare, quote(secret, safe=""), raw.hex(), packed}


def check(watched: Watched) -> None:
    for where, text in watched.said().items():
        for name, secret in watched.secrets.items():
            for form in in_any_form(secret):
                at = text.find(form)
                assert at < 0, (where, name, text[max(0, at - 200) : at + 80])


def test_the_search_finds_what_it_looks_for(watched: Watched):
    secret = watched.secrets["key"]
    for form in in_any_form(secret):
        planted = watched._replace(answers=[f"x{form}y"])
        with pytest.raises(AssertionError):
            check(planted)


def test_no_refusal_of_any_operation_tells_a_secret(watched: Watched):
    mistyped = watched.key[:-1] + ("0" if watched.key[-1] != "0" else "1")
    for one in server.OPERATIONS:
        path = re.sub(r"\{\w+(:\w+)?\}", "psp", one.path)
        for key in (mistyped, watched.key[:-3], f"{watched.key}."):
            watched.send(one.method, path, key)
        watched.send(one.method, f"{path}?nothing=1")
        if one.method != "GET":
            watched.send(one.method, path, json={"nothing": 1})
            watched.send(one.method, path, content=b"\xff")
            watched.send(one.method, path, json=shaped.body_of(one))
        watched.send(one.method, path, headers={"authorization": f"Basic {watched.key}"})
    check(watched)


def test_no_notice_of_a_provider_tells_a_secret(watched: Watched):
    for provider in ("psp", "card", "none"):
        for signature in ("", "v1,AAAA", f"v1,{'A' * 44}", "t=1,v1=00"):
            headers = {
                "webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": signature,
                "stripe-signature": signature,
            }  # fmt: skip
            path = f"/hooks/default/{provider}"
            assert watched.send("POST", path, json={"type": "x"}, headers=headers) >= 400
    check(watched)


def test_no_error_of_the_database_and_no_fault_of_ours_tells_a_secret(watched: Watched):
    place = watched.place
    elsewhere = make_conninfo(place.conninfo, dbname="postgres")
    with (
        psycopg.connect(place.conninfo, autocommit=True) as admin,
        psycopg.connect(elsewhere, autocommit=True) as outside,
    ):
        for table, path in (
            ("usage_threshold", "/v1/usage/thresholds"),
            ("api_key", "/v1/usage/counts"),
            ("customer", "/v1/usage/running?customer=acme"),
        ):
            other = make_key(place.database, place.tenant_id, f"fault{table}"[:40], SCOPES)
            admin.execute(f"alter table everycent.{table} rename to was_{table}")
            try:
                assert watched.send("GET", path, other) == 500
            finally:
                admin.execute(f"alter table everycent.was_{table} rename to {table}")
        name = admin.info.dbname
        outside.execute(f'alter database "{name}" with allow_connections false')
        try:
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            for one in server.OPERATIONS:
                if one.method == "GET":
                    path = re.sub(r"\{\w+(:\w+)?\}", "psp", one.path)
                    watched.send("GET", path)
        finally:
            outside.execute(f'alter database "{name}" with allow_connections true')
    assert "Traceback" in watched.said()["stderr"]
    assert any(answer.startswith("503") for answer in watched.answers)
    check(watched)
