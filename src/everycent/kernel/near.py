"""What somebody may have meant by a name that nothing has."""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 3


def near(name: str, names: Iterable[str]) -> list[str]:
    """The names that look most like `name`, the nearest first: typed with few slips, or a part of it."""
    wanted = name.casefold()[:200]
    slips = max(1, len(wanted) // 3)
    found = []
    for other in names:
        told = other.casefold()[:200]
        if abs(len(told) - len(wanted)) <= slips and (far := distance(wanted, told)) <= slips:
            found.append((far, other))
        elif len(wanted) >= 3 and (wanted in told or told in wanted) and len(told) >= 3:
            found.append((slips + 1, other))
    return [other for _, other in sorted(found)[:_MOST]]


def distance(one: str, other: str) -> int:
    """How many slips lie between two words: a letter too many, missing, wrong, or two exchanged."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        two_before, before, row = before, row, [i]
        for j, wanted in enumerate(other, start=1):
            found = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                found = min(found, two_before[j - 2] + 1)
            row.append(found)
    return row[-1]


def meant(name: str, names: Iterable[str]) -> str:
    """'did you mean a or b?', or '' when nothing looks like it."""
    found = near(name, names)
    return f"did you mean {' or '.join(found)}?" if found else ""
