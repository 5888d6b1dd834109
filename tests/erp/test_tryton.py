"""Documents handed over to a real Tryton, which is killed, cut off and set up wrongly; its books judge."""

from __future__ import annotations

from datetime import timedelta

import pytest

from everycent.integrations.erp_tryton import TrytonErp
from everycent.integrations.tryton_books import Map
from tests.erp import books
from tests.erp.books import handed_over, standing
from tests.erp.tryton import COMPANY, DATABASE, Tryton, running_tryton
from tests.flows import world

TO = Map(COMPANY, "8400", {"vat 20": "VAT 20", "vat 25": "VAT 25", "low 7": "VAT 7"}, {})
LATER = (0, 10, 60, 400, 1_500)


@pytest.fixture(scope="module")
def running(server, tmp_path_factory):
    with running_tryton(server, tmp_path_factory.mktemp("tryton")) as started:
        yield started


@pytest.fixture
def tryton(running):
    running.empty()
    return running


def adapter(tryton: Tryton, **changed) -> TrytonErp:
    told = {
        "name": "books", "url": tryton.url, "database": DATABASE, "key": tryton.key, "to": TO,
        "deadline": timedelta(seconds=60),
    }  # fmt: skip
    return TrytonErp(**(told | changed))


def test_documents_are_posted_in_tryton_under_its_numbers(place, tryton):
    books.open_shop(place, 3)
    erp = adapter(tryton, batch=2)
    assert handed_over(place, erp) == {"batches": 2, "acknowledged": 3, "registered": 3}
    world.credit(place, "INV-000001")
    books.credit_parts(place, "INV-000002", "1=10.00")
    handed_over(place, erp)
    print(tryton.invoices())
    assert set(standing(place, erp).values()) == {"registered"}
    assert books.compared(place, erp).findings == ()
    assert books.violations(place) == []
