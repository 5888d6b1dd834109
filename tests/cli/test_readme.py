"""The README's "Ten minutes by hand", typed as it stands there, on an instance of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from everycent.cli.examples import next_steps
from everycent.db import embedded

ROOT = Path(__file__).parents[2]
SETUP = {"make setup && source .venv/bin/activate"}


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="ec-") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        variables = os.environ | {
            "EVERYCENT_HOME": str(home),
            "EVERYCENT_RUNTIME_DIR": f"{folder}/run",
            "EVERYCENT_ACTOR": "reader",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        yield variables
        embedded.down(home)


def typed(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(command), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_every_command_of_the_first_ten_minutes_works(environment: dict[str, str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## Ten minutes by hand\n\n```console\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    told = {}
    for command in block[1].splitlines():
        if command in SETUP:
            continue
        done = typed(command, environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        told[command.split(maxsplit=2)[1]] = done.stdout
    assert "19.00 EUR" in told["invoice"]
    assert "promises hold" in told["verify"]


def test_the_readme_says_how_the_command_is_found_before_it_types_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 0 < readme.index("source .venv/bin/activate") < readme.index("\neverycent --")


def test_the_steps_after_the_demo_stand_below_one_another() -> None:
    steps = next_steps(".venv/bin/everycent", "INV-000018")
    assert len({len(typed) for typed, _ in steps}) == 1
    assert all(typed.startswith(".venv/bin/everycent ") for typed, _ in steps)


def test_no_command_of_a_page_needs_a_shell_that_leaves_wildcards_alone() -> None:
    """zsh refuses `curl localhost/a?b=c` and `--type customer.*` unless they are quoted."""
    found = []
    for page in [ROOT / "README.md", ROOT / "client" / "README.md", *ROOT.glob("docs/**/*.md")]:
        blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for line in "".join(blocks).splitlines():
            if not line.startswith(("$ curl ", "$ everycent ", "curl ", "everycent ")):
                continue
            bare = re.sub(r"'[^']*'|\"[^\"]*\"|['\"].*|\s#.*|\$\?|\*\.yaml", "", line)
            found += [f"{page.name}: {line}"] * bool(re.search(r"[?*\[]", bare))
    assert found == []


def test_the_program_that_sends_usage_from_python_runs_as_it_stands(
    environment: dict[str, str],
) -> None:
    page = (ROOT / "docs" / "usage-http.md").read_text(encoding="utf-8")
    block = re.search(r"## From Python\n.*?```python\n(.*?)```", page, re.DOTALL)
    assert block is not None
    for expected in ("2 []", "0 [(0, 'duplicate'), (1, 'duplicate')]"):
        done = subprocess.run(
            [sys.executable, "-c", block[1]],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout == f"{expected}\n", done.stderr
        assert f"`{expected}`" in page


def test_the_readme_tells_how_many_promises_are_checked(environment: dict[str, str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = re.search(
        r"checks (\d+) promises \((\d+) with `--replay`, (\d+) with `--archives`, (\d+) with `--recount`"
        r" too\)",
        readme,
    )
    assert told is not None
    for options, number in zip(
        ("", "--replay", "--replay --archives", "--replay --archives --recount"),
        told.groups(),
        strict=True,
    ):
        done = typed(f"everycent verify {options} --json", environment)
        assert str(len(json.loads(done.stdout)["checks"])) == number


REFUSALS = [
    # command                                                        exit  code
    ("customer add acme --name A --currency EUR --time-zone UTC", 2, "customer.exists"),
    ("customer add b --name B --currency EURO --time-zone UTC", 2, "currency.unknown"),
    ("customer add b --name B --currency EUR --time-zone Mars/Base", 2, "zone.unknown"),
    ("subscription start nobody api --starts-on 2026-01-01", 2, "customer.unknown"),
    ("subscription start acme nothing --starts-on 2026-01-01", 2, "plan.unknown"),
    ("subscription start acme api --starts-on 01.01.2026", 2, "date.malformed"),
    ("subscription cancel nothing", 2, "subscription.unknown"),
    ("bill run --as-of yesterday", 2, "time.malformed"),
    ("bill run --as-of 2026-02-01T00:00:00", 2, "time.naive"),
    ("invoice show INV-999999", 2, "invoice.unknown"),
    ("invoice credit CN-000001 --reason x", 2, "invoice.unknown"),
    ("explain INV-000001 --line 9", 2, "invoice.line_unknown"),
    ("owed --customer nobody", 2, "customer.unknown"),
    ("--tenant nobody owed", 2, "tenant.unknown"),
    ("tenant create Upper", 2, "tenant.bad_slug"),
    ("journal show --after x", 2, "journal.bad_cursor"),
    ("catalog apply README.md", 2, "catalog.unreadable"),
]


@pytest.mark.parametrize(("command", "exit_code", "code"), REFUSALS)
def test_what_cannot_be_done_is_refused_with_its_code_and_without_a_traceback(
    environment: dict[str, str], command: str, exit_code: int, code: str
) -> None:
    done = typed(f"everycent {command} --json", environment)
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert json.loads(done.stderr)["error"]["code"] == code


LISTS = ["catalog show", "customer list", "subscription list", "invoice list", "owed", "bill history",
         "books trial-balance", "books statement acme", "journal show", "journal checkpoints",
         "tenant list", "usage show", "status"]  # fmt: skip


@pytest.mark.parametrize("command", LISTS)
def test_what_is_shown_to_people_is_there_as_json_too(
    environment: dict[str, str], command: str
) -> None:
    shown = typed(f"everycent {command}", environment)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip()
    json.loads(typed(f"everycent {command} --json", environment).stdout)


def test_exported_books_name_the_accounts(environment: dict[str, str]) -> None:
    for form, account in (
        ("hledger", "assets:receivable:acme"),
        ("beancount", "Assets:Receivable:"),
    ):
        done = typed(f"everycent books export --format {form}", environment)
        assert done.returncode == 0, done.stderr
        assert account in done.stdout


def test_an_explained_line_becomes_a_page(environment: dict[str, str], tmp_path: Path) -> None:
    page = tmp_path / "invoice.html"
    done = typed(f"everycent explain INV-000002 --html {page}", environment)
    assert done.returncode == 0, done.stderr
    assert "<svg" in page.read_text(encoding="utf-8")


def test_make_demo_ends_with_what_to_type_next() -> None:
    recipe = subprocess.run(
        ["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    typed = [line for line in recipe if not line.startswith("make")]  # which tells of folders
    assert typed[-1].endswith("everycent demo")
