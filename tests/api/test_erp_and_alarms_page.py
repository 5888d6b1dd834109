"""docs/rest-erp-alarms.md, typed as it stands there, against a running server."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everycent.api import alarms, erp
from tests.api.serving import make_key, served
from tests.api.test_erp_and_alarms import FILE, SCOPES
from tests.conftest import Place
from tests.erp import books
from tests.erp.fake import running_erp
from tests.erp.test_over_http import adapter

PAGE = (Path(__file__).parents[2] / "docs" / "rest-erp-alarms.md").read_text("utf-8")
KEYS, EXAMPLES = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
TYPED = [
    tuple(part.strip() for part in re.split(r"(?<!\\)\n", told + "\n", maxsplit=1))
    for told in EXAMPLES.split("$ ")[1:]
]
_CHANGING = re.compile(
    r"(?<=alm_)[0-9a-z]{26}|(?<=key_)[0-9a-z]{26}|[0-9a-f]{8}-[0-9a-f-]{27}|20\d\d-\d\d-\d\dT[0-9:.]+Z"
)


def settled(told: Any) -> Any:
    """The answer with ids and times, which are never the same, left out."""
    return json.loads(_CHANGING.sub("…", json.dumps(told, ensure_ascii=False)))


@pytest.fixture
def typist(place: Place, tmp_path: Path) -> Iterator[Any]:
    """Types a line of the page: two invoices, of which the ERP has refused the second."""
    (tmp_path / "erp.yaml").write_text(FILE, "utf-8")
    books.open_shop(place, 2)
    key = make_key(place.database, place.tenant_id, "page", SCOPES)
    with running_erp(tmp_path / "erp") as fake:
        fake.fault("reject:period closed", where={"reference": "default/INV-000002"})
        books.handed_over(place, adapter(fake))
    with served(place, EVERYCENT_HOME=str(tmp_path)) as server:

        def typed(line: str) -> Any:
            told = line.replace("localhost:8600", server.address).replace("$KEY", key)
            words = shlex.split(told.replace("\\\n", " "))
            done = subprocess.run(["curl", "-s", *words[1:]], capture_output=True, check=True)
            return json.loads(done.stdout)

        yield typed


def test_the_examples_answer_what_the_page_shows(typist: Any) -> None:
    assert len(TYPED) >= 5
    for line, shown in TYPED:
        assert settled(typist(line)) == settled(json.loads(shown)), line


def test_every_address_and_scope_is_on_the_page() -> None:
    for one in (*erp.OPERATIONS, *alarms.OPERATIONS):
        assert f"| `{one.method} {one.path}` |" in PAGE
    assert re.findall(r"--scope (\S+)", KEYS) == list(SCOPES)
