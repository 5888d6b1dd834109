"""docs/erp.md, typed as it stands there beside a fake ERP; and what commands say of the ERP."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_collecting_page import TEN_MINUTES
from tests.cli.test_usage_corrections import Shell
from tests.erp.fake import FakeErp, running_erp

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "erp.md").read_text("utf-8")
FILE, FILES, TRYTON = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(TYPED,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    """A shell after the README's ten minutes."""
    typed = Shell(conninfo, tmp_path)
    shutil.copytree(ROOT / "examples" / "first", tmp_path / "first")
    for command in TEN_MINUTES.splitlines():
        typed(*shlex.split(command))
    return typed


@pytest.fixture
def fake(shell: Shell, tmp_path: Path) -> Iterator[FakeErp]:
    """The page's file and key, and the fake ERP at a port that is free."""
    with running_erp(tmp_path / "erp") as running:
        shell.write("erp.yaml", FILE.replace("8713", str(running.port)))
        shell.environment |= {"ERP_KEY": running.key}
        yield running


def open_alarms(shell: Shell) -> list[dict[str, Any]]:
    """The alarms that are open, of which there are some."""
    done = shell.run("alarm", "list", "--json")
    assert done.returncode == 3
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_the_page_hands_over_what_was_billed(shell: Shell, fake: FakeErp) -> None:
    commands = [line.removeprefix("$ everycent ") for line in TYPED.splitlines()[2:]]
    said = {line: shell(*shlex.split(line)) for line in commands}
    work, listed, trail, compared, alarms = said.values()
    assert "2 registered" in work
    assert re.findall(r"default/(INV-\d+).*(B-\d+)", listed) == [
        ("INV-000001", "B-000001"), ("INV-000002", "B-000002"),
    ]  # fmt: skip
    assert re.findall(r"batched|acknowledged|registered", trail)[0] == "batched"
    assert "nothing is lost, doubled, changed or unknown" in compared
    assert alarms == "nothing is wrong\n"
    (answer,) = set(re.findall(r"[0-9a-f-]{36}", trail.splitlines()[-2]))
    assert '"schema":"everycent-erp/1"' in shell("erp", "answer", answer)
    assert shell.json("erp", "batches")[0]["documents"] == 2
    assert [one["number"] for one in fake.batches()] == [1]


def test_what_is_wrong_is_shown_with_what_differs_and_is_over_when_it_is_right(
    shell: Shell, fake: FakeErp
) -> None:
    fake.fault("mutate:gross_off", times=None)
    shell("erp", "work", "--once")
    assert "mismatch" in shell("erp", "status")
    failed = shell.json("erp", "trail", "INV-000001")[-1]
    assert (failed["trouble"], failed["differences"][0]["field"]) == ("mismatch", "gross")
    assert "23.76 there" in shell("erp", "trail", "INV-000001")
    (alarm,) = open_alarms(shell)
    assert (alarm["kind"], alarm["subject"], alarm["state"]) == (
        "erp.failing",
        "books batch 1",
        "raised",
    )
    assert "was seen by" in shell("alarm", "acknowledge", alarm["alarm"])
    assert open_alarms(shell)[0]["state"] == "acknowledged"
    assert "is resolved" in shell("alarm", "resolve", alarm["alarm"], "--reason", "seen")
    assert shell("alarm", "list") == "nothing is wrong\n"
    assert "resolved" in shell("alarm", "show", alarm["alarm"])
    assert "it needs nobody" in shell("erp", "requeue", "INV-000001", "--reason", "x", code=2)


def test_what_the_erp_refuses_is_in_trouble_wherever_it_is_told(
    shell: Shell, fake: FakeErp
) -> None:
    fake.fault("reject:unknown customer", times=None)
    shell("erp", "work", "--once")
    told = shell("erp", "status")
    assert re.search(r"aborted +2 +2", told)
    assert len(re.findall(r"INV-00000\d +aborted +0 +unknown customer", told)) == 2
    assert "None" not in told


def test_batches_go_into_the_folder_that_the_file_names(shell: Shell) -> None:
    shell.write("erp.yaml", FILES)
    assert "2 registered" in shell("erp", "work", "--once")
    assert (shell.folder / "erp-files" / "default" / "batch-000001.json").exists()


def test_a_tryton_as_the_page_sets_it_up_is_called(shell: Shell) -> None:
    shell.write("erp.yaml", TRYTON.replace("https://tryton.example", "http://127.0.0.1:9"))
    shell.environment |= {"TRYTON_KEY": "a-key"}
    assert "2 unreachable" in shell("erp", "work", "--once")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (None, "no ERP is set up"),
        ("erp: {name: books, kind: ftp, since: 2026-01-01}", "'ftp' is no kind of ERP"),
        ("erp: {name: 'A b', kind: file, folder: x, since: 2026-01-01}", "an ERP's name has"),
        ("erp: {name: books, kind: file, folder: x, since: yesterday}", "is no day"),
        ("erp: {name: books, kind: file, folder: x, since: 2026-01-01, batch: 0}", "no number"),
        ("erp: {name: books, kind: file, since: 2026-01-01}", "folder"),
        (FILE, "ERP_KEY is not set"),
        (FILE + "  slow: 0s\n", "longer than no time"),
        (FILE + "  slow: soon\n", "is not a duration"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(shell: Shell, file: str | None, said: str) -> None:
    if file is not None:
        shell.write("erp.yaml", file)
    assert said in shell("erp", "work", "--once", code=2)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("EVERYCENT_ALARM_MAIL", "ops", "EVERYCENT_ALARM_MAIL is no mail address"),
        ("EVERYCENT_ALARM_MAIL", "ops@example.com\nx", "EVERYCENT_ALARM_MAIL is no mail address"),
        ("EVERYCENT_ALARM_WEBHOOK", "http://example.com", "can't be told anything"),
    ],
)
def test_where_no_alarm_can_be_told_nothing_is_begun(
    shell: Shell, variable: str, value: str, said: str
) -> None:
    shell.write("erp.yaml", FILES)
    shell.environment |= {variable: value}
    assert said in shell("erp", "work", "--once", code=2)


@pytest.mark.parametrize(
    ("variable", "value", "needed"),
    [
        ("EVERYCENT_ALARM_MAIL", "ops@example.com", "EVERYCENT_SMTP_URL"),
        ("EVERYCENT_ALARM_WEBHOOK", "https://ops.example.com/alarms", "EVERYCENT_WEBHOOK_SECRET"),
    ],
)
@pytest.mark.parametrize("command", ["work", "erp work", "serve"])
def test_what_stays_up_does_not_start_where_it_could_not_tell_an_alarm(
    shell: Shell, variable: str, value: str, needed: str, command: str
) -> None:
    shell.write("erp.yaml", FILES)
    shell.environment |= {variable: value}
    refused = shell(*command.split(), code=2)
    assert f"{variable} is set, but nothing says what alarms are sent with: {needed}" in refused
    assert f"set {needed} too, or take {variable} away" in refused
    assert "settings.alarm_not_sent" in refused
