"""How a Tryton is set up in erp.yaml, and what is refused there."""

from __future__ import annotations

from pathlib import Path

import pytest

from everycent.app import erps
from everycent.app.settings import Settings
from everycent.kernel.errors import Invalid
from tests.erp.tryton import COMPANY

FILE = {
    "name": "books", "kind": "tryton", "url": "https://tryton.example", "database": "books",
    "key": "TRYTON_KEY", "company": COMPANY, "revenue": '"8400"', "taxes": "{vat 20: VAT 20}",
    "since": "2026-01-01",
}  # fmt: skip
REFUSED = [
    # field, what stands there -> where it is refused
    ("database", "a/b", "erp.database"),
    ("database", None, "erp"),
    ("parties", "mine", "erp.parties"),
    ("cents", "0.01", "erp.cents"),
    ("taxes", "{vat: VAT}", "erp.taxes"),
    ("taxes", "VAT 20", "erp.taxes"),
    ("taxes", '{vat 20: ""}', "erp.taxes.vat 20"),
    ("accounts", "{a b: '1'}", "erp.accounts"),
    ("revenue", '""', "erp.revenue"),
    ("company", "[Everycent]", "erp.company"),
    ("deadline", "1h", "erp.deadline"),
    ("batch", "0", "erp.batch"),
    ("user", "eve", "erp"),
    ("kind", "[tryton]", "erp.kind"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "place"), REFUSED)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, field, value, place):
    settings = Settings(tmp_path, None, "default", "eve")
    told = {name: text for name, text in (FILE | {field: value}).items() if text is not None}
    lines = "".join(f"  {name}: {text}\n" for name, text in told.items())
    (tmp_path / "erp.yaml").write_text(f"erp:\n{lines}")
    with pytest.raises(Invalid) as refusal:
        erps.needed(settings, {"TRYTON_KEY": "k"})
    assert (refusal.value.field or "").startswith(place)
