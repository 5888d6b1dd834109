"""The alarm about the database: on disk first, told while the database is away, in the list when it is
back; once, with one id, however many processes see it and whoever dies."""

import json
import re
import shutil
import signal
import subprocess
from contextlib import ExitStack

import msgspec
import pytest

from everycent.alarms.alarm import Alarm
from tests.dunning.post import SECRET, hook, is_signed, mail_server, mails
from tests.resilience.own import EVERYCENT, running, serving, until

TICK = {"EVERYCENT_WEBHOOK_SECRET": SECRET, "EVERYCENT_MAIL_FROM": "Billing <b@example.com>"}


@pytest.fixture
def receivers(tmp_path):
    """Somebody who takes webhooks, a folder with mails, and the settings to reach them."""
    folder = tmp_path / "mails"
    with hook(204) as taking, mail_server(folder) as url:
        settings = TICK | {
            "EVERYCENT_SMTP_URL": url, "EVERYCENT_ALARM_MAIL": "ops@example.com",
            "EVERYCENT_ALARM_WEBHOOK": taking.url,
        }  # fmt: skip
        yield taking, folder, settings


def told(taking):
    """The webhooks that came: type, alarm and message id."""
    found = []
    for headers, body in taking.got:
        assert is_signed(headers, body)
        data = msgspec.json.decode(body)
        found.append((data["type"], data["data"]["alarm_id"], headers["webhook-id"]))
    return found


def spool(own):
    """What waits in the spool."""
    return sorted(path.name for path in (own.home / "alarms").glob("*.json"))


def episodes(own) -> list[Alarm]:
    """The alarms about the database that are in the list; there are others about killed processes."""
    return [one for one in own.alarms() if one.kind == "database.away"]


def filed(own) -> Alarm:
    """The one alarm in the list, once it is there."""
    until(lambda: episodes(own) and not spool(own), "the alarm is in the list")
    (alarm,) = episodes(own)
    return alarm


def test_it_is_told_while_the_database_is_away_and_filed_when_it_is_back(own, receivers):
    taking, folder, settings = receivers
    own.run("up")
    with serving(own.environ(**settings)) as api:
        own.stop()
        until(lambda: told(taking) and mails(folder), "both are told")
        assert spool(own) == ["open.json"]
        assert api.status("/readyz") == 503
        [(what, name, message)] = told(taking)
        assert what == "alarm.raised"
        own.start()
        alarm = filed(own)
        assert (alarm.name, alarm.kind, alarm.state, alarm.resolved_by) == (
            name, "database.away", "resolved", "recovery",
        )  # fmt: skip
        assert alarm.raised_at < alarm.resolved_at
    states = {(one.message.occasion.split("/")[0], one.message.kind): one for one in own.messages()}
    assert {key: one.state.status.value for key, one in states.items()} == {
        ("alarm.raised", "mail"): "delivered", ("alarm.raised", "webhook"): "delivered",
        ("alarm.resolved", "mail"): "waiting", ("alarm.resolved", "webhook"): "waiting",
    }  # fmt: skip
    assert states["alarm.raised", "webhook"].message.name == message
    own.run("message", "send", **settings)
    assert [(what, name) for what, name, _ in told(taking)] == [
        ("alarm.raised", name), ("alarm.resolved", name),
    ]  # fmt: skip
    assert [str(mail["subject"]).split(":")[0] for mail in mails(folder)] == [
        "[everycent] critical", "[everycent] is right again",
    ]  # fmt: skip
    own.run("verify", "--replay")  # which ends with 0 only if every promise holds


