"""A client that sends batches for ever and keeps a log, so that it may be killed at any moment.

`python -m tests.flows.sender ADDRESS KEY LOG NAME STOP`. A line `sent N` stands in the log before batch
N leaves, a line `stored N` once the server has said that it is stored. A batch without the second is
sent again, with the same ids, also by the next process with the same log. What a batch holds follows
from its name and number. Ends when the file STOP is there and nothing is open.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

RECORDS = 40
SHARED = 10  # of these, every client sends the same ones


def records(name: str, number: int) -> list[dict[str, Any]]:
    """What a batch holds."""
    return [
        {
            "id": f"{'shared' if k < SHARED else name}-{number}-{k}",
            "source": "sender",
            "subject": f"c{(number + k) % 7}",
            "meter": "calls",
            "at": f"2026-01-{1 + number % 28:02d}T{k % 24:02d}:00:00Z",
            "value": str((number * 31 + k) % 97),
            "dimensions": {"region": f"r{k % 3}"},
        }
        for k in range(RECORDS)
    ]


def numbers(log: Path, word: str) -> list[int]:
    """The batches that are logged with this word; a line that a kill cut off does not count."""
    if not log.exists():
        return []
    lines = log.read_text().splitlines(keepends=True)
    return [int(line.split()[1]) for line in lines if line.startswith(word) and line[-1] == "\n"]


def send(client: httpx2.Client, name: str, number: int) -> None:
    """Sends a batch until the server says that it is stored. Raises ValueError on any other answer."""
    while True:
        try:
            answer = client.post("/v1/usage", json=records(name, number))
        except httpx2.TransportError:
            time.sleep(0.02)
            continue
        if answer.status_code == 503:
            time.sleep(0.05)
            continue
        told = answer.json()
        if answer.status_code != 200 or told["accepted"] + told["duplicates"] != RECORDS:
            raise ValueError(f"batch {name} {number}: {answer.status_code} {json.dumps(told)}")
        return


def main(address: str, key: str, log: Path, name: str, stop: Path) -> None:
    """Sends batch after batch."""
    sent, stored = numbers(log, "sent"), set(numbers(log, "stored"))
    undone = [number for number in sent if number not in stored]
    next_number = max(sent, default=-1) + 1
    headers = {"authorization": f"Bearer {key}"}
    with (
        log.open("a") as lines,
        httpx2.Client(base_url=address, headers=headers, timeout=10) as client,
    ):
        lines.write("\n")  # a line that was cut off ends here
        while undone or not stop.exists():
            if undone:
                number = undone.pop(0)
            else:
                number, next_number = next_number, next_number + 1
                lines.write(f"sent {number}\n")
                lines.flush()
            send(client, name, number)
            lines.write(f"stored {number}\n")
            lines.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4], Path(sys.argv[5]))
