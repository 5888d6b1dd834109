"""docs/dunning.md, typed as it stands there; and letters that come to a real mail server."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_usage_corrections import EVERYCENT, Shell
from tests.dunning import post

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "dunning.md").read_text("utf-8")
(FILE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
BEFORE = """\
catalog apply first/catalog.yaml
customer add acme --name "Acme Ltd" --currency EUR --time-zone Europe/Zagreb --email ann@acme.example
subscription start acme api --starts-on 2026-01-01
usage import first/usage.csv --source gateway
bill run --as-of 2026-02-01 --zone Europe/Zagreb
"""


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    typed = Shell(conninfo, tmp_path)
    shutil.copytree(ROOT / "examples" / "first", tmp_path / "first")
    typed.write("collecting.yaml", FILE)
    for command in BEFORE.splitlines():
        typed(*shlex.split(command))
    return typed


def words(line: str) -> str:
    return " ".join(line.split())


def type_page(shell: Shell) -> None:
    for block in BLOCKS:
        for part in block.split("$ everycent ")[1:]:
            command, *lines = part.splitlines()
            said = {words(line) for line in shell(*shlex.split(command)).splitlines()}
            assert {words(line) for line in lines} <= said, f"{command}\n{said}"


def test_every_command_of_the_page_says_what_the_page_says(shell: Shell) -> None:
    type_page(shell)
    shown = shell("dunning", "show")
    assert "0 6 1 * * (Europe/Zagreb)" in shown
    assert "enterprise: call → letter" in shown
    assert shell.json("dunning", "show")["failures"]["declined"]["most"] == 5
    assert "promises hold" in shell("verify", "--replay")


def test_letters_come_to_a_mail_server_and_webhooks_to_whoever_is_told(
    shell: Shell, tmp_path: Path
) -> None:
    folder = tmp_path / "mails"
    server = subprocess.Popen(
        [EVERYCENT, "fake", "mail", "--port", "0", "--data", str(folder), "--json"],
        env=shell.environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        with post.hook() as hook:
            shell.environment |= {
                "EVERYCENT_SMTP_URL": json.loads(server.stdout.readline())["address"],
                "EVERYCENT_MAIL_FROM": "Billing <billing@example.com>",
                "EVERYCENT_WEBHOOK_SECRET": post.SECRET,
                "EVERYCENT_WEBHOOK_ALLOW": "127.0.0.1",
            }
            shell.write(
                "collecting.yaml", FILE.replace("https://crm.example.com/dunning", hook.url)
            )
            shell("dunning", "apply", "collecting.yaml")
            for day in ("2026-02-18", "2026-02-25", "2026-03-04", "2026-05-03"):
                shell("dunning", "run", "--as-of", day)
            sent = shell.json("message", "send")
    finally:
        server.terminate()
        server.communicate()
    assert sent == {"waiting": 0, "delivered": 5, "failed": 0, "not_set_up": {}}
    assert sorted(str(mail["Subject"]) for mail in post.mails(folder)) == [
        "Reminder: 59.79 EUR is overdue",
        "Second reminder: 59.79 EUR is overdue since 2026-02-15",
        "Your contracts are paused: 59.79 EUR is overdue",
    ]
    told = {json.loads(body)["type"]: json.loads(body)["data"] for _, body in hook.got}
    assert all(post.is_signed(*one) for one in hook.got)
    assert told["dunning.ended"]["why"] == "written_off"
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    expected = json.loads(example)["data"]
    expected["customer_id"] = told["dunning.step_taken"]["customer_id"]
    assert told["dunning.step_taken"] == expected
    listed = shell.json("message", "list", "--state", "delivered")
    assert {one["customer"] for one in listed} == {"acme"}
    shown = shell("message", "show", listed[-1]["message"])
    assert "https://pay.example.com/acme" in shown
    assert "promises hold" in shell("verify", "--replay")
    assert shell.json("dunning", "list")[0]["ended"] == "written_off"
    name = "INV-000001"
    undone = shell("invoice", "write-off", name, "--reason", "paid after all", "--undo")
    assert "INV-000001 is open again by 23.75 EUR" in undone
    code = shell("invoice", "write-off", name, "--reason", "x", "--undo", code=2)
    assert "invoice.not_written_off" in code


def test_a_file_that_makes_no_sense_writes_nothing(shell: Shell) -> None:
    shell.write("bad.yaml", FILE.replace("after_due: 3d", "after_due: soon"))
    refused = shell("dunning", "apply", "bad.yaml", code=2)
    assert "campaigns.usual.steps[1].after_due" in refused
    assert shell.json("dunning", "show")["version"] == 0
