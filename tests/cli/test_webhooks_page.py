"""docs/webhooks.md, typed as it stands there; and what the command says when something is amiss."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_usage_corrections import EVERYCENT, Shell
from tests.payments.fake import Fake
from tests.webhooks.hooks import running_receiver

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Fake]:
    with running_receiver(tmp_path / "received") as fake:
        yield fake


@pytest.fixture
def shell(conninfo: str, tmp_path: Path, receiver: Fake) -> Shell:
    typed = Shell(conninfo, tmp_path)
    typed.environment["EVERYCENT_WEBHOOK_ALLOW"] = f"127.0.0.1:{receiver.port}"
    return typed


def add(shell: Shell, receiver: Fake, *more: str) -> str:
    """Adds an endpoint whose secret the receiver knows."""
    told = shell.json("webhook", "add", "crm", f"{receiver.url}/hooks/crm", *more)
    receiver.call("PUT", "/admin/secrets/crm", {"secrets": [told["secret"]]})
    found: str = told["secret"]
    return found


def refused(shell: Shell, *command: str) -> dict[str, str]:
    """What a command that is refused says."""
    done = shell.run("webhook", *command, "--json")
    assert done.returncode == 2, done
    found: dict[str, str] = json.loads(done.stderr or done.stdout)["error"]
    return found


def test_every_command_of_the_page_says_what_the_page_says(shell: Shell, receiver: Fake) -> None:
    for block in BLOCKS:
        for part in block.replace("8714", str(receiver.port)).split("$ everycent ")[1:]:
            command, *lines = part.splitlines()
            said = shell(*shlex.split(command)).splitlines()
            assert set(lines) <= set(said), command
    summary = receiver.call("GET", "/admin/summary")
    assert (summary["came"], summary["different"], summary["gaps"]) == (3, 2, {})
    assert "promises hold" in shell("verify", "--replay")


def test_a_secret_is_shown_once_and_stands_nowhere_else(shell: Shell, receiver: Fake) -> None:
    secret = add(shell, receiver, "--type", "customer.*")
    assert secret.startswith("whsec_")
    shell("customer", "add", "a", "--name", "A", "--currency", "EUR", "--time-zone", "UTC")
    shell("webhook", "work", "--once")
    assert receiver.call("GET", "/admin/summary")["false_signatures"] == 0
    for command in ("list", "show crm", "deliveries crm", "events crm"):
        assert secret not in shell("webhook", *command.split(), "--json")
        assert secret not in shell("webhook", *command.split())
    rotated = shell.json("webhook", "rotate", "crm")["secret"]
    assert rotated != secret
    shell("webhook", "replay", "crm", "--from", "1")
    shell("webhook", "work", "--once")
    receiver.call("PUT", "/admin/secrets/crm", {"secrets": [rotated]})
    shell("webhook", "replay", "crm", "--from", "1")
    shell("webhook", "work", "--once")
    summary = receiver.call("GET", "/admin/summary")
    assert (summary["taken"], summary["false_signatures"]) == (3, 0)


def test_what_fails_is_told_and_an_alarm_stands_until_it_came_through(
    shell: Shell, receiver: Fake
) -> None:
    add(shell, receiver, "--type", "customer.*", "--payload")
    shell("customer", "add", "a", "--name", "A", "--currency", "EUR", "--time-zone", "UTC")
    receiver.call("POST", "/admin/behaviours", {"status": 410, "body": "canary", "times": 1})
    assert shell.json("webhook", "work", "--once")["waiting"] == 1
    (delivery,) = shell.json("webhook", "deliveries", "crm")
    assert (delivery["status"], delivery["answered"], delivery["tries"]) == ("waiting", 410, 1)
    assert "canary" not in shell("webhook", "deliveries", "crm", "--json")
    assert shell.json("webhook", "show", "crm")["state"] == "disabled (gone)"
    assert "webhook.disabled crm" in " ".join(shell.run("alarm", "list").stdout.split())
    shell("webhook", "enable", "crm")
    assert shell.json("webhook", "work", "--once")["delivered"] == 1
    assert shell("alarm", "list") == "nothing is wrong\n"
    (came, again) = receiver.call("GET", "/admin/received")["received"]
    assert came["webhook_id"] == again["webhook_id"] == delivery["name"]
    assert json.loads(again["body"])["data"]["payload"]["key"] == "a"
    assert shell.json("webhook", "replay", "crm", "--delivery", delivery["name"])["events"] == 1


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (204, 0, "taken: it answered 204\n"),
        (401, 3, "not taken: it answered 401; does it know the secret of this endpoint?\n"),
        (500, 3, "not taken: it answered 500\n"),
    ],
)
def test_a_test_that_is_not_taken_ends_as_where_somebody_should_look(
    shell: Shell, receiver: Fake, status: int, code: int, said: str
) -> None:
    add(shell, receiver)
    receiver.call("POST", "/admin/behaviours", {"status": status, "times": 2})
    done = shell.run("webhook", "test", "crm")
    assert (done.returncode, done.stdout) == (code, said)
    assert shell.run("webhook", "test", "crm", "--json").returncode == code


def test_everybody_at_work_sends_webhooks_too(shell: Shell, receiver: Fake) -> None:
    add(shell, receiver)
    worker = subprocess.Popen(
        [EVERYCENT, "work", "--only", "webhook", "--rest", "0.1", "--json"],
        env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        shell("customer", "add", "a", "--name", "A", "--currency", "EUR", "--time-zone", "UTC")
        for _ in range(200):
            if receiver.call("GET", "/admin/summary")["taken"] >= 1:
                break
            signal.sigtimedwait([], 0.1)
        worker.terminate()
        told = json.loads(worker.communicate(timeout=60)[0])
    finally:
        worker.kill()
        worker.communicate()
    assert told["webhook"]["delivered"] == receiver.call("GET", "/admin/summary")["taken"] >= 1


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("add crm http://127.0.0.1:1/", "webhook.bad_url"),
        ("add crm https://10.0.0.1/", "webhook.bad_url"),
        ("add crm https://example.com/ --type invoice", "webhook.bad_types"),
        ("add crm https://example.com/ --type custmer.*", "webhook.unknown_type"),
        ("update crm --type invoice.isued", "webhook.unknown_type"),
        ("add C https://example.com/", "webhook.bad_key"),
        ("show crm", "webhook.unknown"), ("test crm", "webhook.unknown"),
        ("replay crm", "webhook.bad_replay"), ("replay crm --from 1", "webhook.unknown"),
        ("replay crm --delivery x", "id.malformed"), ("rotate crm", "webhook.unknown"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_refused_with_its_code(shell: Shell, command, code) -> None:
    assert refused(shell, *shlex.split(command))["code"] == code


def test_a_bad_setting_is_refused_before_anything_is_sent(shell: Shell) -> None:
    shell.environment["EVERYCENT_SECRET_KEY"] = "c2hvcnQ="
    told = refused(shell, "add", "crm", "https://example.com/")
    assert told["code"] == "settings.bad_secret_key"
    assert "c2hvcnQ=" not in json.dumps(told)


def test_no_key_is_made_beside_a_database_that_other_machines_share(
    shell: Shell, receiver: Fake, tmp_path: Path
) -> None:
    add(shell, receiver, "--type", "customer.*")
    key = shell.environment.pop("EVERYCENT_SECRET_KEY")
    for command in (["add", "other", "https://example.com/"], ["rotate", "crm"], ["test", "crm"]):
        told = refused(shell, *command)
        assert told["code"] == "settings.no_secret_key"
        assert "openssl rand -base64 32" in told["hint"]
    shell("customer", "add", "a", "--name", "A", "--currency", "EUR", "--time-zone", "UTC")
    assert shell.json("webhook", "work", "--once")["waiting"] == 1
    assert "EVERYCENT_SECRET_KEY is not set" in shell("webhook", "deliveries", "crm", "--json")
    assert not (tmp_path / "secret.key").exists()
    shell.environment["EVERYCENT_SECRET_KEY"] = key
    shell("webhook", "test", "crm")
