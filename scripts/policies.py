"""Writes docs/policies.md: every policy with its values, read off the table in catalog/policies.py.

`python scripts/policies.py` writes the page, `python scripts/policies.py --check` only says whether it is
up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from everycent.catalog.policies import OPTIONS, Option

PAGE = Path(__file__).resolve().parent.parent / "docs" / "policies.md"
HEAD = """\
# Policies

Billing systems, laws and customs differ in how they divide and round. Each such rule is a policy with a
name, a default, and the values that are listed here. A [catalogue file](catalog.md#policies) sets those
that it wants otherwise:

```yaml
policies:
  tax.rounding_level: line
  discount.rest: carried
```

The section stands for the whole tenant. Its versions are kept as those of plans are: a file without it
changes nothing, and a policy that it leaves out has its default. A billing run keeps the policies with
which it was opened, and an invoice says by which it was made. A name or a value that is not listed is
refused. `everycent catalog show policies` says what is set.

This page is made from the source by `python scripts/policies.py`.
"""


def page() -> str:
    """The page: a section for each policy, the default first."""
    return HEAD + "".join(_section(option) for option in OPTIONS)


def _section(option: Option) -> str:
    lines = [f"\n## {option.name}\n\n{option.told}\n\n| value | meaning |\n| --- | --- |\n"]
    for value, told in option.values.items():
        default = " (default)" if value == option.default else ""
        lines.append(f"| `{value}`{default} | {told} |\n")
    if option.others is not None:
        lines.append(f"| such as `{option.others.looks}` | {option.others.told} |\n")
    return "".join(lines)


def main(arguments: list[str]) -> int:
    """Writes the page, or with --check compares it."""
    if arguments == ["--check"]:
        if PAGE.exists() and PAGE.read_text("utf-8") == page():
            return 0
        sys.stderr.write("docs/policies.md is out of date: run python scripts/policies.py\n")
        return 1
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
