"""The books over HTTP as text for hledger and Beancount: what the command line writes, and in parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from beancount import loader
from beancount.core.data import Transaction

from everycent.app.wiring import random_ids
from everycent.customers import queries as customers
from everycent.flows import bill
from everycent.flows.ledger_exported import exported
from everycent.kernel import clock
from everycent.kernel.errors import Invalid
from everycent.ledger import export, queries
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.flows.world import midnight, sell

LATER = NOW + timedelta(days=300)
KEYS = ["c0", 'c"1', "c; 2"]
PATH = "/v1/ledger/export"
WRITERS = {"hledger": export.hledger, "beancount": export.beancount}


def issue(place: Place, day: date) -> None:
    bill.run(
        place.database, place.tenant_id, midnight(day), clock=clock.fixed(NOW),
        ids=random_ids, terms=bill.Terms("worker"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    sell(module_place, [(key, "advance") for key in KEYS])
    issue(module_place, date(2026, 1, 1))
    issue(module_place, date(2026, 4, 1))
    with asking(module_place) as found:
        yield found


def read(text: str) -> list[Any]:
    """The transactions that Beancount reads in a text, all of which it takes."""
    entries, errors, _ = loader.load_string(text)
    assert errors == []
    return [one for one in entries if isinstance(one, Transaction)]


@pytest.mark.parametrize("form", WRITERS)
def test_the_text_is_the_one_that_the_command_line_writes(api: Asking, form: str):
    place = api.place
    with place.database.snapshot(place.tenant_id) as tx:
        names = {one.customer_id: one.key for one in customers.page(tx, limit=100)}
        lines = list(WRITERS[form](queries.entries(tx, LATER), names.__getitem__, "Europe/Zagreb"))
    told = api.get(PATH, format=form, zone="Europe/Zagreb")
    assert told["text"].splitlines() == "\n".join(lines).splitlines()
    assert (told["format"], told["from"], told["entries"]) == (form, None, 12)


def test_beancount_reads_the_whole_and_each_part(api: Asking):
    whole = read(api.get(PATH, format="beancount", zone="Europe/Zagreb")["text"])
    middle = "2026-03-01"
    parts = [
        api.get(PATH, format="beancount", zone="Europe/Zagreb", **span)["text"]
        for span in ({"to": middle}, {"from": middle})
    ]
    assert len(whole) == 12
    entries = [[one.meta["entry"] for one in read(part)] for part in parts]
    assert [len(part) for part in entries] == [3, 9]
    assert [*entries[0], *entries[1]] == [one.meta["entry"] for one in whole]
    sums = [leg.units.number for one in whole for leg in one.postings]
    assert sum(sums, Decimal()) == 0


def test_the_text_alone_is_for_whoever_accepts_it(api: Asking):
    told = api.get(PATH, format="hledger", to="2026-12-31")["text"]
    answer = api.send("GET", f"{PATH}?format=hledger&to=2026-12-31", accept="text/plain")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == told
    assert answer.text.startswith("; Amounts are exact")


REFUSED = [
    ({}, (400, "request.parameter_missing")),
    ({"format": "csv"}, (400, "request.bad_parameter")),
    ({"format": "hledger", "from": "2026-02-01", "to": "2026-01-01"}, (400, "period.empty")),
    ({"format": "hledger", "zone": "Nowhere"}, (400, "zone.unknown")),
]


@pytest.mark.parametrize(("query", "expected"), REFUSED)
def test_what_is_no_question_is_refused(
    api: Asking, query: dict[str, str], expected: tuple[int, str]
):
    assert api.refused("GET", PATH, **query) == expected


def test_more_than_a_server_holds_at_once_is_refused(api: Asking):
    place = api.place
    with place.database.snapshot(place.tenant_id) as tx:
        assert exported(tx, "hledger", None, LATER, "UTC", most=12).entries == 12
        with pytest.raises(Invalid) as refused:
            exported(tx, "hledger", None, LATER, "UTC", most=11)
    assert refused.value.code == "ledger.export_too_large"


def test_others_see_nothing_of_it(api: Asking):
    other = tenants.create(api.place.database, "export-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "export-other", ["books:read"]))
    assert theirs.get(PATH, format="beancount")["entries"] == 0
    assert api.with_scopes("invoices:read").refused("GET", PATH, format="hledger") == (
        403, "key.missing_scope",
    )  # fmt: skip
