"""docs/sub-services.md, from a service of one's own to an invoice, typed as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_usage_corrections import Shell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sub-services.md").read_text("utf-8")
SECTION = PAGE.partition("### From your service to an invoice")[2].partition("\n## ")[0]
(TYPED,) = re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)
EXPORT, START, *COMMANDS = (line.removeprefix("$ ") for line in TYPED.splitlines())


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Iterator[Shell]:
    """A shell in a checkout's folder, with what the page exports and starts, at a port that is free."""
    typed = Shell(conninfo, tmp_path)
    shutil.copytree(ROOT / "examples" / "subservice", tmp_path / "examples" / "subservice")
    name, _, key = EXPORT.removeprefix("export ").partition("=")
    typed.environment |= {name: key}
    python, *arguments, port, behind = shlex.split(START)
    assert (python, behind) == ("python", "&")
    with subprocess.Popen(
        [sys.executable, *arguments, "0"], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            found = process.stdout.readline().rpartition(":")[2].strip()
            file = tmp_path / "examples" / "subservice" / "reports.yaml"
            file.write_text(file.read_text("utf-8").replace(port, found), "utf-8")
            yield typed
        finally:
            process.kill()


def test_the_page_leads_from_a_service_of_ones_own_to_an_invoice(shell: Shell) -> None:
    said = {line: shell(*shlex.split(line.removeprefix("everycent "))) for line in COMMANDS}
    *_, built, resources, chart, events, billed, explained = said.values()
    assert "2026-01: the report is complete" in built
    assert re.search(r"pages +144 +100 +44 ", built)
    assert "hall" in resources
    assert "desk" in resources
    assert re.search(r"2026-01-05T00:00:00Z +80 ", chart)
    assert "together 144, which is what the report says was used" in events
    assert "1 invoice" in billed
    assert "2.20 EUR" in explained
    assert shell.json("report", "usage", "--customer", "acme")[0]["service"] == "printing"
    assert shell.json("invoice", "list")[0]["gross"] == "2.75"
