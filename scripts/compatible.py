"""Tells what changed in the API since the last release, and what of it breaks programs.

python -m scripts.compatible            compares openapi.json with what was released; 1 when it breaks
                                        what it may not
python -m scripts.compatible --release  keeps it as what was released (docs/deployment.md)
python -m scripts.compatible --final    1 when what is kept as released is another
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.compared import Schema, changes

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "reference" / "openapi.json"
RELEASED = DOCUMENT.with_name("openapi-released.json.gz")


def may_break(old: str, new: str) -> bool:
    """Whether a version may break what was written for another: when its first number was raised, or with
    nothing but 0 there the second."""
    before, after = ([int(part) for part in one.split(".")] for one in (old, new))
    significant = 1 if after[0] else 2
    return after[:significant] > before[:significant]


def released() -> Any:
    """The document of the version that was released last."""
    return json.loads(gzip.decompress(RELEASED.read_bytes()))


def check(old: Schema, new: Schema) -> tuple[list[str], bool]:
    """What to say of both documents, and whether it may be so."""
    found = changes(old, new)
    versions = old["info"]["version"], new["info"]["version"]
    broken = [one for one in found if one.is_breaking]
    others = [one for one in found if not one.is_breaking]
    lines = [f"{len(broken)} changes break what was written for {versions[0]}:" if broken else ""]
    lines += [f"  {one}" for one in broken]
    lines += [f"{len(others)} changes break nothing:" if others else ""]
    lines += [f"  {one}" for one in others]
    is_fine = not broken or may_break(*versions)
    if not is_fine:
        lines.append(f"{versions[1]} may not break anything: raise the version, see docs/rest.md")
    return [line for line in lines if line], is_fine


def keep(document: Schema) -> str:
    """Keeps a document as released; what is wrong instead, if it may not be replaced."""
    tag = f"v{document['info']['version']}"
    tags = subprocess.run(
        ["git", "tag", "--list", tag], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if tags.stdout.strip():
        return f"{tag} is released: raise the version in pyproject.toml"
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    RELEASED.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    return ""


def main(words: Sequence[str]) -> int:
    """Compares, or keeps; 1 when something is not as it may be."""
    document = json.loads(DOCUMENT.read_text("utf-8"))
    if "--release" in words:
        refused = keep(document)
        print(refused or f"{RELEASED.relative_to(ROOT)} is {document['info']['version']}")
        return bool(refused)
    if "--final" in words:
        is_kept = released() == document
        if not is_kept:
            print("run python -m scripts.compatible --release before the tag")
        return not is_kept
    lines, is_fine = check(released(), document)
    print("\n".join(lines) or f"the same as {document['info']['version']}, which was released")
    return not is_fine


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
