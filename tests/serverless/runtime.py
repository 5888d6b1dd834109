"""A function's environment, as a process of its own: it is begun once, invoked with a line, and frozen.

    python -m tests.serverless.runtime everycent.serverless.functions.api

reads an event from each line of stdin, as JSON, and writes what the function returned, or the error that it
raised, as the cloud does.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = "everycent.serverless.functions."


class Context:
    """What the runtime tells of an invocation."""

    def __init__(self, milliseconds: int = 900_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class Runtime(NamedTuple):
    """An environment that was begun."""

    process: subprocess.Popen[str]

    def __call__(self, event: Mapping[str, Any]) -> Any:
        """Invokes it; the process is frozen before and after, as the cloud does."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(json.dumps(event) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)
        assert line, "the environment died"
        return json.loads(line)


@contextmanager
def begun(function: str, conninfo: str, home: Path, **environment: str) -> Iterator[Runtime]:
    """An environment of a function of ours, which is killed afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.serverless.runtime", PACKAGE + function],
        env=os.environ
        | {"EVERYCENT_DATABASE_URL": conninfo, "EVERYCENT_HOME": str(home), "EVERYCENT_ACTOR": "function"}
        | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        yield Runtime(process)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    module, _, name = sys.argv[1].rpartition(".")
    function = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        try:
            told = function(json.loads(line), Context())
        except Exception as error:  # noqa: BLE001 - so does the cloud
            told = {"errorType": type(error).__name__, "errorMessage": str(error)}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
