"""What `bill run` says of the invoices that it issued."""

from __future__ import annotations

from tests.cli.test_suggested import other as other  # an invoice of 2 February, as a fixture
from tests.cli.test_usage_corrections import Shell


def test_a_run_tells_the_date_of_its_invoices_also_where_the_series_is_further(
    other: Shell,
) -> None:
    started = ("subscription", "start", "bob", "api", "--starts-on", "2026-01-01")
    add = ("customer", "add", "bob", "--name", "Bob", "--currency", "EUR", "--time-zone", "UTC")
    of = ("--tenant", "t2")
    other(*of, *add)
    other(*of, *started)
    earlier = other(*of, "bill", "run", "--as-of", "2026-02-01")
    later = other.json(*of, "bill", "run", "--as-of", "2026-03-03")
    assert "dated 2026-02-01; but 2026-02-02 in INV, which has a document of that date" in earlier
    assert [(one["issued_on"], set(one["later"])) for one in later] == [("2026-03-03", set())]
