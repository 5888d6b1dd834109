"""What a Tryton is told in its tests, and by what."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from everycent.erp import judge
from everycent.erp.port import Parcel
from everycent.erp.told import Document, Kind, Line, Party, Tax, totals_of
from everycent.integrations.erp_tryton import TrytonErp
from everycent.integrations.tryton_books import Map
from tests.erp.tryton import COMPANY, DATABASE, Tryton

TAXES = {
    "vat 20": "VAT 20", "vat 25": "VAT 25", "low 7": "VAT 7", "state 7": "VAT 7",
    "local 2.5": "Local 2.5", "exempt 0": "none",
}  # fmt: skip
TO = Map(COMPANY, "8400", TAXES, {"energy": "8410"}, discounts="8700")


def adapter(tryton: Tryton, to: Map = TO, **changed: Any) -> TrytonErp:
    """The adapter for a Tryton."""
    told: dict[str, Any] = {
        "name": "books",
        "url": tryton.url,
        "database": DATABASE,
        "key": tryton.key,
        "to": to,
    }
    return TrytonErp(**(told | changed))


def document(
    number: int, taxes: str, lines: str, *, currency: str = "EUR", issued: str = "2026-01-31"
) -> Document:
    """An invoice, or a credit note where it is below nothing. Taxes: 'category percent base amount'; lines:
    'product net percent'; several of each with commas between them."""
    told = [Tax(*one.split()) for one in taxes.split(", ") if one]
    rows = [one.split() for one in lines.split(", ")]
    items = [
        Line(n, product, f"{product} {n}", net, None if percent == "-" else percent)
        for n, (product, net, percent) in enumerate(rows, start=1)
    ]
    joined = any("+" in (one.tax or "") for one in items)
    untaxed = [Decimal(one.net) for one in items if one.tax is None]
    bases = [Decimal(one.base) for one in told[: 1 if joined else None]]
    net = sum(bases + untaxed, Decimal("0.00"))
    tax = sum((Decimal(one.amount) for one in told), Decimal("0.00"))
    kind = Kind.CREDIT_NOTE if net < 0 else Kind.INVOICE
    name = f"{'CN' if net < 0 else 'INV'}-{number:06d}"
    party = Party("acme", "Acme Größe", "Main St 1\nBerlin", "DE123")
    return Document(
        f"default/{name}", kind, name, issued, "2126-02-14", party, currency, str(net), str(tax),
        str(net + tax), str(net + tax), tuple(told), tuple(items),
        "INV-000001" if net < 0 else None,
    )  # fmt: skip


def parcel(*documents: Document) -> Parcel:
    """A batch."""
    return Parcel(1, "d", "p", documents, totals_of(documents), "c")


def sent(erp: TrytonErp, *documents: Document) -> list[str]:
    """What the judge makes of documents that are handed over: state or trouble, what differs, and why."""
    said = judge.of_sent(parcel(*documents), erp.send("default", parcel(*documents)))
    return [
        " ".join([one.trouble or one.status, *(d.field for d in one.differences), one.reason])
        for one in said.values()
    ]


PLAIN = document(1, "vat 20 10.00 2.00", "base 10.00 20")
