"""The files of `deploy`, read: what they start, what they name, and the linters that look at them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = ("base", "overlays/production", "overlays/try")
LINTERS = ROOT / ".linters" / "bin"
REQUIRED = "EVERYCENT_REQUIRE_LINTERS"


class Started(NamedTuple):
    """A command that a file starts: where it stands, and what is typed after `everycent`."""

    where: str
    arguments: list[str]


class _Tagged(yaml.SafeLoader):
    """Reads CloudFormation's short forms as what they are applied to."""


_Tagged.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_scalar(node))


def read(path: Path) -> list[Any]:
    """All documents of a file."""
    return list(yaml.load_all(path.read_text("utf-8"), _Tagged))


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    """The services of a compose file."""
    (found,) = read(DEPLOY / name)
    return dict(found["services"])


def manifests() -> list[tuple[str, dict[str, Any]]]:
    """Every object for Kubernetes, with the file where it stands."""
    return [
        (path.relative_to(KUBERNETES).as_posix(), one)
        for path in sorted(KUBERNETES.rglob("*.yaml"))
        if path.name != "kustomization.yaml"
        for one in read(path)
    ]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The template of every pod, with where it stands."""
    for where, one in manifests():
        if one["kind"] in ("Deployment", "Job"):
            yield f"{where} {one['metadata']['name']}", one["spec"]["template"]["spec"]


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every container of ours."""
    for where, pod in pods():
        for one in [*pod.get("initContainers", []), *pod.get("containers", [])]:
            if one["image"] == "everycent":
                yield f"{where} {one['name']}", one


def dockerfile() -> list[list[tuple[str, str]]]:
    """The stages of the image: instructions with what follows them."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text("utf-8"))
    stages: list[list[tuple[str, str]]] = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest))
    return stages


def started() -> list[Started]:
    """Everything that any file starts."""
    (image,) = [rest for word, rest in dockerfile()[-1] if word == "CMD"]
    found = [Started("Dockerfile", yaml.safe_load(image))]
    for name, service in compose().items():
        if service["image"].startswith("everycent:"):
            found.append(Started(f"compose {name}", service["command"]))
    for where, container in containers():
        command, *arguments = container["command"]
        assert command == "everycent", where
        found.append(Started(where, arguments))
    return found


def linter(name: str) -> str:
    """The program; skips where it is not installed (`make linters`), unless it is required."""
    found = shutil.which(name, path=str(LINTERS)) or shutil.which(name)
    if found is None:
        assert not os.environ.get(REQUIRED), f"{name} is required: make linters"
        pytest.skip(f"{name} is not installed: make linters")
    return found


def kustomized(folder: Path) -> str:
    """The objects of a folder as they are applied."""
    command = [linter("kubectl"), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
