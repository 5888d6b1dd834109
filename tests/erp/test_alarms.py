"""Alarms about the way into the ERP follow what is so: raised when it is seen, closed by nobody."""

from __future__ import annotations

import pytest

from everycent.kernel.errors import Unavailable
from tests.conftest import Place
from tests.erp import books
from tests.erp.books import handed_over, standing
from tests.erp.fake import running_erp
from tests.erp.test_over_http import adapter, in_step, raised
from tests.flows import world

HOUR = 3600
DAY = 24 * HOUR


def message(place: Place, kind: str) -> str:
    with place.database.snapshot(place.tenant_id) as tx:
        return str(
            tx.value("select message from alarm where kind = %s and resolved_at is null", (kind,))
        )


def test_an_erp_that_only_ever_says_received_is_too_slow_after_a_day(place, tmp_path):
    books.open_shop(place, 3)
    with running_erp(tmp_path, mode="later", delay="3600") as fake:
        erp = adapter(fake)
        handed_over(place, erp)
        for hours in (1, 12, 23):
            handed_over(place, erp, rounds=[hours * HOUR])
            assert raised(place) == [], hours
        handed_over(place, erp, rounds=[DAY + 60])
        assert raised(place) == [("erp.slow", "books")]
        assert "default/INV-000001, and 2 more" in message(place, "erp.slow")
        handed_over(place, erp, rounds=[DAY + 2 * HOUR])
        assert raised(place, is_open=False) == [("erp.slow", "books")]
        assert set(standing(place, erp).values()) == {"acknowledged"}
    with running_erp(tmp_path) as fake:  # it begins anew, with what it had lost
        erp = adapter(fake)
        for number in (1, 2, 3):
            fake.lose(f"default/INV-{number:06d}")
        handed_over(place, erp, rounds=[DAY + 4 * HOUR, DAY + 5 * HOUR])
        in_step(place, erp, fake)


def test_the_limit_is_the_operators(place, tmp_path):
    books.open_shop(place, 1)
    with running_erp(tmp_path, mode="later", delay="3600") as fake:
        erp = adapter(fake)
        handed_over(place, erp)
        handed_over(place, erp, rounds=[60], slow=120)
        assert raised(place) == []
        handed_over(place, erp, rounds=[130], slow=120)
        assert raised(place) == [("erp.slow", "books")]


def test_since_when_a_document_is_received_survives_trouble_and_ends_when_it_goes_again(
    place, tmp_path
):
    books.open_shop(place, 1)
    with running_erp(tmp_path, mode="later", delay="3600") as fake:
        erp = adapter(fake)
        handed_over(place, erp)
        fake.fault("error_500_before", times=1, where={"path": "GET /documents"})
        handed_over(place, erp, rounds=[HOUR])
        assert standing(place, erp) == {"INV-000001": "acknowledged threw"}
        handed_over(place, erp, rounds=[DAY + HOUR])
        assert raised(place) == [("erp.slow", "books")]
        fake.lose("default/INV-000001")
        handed_over(place, erp, rounds=[DAY + 3 * HOUR, DAY + 3 * HOUR + 60])
        assert raised(place) == []
        assert standing(place, erp) == {"INV-000001": "acknowledged"}
        assert books.violations(place) == []


@pytest.mark.parametrize("by_line", [False, True])
def test_a_credit_note_of_an_invoice_that_was_refused_waits_and_says_so(place, tmp_path, by_line):
    books.open_shop(place, 2)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        fake.fault("reject:no", where={"reference": "default/INV-000001"}, times=1)
        handed_over(place, erp)
        assert raised(place) == [("erp.aborted", "default/INV-000001")]
        if by_line:
            books.credit_parts(place, "INV-000001", "1")
        else:
            world.credit(place, "INV-000001")
        world.credit(place, "INV-000002")
        # Nothing of the credit note is sent, and nothing is heard of it: it is found.
        handed_over(place, erp, rounds=[5])
        assert raised(place) == [
            ("erp.aborted", "default/INV-000001"), ("erp.waiting", "default/CN-000001"),
        ]  # fmt: skip
        assert "default/INV-000001, which is aborted" in message(place, "erp.waiting")
        assert standing(place, erp)["CN-000002"] == "registered"
        books.requeue(place, erp, "INV-000001")
        handed_over(place, erp, rounds=[10, 20, 30])
        in_step(place, erp, fake)


def test_a_comparison_that_can_not_be_made_is_told_and_takes_nothing_back(place, tmp_path):
    books.open_shop(place, 2)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        handed_over(place, erp)
        fake.double("default/INV-000002")
        books.compared(place, erp)
        assert raised(place) == [("erp.doubled", "default/INV-000002")]
        for fault in ("mutate:count_off", "error_503", "html"):
            fake.fault(fault, times=1, where={"path": "GET /documents"})
            with pytest.raises(Unavailable) as refusal:
                books.compared(place, erp)
            assert refusal.value.code == "erp.not_compared"
            assert raised(place) == [
                ("erp.doubled", "default/INV-000002"), ("erp.not_compared", "books"),
            ]  # fmt: skip
        books.compared(place, erp)
        assert raised(place) == [("erp.doubled", "default/INV-000002")]


def test_an_alarm_whose_document_was_helped_is_over_though_nothing_else_happens(place, tmp_path):
    books.open_shop(place, 1)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        fake.fault("reject:no", times=1)
        handed_over(place, erp)
        assert raised(place) == [("erp.aborted", "default/INV-000001")]
    books.requeue(place, erp, "INV-000001")
    handed_over(place, erp, rounds=[-5])  # before its time has come: nothing is sent
    assert raised(place) == []
