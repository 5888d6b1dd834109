"""everycent mock: a program that knows nothing but the address and the key can do everything."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

EVERYCENT = str(Path(sys.executable).with_name("everycent"))
FAKES = ["provider", "erp", "compute", "storage"]


class Mock(NamedTuple):
    told: dict[str, Any]
    client: httpx2.Client


def bare(**settings: str) -> dict[str, str]:
    """The environment of somebody who has set up nothing."""
    return {k: v for k, v in os.environ.items() if not k.startswith("EVERYCENT_")} | settings


@contextmanager
def begun(*words: str, at: Path) -> Iterator[tuple[dict[str, Any], httpx2.Client]]:
    """A mock of its own."""
    process = subprocess.Popen(
        [EVERYCENT, "mock", "--port", "0", "--json", *words], stdout=subprocess.PIPE, text=True,
        env=bare(), cwd=at,
    )  # fmt: skip
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    headers = {"authorization": f"Bearer {told['key']}"}
    try:
        with httpx2.Client(base_url=told["address"], headers=headers, timeout=60) as client:
            yield told, client
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    with begun(at=tmp_path_factory.mktemp("empty")) as (told, client):
        yield Mock(told, client)


def until(mock: Mock, path: str, wanted: Any) -> Any:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        found = mock.client.get(path).json()
        if wanted(found):
            return found
        time.sleep(0.2)
    raise AssertionError(f"{path} does not come to it: {found}")


def test_what_is_due_is_charged_at_the_provider(mock: Mock):
    told = until(
        mock, "/rest/v1/invoices",
        lambda found: [i["status"] for i in found["invoices"]].count("PAID") >= 4,
    )  # fmt: skip
    page = mock.client.get("/fake/provider/").text
    assert told["invoices"][0]["amount"]["value"] in page


def test_documents_arrive_in_the_erp(mock: Mock):
    until(
        mock, "/v1/erp/documents?state=registered",
        lambda found: len(found.get("items", found.get("documents"))) >= 4,
    )  # fmt: skip


@pytest.mark.parametrize("name", FAKES)
def test_a_fault_can_be_put_on_the_page_of_what_only_pretends(mock: Mock, name: str):
    assert mock.client.get(f"/fake/{name}", follow_redirects=True).status_code == 200
    before = mock.client.get(f"/fake/{name}/").text
    assert 'action="/' not in before
    choices = before.partition('<select name="fault">')[2].partition("</select>")[0]
    fault = re.findall(r'value="([^"]+)"', choices)[-1]
    told = {"fault": fault, "times": "50", "call": "", "path": "", "reference": ""}
    put = mock.client.post(f"/fake/{name}/page/faults", data=told)
    assert (put.status_code, put.headers["location"]) == (303, "../")
    assert "None: everything works." in before
    assert "None: everything works." not in mock.client.get(f"/fake/{name}/").text


def test_what_happens_is_told_to_the_receiver_whose_page_shows_it(mock: Mock):
    body = {"key": "bolt", "name": "Bolt", "currency": "EUR", "time_zone": "UTC"}
    assert mock.client.post("/v1/customers", json=body).status_code == 201
    came = until(
        mock, "/fake/receiver/admin/received?name=mock",
        lambda found: "customer.created" in [one["type"] for one in found["received"]],
    )["received"]  # fmt: skip
    assert all(one["is_signed"] for one in came)
    assert "customer.created" in mock.client.get("/fake/receiver/").text
    told = mock.client.post("/v1/webhooks/mock/test").json()
    assert (told["taken"], told["answered"]) == (True, 204)


def test_the_receiver_fails_as_it_is_told_on_its_page(mock: Mock):
    wanted = {"status": "500", "hang": "", "times": "1", "name": "mock", "type": "webhook.test"}
    put = mock.client.post("/fake/receiver/page/behaviours", data=wanted)
    assert (put.status_code, put.headers["location"]) == (303, "../")
    assert "None: everything works." not in mock.client.get("/fake/receiver/").text
    assert mock.client.post("/v1/webhooks/mock/test").json()["answered"] == 500
    mock.client.post("/fake/receiver/page/behaviours", data=wanted | {"times": ""})
    mock.client.post("/fake/receiver/page/behaviours/none")
    assert "None: everything works." in mock.client.get("/fake/receiver/").text


def test_pages_lead_a_person_to_everything(mock: Mock):
    page = mock.client.get("/").text
    for name in [*FAKES, "receiver"]:
        assert f'href="/fake/{name}/"' in page
    assert mock.told["key"] in page
    assert mock.client.get("/v1/docs").status_code == 200
    assert mock.client.get("/fake/nothing/").status_code == 404


def rates(client: httpx2.Client) -> dict[str, Any]:
    found = client.get("/v1/catalog", params={"kind": "tax"}).json()["items"]
    return {one["key"]: [rate["percent"] for rate in one["content"]["rates"]] for one in found}


def test_what_a_user_makes_of_it_stays_and_can_be_done_step_by_step(tmp_path: Path):
    kept = tmp_path / "kept"
    with begun("--data", str(kept), "--no-work", at=tmp_path) as (told, client):
        before = rates(client)
        assert before == {"vat": ["19"], "cloud-vat": ["25"]}
        own = {"catalog": {"taxes": {
            "vat": {"rates": [{"since": "2000-01-01", "percent": "7"}]},
            "cloud-vat": {"rates": [{"since": "2000-01-01", "percent": "8"}]},
        }}}  # fmt: skip
        assert client.post("/v1/catalog/apply", json=own).status_code == 200
        beside = subprocess.run(
            [EVERYCENT, "customer", "list", "--json"], capture_output=True, text=True, check=True,
            env=bare(EVERYCENT_HOME=str(kept / "home")),
        )  # fmt: skip
        assert [one["key"] for one in json.loads(beside.stdout)] == told["customers"]
        assert client.post("/v1/runs", json={}).json()["was_resumed"] is False
    with begun("--data", str(kept), "--no-work", at=tmp_path) as (_, client):
        assert rates(client) == {"vat": ["7"], "cloud-vat": ["8"]}
        (again, *_) = client.get("/v1/runs").json()["items"]
        assert again["finished_at"] is None


def test_it_goes_on_with_what_it_kept_and_nothing_is_left_when_it_ends(tmp_path: Path):
    for _ in range(2):
        process = subprocess.Popen(
            [EVERYCENT, "mock", "--port", "0", "--json", "--data", str(tmp_path / "kept")],
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        headers = {"authorization": f"Bearer {told['key']}"}
        tried = httpx2.post(f"{told['address']}/v1/webhooks/mock/test", headers=headers, timeout=60)
        assert tried.json()["answered"] == 204
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
        found = subprocess.run(
            ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
        )
        assert str(tmp_path) not in found.stdout
