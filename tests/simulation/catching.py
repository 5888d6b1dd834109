"""How many seeds it takes to catch each planted fault: python -m tests.simulation.catching [--bases 20].

Prints a table for docs/simulation.md: the median over several first seeds, and the worst."""

from __future__ import annotations

import argparse
from statistics import median

from tests.simulation.planted import BUGS, Bug
from tests.simulation.world import run

_APART = 100_000
_MOST = 4000


def seeds_to_catch(bug: Bug, first: int) -> tuple[int, str]:
    """How many seeds from the first one it takes, and what was violated."""
    with bug.plant():
        for count in range(_MOST):
            violated = run(first + count)[0].violated
            if violated:
                return count + 1, violated
    return _MOST, "not caught"


def main() -> None:
    """Prints a row per fault."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.catching", description=__doc__
    )
    parser.add_argument("--bases", type=int, default=20, help="how many first seeds")
    parser.add_argument("--only", nargs="*", default=list(BUGS))
    asked = parser.parse_args()
    for name in asked.only:
        bug = BUGS[name]
        counts = [seeds_to_catch(bug, _APART * (base + 1))[0] for base in range(asked.bases)]
        found = ", found by it" if bug.found else ""
        print(f"| {name}{found} | {bug.says} | {median(counts):.0f} | {max(counts)} |", flush=True)


if __name__ == "__main__":
    main()
