"""docs/reports.md, typed as it stands there beside the sub-services that ship."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from everycent.reports import config
from tests.cli.test_collecting_page import TEN_MINUTES
from tests.cli.test_usage_corrections import Shell
from tests.subservices.started import event, resource, running

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reports.md").read_text("utf-8")
(TYPED,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
KUBERNETES = ROOT / "deploy" / "kubernetes" / "reports"

ONE = """
schema: everycent-reports/1
name: one
since: 2026-01-01
time_zone: UTC
every: month
after: 1h
deadline: 10m
services:
  compute:
    url: http://127.0.0.1:8721
    key: COMPUTE_KEY
    deadline: 1m
    items:
      vm_time: {unit: s, meter: vm_hours, to: h, round: 6}
      jobs: {unit: "1"}
"""


THEN = [resource("vm-1"), event("e-1", "vm-1", "jobs", "3")]
LATER = [
    event("e-2", "vm-1", "jobs", "4", "2026-01-06T08:00:00Z"),
    resource("vm-2"), event("e-3", "vm-2", "jobs", "1", "2026-01-07T08:00:00Z"),
]  # fmt: skip


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    """A shell after the README's ten minutes, in a checkout's folder."""
    typed = Shell(conninfo, tmp_path)
    shutil.copytree(ROOT / "examples" / "first", tmp_path / "first")
    shutil.copytree(ROOT / "examples" / "reports", tmp_path / "examples" / "reports")
    for command in TEN_MINUTES.splitlines():
        typed(*shlex.split(command))
    return typed


def test_the_page_builds_a_report_and_bills_it(shell: Shell, tmp_path: Path) -> None:
    months = ("--fill", "focus", "--month", "2026-01")
    with (
        running(tmp_path / "c", "compute", *months) as compute,
        running(tmp_path / "s", "storage", *months) as storage,
    ):
        file = tmp_path / "examples" / "reports" / "reports.yaml"
        told = file.read_text("utf-8")
        told = told.replace("8721", str(compute.port)).replace("8722", str(storage.port))
        file.write_text(told, "utf-8")
        shell.environment |= {"COMPUTE_KEY": "sub_fake", "STORAGE_KEY": "sub_fake"}
        commands = [
            line.removeprefix("$ everycent ")
            for line in TYPED.splitlines()
            if line.startswith("$ everycent ") and not line.startswith("$ everycent fake")
        ]
        said = {line: shell(*shlex.split(line)) for line in commands}
    _, created, built, shown, events, _, _, billed, compared = said.values()
    assert "v1 holds from now on" in created
    assert "2026-01: the report is complete" in built
    assert "11353890204" in shown
    assert "together 729, which is what the report says was used" in events
    assert "1 invoice" in billed
    assert "every sub-service says the same as when it was built" in compared


def test_what_a_sub_service_says_otherwise_is_shown_line_by_line(
    shell: Shell, tmp_path: Path
) -> None:
    with running(tmp_path / "c", "compute") as compute:
        compute.tell(*THEN)
        shell("catalog", "apply", "examples/reports/catalog.yaml")
        shell.write("one.yaml", ONE.replace("8721", str(compute.port)))
        shell.environment |= {"COMPUTE_KEY": "sub_fake"}
        shell("config", "create", "one.yaml", "--activate")
        shell("report", "build", "--period", "2026-01")
        compute.tell(*LATER)
        done = shell.run("report", "compare", "2026-01")
        data = json.loads(shell.run("report", "compare", "2026-01", "--json").stdout)
        events = shell.run(
            "report", "events", "2026-01", "compute", "--customer", "acme", "--item", "jobs"
        )
    assert done.returncode == events.returncode == 3
    assert "compute says something else now; the report stands" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if " acme " in line]
    assert rows == [
        ["compute", "acme", "vm-1", "jobs", "then", "3", "0", "3", "1", "2026-01-05T08:00:00Z"],
        ["compute", "acme", "vm-1", "jobs", "now", "7", "0", "7", "2", "2026-01-06T08:00:00Z"],
        ["compute", "acme", "vm-2", "jobs", "then", "no", "line"],
        ["compute", "acme", "vm-2", "jobs", "now", "1", "0", "1", "1", "2026-01-07T08:00:00Z"],
    ]
    told = [(one["resource"], one["then"] and one["then"]["used"], one["now"]["used"])
            for one in data["lines"]]  # fmt: skip
    assert told == [("vm-1", "3", "7"), ("vm-2", None, "1")]
    assert "e-1" in events.stdout
    assert "e-2" in events.stdout
    assert "together 8, but the report says that 3 was used" in events.stdout


def test_a_key_that_is_not_set_is_one_alarm_however_many_periods_wait(shell: Shell) -> None:
    shell("catalog", "apply", "examples/reports/catalog.yaml")
    for variable in ("COMPUTE_KEY", "STORAGE_KEY"):
        shell.environment.pop(variable, None)
    create = ("config", "create", "examples/reports/reports.yaml")
    for command in (("config", "activate", "v1"), (*create, "--activate")):
        shell(*create)
        done = shell.run(*command)
        assert done.returncode == 0
        assert "COMPUTE_KEY is not set here" in done.stderr
        assert "STORAGE_KEY is not set here" in done.stderr
    for period in ("2026-01", "2026-02"):
        assert shell.run("report", "build", "--period", period).returncode == 3
    found = json.loads(shell.run("alarm", "list", "--json").stdout)
    assert sorted((one["kind"], one["subject"]) for one in found) == [
        ("report.incomplete", "compute"), ("report.incomplete", "storage"),
    ]  # fmt: skip
    assert "no_key, the environment variable COMPUTE_KEY holds no key" in str(found)


def test_a_file_of_the_page_and_of_the_example_is_a_configuration(shell: Shell) -> None:
    shell("catalog", "apply", "examples/reports/catalog.yaml")
    page = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for number, text in enumerate([*page, (ROOT / "examples/reports/reports.yaml").read_text()]):
        told = yaml.safe_load(text) | {"name": f"v{number}"}
        told["since"] = str(told["since"])
        shell.write(f"{number}.yaml", yaml.safe_dump(told))
        done = json.loads(shell("config", "create", f"{number}.yaml", "--json"))
        assert done["is_new"]


def test_a_version_is_shown_as_an_immutable_config_map_that_makes_it_again(
    shell: Shell, tmp_path: Path
) -> None:
    shell("catalog", "apply", "examples/reports/catalog.yaml")
    shell("config", "create", "examples/reports/reports.yaml", "--activate")
    shown = yaml.safe_load(shell("config", "show", "v1", "--k8s"))
    assert (shown["kind"], shown["immutable"]) == ("ConfigMap", True)
    (tmp_path / "again.yaml").write_text(shown["data"]["reports.yaml"])
    assert "there already" in shell("config", "create", str(tmp_path / "again.yaml"), "--activate")


def test_the_manifests_name_one_version_that_never_changes() -> None:
    version = yaml.safe_load((KUBERNETES / "config-v1.yaml").read_text())
    worker = yaml.safe_load((KUBERNETES / "worker.yaml").read_text())
    assert version["immutable"] is True
    volumes = {one["name"]: one for one in worker["spec"]["template"]["spec"]["volumes"]}
    assert volumes["reports"]["configMap"]["name"] == version["metadata"]["name"]
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    assert sorted(listed["resources"] + [one["path"] for one in listed["patches"]]) == sorted(
        path.name for path in KUBERNETES.glob("*.yaml") if path.name != "kustomization.yaml"
    )
    assert config.parse(yaml.safe_load(version["data"]["reports.yaml"])).name == "v1"
