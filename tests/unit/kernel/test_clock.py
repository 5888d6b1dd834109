"""A clock that is held still always reads the same."""

from datetime import UTC, datetime

from everycent.kernel.clock import fixed


def test_a_fixed_clock_always_reads_the_same_instant():
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    clock = fixed(moment)
    assert clock() is clock() is moment
