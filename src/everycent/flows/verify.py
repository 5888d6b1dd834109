"""Proof: journal = books = invoices = usage, checked from the rows themselves, naming every violator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import psycopg

from everycent.alarms import audit as alarms
from everycent.archives import queries as archives
from everycent.charging import audit as charging
from everycent.corrections import audit as corrections
from everycent.coupons import audit as coupons
from everycent.credits import audit as wallets
from everycent.db.connection import Tx
from everycent.debits import audit as debits
from everycent.dunning import audit as dunning
from everycent.erp import audit as erp
from everycent.exchange import audit as exchange
from everycent.flows import reasoned, recount, replay
from everycent.flows.archive_usage import Files, false_files
from everycent.invoicing import audit as invoicing
from everycent.journal import audit as journal
from everycent.journal import queries as events
from everycent.kernel.errors import Refusal
from everycent.ledger import audit as ledger
from everycent.metering import audit as metering
from everycent.metering import queries as usage
from everycent.payments import audit as payments
from everycent.reports import audit as reports
from everycent.subscriptions import audit as contracts
from everycent.webhooks import audit as webhooks


class Check(NamedTuple):
    """One promise: what it says, who violates it (nobody: it holds), and figures worth showing."""

    area: str
    promise: str
    violators: list[str]
    figures: dict[str, int] = {}  # noqa: RUF012 - never changed


CHAINED = "every event stands on the one before it"
SEALED = "every checkpoint still holds, with our signature"
AS_TAKEN_IN = "every record says what was taken in"
COUNTED = "every line counted the records it says"
CONSERVED = "every record is billed or has a reason"
REBUILT = "the journal rebuilds every table, byte for byte"
ARCHIVE_ADDS_UP = "every archived record is accounted for"
ARCHIVE_IS_THERE = "every archived month is there and says what was archived"

COUNTED_AGAIN = "every invoice comes to the same when counted again from raw records"

_SPOILED = (
    Refusal,
    psycopg.IntegrityError,
    psycopg.DataError,
    AssertionError,
    LookupError,
    ValueError,
)
"""How reading fails what nobody but a superuser can have written."""

OnStart = Callable[[str], None]


class Promise(NamedTuple):
    """A promise that can be checked."""

    area: str
    text: str
    check: Callable[[], Check]


def verify(
    tx: Tx,
    *,
    trusted_key: bytes | None,
    with_replay: bool,
    files: Files | None = None,
    recount_percent: int = 0,
    on_start: OnStart = lambda _: None,
) -> Iterator[Check]:
    """Checks every promise in turn. Call it in a `snapshot`: it reads the books as of one instant.

    `trusted_key` is the public key that must have signed the checkpoints. With `files` every file of the
    archive is read too, and the roll-ups of its months are counted again from it. So many per cent of the
    invoices (`recount_percent`) are counted again by the second engine.
    """
    tx.sort_in_memory()
    for promise in promises(
        tx, trusted_key=trusted_key, with_replay=with_replay, files=files,
        recount_percent=recount_percent,
    ):  # fmt: skip
        on_start(promise.text)
        yield promise.check()


def promises(
    tx: Tx,
    *,
    trusted_key: bytes | None,
    with_replay: bool,
    files: Files | None = None,
    recount_percent: int = 0,
) -> Iterator[Promise]:
    """The promises that `verify` checks, in its order."""
    yield Promise("journal", CHAINED, lambda: _chain(tx))
    yield _one("journal", SEALED, lambda: list(journal.broken_checkpoints(tx, trusted_key)), tx)
    yield from _each("books", ledger.CHECKS, partial(ledger.violations, tx), tx)
    yield from _each("invoices", invoicing.CHECKS, partial(invoicing.violations, tx), tx)
    yield _one("invoices", invoicing.AT_HOME, lambda: invoicing.false_homes(tx), tx)
    yield _one("invoices", invoicing.LINE_NOTES, lambda: invoicing.false_line_notes(tx), tx)
    yield _one("invoices", exchange.IN_ORDER, lambda: exchange.violations(tx), tx)
    yield _one("invoices", contracts.APART, lambda: contracts.violations(tx), tx)
    yield _one("invoices", coupons.USED_AS_ALLOWED, lambda: coupons.violations(tx), tx)
    yield from _each("credit", wallets.CHECKS, partial(wallets.violations, tx), tx)
    yield from _each("payments", payments.CHECKS, partial(payments.violations, tx), tx)
    yield from _each("payments", charging.CHECKS, partial(charging.violations, tx), tx)
    yield from _each("payments", debits.CHECKS, partial(debits.violations, tx), tx)
    yield from _each("dunning", dunning.CHECKS, partial(dunning.violations, tx), tx)
    yield from _each("erp", erp.CHECKS, partial(erp.violations, tx), tx)
    yield from _each("reports", reports.CHECKS, partial(reports.violations, tx), tx)
    yield _one("erp", alarms.TOLD, lambda: alarms.violations(tx), tx)
    yield from _each("webhooks", webhooks.CHECKS, partial(webhooks.violations, tx), tx)
    yield from _each("usage", metering.CHECKS, partial(metering.violations, tx), tx)
    yield _one("usage", corrections.COUNTS_ONCE, lambda: corrections.violations(tx), tx)
    yield Promise("usage", ARCHIVE_ADDS_UP, lambda: _archived(tx))
    if files is not None:
        yield Promise("usage", ARCHIVE_IS_THERE, partial(_filed, tx, files))
    yield _one("usage", AS_TAKEN_IN, lambda: metering.altered_records(tx), tx)
    yield _one("usage", COUNTED, lambda: invoicing.false_seals(tx), tx)
    yield Promise("usage", CONSERVED, lambda: _conservation(tx))
    if recount_percent:
        yield Promise("invoices", COUNTED_AGAIN, lambda: _counted_again(tx, recount_percent, files))
    if with_replay:
        yield Promise("replay", REBUILT, lambda: _replayed(tx))


def _one(area: str, text: str, violators: Callable[[], list[str]], tx: Tx) -> Promise:
    return Promise(area, text, lambda: Check(area, text, _found(tx, violators)))


def _each(
    area: str, texts: Iterable[str], violators: Callable[[str], list[str]], tx: Tx
) -> Iterator[Promise]:
    """The promises of one slice, in its order."""
    for text in texts:
        yield _one(area, text, partial(violators, text), tx)


def _chain(tx: Tx) -> Check:
    links = _found(tx, lambda: list(journal.broken_links(tx)))
    return Check("journal", CHAINED, links, {"events": events.count(tx)})


def _archived(tx: Tx) -> Check:
    away = archives.records_away(tx)
    return Check(
        "usage", ARCHIVE_ADDS_UP, _found(tx, lambda: archives.violations(tx)), {"records": away}
    )


def _filed(tx: Tx, files: Files) -> Check:
    away = archives.records_away(tx)
    return Check("usage", ARCHIVE_IS_THERE, false_files(tx, files), {"records": away})


def _replayed(tx: Tx) -> Check:
    figures: dict[str, int] = {}
    different = _found(tx, lambda: _rebuilt(tx, figures))
    return Check("replay", REBUILT, different, figures)


def _found(tx: Tx, work: Callable[[], list[str]]) -> list[str]:
    """The violators that a check finds. What was changed may be such that a check can't be made: then that
    is the violation, and the others are made all the same."""
    try:
        with tx.savepoint():
            return work()
    except _SPOILED as error:
        told = error.message if isinstance(error, Refusal) else " ".join(str(error).split())
        return [f"what is stored is such that this can't be checked: {told[:300]}"]


def _rebuilt(tx: Tx, figures: dict[str, int]) -> list[str]:
    """Rows that a replay builds otherwise."""
    rebuilt = replay.replay(tx)
    figures.update(events=rebuilt.events, rows=sum(rebuilt.rows.values()))
    return [f"{name} {row}" for name, rows in rebuilt.differences.items() for row in rows]


def _conservation(tx: Tx) -> Check:
    """Received = billed + not billed for a reason, as numbers of records."""
    reasons = reasons_of_usage(tx)
    received = usage.counts(tx).records
    violators = [f"{n} records are {name}" for name, n in reasons.items() if n < 0]
    if sum(reasons.values()) != received:
        violators.append(f"{received} records received, {sum(reasons.values())} accounted for")
    return Check("usage", CONSERVED, violators, reasons)


def _counted_again(tx: Tx, percent: int, files: Files | None) -> Check:
    """Lines whose records are away are told by their number: their quantity was believed."""
    try:
        total = recount.recount_issued(tx, percent=percent, files=files)
    except Refusal as refusal:
        return Check("invoices", COUNTED_AGAIN, [refusal.message])
    figures = {"invoices": total.invoices, "lines": total.lines}
    if total.believed:
        figures["lines_with_records_in_the_archive"] = total.believed
    return Check("invoices", COUNTED_AGAIN, total.differences, figures)


def reasons_of_usage(tx: Tx) -> dict[str, int]:
    """How many records are billed, and how many are not for which reason; together: all of them."""
    reasons = invoicing.usage_by_reason(tx, reasoned.priced(tx), reasoned.written_off(tx))
    away = archives.records_away(tx)
    return dict(sorted((reasons | {"archived": away}).items())) if away else reasons
