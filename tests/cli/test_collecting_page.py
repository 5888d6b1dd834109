"""docs/collecting.md, typed as it stands there beside a fake provider; and what commands say of money."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cli.test_usage_corrections import EVERYCENT, Shell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "collecting.md").read_text("utf-8")
(FILE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SERVERS, TYPED = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)[:2]
TEN_MINUTES = """\
catalog apply first/catalog.yaml
customer add acme --name "Acme Ltd" --currency EUR --time-zone Europe/Zagreb
subscription start acme api --starts-on 2026-01-01
usage import first/usage.csv --source gateway
bill run --as-of 2026-02-01 --zone Europe/Zagreb
"""
INTERRUPTED = 130


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    """A shell after the README's ten minutes, with nothing set up to collect with."""
    typed = Shell(conninfo, tmp_path)
    shutil.copytree(ROOT / "examples" / "first", tmp_path / "first")
    for command in TEN_MINUTES.splitlines():
        typed(*shlex.split(command))
    return typed


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


@pytest.fixture
def following(shell: Shell) -> Iterator[Shell]:
    """The shell with the page's file, secrets and servers, at ports that are free."""
    ports = {"8600": free_port(), "8710": free_port()}

    def moved(text: str) -> str:
        return re.sub("8600|8710", lambda found: ports[found[0]], text)

    shell.write("providers.yaml", moved(FILE))
    export, *servers = SERVERS.splitlines()
    names = re.findall(r"(\w+)=", export)
    said = subprocess.run(
        ["bash", "-c", f"{export.removeprefix('$ ')}; printenv {' '.join(names)}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    shell.environment |= dict(zip(names, said.splitlines(), strict=True))
    started = []
    for line in servers:
        command = moved(line).removeprefix("$ everycent ").removesuffix(" &")
        command = command.replace("$PSP_HOOK", shell.environment["PSP_HOOK"])
        started.append(
            subprocess.Popen(
                [EVERYCENT, *shlex.split(command)], env=shell.environment, cwd=shell.folder,
                stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert "listening on" in process.stdout.readline()
    yield shell
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


def no_provider_answers(shell: Shell) -> None:
    """The page's file, with nobody at the provider's address."""
    shell.write("providers.yaml", FILE.replace("8710", free_port()))
    shell.environment |= {"PSP_KEY": "sk_fake", "PSP_HOOK": f"whsec_{'c2VjcmV0' * 6}"}


def test_the_page_collects_what_acme_owes_and_hears_the_provider(following: Shell) -> None:
    said = {
        line: following(*shlex.split(line.removeprefix("$ everycent ")))
        for line in TYPED.splitlines()
    }
    run, invoices, trail, attention = list(said.values())[1:]
    assert "2 through" in run
    assert re.findall(r"([\d.]+) EUR +$", invoices, re.MULTILINE) == ["0.00", "0.00"]
    assert re.search(r"took [\d.]+ EUR, ch_0000000\d", trail)
    assert attention == "nothing needs anybody\n"
    assert "to pay" in following("invoice", "show", "INV-000001")
    assert re.search(r"  open +0\.00 EUR\n", following("invoice", "show", "INV-000001"))
    heard = "select count(*) from payment_notice where provider = 'psp'"
    until = time.monotonic() + 20
    while time.monotonic() < until and not counted(following, heard):
        time.sleep(0.2)
    assert counted(following, heard)


def counted(shell: Shell, statement: str) -> int:
    with psycopg.connect(shell.environment["EVERYCENT_DATABASE_URL"]) as owner:
        row = owner.execute(statement.replace("from ", "from everycent.")).fetchone()
    assert row is not None
    return int(row[0])


def test_a_refund_is_sent_counted_and_has_a_trail(following: Shell) -> None:
    following("payment", "method", "add", "acme", "tok_ok", "--provider", "psp")
    following("collect", "run", "INV-000001")
    (one,) = following.json("payment", "list")
    refused = following("payment", "refund", one["payment"], "1.00", "--reason", "x", code=2)
    assert "1.00 EUR is more than the 0.00 that can go back" in refused
    assert "say `reopen`" in refused
    following("payment", "refund", one["payment"], "1.00", "--reopen", "--reason", "agreed")
    (attempt,) = {step["attempt"] for step in following.json("payment", "trail", one["payment"])}
    assert "1 refund" in following("collect", "work", "--once")
    assert "nothing was to be done" in following("collect", "work", "--once")
    assert "gave back 1.00 EUR, re_00000001" in following("payment", "trail", attempt)


def test_a_provider_that_is_not_in_the_file_is_refused(shell: Shell) -> None:
    add = ("payment", "method", "add", "acme", "tok_ok", "--provider")
    assert "no provider is set up yet" in shell(*add, "psp")
    shell.write("providers.yaml", FILE)
    refused = shell(*add, "pspp", code=2)
    assert "[payment.unknown_provider]  field provider" in refused
    assert "did you mean psp? providers.yaml has psp" in refused
    assert "set up" not in shell(
        *["tok_other" if word == "tok_ok" else word for word in add], "psp"
    )


def test_a_run_names_what_it_left_out_and_why(shell: Shell) -> None:
    no_provider_answers(shell)
    assert "no_method: the customer" in shell.run("collect", "run").stdout
    shell("payment", "stop", "INV-000001", "--reason", "asked")
    done = shell.run("collect", "run", "INV-000001", "INV-000002", "--due-by", "2020-01-01")
    said = done.stdout
    assert done.returncode == 3
    assert re.search("INV-000001 +stopped: nothing", said)
    assert re.search("INV-000002 +not_due: nothing", said)


def test_what_is_stopped_and_what_is_nobodys_needs_attention(shell: Shell) -> None:
    shell("payment", "stop", "INV-000001", "--reason", "asked")
    said = shell("payment", "attention")
    assert re.search("INV-000001 +acme .* EUR +asked", said)
    (one,) = shell.json("payment", "attention")
    assert (one["stopped"], one["why"]) == ("INV-000001", "asked")


def test_what_never_left_has_no_response(shell: Shell) -> None:
    no_provider_answers(shell)
    shell("payment", "method", "add", "acme", "tok_ok", "--provider", "psp")
    shell.run("collect", "run", "INV-000001")
    trail = shell("payment", "trail", "INV-000001")
    assert "no response, unreachable" in trail
    assert "0:00:00" not in trail


def test_instalments_say_how_they_are_written(shell: Shell) -> None:
    refused = shell("payment", "instalments", "INV-000001", "foo", code=2)
    assert "'foo' is not DAY=AMOUNT" in refused
    assert "2026-02-01=10.00" in refused


def test_ctrl_c_ends_with_its_own_code(shell: Shell) -> None:
    no_provider_answers(shell)
    process = subprocess.Popen(
        [EVERYCENT, "collect", "work"], env=shell.environment, cwd=shell.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 30
    workers = "select count(*) from payment_worker where lease_until > now()"
    while time.monotonic() < until and not counted(shell, workers):
        time.sleep(0.1)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED
    assert "interrupted" in errors


def test_a_paused_run_says_so(shell: Shell) -> None:
    opened = """
        with run as (
            insert into everycent.collection_run (tenant_id, run_id, kind, as_of, due_by, state, started_at)
            select tenant_id, gen_random_uuid(), 'demand', now(), now()::date, 'open', now()
            from everycent.invoice where number = 1 returning tenant_id, run_id)
        insert into everycent.collection_item (tenant_id, run_id, invoice_id, place, state)
        select r.tenant_id, r.run_id, i.invoice_id, 1, 'waiting'
        from run r join everycent.invoice i on i.tenant_id = r.tenant_id and i.number = 1"""
    with psycopg.connect(shell.environment["EVERYCENT_DATABASE_URL"]) as owner:
        owner.execute(opened)
    (one,) = shell.json("collect", "history")
    for said in (
        shell("collect", "pause", one["run_id"]),
        shell("collect", "progress", one["run_id"]),
    ):
        assert "1 invoice still to do" in said
        assert f"the run is paused: `everycent collect resume {one['run_id']}`" in said
    assert "paused" not in shell("collect", "resume", one["run_id"])
