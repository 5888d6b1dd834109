"""Documents handed over as files: what is in them, and what a comparison finds in the folder."""

from __future__ import annotations

import csv
import json

import pytest

from everycent.integrations.erp_file import FileErp
from everycent.kernel.errors import Refusal
from tests.erp import books
from tests.erp.books import handed_over, standing
from tests.flows import world


@pytest.fixture
def erp(tmp_path):
    return FileErp(name="books", folder=tmp_path / "files", batch=2)


def files(erp) -> list[str]:
    return sorted(path.name for path in (erp._folder / "default").iterdir())


def documents(erp, name: str) -> list[dict[str, object]]:
    told = json.loads((erp._folder / "default" / name).read_bytes())
    return told["documents"]


def test_every_document_goes_into_one_batch_and_the_sums_are_in_its_control(place, erp):
    books.open_shop(place, 3)
    assert handed_over(place, erp) == {"batches": 2, "acknowledged": 3, "registered": 3}
    assert handed_over(place, erp) == {}
    assert files(erp) == [
        "batch-000001.control.json", "batch-000001.csv", "batch-000001.json",
        "batch-000002-INV-000003.control.json", "batch-000002-INV-000003.csv",
        "batch-000002-INV-000003.json",
    ]  # fmt: skip
    control = json.loads((erp._folder / "default" / "batch-000001.control.json").read_bytes())
    assert control["totals"] == [
        {"currency": "EUR", "documents": 2, "net": "62.00", "tax": "12.40", "gross": "74.40"}
    ]
    with (erp._folder / "default" / "batch-000001.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["number"], row["gross"]) for row in rows] == [
        ("INV-000001", "37.20"), ("INV-000002", "37.20"),
    ]  # fmt: skip
    assert books.violations(place) == []


def test_a_credit_note_says_what_it_corrects_and_comes_to_less_than_nothing(place, erp):
    books.open_shop(place, 2)
    handed_over(place, erp)
    world.credit(place, "INV-000001")
    books.credit_parts(place, "INV-000002", "1=10.00")
    assert handed_over(place, erp) == {"batches": 1, "acknowledged": 2, "registered": 2}
    whole, part = documents(erp, "batch-000002.json")
    told = ("number", "kind", "corrects", "net", "tax", "gross")
    assert [[one[name] for name in told] for one in (whole, part)] == [
        ["CN-000001", "credit_note", "INV-000001", "-31.00", "-6.20", "-37.20"],
        ["CN-000002", "credit_note", "INV-000002", "-10.00", "-2.00", "-12.00"],
    ]
    assert books.compared(place, erp).findings == ()
    assert books.violations(place) == []


def test_a_credit_note_waits_until_its_invoice_is_there(place, erp, tmp_path):
    books.open_shop(place, 1)
    world.credit(place, "INV-000001")
    (tmp_path / "files").write_text("no folder")
    assert handed_over(place, erp) == {"batches": 1, "unavailable": 1}
    assert standing(place, erp) == {"INV-000001": "initiated unavailable"}
    (tmp_path / "files").unlink()
    assert handed_over(place, erp, rounds=(10, 20)) == {
        "acknowledged": 2,
        "registered": 2,
        "batches": 1,
    }
    assert standing(place, erp) == {"INV-000001": "registered", "CN-000001": "registered"}


def test_what_is_taken_out_of_the_folder_goes_there_again(place, erp):
    books.open_shop(place, 2)
    handed_over(place, erp)
    (erp._folder / "default" / "batch-000001.json").unlink()
    assert books.found(place, erp) == [("INV-000001", "lost"), ("INV-000002", "lost")]
    assert handed_over(place, erp) == {"acknowledged": 2, "registered": 2}
    assert books.found(place, erp) == []
    assert books.violations(place) == []


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        ('"gross":"37.20"', '"gross":"73.20"', [("INV-000001", "changed")]),
        ('"key":"c0000"', '"key":"c0001"', [("INV-000001", "changed")]),
        ("INV-000001", "INV-000009", [("INV-000001", "lost"), ("INV-000009", "unknown")]),
    ],
)
def test_what_is_changed_in_the_folder_is_found(place, erp, before, after, finding):
    books.open_shop(place, 1)
    handed_over(place, erp)
    path = erp._folder / "default" / "batch-000001-INV-000001.json"
    path.write_text(path.read_text().replace(before, after))
    assert books.found(place, erp) == finding


def test_a_file_that_can_not_be_read_ends_a_comparison_without_a_finding(place, erp):
    books.open_shop(place, 1)
    handed_over(place, erp)
    (erp._folder / "default" / "batch-000001-INV-000001.json").write_text("{")
    with pytest.raises(Refusal) as refusal:
        books.compared(place, erp)
    assert refusal.value.code == "erp.not_compared"


def test_documents_from_before_the_first_day_stay_where_they_are(place, erp):
    books.open_shop(place, 1)
    desk = books.desk_at(place, erp, since=world.midnight(books.FIRST).date().replace(year=2027))
    assert books.hand_over(desk) == {}
