"""Processes that a command starts beside itself, and ends when it ends, however it ends.

command ──start──► process      whose standard input is a pipe that ends with the command
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from everycent.kernel.errors import Unavailable

_COMMAND = (
    "from everycent.cli import children; children.end_with_parent({number});"
    " from everycent.cli.main import main; main()"
)
_GRACE_SECONDS = 20


def end_with_parent(number: int) -> None:
    """Sends this process the signal once its standard input ends, as it does with whoever holds its other
    end."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), number)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def started(
    words: Sequence[str], environ: Mapping[str, str]
) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """`everycent WORDS --json` as a process, and what it tells once it listens: its `address`. Raises
    Unavailable `process.not_started`, with why."""
    process = subprocess.Popen(
        # What only listens keeps what it answered on disk: it may be ended as hard as it can be.
        [sys.executable, "-c", _COMMAND.format(number=int(signal.SIGKILL)), *words, "--json"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | environ,
    )  # fmt: skip
    said = _Said(process)
    assert process.stdout is not None
    for line in process.stdout:
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict) and "address" in told:
                said.pass_on()
                return process, told
    process.wait()
    raise said.refusal(words)


@contextmanager
def listening(words: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """The address of a process that listens for as long as the block goes on."""
    process, told = started(words, environ)
    try:
        yield str(told["address"])
    finally:
        process.kill()
        process.wait()


@contextmanager
def working(words: Sequence[str], environ: Mapping[str, str]) -> Iterator[None]:
    """A process that works for as long as the block goes on, and then ends what it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND.format(number=int(signal.SIGTERM)), *words],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | environ, start_new_session=True,
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


class _Said:
    """What a process says on stderr: kept until it listens, and passed on from then."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._lines, self._is_kept = process, list[str](), True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if self._is_kept:
                self._lines.append(line)
            else:
                sys.stderr.write(line)

    def pass_on(self) -> None:
        """It listens."""
        self._is_kept = False
        sys.stderr.writelines(self._lines)

    def refusal(self, words: Sequence[str]) -> Unavailable:
        """Why it did not come to listen; the process has ended."""
        self._thread.join()
        text, told = "".join(self._lines).strip(), {}
        with contextlib.suppress(ValueError, KeyError, IndexError, TypeError):
            told = dict(json.loads(self._lines[-1])["error"])
        command = " ".join(words[: next((n for n, w in enumerate(words) if w[0] == "-"), None)])
        why = told.get("message") or text or f"exit code {self._process.returncode}"
        return Unavailable(
            "process.not_started",
            f"`everycent {command}` did not start: {why}",
            field=told.get("field"),
            hint=told.get("hint"),
        )
