"""Named statements out of a slice's `store.sql`.

The file is plain SQL; each statement follows a line `-- name: words_with_underscores`, and the
comment lines below that say what it is for. These are for readers: the database is sent neither them nor
indentation, which would be most of some statements. (psycopg remembers what it made of a statement only up
to 4,096 characters.)
"""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)
_FOR_READERS = re.compile(r"^ *(?:--.*\n| +)", re.MULTILINE)


class Statements:
    """The statements of one file, each an attribute-like item: `sql["insert_customer"]`."""

    def __init__(self, statements: dict[str, str]) -> None:
        self._statements = statements

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def names(self) -> list[str]:
        """The names in file order."""
        return list(self._statements)


def parse(text: str) -> Statements:
    """The statements of a file's text. Raises ValueError on a name that stands twice."""
    parts = _NAME.split(text)
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError("a statement's name stands twice")
    return Statements({n: _sent(b) for n, b in zip(names, bodies, strict=True)})


def _sent(body: str) -> str:
    return _FOR_READERS.sub("", f"{body.strip()}\n").strip().rstrip(";")


def beside(module_file: str) -> Statements:
    """The statements of the `store.sql` in the folder of `module_file` (pass `__file__`)."""
    return parse(Path(module_file).with_name("store.sql").read_text(encoding="utf-8"))
