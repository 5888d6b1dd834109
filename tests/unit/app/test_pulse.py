"""A loop that looks whether it is asked to stop moves; one that does not look any more hangs."""

from __future__ import annotations

import threading
from pathlib import Path

from everycent.app import pulse
from everycent.app.pulse import HANGS_AFTER_SECONDS, Stop, beating


class Hands:
    """A clock that is set by hand."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_process_hangs_as_soon_as_one_of_its_loops_does() -> None:
    clock = Hands()
    stop = Stop(clock)
    begun, over = threading.Event(), threading.Event()

    def hang() -> None:
        with stop.watched():
            begun.set()
            over.wait()

    thread = threading.Thread(target=hang)
    thread.start()
    begun.wait()
    with stop.watched():
        clock.at += HANGS_AFTER_SECONDS
        seen = [stop.hangs()]
        clock.at += 1
        assert not stop.is_set()  # this one moves
        seen.append(stop.hangs())
        over.set()
        thread.join()
        seen.append(stop.hangs())
        clock.at += HANGS_AFTER_SECONDS + 1
        seen.append(stop.hangs())
        stop.wait(0)
        seen.append(stop.hangs())
    assert seen == [False, True, False, True, False]


def test_who_rests_wakes_when_it_is_asked_to_stop() -> None:
    stop = Stop()
    assert stop.wait(0.01) is False
    threading.Timer(0.05, stop.set).start()
    assert stop.wait() is True
    assert stop.wait(3600) is True


def test_the_file_is_there_as_long_as_the_process(tmp_path: Path) -> None:
    assert pulse.age(tmp_path, "work") is None
    with beating(tmp_path, "work", Stop()):
        assert pulse.age(tmp_path, "work") is not None
        assert pulse.age(tmp_path, "usage watch") is None
    assert pulse.age(tmp_path, "work") is None
