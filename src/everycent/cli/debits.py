"""everycent payment debits: files of direct debits for the bank."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from everycent.app import accounts
from everycent.cli.common import counted, day, emit, json_option, money, opened, table
from everycent.debits import queries
from everycent.debits.file import DebitFile
from everycent.debits.operations import Written
from everycent.debits.queries import Overview
from everycent.flows import bank_sums
from everycent.flows import debits as flow
from everycent.flows.debits import Wanted
from everycent.integrations import bank_sepa
from everycent.integrations.bank_sepa import Version
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Invalid, Unavailable
from everycent.kernel.period import instant_text
from everycent.payments import queries as payments
from everycent.payments.direct_debit import EURO, DirectDebitFile

_OUT = click.option(
    "--out", type=click.Path(path_type=Path), help="Where the file goes; nothing may be there yet."
)


@click.group()
def debits() -> None:
    """Collect by SEPA direct debit: files for the bank, whose statements then say what became of them."""


@debits.command()
@click.argument("account")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the file goes.")
@click.option("--due-by", help="Collect what is due by this day; by today when not given.")
@click.option(
    "--collect-on", help="Collect on this day or later; as soon as the bank can if not given."
)
@click.option("--zone", default="UTC", show_default=True, help="Whose day today is.")
@json_option
def write(
    account: str, out: Path, due_by: str | None, collect_on: str | None, zone: str, as_json: bool
) -> None:
    """Write a file of all that is due and paid by mandates for ACCOUNT (providers.yaml), once.

    From then on the debits count as being in the bank's hands. A file that is lost is written again, the
    same to the last byte, by `show MESSAGE --out`; one that never went to the bank is withdrawn.
    """
    _check_free(out)
    with opened() as (app, tenant_id):
        found = accounts.named(app.settings, account)
        now = app.clock()
        today = local_date(now, zone)
        wanted = Wanted(
            today if due_by is None else day(due_by, "due_by"), today,
            None if collect_on is None else day(collect_on, "collect_on"),
        )  # fmt: skip
        done = flow.write(
            app.database, tenant_id, found, wanted, _render, at=now, actor=app.settings.actor,
            ids=app.ids,
        )  # fmt: skip
    if done.file is not None:
        try:
            _put(out, done.content)
        except OSError as error:
            raise Unavailable(
                "debits.not_on_disk",
                f"{done.file.message_id} is written down, and could not be put into {out}: {error}",
                field="out",
                value=str(out),
                hint=f"everycent payment debits show {done.file.message_id} --out FILE",
            ) from error
    left = [one._asdict() for one in done.left]
    data = {
        "file": None if done.file is None else _data(done.file),
        "left": left,
        "is_more": done.is_more,
    }
    emit(data, as_json, lambda: _render_written(done, out))


def _render(message: DirectDebitFile, created_at: datetime, form: str) -> bytes:
    return bank_sepa.write(message, created_at, Version(form))


def _check_free(out: Path) -> None:
    """Refuses a place where a file can't go, before anything is written down."""
    if out.exists() or not out.parent.is_dir():
        raise Invalid(
            "debits.no_place",
            f"{out} is there already, or its folder is not",
            field="out",
            value=str(out),
            hint="name a new file in a folder that is there",
        )


def _put(out: Path, content: bytes) -> None:
    """Whole or not at all: nobody hands half a file to a bank. It names accounts, so that only its owner
    reads it."""
    part = out.with_name(f".{out.name}.part")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(out)


def _render_written(done: Written, out: Path) -> None:
    if done.file is None:
        click.echo("nothing is to be collected")
    else:
        number = counted(done.file.number, "debit")
        total = money(done.file.total, EURO)
        click.echo(f"{done.file.message_id}: {number}, {total}, in {out}")
    if done.left:
        table(["left out", "~why"], [[one.invoice, one.why] for one in done.left])
    if done.is_more:
        click.secho("more is due than one file takes: write another one", fg="yellow")


