"""That the ERP is away, and that it is back, is told by mail and webhook: by real commands, through a mail
server as a real process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_erp_page import FILE
from tests.cli.test_erp_page import shell as shell  # the ten minutes, as a fixture
from tests.cli.test_usage_corrections import Shell
from tests.dunning import post
from tests.erp.fake import KEY, FakeErp, running_erp
from tests.payments.fake import Fake

SENDER, WATCHER = "Billing <billing@example.com>", "ops@example.com"


@pytest.fixture
def mail_server(shell: Shell, tmp_path: Path) -> Iterator[Fake]:
    """A mail server's process, to which alarms are sent."""
    server = Fake(tmp_path / "mail", [], "mail")
    shell.environment |= {
        "EVERYCENT_ALARM_MAIL": WATCHER,
        "EVERYCENT_SMTP_URL": f"smtp://127.0.0.1:{server.port}",
        "EVERYCENT_MAIL_FROM": SENDER,
    }
    yield server
    server.kill()


@pytest.fixture
def erp(shell: Shell, tmp_path: Path) -> Iterator[FakeErp]:
    """The ERP of the shell's file, which is not there yet."""
    with running_erp(tmp_path / "erp") as fake:
        shell.write("erp.yaml", FILE.replace("8713", str(fake.port)))
        shell.environment |= {"ERP_KEY": KEY}
        fake.kill()
        yield fake


def work_until_it_is_quiet(shell: Shell) -> None:
    """Hands over until nothing is wrong any more."""
    while shell.run("alarm", "list").returncode != 0:
        shell("erp", "work", "--once")
        time.sleep(0.5)


def subjects(server: Fake) -> list[str]:
    return [mail["subject"] for mail in post.mails(server.folder)]


AWAY, BACK = "[everycent] warning: erp.away books", "[everycent] is right again: erp.away books"


def test_a_mail_says_that_the_erp_is_away_and_one_that_it_is_back(
    shell: Shell, mail_server: Fake, erp: FakeErp
) -> None:
    for _ in range(3):  # however often it is tried meanwhile, it is told once
        shell("erp", "work", "--once")
    (alarm,) = json.loads(shell.run("alarm", "list", "--json").stdout)
    shell("message", "send")
    assert subjects(mail_server) == [AWAY]
    (mail,) = post.mails(mail_server.folder)
    assert (mail["x-envelope-to"], mail["to"], mail["from"]) == (WATCHER, WATCHER, SENDER)
    body = mail.get_content()
    assert "documents wait: unreachable" in body
    assert f"everycent alarm show {alarm['alarm']}" in body
    erp.start()
    work_until_it_is_quiet(shell)
    shell("message", "send")
    shell("message", "send")
    assert subjects(mail_server) == [AWAY, BACK]
    told = post.mails(mail_server.folder)[1].get_content()
    assert "right again since" in told
    assert "by recovery" in told


def test_a_mail_server_that_is_away_loses_no_alarm(
    shell: Shell, mail_server: Fake, erp: FakeErp
) -> None:
    mail_server.kill()
    shell("erp", "work", "--once")
    shell.run("message", "send")
    erp.start()
    work_until_it_is_quiet(shell)
    (waiting,) = {one["state"] for one in shell.json("message", "list") if one["to"] == WATCHER}
    assert waiting == "waiting"
    mail_server.start()
    for one in shell.json("message", "list"):
        shell.run("message", "retry", one["message"])
    while len(subjects(mail_server)) < 2:
        shell.run("message", "send")
        time.sleep(0.5)
    assert sorted(subjects(mail_server)) == sorted([AWAY, BACK])


def test_a_webhook_says_both_and_its_signature_holds(shell: Shell, erp: FakeErp) -> None:
    with post.hook() as taker:
        shell.environment |= {
            "EVERYCENT_ALARM_WEBHOOK": taker.url,
            "EVERYCENT_WEBHOOK_SECRET": post.SECRET,
        }
        shell("erp", "work", "--once")
        shell("message", "send")
        erp.start()
        work_until_it_is_quiet(shell)
        shell("message", "send")
    told: list[dict[str, Any]] = [json.loads(body) for _, body in taker.got]
    assert [one["type"] for one in told] == ["alarm.raised", "alarm.resolved"]
    raised, resolved = (one["data"] for one in told)
    assert (raised["kind"], raised["subject"], raised["severity"]) == (
        "erp.away", "books", "warning",
    )  # fmt: skip
    assert raised["alarm_id"] == resolved["alarm_id"]
    assert resolved["resolved_by"] == "recovery"
    assert len({headers["webhook-id"] for headers, _ in taker.got}) == 2
    for headers, body in taker.got:
        assert post.is_signed(headers, body)
        assert not post.is_signed(headers, body.replace(b"books", b"cooks"))
        assert not post.is_signed(headers, body, "whsec_" + "b3RoZXI=")
