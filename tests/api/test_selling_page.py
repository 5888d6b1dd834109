"""docs/rest-selling.md, typed as it stands there, against a running server."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from tests.api.serving import make_key, served
from tests.conftest import Place

PAGE = (Path(__file__).parents[2] / "docs" / "rest-selling.md").read_text("utf-8")
KEYS, *EXAMPLES = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
TYPED = [
    re.split(r"\n(?=\{)", told.strip(), maxsplit=1)
    for told in "\n".join(EXAMPLES).split("$ curl ")[1:]
]
SCOPES = re.findall(r"--scope (\S+)", KEYS)


def shown_part(answer: Any, shown: Any) -> Any:
    """What of an answer the page shows."""
    if isinstance(shown, dict) and isinstance(answer, dict):
        return {name: shown_part(answer.get(name), held) for name, held in shown.items()}
    if isinstance(shown, list) and isinstance(answer, list) and len(shown) == len(answer):
        return [shown_part(one, held) for one, held in zip(answer, shown, strict=True)]
    return re.sub(r"(?<=^cus_)\w{26}$", "…", answer) if isinstance(answer, str) else answer


def test_the_examples_answer_what_the_page_shows(place: Place) -> None:
    assert len(TYPED) >= 6
    key = make_key(place.database, place.tenant_id, "page", SCOPES)
    with served(place) as server:
        for line, shown in TYPED:
            told = line.replace("localhost:8600", server.address).replace("$KEY", key)
            words = shlex.split(told.replace("\\\n", " "))
            done = subprocess.run(["curl", "-s", *words], capture_output=True, check=True)
            answer, wanted = json.loads(done.stdout), json.loads(shown)
            assert shown_part(answer, wanted) == wanted, (line, answer)
