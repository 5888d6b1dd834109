"""Writes docs/reference/errors.md: every refusal the product can give, read off its source.

`python scripts/errors.py` writes the page, `python scripts/errors.py --check` only says whether it is
up to date.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "everycent"
PAGE = ROOT / "docs" / "reference" / "errors.md"

KINDS = {
    "Invalid": "the input is wrong; the same input will be refused again",
    "NotFound": "what was named does not exist, or belongs to another tenant",
    "Conflict": "the input is well formed but contradicts what is already recorded",
    "Forbidden": "the caller may not do this",
    "Unavailable": "something around us is down or not set up; the same request may succeed later",
    "Broken": "a promise of ours does not hold; work stops and a person must look",
}
CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
PLACEHOLDER = "…"
HEAD = """\
# Refusals

What a person or a program is told when something can't be done. The code is stable; the message is
for people and may change (… stands for what it names). Most refusals also carry the field, the value
and a hint. This page is made from the source by `python scripts/errors.py`.

| kind | means |
| --- | --- |
"""


class Refusal(NamedTuple):
    """One place in the source that makes a refusal; the code is None when it is not a literal."""

    code: str | None
    kind: str
    message: str
    module: str
    line: int


def refusals_in(source: str, module: str) -> Iterator[Refusal]:
    """The refusals made in one module."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        kind = ast.unparse(node.func).rpartition(".")[2]
        if kind in KINDS:
            given = dict(zip(("code", "message"), node.args, strict=False))
            given |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
            code = given.get("code")
            literal = isinstance(code, ast.Constant) and isinstance(code.value, str)
            message = re.sub(f"{PLACEHOLDER}+", PLACEHOLDER, _template(given.get("message")))
            yield Refusal(
                code.value if literal else None,  # type: ignore[union-attr]
                kind,
                message,
                module,
                node.lineno,
            )


def _template(node: ast.expr | None) -> str:
    """The text of a message with … for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _template(node.left) + _template(node.right)
    return PLACEHOLDER


def refusals() -> list[Refusal]:
    """Every refusal of the product, by module and line."""
    found: list[Refusal] = []
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).with_suffix("").as_posix()
        found += refusals_in(path.read_text("utf-8"), module)
    return found


def problems(found: list[Refusal]) -> list[str]:
    """What is wrong with the codes: not literal, not of the form word.word, or of two kinds."""
    wrong = []
    kinds: dict[str, str] = {}
    for refusal in found:
        place = f"{refusal.module}:{refusal.line}"
        if refusal.code is None:
            wrong.append(f"{place}: the code of a refusal must be a literal")
        elif not CODE.fullmatch(refusal.code):
            wrong.append(f"{place}: {refusal.code!r} is not of the form word.word")
        elif kinds.setdefault(refusal.code, refusal.kind) != refusal.kind:
            wrong.append(f"{place}: {refusal.code} is {kinds[refusal.code]} elsewhere")
    return wrong


def page(found: list[Refusal]) -> str:
    """The page: kinds, then one row per code and message, in alphabetical order."""
    rows: dict[tuple[str, str, str], set[str]] = {}
    for refusal in found:
        key = (refusal.code or "", refusal.kind, refusal.message)
        rows.setdefault(key, set()).add(refusal.module)
    lines = [f"| {kind} | {meaning} |\n" for kind, meaning in KINDS.items()]
    lines += ["\n| code | kind | message | where |\n", "| --- | --- | --- | --- |\n"]
    for (code, kind, message), modules in sorted(rows.items()):
        where = ", ".join(f"`{module}`" for module in sorted(modules))
        text = message.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| `{code}` | {kind} | {text} | {where} |\n")
    return HEAD + "".join(lines)


def main(arguments: list[str]) -> int:
    """Writes the page, or with --check compares it."""
    found = refusals()
    wrong = problems(found)
    for line in wrong:
        sys.stderr.write(line + "\n")
    if wrong:
        return 1
    if arguments == ["--check"]:
        if PAGE.exists() and PAGE.read_text("utf-8") == page(found):
            return 0
        sys.stderr.write(f"{PAGE.relative_to(ROOT)} is out of date: run python scripts/errors.py\n")
        return 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(found), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
