"""schemathesis makes requests out of the OpenAPI document: no fault of ours, and every answer as it says.

A run of the suite tries a few requests per operation in 40 seconds; `make fuzz` thousands (EVERYCENT_FUZZ:
examples for each operation and phase; EVERYCENT_FUZZ_SECONDS: how long at most). The result of the last
long run stands in docs/testing.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from everycent.access.roles import SCOPES
from tests.api.serving import make_key, served
from tests.conftest import Place
from tests.flows import world

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance",
)  # fmt: skip
EXAMPLES = os.environ.get("EVERYCENT_FUZZ", "2")
SECONDS = os.environ.get("EVERYCENT_FUZZ_SECONDS", "40")
PHASES = "examples,coverage,fuzzing" if "EVERYCENT_FUZZ" in os.environ else "fuzzing"
RUN = "from schemathesis.cli import schemathesis; schemathesis()"


@pytest.mark.not_recounted
def test_no_request_of_the_document_is_a_fault_or_answered_otherwise(
    module_place: Place, tmp_path: Path
):
    world.sell(module_place, [("acme", "api")])
    key = make_key(module_place.database, module_place.tenant_id, "fuzzed", SCOPES)
    with served(module_place) as api:
        told = tmp_path / "report.json"
        command = [
            sys.executable, "-c", RUN, "run", f"{api.address}/v1/openapi.json",
            "--header", f"Authorization: Bearer {key}", "--checks", ",".join(CHECKS),
            "--phases", PHASES, "--max-examples", EXAMPLES, "--max-time", SECONDS, "--seed", "1",
            "--continue-on-failure", "--no-color", "--warnings", "off",
            "--suppress-health-check", "all", "--generation-database", "none",
            "--request-timeout", "60", "--report-json-path", str(told),
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ
        )
        print(done.stdout[-6000:])
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
        assert api.client.get("/readyz").is_success
        assert json.loads(told.read_text("utf-8"))
