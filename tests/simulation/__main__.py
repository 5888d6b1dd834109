"""Replays one seed and prints what happened: python -m tests.simulation --seed N [--until T] [--trace]."""

from __future__ import annotations

import argparse
import contextlib
import sys

from tests.simulation import planted
from tests.simulation.clockwork import SECOND, instant
from tests.simulation.world import run


def main() -> int:
    """Returns 1 where something was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--until", type=int, help="stop after so many seconds of virtual time")
    parser.add_argument("--trace", action="store_true", help="print every step")
    parser.add_argument("--planted", choices=sorted(planted.BUGS), help="with this fault of ours")
    asked = parser.parse_args()
    bug = planted.BUGS[asked.planted].plant() if asked.planted else contextlib.nullcontext()
    with bug:
        until = None if asked.until is None else asked.until * SECOND
        result, world = run(asked.seed, trace=True, until=until)
    if asked.trace:
        for at, *what in world.clock.trace or ():
            print(f"{instant(at):%d %H:%M:%S.%f}"[:-3], *what)
    faults = ", ".join(f"{name} {rate:.2f}" for name, rate in sorted(world.rates.items()))
    print(f"seed {asked.seed}: {result.events} events in {result.days} days")
    print(f"provider: {world.terms.traits}")
    print(f"faults at the end: {faults or 'none'}; habits: {', '.join(world.habits) or 'none'}")
    print(f"seen: {result.seen}")
    print(
        result.violated or "nothing was violated",
        file=sys.stderr if result.violated else sys.stdout,
    )
    return int(result.violated is not None)


if __name__ == "__main__":
    sys.exit(main())
