"""docs/access-matrix.md, part by part; written where EVERYCENT_WRITE_ACCESS is set."""

from __future__ import annotations

import os
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access-matrix.md"
HEAD = """\
# Who may do what, tried out

Written by `python -m tests.access`, which asks every operation of the API with every kind of credential,
and runs every statement with either of the two walls between tenants taken away.
"""


def is_written() -> bool:
    """Whether the page is to be written, for which everything is tried."""
    return bool(os.environ.get("EVERYCENT_WRITE_ACCESS"))


def write(part: str, text: str) -> None:
    """Puts a part of the page where it was, or at its end."""
    if not is_written():
        return
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    start, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->\n"
    head, _, rest = before.partition(start)
    tail = rest.partition(end)[2] if rest else ""
    PAGE.write_text(f"{head.rstrip()}\n\n{start}{text}{end}{tail}", encoding="utf-8")
