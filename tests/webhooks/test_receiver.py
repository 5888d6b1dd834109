"""The receiver that pretends: it tells true signatures from false ones, finds what is amiss, and fails as
told."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from everycent.fakes.receiver import FILE
from everycent.integrations.webhook_gate import Gate
from everycent.integrations.webhook_out import poster, shown
from everycent.webhooks.course import Answer
from everycent.webhooks.posting import Posting, Told, body_of
from tests.conftest import NOW
from tests.payments.fake import Fake
from tests.webhooks.hooks import HERE, SECRET, running_receiver, sender
from tests.webhooks.test_gate import certified

OTHER = b"a secret that nobody knows here!"


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Fake]:
    with running_receiver(tmp_path, "--secret", shown(SECRET)) as fake:
        yield fake


def letter(fake: Fake, number: int, subject: str = "a", *, secret: bytes = SECRET) -> Posting:
    """Number `number` for a receiver."""
    told = Told(number, UUID(int=number), f"note:{subject}", 1, "test.noted", NOW, NOW)
    url = f"{fake.url}/hooks/crm"
    return Posting(f"whd_{number}", number, url, body_of(told), (secret,))


def send(fake: Fake, *numbers: int, subject: str = "a", **more: Any) -> list[int | None]:
    at = datetime.now(UTC)
    return [sender()(letter(fake, one, subject, **more), at).status for one in numbers]


def test_what_is_good_is_taken_and_kept_in_a_file(receiver: Fake, tmp_path: Path) -> None:
    assert send(receiver, 1, 2) == [204, 204]
    assert len((tmp_path / FILE).read_text().splitlines()) == 2
    receiver.restart()
    assert send(receiver, 3) == [204]
    summary = receiver.call("GET", "/admin/summary?name=crm")
    assert summary == {
        "came": 3, "taken": 3, "different": 3, "false_signatures": 0, "out_of_order": [], "gaps": {},
    }  # fmt: skip
    assert receiver.call("GET", "/admin/summary?name=other")["came"] == 0


def test_a_false_signature_is_refused(receiver: Fake) -> None:
    assert send(receiver, 1, secret=OTHER) == [401]
    assert receiver.call("GET", "/admin/summary")["false_signatures"] == 1
    receiver.call("PUT", "/admin/secrets/crm", {"secrets": [shown(OTHER)]})
    assert send(receiver, 1, secret=OTHER) == [204]
    assert send(receiver, 1) == [401]


def test_what_is_old_is_refused_where_that_is_asked_for(tmp_path: Path) -> None:
    with running_receiver(tmp_path, "--secret", shown(SECRET), "--tolerance", "300") as fake:
        for minutes, status in ((-6, 401), (-4, 204), (4, 204), (6, 401)):
            at = datetime.now(UTC) + timedelta(minutes=minutes)
            assert sender()(letter(fake, 1), at).status == status


@pytest.mark.parametrize(
    ("behaviour", "answers"),
    [
        ({"status": 500, "times": 2}, [500, 500, 204]),
        ({"status": 410}, [410, 410, 410]),
        ({"status": 500, "subject": "note:b"}, [204, 204, 204]),
        ({"status": 500, "subject": "note:a", "times": 1}, [500, 204, 204]),
        ({"status": 500, "type": "other.noted"}, [204, 204, 204]),
        ({"status": 500, "name": "crm", "times": 0}, [204, 204, 204]),
    ],
)
def test_it_answers_as_it_is_told(receiver: Fake, behaviour, answers) -> None:
    receiver.call("POST", "/admin/behaviours", behaviour)
    assert send(receiver, 1, 2, 3) == answers
    receiver.call("DELETE", "/admin/behaviours")
    assert send(receiver, 4) == [204]


def test_it_asks_to_wait_and_leads_elsewhere_as_it_is_told(receiver: Fake) -> None:
    told = {"status": 429, "retry_after": "120", "times": 1}
    receiver.call("POST", "/admin/behaviours", told)
    elsewhere = {"status": 302, "location": f"{receiver.url}/hooks/other", "times": 1}
    receiver.call("POST", "/admin/behaviours", elsewhere)
    found = [sender()(letter(receiver, 1), datetime.now(UTC)) for _ in range(2)]
    assert found == [Answer(429, "answered 429", 120), Answer(302, "answered 302")]
    assert receiver.call("GET", "/admin/summary?name=other")["came"] == 0


def test_gaps_and_what_came_in_another_order_are_found(receiver: Fake) -> None:
    send(receiver, 1, 4, 2)
    send(receiver, 6, subject="b")
    send(receiver, 5, subject="c")
    send(receiver, 1)  # once more, which is no fault
    summary = receiver.call("GET", "/admin/summary")
    assert summary["out_of_order"] == ["whd_2"]
    assert summary["gaps"] == {"crm": [3]}
    assert (summary["came"], summary["different"]) == (6, 5)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/admin/behaviours", {"status": 99}), ("POST", "/admin/behaviours", {"hang": -1}),
        ("POST", "/admin/behaviours", {"statu": 200}), ("POST", "/admin/behaviours", {"hang": "x"}),
        ("PUT", "/admin/secrets/crm", {"secrets": ["whsec_%%"]}),
        ("PUT", "/admin/secrets/crm", {"secrets": "whsec_"}), ("PUT", "/admin/secrets/crm", {}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(receiver: Fake, method, path, body) -> None:
    assert receiver.answered(method, path, body)[0] == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{" * 5000, b'{"data": 1}'])
def test_it_takes_whatever_comes(tmp_path: Path, body: bytes) -> None:
    with running_receiver(tmp_path) as fake:
        connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=30)
        connection.request("POST", "/hooks/any", body)
        assert connection.getresponse().status == 204
        connection.close()


def test_it_speaks_tls(tmp_path: Path) -> None:
    _, trusting = certified("localhost", tmp_path)
    path = str(tmp_path / "server.pem")
    with running_receiver(tmp_path / "data", "--certificate", path, path) as fake:
        url = f"https://localhost:{fake.port}/hooks/crm"
        gate = Gate(HERE, lambda *_: ["127.0.0.1"], trusting)
        told = letter(fake, 1)._replace(url=url)
        assert poster(gate)(told, datetime.now(UTC)).status == 204
        other = ssl.create_default_context()
        assert poster(gate._replace(context=other))(told, datetime.now(UTC)).status is None
