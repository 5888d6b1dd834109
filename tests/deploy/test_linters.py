"""The files as official schemas and linters see them: what can't be run here is checked against these.

They are installed by `make linters` (360 MB, none of which the product or its other tests need); where they
are not, these tests are skipped with a reason, unless EVERYCENT_REQUIRE_LINTERS is set, as in the pipeline.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy import files

KUBERNETES_VERSIONS = (
    "1.30",
    "1.34",
)  # the oldest with what is used (preStop sleep), and a new one


def lint(name: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [files.linter(name), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_passes_hadolint():
    lint("hadolint", "--failure-threshold", "warning", files.DEPLOY / "Dockerfile")


def test_the_compose_files_are_of_the_compose_specification():
    paths = sorted(files.DEPLOY.glob("compose*.yaml"))
    assert len(paths) == 2
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *paths)


def test_the_workflows_are_of_the_schema_of_github_actions():
    paths = sorted((files.ROOT / ".github" / "workflows").glob("*.yml"))
    assert len(paths) == 2
    lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths)


def test_the_functions_pass_the_linter_of_the_cloud():
    lint("cfn-lint", files.DEPLOY / "serverless" / "template.yaml")


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("overlay", files.OVERLAYS)
def test_the_objects_that_are_applied_are_of_kubernetes_schemas(overlay, version, tmp_path):
    path = tmp_path / "applied.yaml"
    path.write_text(files.kustomized(files.KUBERNETES / overlay), "utf-8")
    lint("kubernetes-validate", "--strict", "-k", version, path)


def test_in_earnest_there_are_three_and_the_autoscaler_says_how_many():
    made = {
        (one["kind"], one["metadata"]["name"]): one
        for one in yaml.safe_load_all(files.kustomized(files.KUBERNETES / "overlays/production"))
    }
    assert {one["metadata"]["namespace"] for one in made.values()} == {"everycent"}
    assert made["Deployment", "everycent-work"]["spec"]["replicas"] == 3
    assert "replicas" not in made["Deployment", "everycent-api"]["spec"]
    scaler = made["HorizontalPodAutoscaler", "everycent-api"]["spec"]
    assert (scaler["minReplicas"], scaler["scaleTargetRef"]["name"]) == (3, "everycent-api")
    assert not any(kind == "Secret" for kind, _ in made)


def test_the_configuration_of_reports_goes_beside_it(tmp_path):
    shutil.copytree(files.KUBERNETES, tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / "overlays" / "production"
    told = (overlay / "kustomization.yaml").read_text("utf-8")
    (overlay / "kustomization.yaml").write_text(
        told.replace("# components:", "components:"), "utf-8"
    )
    made = list(yaml.safe_load_all(files.kustomized(overlay)))
    (worker,) = [
        one
        for one in made
        if one["metadata"]["name"] == "everycent-work" and "replicas" in one["spec"]
    ]
    pod = worker["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["activate"]
    assert [one["name"] for one in pod["containers"]] == ["work", "watch", "measure"]
    assert {one["name"] for one in pod["volumes"]} == {"reports", "home", "tmp"}
    images = {one["image"] for one in [*pod["initContainers"], *pod["containers"]]}
    assert len(images) == 1
