"""The examples of the client's README run, one after the other, against a real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.api.asking import asking
from tests.conftest import Place

README = Path(__file__).parents[2] / "client" / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.S | re.M)


def test_the_examples_work_as_they_are_written(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    assert len(EXAMPLES) == 8
    monkeypatch.chdir(tmp_path)
    with asking(place) as api:
        monkeypatch.setenv("EVERYCENT_URL", api.address)
        monkeypatch.setenv("EVERYCENT_API_KEY", api.key)
        seen: dict[str, object] = {}
        for example in EXAMPLES:
            exec(compile(example, str(README), "exec"), seen)
        seen["billing"].close()  # type: ignore[attr-defined]
    said = capsys.readouterr().out
    assert "may ['usage:write']" in said
    assert "0 waiting, 1 refused, 0 failures None" in said
    assert "0 new, 1 refused, 0 waiting" in said  # there is no meter yet
