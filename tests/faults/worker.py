"""The worker under test: `everycent work` as it is, with a hook that holds it at a named point.

    python -m tests.faults.worker PORT POINT

At the point it tells the harness, and waits for what it is told: `go`, or `raise`. What would make people
wait for minutes (how often unknown outcomes are looked up) is shortened; nothing else is touched.
"""

from __future__ import annotations

import socket
import sys
import threading
from typing import Any

import msgspec

from everycent.charging.policy import Policies
from everycent.cli.main import main
from everycent.flows.collect import work
from everycent.kernel import points


class PlantedError(Exception):
    """The error that nobody foresaw."""


def hold_at(port: int, wanted: str) -> None:
    """Holds the process at the first time that it comes to a point."""
    control = socket.create_connection(("127.0.0.1", port))
    lock = threading.Lock()
    is_done = False

    def reach(name: str) -> None:
        nonlocal is_done
        if name != wanted:
            return
        with lock:
            if is_done:
                return
            is_done = True
        control.sendall(b"reached\n")
        if control.recv(64).strip() == b"raise":
            raise PlantedError(f"planted at {name}")

    points.on_reach(reach)


def be_prompt() -> None:
    """The usual policies, without their waiting."""
    usual = work.policies_of

    def prompt(terms: Any) -> Policies:
        found = usual(terms)
        patient = msgspec.structs.replace(
            found.for_all, looks=(1,), pending=(1,), quarantine=3, margin=0
        )
        return found._replace(for_all=patient)

    work.policies_of = prompt


if __name__ == "__main__":
    be_prompt()
    if sys.argv[2] != "-":
        hold_at(int(sys.argv[1]), sys.argv[2])
    sys.argv = ["everycent", "work", "--again", "1", "--rest", "0.1"]
    main()
