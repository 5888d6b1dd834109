"""docs/rest-founding.md, typed as it stands there, against a running server."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everycent.api.founding import OPERATIONS
from everycent.charging.status import Follows, PaymentStatus
from tests.api.serving import make_key, served
from tests.api.test_founding import desk_of
from tests.cli.test_usage_corrections import Shell
from tests.collecting import shop
from tests.conftest import Place
from tests.payments.fake import running_fake

PAGE = (Path(__file__).parents[2] / "docs" / "rest-founding.md").read_text("utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)[1:]  # the first one makes the key
TYPED = [
    tuple(part.strip() for part in re.split(r"(?<!\\)\n", told + "\n", maxsplit=1))
    for block in BLOCKS
    for told in block.split("$ ")[1:]
]
_CHANGING = re.compile(r"(?<=att_)[0-9a-z]{26}|(?<=inv_)[0-9a-z]{26}|20\d\d-\d\d-\d\dT[0-9:.]+Z")


def settled(told: Any) -> Any:
    """The answer with ids and times, which are never the same, left out."""
    return json.loads(_CHANGING.sub("…", json.dumps(told, ensure_ascii=False)))


@pytest.fixture
def typist(place: Place, tmp_path: Path) -> Iterator[Any]:
    """Types a line of the page: a shop of three invoices, of which the second and third were not paid."""
    shop.open_shop(place, 3)
    key = make_key(place.database, place.tenant_id, "page", ("payments:read", "payments:write"))
    with (
        running_fake(tmp_path / "fake", mode="forgetful", looks_up=False) as fake,
        served(place) as server,
    ):
        client = server.client
        client.headers["authorization"] = f"Bearer {key}"
        payers = [client.get(f"/rest/v1/invoices/{n}").json()["customer"] for n in (2, 3)]
        fake.fault("decline:insufficient_funds", where={"payer": payers[0]})
        fake.fault("hang_after_charge", where={"payer": payers[1]})
        shop.collect(desk_of(place, fake))
        shell = Shell(place.conninfo, tmp_path)

        def typed(line: str) -> str:
            told = line.replace("localhost:8600", server.address).replace("$KEY", key)
            words = shlex.split(told.replace("\\\n", " "))
            if words[0] == "everycent":
                return shell(*words[1:])
            assert words[0] == "curl"
            done = subprocess.run(["curl", "-s", *words[1:]], capture_output=True, check=True)
            return done.stdout.decode()

        yield typed


def test_the_examples_answer_what_the_page_shows(typist):
    assert len(TYPED) >= 8
    for line, shown in TYPED:
        answer = typist(line)
        if line.startswith("curl"):
            assert settled(json.loads(answer)) == settled(json.loads(shown)), line
        else:
            assert answer.strip() == shown, line


def test_every_address_status_and_word_is_on_the_page():
    for one in OPERATIONS:
        assert f"`{one.method} {one.path}`" in PAGE
    assert re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE) == list(PaymentStatus)
    assert re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE) == list(Follows)
