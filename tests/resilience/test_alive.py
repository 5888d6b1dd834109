"""Whoever looks after processes that serve no HTTP can see that one moves no longer."""

import json
import signal
import subprocess

import pytest

from tests.resilience.own import EVERYCENT, running, until


def told(own, what):
    """What `everycent alive` says, and its exit code."""
    done = subprocess.run(
        [EVERYCENT, "alive", what, "--within", "5", "--json"], env=own.environ(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)["alive"]


@pytest.mark.parametrize(
    "command", [("work",), ("usage", "watch"), ("measurement", "run", "--watch")]
)
def test_a_worker_that_was_stopped_is_seen_to_move_no_longer(own, command):
    what = " ".join(word for word in command if not word.startswith("-"))
    own.run("up")
    assert told(own, what) == (1, False)  # none is there
    with running(own.environ(), *command) as worker:
        until(lambda: told(own, what) == (0, True), "it moves")
        worker.process.send_signal(signal.SIGSTOP)
        until(lambda: told(own, what) == (1, False), "it is seen to be stopped")
        worker.process.send_signal(signal.SIGCONT)
        until(lambda: told(own, what) == (0, True), "it moves again")
        assert worker.ended_by(signal.SIGTERM) == 0
    assert told(own, what) == (1, False)


def test_a_worker_without_its_database_is_alive(own):
    own.stop()
    with running(own.environ(), "work") as worker:
        until(lambda: told(own, "work") == (0, True), "it moves")
        assert worker.ended_by(signal.SIGTERM) == 0
