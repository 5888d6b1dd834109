"""The ERP that reads files: each batch as JSON, as CSV, and with its control totals, in a folder.

    default/batch-000007.json           what was handed over, as the protocol has it (docs/erp.md)
    default/batch-000007.csv            a row for each document, for programs that read tables
    default/batch-000007.control.json   number of documents, sums by currency, digests

A file is whole or not there: it is written beside, made durable and renamed; the JSON comes last. A batch
that is written again is the same to the last byte. A document counts as registered when the files are
durable; its id is the file and its place in it. The files are the books: what is taken out of the folder is
missed by a comparison.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from everycent.erp.handed import Trouble
from everycent.erp.port import SCHEMA, Parcel, Reply
from everycent.erp.told import Document
from everycent.integrations.erp_http import body_of
from everycent.kernel.canonical import encode

_COLUMNS = (
    "reference", "kind", "number", "issued_on", "due_on", "customer", "customer_name", "tax_id",
    "currency", "net", "tax", "gross", "payable", "corrects",
)  # fmt: skip
_TEXTS = frozenset({"reference", "number", "customer", "customer_name", "tax_id", "corrects"})
_RISKY = ("=", "+", "-", "@", "\t", "\0", "\r", "＝", "＋", "－", "＠")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class _Written(msgspec.Struct):
    documents: list[Document]


class FileErp:
    """An ERP that reads files out of a folder."""

    def __init__(self, *, name: str, folder: Path, batch: int = 100, page: int = 50) -> None:
        """`folder` is made when the first batch is written."""
        self.name = name
        self.batch = batch
        self.page = page
        self._folder = folder

    def send(self, seller: str, parcel: Parcel) -> Reply:
        """Writes the files of a batch, or of one document of it."""
        name = f"batch-{parcel.batch_no:06d}"
        if len(parcel.documents) == 1:
            name += f"-{_UNSAFE.sub('_', parcel.documents[0].number)}"
        folder = self._folder / _UNSAFE.sub("_", seller)
        control = {"batch": parcel.batch_no, "documents": len(parcel.documents)} | {
            "totals": parcel.totals, "digest": parcel.control,
            "batch_digest": parcel.batch_digest, "previous": parcel.previous,
        }  # fmt: skip
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if len(parcel.documents) == 1:  # it may have gone with its batch
                (one,) = parcel.documents
                for there in self._in(folder / f"batch-{parcel.batch_no:06d}.json"):
                    if there["reference"] == one.reference:
                        told = {"batch": parcel.batch_no, "control": parcel.control}
                        return _reply(told | {"documents": [there]})
            _write(folder / f"{name}.csv", table_of(parcel.documents).encode())
            _write(folder / f"{name}.control.json", encode(control))
            _write(folder / f"{name}.json", body_of(seller, parcel))
        except OSError as error:
            return Reply(b"", None, Trouble.UNAVAILABLE, f"the files can't be written: {error}")
        except msgspec.MsgspecError as error:
            return Reply(b"", None, Trouble.THREW, f"the batch's file can't be read: {error}")
        found = [_found(one, f"{name}:{n}") for n, one in enumerate(parcel.documents, start=1)]
        return _reply({"batch": parcel.batch_no, "control": parcel.control, "documents": found})

    def ask(self, references: Sequence[str]) -> Reply:
        """What the folder has under references."""
        wanted = set(references)
        sellers = sorted({name.rpartition("/")[0] for name in wanted})
        return self._of(one for s in sellers for one in self._all(s) if one["reference"] in wanted)

    def listed(self, seller: str, after: str | None) -> Reply:  # noqa: ARG002
        """Everything that the folder has of a seller, on one page."""
        return self._of(self._all(seller), is_page=True)

    def _of(self, found: Iterable[dict[str, Any]], *, is_page: bool = False) -> Reply:
        try:
            documents = list(found)
        except (OSError, ValueError, msgspec.ValidationError) as error:
            return Reply(b"", None, Trouble.THREW, f"the files can't be read: {error}")
        page = {"next": None, "count": len(documents)} if is_page else {}
        return _reply({"documents": documents} | page)

    def _all(self, seller: str) -> Iterator[dict[str, Any]]:
        folder = self._folder / _UNSAFE.sub("_", seller)
        for path in sorted(folder.glob("batch-*.json")):
            if path.name.endswith(".control.json"):
                continue
            yield from self._in(path)

    def _in(self, path: Path) -> Iterator[dict[str, Any]]:
        """The documents in a file; none where there is none."""
        if not path.exists():
            return
        written = msgspec.json.decode(path.read_bytes(), type=_Written)
        for place, one in enumerate(written.documents, start=1):
            yield _found(one, f"{path.stem}:{place}")


def table_of(documents: Sequence[Document]) -> str:
    """Documents as CSV (RFC 4180). A text that a spreadsheet would take for a formula begins with `'`."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for one in documents:
        told = {
            "reference": one.reference, "kind": one.kind.value, "number": one.number,
            "issued_on": one.issued_on, "due_on": one.due_on, "customer": one.customer.key,
            "customer_name": one.customer.name, "tax_id": one.customer.tax_id or "",
            "currency": one.currency, "net": one.net, "tax": one.tax, "gross": one.gross,
            "payable": one.payable, "corrects": one.corrects or "",
        }  # fmt: skip
        writer.writerow([_safe(told[name]) if name in _TEXTS else told[name] for name in _COLUMNS])
    return file.getvalue()


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_RISKY) else text


def _found(document: Document, bill: str) -> dict[str, Any]:
    return {
        "reference": document.reference, "customer": document.customer.key,
        "currency": document.currency, "net": document.net, "tax": document.tax,
        "gross": document.gross, "state": "registered", "bill": bill, "reason": None,
    }  # fmt: skip


def _reply(told: dict[str, Any]) -> Reply:
    return Reply(json.dumps({"schema": SCHEMA} | told, ensure_ascii=False).encode(), 200)


def _write(path: Path, content: bytes) -> None:
    """The whole file, durable, or none."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
