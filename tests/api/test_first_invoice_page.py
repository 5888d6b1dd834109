"""docs/rest-first-invoice.md, typed as it stands there, against a running server."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.api.serving import make_key, served
from tests.api.test_selling_page import shown_part
from tests.conftest import Place

PAGE = (Path(__file__).parents[2] / "docs" / "rest-first-invoice.md").read_text("utf-8")
KEYS, *EXAMPLES = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
TYPED = [
    (line.strip(), shown)
    for told in "\n".join(EXAMPLES).split("$ ")[1:]
    for line, _, shown in [told.partition("\n{")]
]
SCOPES = re.findall(r"--scope (\S+)", KEYS)
EVERYCENT = str(Path(sys.executable).with_name("everycent"))


def test_the_examples_answer_what_the_page_shows(place: Place) -> None:
    key = make_key(place.database, place.tenant_id, "page", SCOPES)
    beside = os.environ | {"EVERYCENT_DATABASE_URL": place.conninfo}
    asked = 0
    with served(place) as server:
        for line, shown in TYPED:
            told = line.replace("localhost:8600", server.address).replace("$KEY", key)
            words = shlex.split(told.replace("\\\n", " "))
            if words[0] == "everycent":
                subprocess.run([EVERYCENT, *words[1:]], capture_output=True, check=True, env=beside)
                continue
            done = subprocess.run(["curl", "-s", *words[1:]], capture_output=True, check=True)
            answer, wanted = json.loads(done.stdout), json.loads("{" + shown)
            assert shown_part(answer, wanted) == wanted, (line, answer)
            asked += 1
    assert asked >= 8
