"""/v1/debit-files: SEPA direct debits: files for the bank, and what became of each debit in them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from msgspec import Meta

from everycent.api import money
from everycent.api.operation import Asked, changing, reading
from everycent.api.parameters import day_or_none
from everycent.api.payments import READ, WRITE
from everycent.api.shapes import (
    Amount,
    Body,
    Currency,
    Day,
    Name,
    Page,
    Paged,
    Query,
    Reason,
    Shown,
)
from everycent.api.shapes import Zone as ZoneName
from everycent.api.writing import by
from everycent.app import accounts
from everycent.charging.attempt import Status
from everycent.db.connection import Tx
from everycent.debits import queries
from everycent.debits.file import DebitFile
from everycent.debits.queries import Overview
from everycent.flows import debits as flow
from everycent.flows.debits import Wanted
from everycent.integrations import bank_sepa
from everycent.integrations.bank_sepa import Version
from everycent.kernel.calendar import local_date
from everycent.kernel.period import instant_text
from everycent.payments.direct_debit import EURO, DirectDebitFile, Sequence


class DebitFileMade(Shown):
    """A file for the bank. `sha256` is that of its content."""

    message_id: str
    account: str
    form: str
    created_at: datetime
    sent_on: date
    debits: int
    total: Amount
    currency: Currency
    sha256: str


class DueButLeft(Shown):
    """An invoice that is due and not in the file, and why."""

    invoice: str
    why: str


class WrittenDebits(Shown):
    """A file that was written, null where nothing is to be collected; and what was left out of it."""

    file: DebitFileMade | None
    left: list[DueButLeft]
    is_more: Annotated[bool, Meta(description="More is due than one file takes.")]


class DebitFileListed(Shown):
    """A file, and how many of its debits stand where."""

    message_id: str
    account: str
    sent_on: date
    debits: int
    total: Amount
    currency: Currency
    sha256: str
    written_at: datetime
    withdrawn: Annotated[str | None, Meta(description="Why it never reached the bank.")]
    first_on: date
    last_on: date
    pending: int
    succeeded: int
    failed: int
    others: int
    returned: int


class FileDebit(Shown):
    """A debit of a file, and where it stands."""

    attempt: str
    reference: str
    invoice: str
    amount: Amount
    mandate: str
    sequence: Sequence
    collect_on: date
    status: Status
    failure: str | None


class FileEntry(Shown):
    """What a statement said about a debit, and what that did."""

    account: str
    entry: str
    booked_on: date
    reference: str
    amount: Amount
    is_return: bool
    code: str | None
    charge: Amount
    effect: str


class DebitFileShown(DebitFileListed):
    """A file with its debits, and with what statements said about them."""

    items: list[FileDebit]
    entries: list[FileEntry]


class DebitFileContent(Shown):
    """The file itself, for the bank. It names accounts. A bank refuses a file that it has had."""

    message_id: str
    content: str
    sha256: str


class NewDebitFile(Body):
    """What is to be collected."""

    account: Annotated[Name, Meta(description="Ours, as providers.yaml has it.")]
    due_by: Annotated[Day | None, Meta(description="By today when left out.")] = None
    collect_on: Annotated[Day | None, Meta(description="As soon as the bank can else.")] = None
    zone: Annotated[ZoneName, Meta(description="Whose day today is.")] = "UTC"


class WithdrawFile(Body):
    """How you know that the bank never got the file."""

    reason: Reason


class WithdrawnFile(Shown):
    """A file that never reached the bank, and how many debits will not come."""

    message_id: str
    withdrawn: int
    reason: str


def write_debit_file(tx: Tx, asked: Asked[Query, NewDebitFile]) -> dict[str, Any]:
    """Writes a file of all that is due and paid by mandates for an account, once. From then on the debits
    count as being in the bank's hands. Its content is got by itself, the same to the last byte."""
    wanted = asked.body
    account = accounts.named(asked.app.settings, wanted.account)
    today = local_date(asked.now, wanted.zone)
    told = Wanted(
        day_or_none(wanted.due_by, "due_by") or today,
        today,
        day_or_none(wanted.collect_on, "collect_on"),
    )
    done = flow.write_in(tx, account, told, rendered, **by(asked))
    return {
        "file": None if done.file is None else _made(done.file),
        "left": [one._asdict() for one in done.left],
        "is_more": done.is_more,
    }


