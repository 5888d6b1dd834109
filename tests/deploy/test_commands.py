"""What the files of `deploy` start, ask, set and name exists in the product, so that they can't rot."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest

from everycent.api.server import OPERATIONS
from everycent.app import erps, once, providers, settings
from everycent.catalog import document
from everycent.cli.main import cli
from everycent.fakes.erp_service import ErpSettings
from everycent.fakes.service import Settings as ProviderSettings
from everycent.reports import config
from everycent.subservices import served
from tests.deploy import files

STARTED = files.started()
TEMPLATE = files.read(files.DEPLOY / "serverless" / "template.yaml")[0]
FUNCTIONS = {
    name: one["Properties"]
    for name, one in TEMPLATE["Resources"].items()
    if one["Type"] == "AWS::Serverless::Function"
}
PATHS = {operation.path for operation in OPERATIONS}


def parsed(arguments: list[str]) -> dict[str, Any]:
    """The options and arguments of a command, as it would get them; nothing is started."""
    command: click.Command = cli
    rest = list(arguments)
    while isinstance(command, click.Group):
        name, *rest = rest
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"there is no command {name}"
        command = found
    return command.make_context(command.name, rest).params


@pytest.mark.parametrize("one", STARTED, ids=[one.where for one in STARTED])
def test_every_command_and_option_that_is_started_exists(one, tmp_path):
    file = tmp_path / "reports.yaml"
    file.touch()
    arguments = [
        str(file) if text == "/etc/everycent/reports.yaml" else text for text in one.arguments
    ]
    params = parsed(arguments)
    if one.arguments[0] in ("serve", "fake"):
        assert params["host"] == "0.0.0.0", "nobody could reach it"


@pytest.mark.parametrize("arguments", [["serve", "--prot", "1"], ["works"], ["fake", "erp"]])
def test_a_command_that_does_not_exist_is_found(arguments):
    with pytest.raises((click.UsageError, AssertionError)):
        parsed(arguments)


def test_every_variable_that_is_set_is_one_that_is_read():
    known = set(re.findall(r"^(EVERYCENT_\w+)", settings.__doc__ or "", re.MULTILINE))
    text = "".join(
        path.read_text("utf-8")
        for path in files.DEPLOY.rglob("*")
        if path.is_file() and path.suffix not in (".lock",)
    )
    used = set(re.findall(r"\bEVERYCENT_[A-Z_]+", text))
    assert used <= known
    assert {"EVERYCENT_DATABASE_URL", "EVERYCENT_HOME"} <= used


# --- ports ---------------------------------------------------------------------------------------


def served_ports() -> set[int]:
    params = parsed(["serve", "--metrics-port", "9465"])
    return {params["port"], params["metrics_port"]}


def test_the_image_opens_the_ports_of_the_interface_and_asks_whether_it_works():
    last = dict(files.dockerfile()[-1])
    assert {int(port) for port in last["EXPOSE"].split()} == served_ports()
    asked = urlsplit(re.findall(r"http://[^']+", last["HEALTHCHECK"])[0])
    assert (asked.port, asked.path) == (parsed(["serve"])["port"], "/livez")


def test_ports_of_containers_are_those_that_are_listened_on():
    for name, service in files.compose().items():
        published = {int(port.rpartition(":")[2]) for port in service.get("ports", [])}
        if name == "api":
            assert published == served_ports()
        elif service.get("profiles"):
            assert published <= {parsed(service["command"])["port"]}
        else:
            assert published == set()
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_pods_are_asked_what_the_interface_answers():
    (api,) = [one for where, one in files.containers() if where.startswith("base/api.yaml")]
    ports = {port["name"]: port["containerPort"] for port in api["ports"]}
    assert set(ports.values()) == served_ports()
    asked = {
        kind: api[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert {one["port"] for one in asked.values()} == {"http"}
    assert {kind: one["path"] for kind, one in asked.items()} == {
        "startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz",
    }  # fmt: skip
    assert {one["path"] for one in asked.values()} <= PATHS


def test_workers_are_asked_whether_they_move_by_the_name_that_they_go_by():
    workers = [one for where, one in files.containers() if where.startswith("base/work.yaml")]
    assert len(workers) == 3
    for one in workers:
        command, *arguments = one["livenessProbe"]["exec"]["command"]
        assert command == "everycent"
        told = parsed(arguments)
        started = [word for word in one["command"][1:] if not word.startswith("-")]
        assert told["what"].split() == started
        # Once it is stale it stays so until somebody has asked often enough.
        assert one["livenessProbe"]["periodSeconds"] * 3 >= told["within"]


# --- the stand-ins -------------------------------------------------------------------------------


def test_the_stand_ins_of_the_compose_file_are_those_that_are_set_up(tmp_path, monkeypatch):
    told = files.compose("compose.fakes.yaml")
    environ = told["work"]["environment"]
    for path in (files.DEPLOY / "fakes").glob("*.yaml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    found = settings.from_environment({"EVERYCENT_HOME": str(tmp_path)} | environ)
    assert set(once.set_up(found)) == set(once.PARTS)
    monkeypatch.setenv("PSP_KEY", environ["PSP_KEY"])
    assert set(providers.needed(found)) == {"psp"}
    assert erps.needed(found, environ).erp.name == "books"
    reports = config.parse(document.read((tmp_path / "reports.yaml").read_text()))
    services = files.compose()
    urls = [
        *re.findall(r"http://\S+", (tmp_path / "providers.yaml").read_text()),
        *re.findall(r"http://\S+", (tmp_path / "erp.yaml").read_text()),
        *(one.url for one in reports.services),
        environ["EVERYCENT_SMTP_URL"],
    ]
    assert len(urls) == 5
    for url in map(urlsplit, urls):
        assert parsed(services[url.hostname]["command"])["port"] == url.port
    assert {environ[one.key] for one in reports.services} == {served.KEY}
    assert environ["PSP_KEY"] == ProviderSettings().key
    assert environ["ERP_KEY"] == ErpSettings().key


def test_what_is_mounted_is_there():
    for service in files.compose("compose.fakes.yaml").values():
        for volume in service["volumes"]:
            assert (files.DEPLOY / volume.partition(":")[0]).is_file()


# --- functions -----------------------------------------------------------------------------------


def test_every_function_is_one_of_the_product():
    for one in FUNCTIONS.values():
        module, _, name = one["Handler"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))


def test_every_part_of_the_work_is_done_by_one_clock():
    parts: list[str] = []
    for one in FUNCTIONS.values():
        for event in one.get("Events", {}).values():
            if event["Type"] == "ScheduleV2":
                told = json.loads(event["Properties"]["Input"].replace("${Zone}", "UTC"))
                assert set(told) <= {"parts", "tenant", "zone", "payment_days"}
                parts += told["parts"]
    assert sorted(parts) == sorted(once.ROUNDS)


def test_what_needs_a_file_is_switched_off_until_it_is_there():
    states = {
        name: event["Properties"].get("State")
        for name, one in FUNCTIONS.items()
        for event in one.get("Events", {}).values()
        if event["Type"] == "ScheduleV2"
    }
    assert {name for name, state in states.items() if state == "DISABLED"} == {
        "ErpFunction", "CollectFunction",
    }  # fmt: skip


def test_the_gateway_waits_longer_than_the_function_and_names_no_stage():
    assert FUNCTIONS["ApiFunction"]["Timeout"] < 30
    assert TEMPLATE["Resources"]["Api"]["Properties"]["StageName"] == "$default"
    (event,) = FUNCTIONS["ApiFunction"]["Events"].values()
    assert (event["Type"], set(event["Properties"])) == ("HttpApi", {"ApiId"})


def test_the_code_is_made_for_the_python_that_it_runs_on():
    runtime = TEMPLATE["Globals"]["Function"]["Runtime"].removeprefix("python")
    made = (files.ROOT / "Makefile").read_text("utf-8")
    assert f"--python-version {runtime} \\\n\t\t--platform" in made
    workflow = (files.ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
    assert f'python{runtime} -c "import everycent.serverless.functions"' in workflow
    folder = Path(TEMPLATE["Globals"]["Function"]["CodeUri"])
    assert (files.DEPLOY / "serverless" / folder).resolve() == files.ROOT / "build" / "function"


# --- connections ---------------------------------------------------------------------------------


def connections(deployment: str, where: str = "base/") -> int:
    """How many a pod has at most: the pool and what watches of each process, and one for figures."""
    (pod,) = [one for place, one in files.pods() if place == f"{where}{deployment}"]
    found = 0
    for container in pod["containers"]:
        environ = {one["name"]: one["value"] for one in container["env"]}
        found += settings.from_environment({"EVERYCENT_HOME": "/x"} | environ).pool + 1
        found += "--metrics-port" in container["command"]
    return found


def test_the_connections_that_the_page_tells_are_those_of_the_manifests():
    api = connections("api.yaml everycent-api")
    work = connections("work.yaml everycent-work")
    (scale,) = [
        one["spec"] for _, one in files.manifests() if one["kind"] == "HorizontalPodAutoscaler"
    ]
    most = scale["maxReplicas"]
    by_clock = [
        one for one in FUNCTIONS.values() if one["ReservedConcurrentExecutions"] != "MostAtOnce"
    ]
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    each = int(variables["EVERYCENT_POOL"])
    at_once = TEMPLATE["Parameters"]["MostAtOnce"]["Default"] + sum(
        one["ReservedConcurrentExecutions"] for one in by_clock
    )
    page = (files.ROOT / "docs" / "operations.md").read_text("utf-8")
    told = re.findall(r"^\| .* \| ([\d, and]+) \|$", page.partition("### Connections")[2], re.M)
    assert told[:5] == [
        f"{api}",
        f"{work}",
        f"{2 * (api + work)}, and {3 * (api + work)}",
        f"{most * api + 3 * work}, and {(most + 1) * api + 4 * work}",
        f"{at_once * each}",
    ]


# --- the page ------------------------------------------------------------------------------------


def typed() -> list[str]:
    """The commands of ours that the page names or types."""
    page = (files.ROOT / "docs" / "deployment.md").read_text("utf-8").replace(" \\\n", " ")
    return [
        *re.findall(r"`everycent ([^`…]+)`", page),
        *re.findall(r"^\$ docker run .*everycent:[\d.]+ (.+)", page, re.MULTILINE),
        *re.findall(r"^\$ docker compose .* run --rm work +([^#\n]+)", page, re.MULTILINE),
    ]


@pytest.mark.parametrize("command", sorted(set(typed())))
def test_every_command_of_the_page_exists(command, tmp_path):
    file = tmp_path / "reports.yaml"
    file.touch()
    words = command.strip().split()
    parsed([str(file) if word == "/etc/everycent/reports.yaml" else word for word in words])


def test_the_page_names_what_is_there():
    page = (files.ROOT / "docs" / "deployment.md").read_text("utf-8")
    for target in re.findall(r"(?:`|\$ )make (\w+)", page):
        assert re.search(rf"^{target}:", (files.ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for path in re.findall(r"(?<!tests/)deploy/[\w./-]*\w", page):
        assert (files.ROOT / path).exists() or path == "deploy/.env", path
    assert len(typed()) > 8
