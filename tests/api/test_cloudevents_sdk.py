"""The CloudEvents project's own SDK sends events in every mode; each is taken in once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.api.asking import Asking, asking
from tests.conftest import Place
from tests.flows import world

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    world.sell(module_place, [("acme", "api")])
    with asking(module_place) as found:
        yield found


def event(name: str, at: datetime = AT, **data: Any) -> CloudEvent:
    attributes = {
        "id": name, "source": "urn:meter:š/1", "type": "calls", "subject": "acme", "time": at,
        "datacontenttype": "application/json",
    }  # fmt: skip
    return CloudEvent(attributes, {"value": "12.5", "region": "eu"} | data)


def batch(events: list[CloudEvent]) -> HTTPMessage:
    """The SDK has no batches: one is an array of its structured events."""
    body = b"[" + b",".join(JSONFormat().write(one) for one in events) + b"]"
    return HTTPMessage({"content-type": "application/cloudevents-batch+json"}, body)


def sent(api: Asking, message: HTTPMessage) -> tuple[int, int]:
    told = dict(message.headers) | {"authorization": f"Bearer {api.key}"}
    answer = api.client.post("/v1/usage", content=message.body, headers=told)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["conflicts"], found["rejected"]) == (0, 0), answer.text
    return found["accepted"], found["duplicates"]


MODES = {
    "structured": lambda name: to_structured_event(event(name)),
    "binary": lambda name: to_binary_event(event(name)),
    "batch": lambda name: batch([event(name)]),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("again", MODES)
def test_an_event_of_the_sdk_is_taken_in_once_whatever_its_mode(api: Asking, mode: str, again: str):
    name = f"{mode}-{again}"
    assert sent(api, MODES[mode](name)) == (1, 0)
    assert sent(api, MODES[again](name)) == (0, 1)
    (found,) = api.get("/v1/usage/records", source="urn:meter:š/1", record_id=name)["items"]
    assert (found["subject"], found["meter"], found["value"]) == ("acme", "calls", "12.5")
    assert (found["at"], found["dimensions"]) == ("2026-01-05T12:00:00Z", {"region": "eu"})


@pytest.mark.parametrize(
    ("at", "stored"),
    [
        (AT.replace(tzinfo=timezone(timedelta(hours=2))), "2026-01-05T10:00:00Z"),
        (AT + timedelta(microseconds=5), "2026-01-05T12:00:00.000005Z"),
    ],
)
@pytest.mark.parametrize("name", ["a%b", "a b", 'a"b', "žaba", "😀"])
def test_names_and_times_of_the_sdk_arrive_as_they_were(
    api: Asking, name: str, at: datetime, stored: str
):
    called = f"{name}/{stored}"
    assert sent(api, to_binary_event(event(called, at))) == (1, 0)
    assert sent(api, to_structured_event(event(called, at))) == (0, 1)
    (found,) = api.get("/v1/usage/records", source="urn:meter:š/1", record_id=called)["items"]
    assert found["at"] == stored


def test_a_batch_of_many_events_is_taken_in(api: Asking):
    events = [event(f"many-{n}", AT + timedelta(seconds=n)) for n in range(50)]
    assert sent(api, batch(events)) == (50, 0)
    assert sent(api, batch(events)) == (0, 50)
