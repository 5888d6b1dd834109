"""The fake identity provider as a process, and people of it as members."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from everycent.access import members
from everycent.access import operations_members as joining
from everycent.access.operations_members import Giver
from everycent.access.roles import SCOPES
from everycent.kernel import ids
from tests.api.asking import Asking
from tests.api.serving import start
from tests.conftest import NOW, Place

CLIENT = "everycent"
EVERYCENT = str(Path(sys.executable).with_name("everycent"))
COMMAND = [EVERYCENT, "fake", "identity", "--port", "0", "--json"]


class Signing(NamedTuple):
    """A provider that signs people in."""

    issuer: str
    client: httpx2.Client

    @property
    def environment(self) -> dict[str, str]:
        """What lets a server believe it."""
        return {
            "EVERYCENT_OIDC_ISSUER": self.issuer,
            "EVERYCENT_OIDC_AUDIENCE": f"another,{CLIENT}",
            "EVERYCENT_OIDC_PLAIN": "loopback",
        }

    def token(self, person: str, use: str = "id", **more: Any) -> str:
        """A token of somebody; `lie`, `claims` as the provider takes them."""
        told = self.admin("tokens", person=person, use=use, **more)
        return str(told["token"])

    def admin(self, what: str, **told: Any) -> Any:
        """Switches something, and what is answered."""
        answer = self.client.post(f"/admin/{what}", json=told)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return int(self.client.get("/admin/settings").json()["asked"].get(path, 0))


@contextmanager
def signing(*options: str) -> Iterator[Signing]:
    """A fake identity provider."""
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told, "the provider did not start"
        issuer = json.loads(told)["address"]
        with httpx2.Client(base_url=issuer, timeout=60) as client:
            client.get("/.well-known/openid-configuration")
            yield Signing(issuer, client)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def beside(api: Asking, **environment: str) -> Iterator[Asking]:
    """Another server over the same place, with the same key."""
    process, told = start(api.place.conninfo, **environment)
    try:
        with httpx2.Client(base_url=told["address"], timeout=60) as client:
            yield api._replace(client=client, address=told["address"])
    finally:
        process.kill()
        process.communicate()


def member(place: Place, issuer: str, subject: str, role: str, tenant_id: int | None = None) -> str:
    """Makes a person a member; the id."""
    new = members.new(
        ids.derived(f"{tenant_id}/{issuer}/{subject}"),
        role,
        NOW,
        email=None,
        issuer=issuer,
        subject=subject,
    )
    giver = Giver("test", frozenset(SCOPES), NOW, ids.derived)
    with place.database.transaction(tenant_id or place.tenant_id) as tx:
        joining.add(tx, new, giver)
    return ids.show(members.MEMBER_ID, new.member_id)