def test_many_processes_raise_one_alarm_for_an_episode_and_a_new_one_for_the_next(own, receivers):
    taking, folder, settings = receivers
    own.run("up")
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(serving(own.environ(**settings)))
        stack.enter_context(running(own.environ(**settings), "usage", "watch"))
        own.stop()
        until(lambda: told(taking) and mails(folder), "both are told")
        own.start()
        first = filed(own)
        own.stop(signal.SIGQUIT)
        until(lambda: len(told(taking)) > 1 and len(mails(folder)) > 1, "both are told again")
        own.start()
        until(lambda: len(episodes(own)) > 1 and not spool(own), "both are in the list")
    assert {alarm.name for alarm in episodes(own)} == {name for _, name, _ in told(taking)}
    assert len(episodes(own)) == len(told(taking)) == len(mails(folder)) == 2
    assert first.name in {alarm.name for alarm in episodes(own)}


def test_a_process_that_is_killed_leaves_the_alarm_to_the_next_one(own, receivers):
    taking, folder, settings = receivers
    own.run("up")
    with serving(own.environ()) as api:  # which can tell nobody
        own.stop()
        until(lambda: spool(own), "it is written down")
        api.running.process.kill()
    with serving(own.environ(**settings)) as api:
        until(lambda: told(taking) and mails(folder), "both are told")
        api.running.process.kill()
    own.start()
    assert spool(own) == ["open.json"]
    with serving(own.environ(**settings)):
        alarm = filed(own)
    assert {name for _, name, _ in told(taking)} == {alarm.name}
    assert len(told(taking)) == 1


def test_who_could_not_be_told_meanwhile_is_told_from_the_list(own):
    own.run("up")
    with hook(500, 204) as taking:
        settings = TICK | {"EVERYCENT_ALARM_WEBHOOK": taking.url}
        with serving(own.environ(**settings)):
            own.stop()
            until(lambda: taking.got, "it is tried")
            own.start()
            filed(own)
        own.run("message", "send", **settings)
        ids = {(what, message) for what, _, message in told(taking)}
        assert sorted(what for what, _ in ids) == ["alarm.raised", "alarm.resolved"]


def listed(own, *options, home=None, **settings):
    """What `alarm list` says, with its exit code."""
    environment = own.environ(**settings)
    if home is not None:
        environment |= {"EVERYCENT_HOME": str(home)}
        del environment["EVERYCENT_DATABASE_URL"]
    return subprocess.run(
        [EVERYCENT, "alarm", "list", *options], env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_it_is_listed_while_the_database_is_away(own):
    own.run("up")
    assert (listed(own).returncode, listed(own).stdout) == (0, "nothing is wrong\n")
    with serving(own.environ()):
        own.stop()
        until(lambda: spool(own), "it is written down")
        done = listed(own)
        (told,) = json.loads(listed(own, "--json").stdout)
        own.start()
        filed(own)
    assert done.returncode == 3
    assert "database.away" in done.stdout
    assert "only alarms written down on this machine are shown" in done.stderr
    assert (told["kind"], told["state"]) == ("database.away", "raised")
    (before,) = [line for line in listed(own, "--all").stdout.splitlines() if "database.aw" in line]
    assert len(re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", before)) == 2  # since, and until


def test_listing_it_starts_no_database_that_was_stopped(own, tmp_path):
    """The embedded one, of an instance of its own: nothing runs there, and the alarm is on disk."""
    own.run("up")
    with serving(own.environ()):
        own.stop()
        until(lambda: spool(own), "it is written down")
        shutil.copytree(own.home / "alarms", tmp_path / "alarms")
        own.start()
        filed(own)
    done = listed(own, home=tmp_path)
    assert done.returncode == 3
    assert "database.away" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alarms"]


def test_an_alarm_that_is_filed_twice_is_there_once(own):
    own.run("up")
    with serving(own.environ()):
        own.stop()
        until(lambda: spool(own), "it is written down")
        kept = (own.home / "alarms" / "open.json").read_bytes()
        own.start()
        filed(own)
    (own.home / "alarms" / "open.json").write_bytes(kept)  # as if it had died before it was gone
    with serving(own.environ()):
        until(lambda: not spool(own), "it is filed again")
    assert len(episodes(own)) == 1