def list_debit_files(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Files of direct debits, the newest first, and what became of their debits."""
    after = asked.query.after
    before = None if after is None else queries.overview(tx, after).message_id
    found = queries.files(tx, asked.query.size + 1, before=before)
    return asked.page([_listed(one) for one in found], lambda last: str(last["message_id"]))


def get_debit_file(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One file, what became of each debit and what statements said."""
    told = queries.file(tx, asked.path["file"])
    stands = queries.statuses(tx, told.file_id)
    items = []
    for one in told.debits:
        attempt, status, failure = stands[one.attempt_id]
        items.append(
            {
                "attempt": attempt,
                "reference": one.reference,
                "invoice": one.invoice,
                "amount": money.amount(one.amount, EURO),
                "mandate": one.mandate_id,
                "sequence": one.sequence,
                "collect_on": one.collect_on,
                "status": status,
                "failure": failure,
            }
        )
    entries = [
        one._asdict()
        | {"amount": money.amount(one.amount, EURO), "charge": money.amount(one.charge, EURO)}
        for one in queries.entries(tx, told.file_id)
    ]
    return _listed(queries.overview(tx, told.message_id)) | {"items": items, "entries": entries}


def get_debit_file_content(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """The file itself, as it was written, for the bank."""
    told, content = flow.again(tx, asked.path["file"], rendered)
    return {"message_id": told.message_id, "content": content.decode(), "sha256": told.digest}


def withdraw_debit_file(tx: Tx, asked: Asked[Query, WithdrawFile]) -> dict[str, Any]:
    """Says that a file never reached the bank. Its invoices can be collected again at once."""
    name, reason = asked.path["file"], asked.body.reason
    stages = flow.withdraw(tx, name, reason, **by(asked))
    return {"message_id": name, "withdrawn": len(stages), "reason": reason}


_ONE = "/v1/debit-files/{file}"
OPERATIONS = [
    reading("/v1/debit-files", READ, list_debit_files, Page[DebitFileListed], Paged),
    changing(
        "POST",
        "/v1/debit-files",
        WRITE,
        write_debit_file,
        WrittenDebits,
        NewDebitFile,
        status=201,
        is_planned=True,
    ),
    reading(_ONE, READ, get_debit_file, DebitFileShown),
    reading(f"{_ONE}/content", READ, get_debit_file_content, DebitFileContent),
    changing(
        "POST",
        f"{_ONE}/withdraw",
        WRITE,
        withdraw_debit_file,
        WithdrawnFile,
        WithdrawFile,
        is_planned=True,
    ),
]


def rendered(message: DirectDebitFile, created_at: datetime, form: str) -> bytes:
    """The bytes of a file."""
    return bank_sepa.write(message, created_at, Version(form))


def _made(file: DebitFile) -> dict[str, Any]:
    return {
        "message_id": file.message_id,
        "account": file.account,
        "form": file.form,
        "created_at": instant_text(file.created_at),
        "sent_on": file.sent_on,
        "debits": file.number,
        "total": money.amount(file.total, EURO),
        "currency": EURO,
        "sha256": file.digest,
    }


def _listed(one: Overview) -> dict[str, Any]:
    told = one._asdict()
    return told | {
        "debits": told.pop("number"),
        "total": money.amount(told.pop("total"), EURO),
        "currency": EURO,
        "sha256": told.pop("digest"),
        "written_at": instant_text(told.pop("at")),
    }
