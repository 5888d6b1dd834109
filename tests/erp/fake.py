"""The fake ERP as a real process, for tests: `with running_erp(tmp_path, mode="later") as erp:`.

It is called by plain HTTP, past the product's own code. What is sent is made by `delivery`, which counts
and hashes by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.payments.fake import Fake

KEY = "erp_fake"
"""The key that the fake ERP takes unless it is told another."""
SCHEMA = "everycent-erp/1"
NOTHING_BEFORE = "0" * 64


class FakeErp(Fake):
    """A fake ERP's process, its address and its admin API; `kill` and `restart` like the provider's."""

    def __init__(self, folder: Path, options: list[str], key: str = KEY) -> None:
        self.key = key
        super().__init__(folder, options, "erp")

    def deliver(self, body: Any) -> tuple[int, Any]:
        """Status and answer of POST /batches."""
        return self.answered("POST", "/batches", body, Authorization=f"Bearer {self.key}")

    def look_up(self, *references: str) -> list[Any]:
        """What GET /documents tells of the references."""
        return self.asked([("reference", one) for one in references])[1]["documents"]  # type: ignore[no-any-return]

    def asked(self, told: Any) -> tuple[int, Any]:
        """Status and answer of GET /documents."""
        path = f"/documents?{urlencode(told)}"
        return self.answered("GET", path, Authorization=f"Bearer {self.key}")

    def documents(self, reference: str | None = None) -> list[Any]:
        """The documents in its books in order of arrival, those of one reference if so asked."""
        found = self.call("GET", "/admin/documents")["documents"]
        return [one for one in found if reference in (None, one["reference"])]

    def batches(self) -> list[Any]:
        """The batches in its books: seller, number, digest, previous, at."""
        return self.call("GET", "/admin/batches")["batches"]  # type: ignore[no-any-return]

    def close_period(self, until: str | None) -> None:
        """Documents that were issued up to this day are rejected from now on; None: none are."""
        self.call("POST", "/admin/period", {"closed_until": until})

    def lose(self, reference: str) -> None:
        """The ERP forgets everything under a reference."""
        self.call("DELETE", f"/admin/documents/{quote(reference)}")

    def double(self, reference: str) -> None:
        """The ERP makes a second document with another bill."""
        self.call("POST", f"/admin/documents/{quote(reference)}/twice", {})

    def change(self, reference: str, **changes: str) -> None:
        """The ERP changes customer, currency, net, tax or gross of a document."""
        self.call("POST", f"/admin/documents/{quote(reference)}", changes)


@contextmanager
def running_erp(
    folder: Path,
    *,
    mode: str = "now",
    delay: str = "5",
    key: str = KEY,
    options: tuple[str, ...] = (),
) -> Iterator[FakeErp]:
    """A fake ERP over the folder; whatever is left of it is ended."""
    erp = FakeErp(folder, ["--mode", mode, "--delay", delay, "--key", key, *options], key)
    try:
        yield erp
    finally:
        erp.kill()


def document(number: int, **changed: Any) -> dict[str, Any]:
    """An invoice over 12.50 as the protocol writes it."""
    name = f"INV-{number:06}"
    told = {
        "reference": f"default/{name}", "kind": "invoice", "number": name,
        "issued_on": "2026-01-31", "due_on": "2026-02-14",
        "customer": {"key": "acme", "name": "Acme Größe"}, "currency": "EUR",
        "net": "10.00", "tax": "2.50", "gross": "12.50", "payable": "12.50",
        "taxes": [{"category": "S", "percent": "25", "base": "10.00", "amount": "2.50"}],
        "lines": [{"number": 1, "product": "energy", "text": "Energy", "net": "10.00"}],
    }  # fmt: skip
    return told | changed


def delivery(
    batch: int, *documents: dict[str, Any], digest: str | None = None, previous: str | None = None
) -> dict[str, Any]:
    """A request to take documents in; batches are chained to each other unless told otherwise."""
    before = NOTHING_BEFORE if batch == 1 else batch_digest(batch - 1)
    return {
        "schema": SCHEMA,
        "seller": "default",
        "batch": {
            "number": batch,
            "digest": digest or batch_digest(batch),
            "previous": previous or before,
        },
        "control": control(*documents),
        "documents": list(documents),
    }


def batch_digest(number: int) -> str:
    """A digest for a batch, whatever is in it."""
    return hashlib.sha256(f"batch {number}".encode()).hexdigest()


def control(*documents: dict[str, Any]) -> dict[str, Any]:
    """Count, totals and digest over documents."""
    texts = [json.dumps(one, separators=(",", ":"), ensure_ascii=False) for one in documents]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    totals = []
    for currency in sorted({one["currency"] for one in documents}):
        of_currency = [one for one in documents if one["currency"] == currency]
        sums = {
            name: str(sum((Decimal(one[name]) for one in of_currency), Decimal(0)))
            for name in ("net", "tax", "gross")
        }
        totals.append({"currency": currency, "documents": len(of_currency)} | sums)
    digest = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    return {"documents": len(documents), "totals": totals, "digest": digest}