@debits.command(name="list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@json_option
def list_command(limit: int, as_json: bool) -> None:
    """List files, the newest first, and what became of their debits."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.files(tx, limit)
    emit([one._asdict() for one in found], as_json, lambda: _render_files(found))


def _render_files(found: list[Overview]) -> None:
    table(
        ["file", "account", "sent", "collected", ">debits", ">sum", ">pending", ">paid", ">returned",
         ">failed", ">others", "~withdrawn"],
        [
            [
                one.message_id, one.account, one.sent_on.isoformat(), one.first_on.isoformat(),
                str(one.number), money(one.total, EURO), str(one.pending), str(one.succeeded),
                str(one.returned), str(one.failed), str(one.others), one.withdrawn or "",
            ]
            for one in found
        ],
    )  # fmt: skip


@debits.command()
@click.argument("message")
@_OUT
@json_option
def show(message: str, out: Path | None, as_json: bool) -> None:
    """Show file MESSAGE, what became of each debit and what statements said; with --out write it again,
    byte for byte. A bank refuses a file that it has had."""
    if out is not None:
        _check_free(out)
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        told, content = flow.again(tx, message, _render)
        overview = queries.overview(tx, message)
        stands = queries.statuses(tx, told.file_id)
        entries = queries.entries(tx, told.file_id)
    if out is not None:
        _put(out, content)
    data = overview._asdict() | {
        "debits": [
            {
                "attempt": attempt, "reference": one.reference, "invoice": one.invoice,
                "amount": one.amount, "mandate": one.mandate_id, "sequence": one.sequence.value,
                "collect_on": one.collect_on, "status": status, "failure": failure,
            }
            for one in told.debits
            for attempt, status, failure in [stands[one.attempt_id]]
        ],
        "entries": [one._asdict() for one in entries],
    }  # fmt: skip
    emit(data, as_json, lambda: _render_shown(data, overview))


def _render_shown(data: dict[str, Any], overview: Overview) -> None:
    _render_files([overview])
    table(
        ["invoice", ">amount", "mandate", "sequence", "collected", "attempt", "is", "failure"],
        [
            [
                one["invoice"], money(one["amount"], EURO), one["mandate"], one["sequence"],
                one["collect_on"].isoformat(), one["attempt"], one["status"], one["failure"] or "",
            ]
            for one in data["debits"]
        ],
    )  # fmt: skip
    if data["entries"]:
        table(
            ["entry", "booked", "debit", ">amount", ">charge", "reason", "effect"],
            [
                [
                    one["entry"], one["booked_on"].isoformat(), one["reference"],
                    money(-one["amount"] if one["is_return"] else one["amount"], EURO),
                    money(one["charge"], EURO) if one["charge"] else "", one["code"] or "",
                    one["effect"],
                ]
                for one in data["entries"]
            ],
        )  # fmt: skip


@debits.command()
@click.argument("message")
@click.option("--reason", required=True, help="How you know that the bank never got it.")
@json_option
def withdraw(message: str, reason: str, as_json: bool) -> None:
    """Say that file MESSAGE never reached the bank: its invoices can be collected again at once."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        stages = flow.withdraw(
            tx, message, reason, at=app.clock(), actor=app.settings.actor, ids=app.ids
        )
    data = {"message_id": message, "withdrawn": len(stages), "reason": reason}
    number = counted(len(stages), "debit")
    emit(data, as_json, lambda: click.echo(f"{message} is withdrawn: {number} will not come"))


@debits.command()
@click.argument("payment")
@click.argument("message")
@click.option("--reason", required=True, help="How you know that this sum is of that file.")
@json_option
def split(payment: str, message: str, reason: str, as_json: bool) -> None:
    """Say that PAYMENT, which waits in suspense, is what the bank booked in one sum for file MESSAGE, or
    for one of its blocks: each debit pays its invoice, and the sum is gone."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        held = payments.by_name(tx, payment)
        _, parts = bank_sums.split(
            tx, held.payment.payment_id, message, reason,
            flow.writer(app.clock(), app.settings.actor, app.ids),
        )  # fmt: skip
    data = [
        {
            "invoice": one.debit.invoice, "reference": one.debit.reference,
            "amount": one.debit.amount, "effect": one.effect.value,
        }
        for one in parts
    ]  # fmt: skip
    rows = [[one.debit.invoice, money(one.debit.amount, EURO), one.effect.value] for one in parts]
    emit(data, as_json, lambda: table(["invoice", ">amount", "effect"], rows))


def _data(file: DebitFile) -> dict[str, Any]:
    return {
        "message_id": file.message_id,
        "account": file.account,
        "form": file.form,
        "created_at": instant_text(file.created_at),
        "sent_on": file.sent_on,
        "debits": file.number,
        "total": file.total,
        "currency": EURO,
        "sha256": file.digest,
    }
