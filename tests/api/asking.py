"""A client of a served place that holds every answer against what its operation says that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import msgspec
from starlette.routing import Match

from everycent.access.roles import SCOPES
from everycent.api.answering import route_of
from everycent.api.openapi import Problem
from everycent.api.planning import Plan
from everycent.api.server import OPERATIONS
from tests.api.serving import make_key, served
from tests.conftest import Place

_NUMBERS = count(1)  # of keys that are made, each with another name
ROUTES = [(one, route_of(one)) for one in OPERATIONS]


class Asking(NamedTuple):
    """Asks with a key that has some scopes; all there are, when it is made by `asking`."""

    place: Place
    client: httpx2.Client
    key: str
    address: str

    def get(self, path: str, **query: Any) -> Any:
        """The data of a question that is answered."""
        answer = self.send("GET", path, params=query or None)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def post(self, path: str, body: Any = None, *, status: int | None = None, **query: Any) -> Any:
        """The data of a change that is made; with any status below 300, or the given one."""
        answer = self.send("POST", path, json=body, params=query or None)
        wanted = range(200, 300) if status is None else (status,)
        assert answer.status_code in wanted, (path, answer.status_code, answer.text)
        return answer.json()

    def walk(self, path: str, size: int = 2, **query: Any) -> list[Any]:
        """All that a list has, page by page."""
        page = self.get(path, size=size, **query)
        found = list(page["items"])
        while page["next"] is not None:
            page = self.get(page["next"])
            found += page["items"]
        return found

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        """The status and the code with which something is refused."""
        answer = self.send(method, path, json=body, params=query or None)
        assert answer.status_code >= 400, (path, answer.status_code, answer.text)
        return answer.status_code, answer.json()["code"]

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Any = None,
        key: str | None = None,
        **headers: str,
    ) -> httpx2.Response:
        """Sends anything; the answer is one that the operation may give."""
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        told["authorization"] = f"Bearer {key or self.key}"
        answer = self.client.request(method, path, json=json, params=params, headers=told)
        check(method, urlsplit(path).path, answer)
        return answer

    def with_scopes(self, *scopes: str) -> Asking:
        """The same with a key that has only these scopes."""
        name = f"{next(_NUMBERS)}-" + "-".join(scopes).replace(":", "-")[-36:]
        key = make_key(self.place.database, self.place.tenant_id, name, scopes)
        return self._replace(key=key)


def check(method: str, path: str, answer: httpx2.Response) -> None:
    """Holds an answer against its operation."""
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        msgspec.json.decode(answer.content, type=Problem)
        return
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    found = [one for one, route in ROUTES if route.matches(scope)[0] is Match.FULL]
    assert found, f"nothing answers {method} {path}"
    one = found[0]
    if answer.status_code == 304 or not answer.headers["content-type"].startswith(
        "application/json"
    ):
        return
    shapes = {one.status: one.answer, **one.others}
    assert answer.status_code in shapes or one.is_planned, (path, answer.status_code)
    shape = shapes.get(answer.status_code, one.answer)
    if one.is_planned and b'"plan":"plan_' in answer.content:
        shape = Plan
    if shape is not None and shape is not Any:
        msgspec.json.decode(answer.content, type=shape)


@contextmanager
def asking(place: Place, scopes: Sequence[str] = SCOPES, **environment: str) -> Iterator[Asking]:
    """A server over the place, and who asks it with a key for these scopes."""
    with served(place, **environment) as api:
        key = make_key(place.database, place.tenant_id, "asking", scopes)
        yield Asking(place, api.client, key, api.address)
