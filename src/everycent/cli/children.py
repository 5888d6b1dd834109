"""Processes that a command starts beside itself, and ends when it ends."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from everycent.kernel.errors import Unavailable

_COMMAND = "from everycent.cli.main import main; main()"
_GRACE_SECONDS = 20


def started(
    words: Sequence[str], environ: Mapping[str, str]
) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """`everycent WORDS --json` as a process, and what it tells once it listens: its `address`. Raises
    Unavailable `process.not_started`."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *words, "--json"],
        stdout=subprocess.PIPE, text=True, env=os.environ | environ,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict) and "address" in told:
                return process, told
    process.communicate()
    raise Unavailable(
        "process.not_started", f"everycent {' '.join(words)} did not start; it says above why"
    )


@contextmanager
def listening(words: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """The address of a process that listens for as long as the block goes on."""
    process, told = started(words, environ)
    try:
        yield str(told["address"])
    finally:
        process.kill()
        process.communicate()


@contextmanager
def working(words: Sequence[str], environ: Mapping[str, str]) -> Iterator[None]:
    """A process that works for as long as the block goes on, and then ends what it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environ,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
