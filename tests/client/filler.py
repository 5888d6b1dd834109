"""A process that keeps usage in a buffer until it is killed.

`python -m tests.client.filler FILE ADDRESS KEY FIRST` prints the number of each record once `add` has
returned: from then on it must never be lost.
"""

from __future__ import annotations

import sys
from itertools import count

from everycent_client import Client, UsageBuffer


def record(number: int) -> dict[str, object]:
    return {
        "id": f"r{number}", "source": "filler", "subject": "acme", "meter": "calls",
        "at": "2026-01-05T12:00:00Z", "value": 1,
    }  # fmt: skip


def main() -> None:
    path, address, key, first = sys.argv[1:]
    sender = Client(address, key, seconds=5, tries=2)
    buffer = UsageBuffer(path, sender, batch=200)
    buffer.start(0.02)
    for number in count(int(first)):
        buffer.add(record(number))
        print(number, flush=True)


if __name__ == "__main__":
    main()
