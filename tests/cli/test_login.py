"""everycent login, api and logout: against a real server and the fake identity provider."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.api.asking import Asking, asking
from tests.api.signing import Signing, member, signing
from tests.conftest import Place

EVERYCENT = str(Path(sys.executable).with_name("everycent"))
_URL = re.compile(r"http://\S+")


class Terminal(NamedTuple):
    """Somebody's terminal, with a configuration folder of its own."""

    api: Asking
    provider: Signing
    folder: Path

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        environment = {"XDG_CONFIG_HOME": str(self.folder), "EVERYCENT_TENANT": "", **more}
        return subprocess.Popen(
            [EVERYCENT, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | environment,
        )  # fmt: skip

    def run(self, *words: str, **more: str) -> tuple[int, str, str]:
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def data(self, *words: str, **more: str) -> Any:
        code, out, err = self.run(*words, **more)
        assert code == 0, out + err
        return json.loads(out)

    @property
    def file(self) -> Path:
        return self.folder / "everycent" / "login.json"

    def login(self, *options: str) -> subprocess.Popen[str]:
        return self.start(
            "login", "--server", self.api.address, "--client-id", "everycent", *options
        )


@pytest.fixture(scope="module")
def served(module_place: Place) -> Iterator[tuple[Asking, Signing]]:
    with signing("--algorithm", "ES256") as provider:
        member(module_place, provider.issuer, "p-olive", "owner")
        with asking(module_place, **provider.environment) as api:
            yield api, provider


@pytest.fixture
def terminal(served: tuple[Asking, Signing], tmp_path: Path) -> Terminal:
    return Terminal(*served, tmp_path)


def url_in(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    found = _URL.search(process.stderr.readline())
    assert found is not None
    return found[0]


def signed_in(terminal: Terminal, *options: str) -> None:
    process = terminal.login("--no-browser", *options)
    url = url_in(process)
    with httpx2.Client(follow_redirects=True, timeout=60) as browser:
        back = httpx2.URL(url).params["redirect_uri"]
        assert browser.get(f"{back}?code=stolen&state=guessed").status_code == 404
        page = browser.get(url).text
        assert "Olive Owner" in page
        answer = browser.get(f"{url}&person=p-olive")
    assert "Signed in" in answer.text
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err


def test_a_sign_in_lasts_until_the_sign_out(terminal: Terminal):
    signed_in(terminal)
    assert terminal.file.stat().st_mode & 0o777 == 0o600
    assert terminal.data("api", "GET", "/v1/me")["role"] == "owner"
    made = terminal.data(
        "api", "post", "/v1/keys", "-f", "name=made", "-f", 'scopes:=["usage:read"]'
    )
    assert made["name"] == "made"
    found = terminal.data("api", "GET", "/v1/members", "-f", "size=1")
    assert len(found["items"]) == 1
    assert terminal.run("logout")[0] == 0
    code, _, err = terminal.run("api", "GET", "/v1/me")
    assert (code, "login.needed" in err) == (2, True)
    assert not terminal.file.exists()


def test_old_tokens_are_renewed(terminal: Terminal):
    signed_in(terminal, "--access-token")
    before = json.loads(terminal.file.read_text())
    terminal.file.write_text(json.dumps(before | {"expires_at": 1, "access_token": "old"}))
    assert terminal.data("api", "GET", "/v1/me")["role"] == "owner"
    after = json.loads(terminal.file.read_text())
    assert after["refresh_token"] != before["refresh_token"]
    assert terminal.file.stat().st_mode & 0o777 == 0o600
    terminal.file.write_text(json.dumps(before | {"expires_at": 1}))
    code, _, err = terminal.run("api", "GET", "/v1/me")
    assert (code, "login.refused" in err) == (2, True)


def test_one_signs_in_on_another_device(terminal: Terminal):
    process = terminal.login("--device")
    answer = httpx2.get(f"{url_in(process)}&person=p-olive")
    assert answer.status_code == 200
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert terminal.data("api", "GET", "/v1/me")["role"] == "owner"


def test_a_token_is_shown_to_its_own_server_only(terminal: Terminal):
    signed_in(terminal)
    code, _, err = terminal.run("api", "GET", "/v1/me", "--server", terminal.provider.issuer)
    assert (code, "login.needed" in err) == (2, True)


def test_a_key_is_used_where_it_is_set(terminal: Terminal, tmp_path: Path):
    shown = {"EVERYCENT_API_KEY": terminal.api.key, "EVERYCENT_URL": terminal.api.address}
    assert terminal.data("api", "GET", "/v1/me", **shown)["role"] is None
    body = tmp_path / "body.json"
    body.write_text('{"name": "filed", "scopes": ["usage:read"]}')
    made = terminal.data("api", "POST", "/v1/keys", "--input", str(body), **shown)
    assert made["name"] == "filed"
    code, out, _ = terminal.run("api", "POST", "/v1/keys", "-f", "name=a", **shown)
    assert (code, json.loads(out)["code"]) == (2, "request.field_missing")


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["api", "GET", "v1/me"], "login.bad_path", "such as /v1/me"),
        (["api", "GET", "/v1/me"], "login.needed", "everycent login"),
        (
            ["login", "--server", "http://192.0.2.1"],
            "login.bad_address",
            "write https://192.0.2.1: ",
        ),
        (
            ["login", "--server", "127.0.0.1:8611"],
            "login.bad_address",
            "write http://127.0.0.1:8611\n",
        ),
        (
            ["login", "--server", "localhost:8611"],
            "login.bad_address",
            "write http://localhost:8611\n",
        ),
        (
            ["login", "--server", "a.example:1/b"],
            "login.bad_address",
            "write https://a.example:1\n",
        ),
        (["login", "--server", "https://[a"], "login.bad_address", "write it like https://"),
        (["login", "--server", "ftp://a"], "login.bad_address", "write it like https://"),
        (
            ["login", "--server", "http://127.0.0.1:1"],
            "login.unreachable",
            "does `everycent serve` run",
        ),
    ],
)
def test_what_can_not_be_is_refused_with_what_to_do(
    terminal: Terminal, words: list[str], code: str, hint: str
):
    status, _, err = terminal.run(*words)
    assert (status, code in err, hint in err) == (2, True, True), err


def test_members_are_kept_on_the_command_line_too(terminal: Terminal):
    place = {"EVERYCENT_DATABASE_URL": terminal.api.place.conninfo}
    made = terminal.data("member", "add", "support", "--email", "a@example.com", "--json", **place)
    named = made["member"]
    changed = terminal.data("member", "role", named, "finance", "--json", **place)
    assert (changed["role"], changed["bound_at"]) == ("finance", None)
    assert named in terminal.run("member", "list", **place)[1]
    assert terminal.data("member", "remove", named, "--json", **place)["removed_at"] is not None
    assert named not in terminal.run("member", "list", **place)[1]
    assert named in terminal.run("member", "list", "--all", **place)[1]
