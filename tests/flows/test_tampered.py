"""Whoever changes stored rows as the database's superuser is found, and the first place that is wrong is
named: events by stream and version, postings by entry, lines by invoice, checkpoints by number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from everycent.flows.verify import verify
from everycent.journal import chain
from everycent.journal import operations as journal
from everycent.kernel.ids import derived
from tests.cli.test_usage_corrections import Shell
from tests.cli.test_usage_corrections import shell as shell  # January of one customer, billed
from tests.conftest import Place
from tests.flows.test_verify import billed as billed  # two months of two customers

KEY = Ed25519PrivateKey.generate()
CHAIN = "every event stands on the one before it"
SEAL = "every checkpoint still holds, with our signature"
REBUILT = "the journal rebuilds every table, byte for byte"
SUMS = "every invoice is the sum of its lines and taxes"
BALANCED = "every entry balances in every currency"
ISSUED = "type = 'invoice.issued'"


@pytest.fixture
def sealed(billed: Place) -> Place:
    """The books under a checkpoint."""
    with billed.database.transaction(billed.tenant_id) as tx:
        journal.checkpoint(tx, KEY, billed.now)
    return billed


def intrude(place: Place, *statements: str, values: Sequence[Any] = ()) -> None:
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        for statement in statements:
            assert admin.execute(statement.encode(), values or None).rowcount > 0, statement


def found(place: Place) -> dict[str, list[str]]:
    trusted = KEY.public_key().public_bytes_raw()
    with place.database.snapshot(place.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=trusted, with_replay=True))
    return {check.promise: check.violators for check in checks if check.violators}


def streams(place: Place) -> dict[str, int]:
    """Every stream with its newest version."""
    with place.database.snapshot(place.tenant_id) as tx:
        return dict(tx.tuples("select stream, max(version) from journal_event group by 1"))


def longest(place: Place) -> str:
    """A stream with several events."""
    found_ = streams(place)
    name = max(found_, key=lambda stream: (found_[stream], stream))
    assert found_[name] >= 3
    return name


CHANGED = "{stream} version 2 ({type}): content does not match its hash"
TAMPERED = [
    # what is done to version 2 of a stream                                      what is said of it
    ("update journal_event set payload = payload || ' ' where {two}", CHANGED),
    ("update journal_event set payload = '{{}}' where {two}", CHANGED),
    ("update journal_event set payload = 'no JSON' where {two}", CHANGED),
    ("update journal_event set schema_version = 99 where {two}", CHANGED),
    ("update journal_event set type = 'never.heard_of' where {two}", CHANGED),
    ("update journal_event set hash = sha256('x') where {two}", CHANGED),
    ("update journal_event set actor = 'nobody' where {two}", CHANGED),
    ("update journal_event set at = at - interval '1 us' where {two}", CHANGED),
    ("delete from journal_event where {two}", "{stream}: version 2 is missing (found 3)"),
    ("update journal_event set stream = 'note:elsewhere' where {two}",
     "{stream}: version 2 is missing (found 3)"),
]  # fmt: skip


@pytest.mark.not_recounted
@pytest.mark.parametrize(("statement", "said"), TAMPERED, ids=[s[:50] for s, _ in TAMPERED])
def test_an_event_that_was_changed_is_named_by_stream_and_version(
    sealed: Place, statement: str, said: str
) -> None:
    stream = longest(sealed)
    two = f"stream = '{stream}' and version = 2"
    intrude(sealed, statement.format(two=two))
    with sealed.database.snapshot(sealed.tenant_id) as tx:
        type_ = tx.value(f"select type from journal_event where {two}")
    named = found(sealed)[CHAIN]
    assert any(one.startswith(said.format(stream=stream, type=type_)) for one in named)
    assert all(one.startswith((stream, "note:elsewhere")) for one in named)


@pytest.mark.not_recounted
def test_two_events_that_were_swapped_are_named_by_the_first_of_them(sealed: Place) -> None:
    stream = longest(sealed)
    intrude(
        sealed,
        *(
            f"update journal_event set version = {then} where stream = '{stream}' and version = {now}"
            for now, then in ((2, 999), (3, 2), (999, 3))
        ),
    )
    (named,) = found(sealed)[CHAIN]
    assert named.startswith(f"{stream} version 2 (")


def forged(place: Place, stream: str, version: int) -> list[Any]:
    """A row for an event that never happened, with a hash that continues its stream."""
    with place.database.snapshot(place.tenant_id) as tx:
        row = tx.row(
            "select type, schema_version, at, recorded_at, payload from journal_event"
            " where stream = %s order by version limit 1", (stream,),
        )  # fmt: skip
        before = tx.value(
            "select hash from journal_event where stream = %s and version = %s",
            (stream, version - 1),
        )
    assert row is not None
    at = row.at + timedelta(seconds=1)
    event_id = derived(f"forged/{stream}/{version}")
    linked = chain.link(
        bytes(before), place.tenant_id, stream, version, event_id, row.type, row.schema_version, at,
        row.recorded_at, "nobody", None, row.payload.encode(),
    )  # fmt: skip
    return [
        place.tenant_id, stream, version, event_id, row.type, row.schema_version, at,
        row.recorded_at, "nobody", row.payload, linked,
    ]  # fmt: skip


INSERT = (
    "insert into journal_event (tenant_id, stream, version, event_id, type, schema_version, at,"
    " recorded_at, actor, payload, hash, epoch, xid) select {values}, e.epoch, e.xid"
    " from journal_event e order by e.epoch, e.xid limit 1"
).format(values=", ".join(["%s"] * 11))


@pytest.mark.not_recounted
def test_an_event_that_was_put_between_others_is_named(sealed: Place) -> None:
    stream = longest(sealed)
    values = forged(sealed, stream, 2)
    for version in range(streams(sealed)[stream], 1, -1):
        intrude(
            sealed,
            f"update journal_event set version = {version + 1}"
            f" where stream = '{stream}' and version = {version}",
        )
    intrude(sealed, INSERT, values=values)
    (named,) = found(sealed)[
        CHAIN
    ]  # the forged one fits; the one that stood there does not any more
    assert named.startswith(f"{stream} version 3 (")


@pytest.mark.not_recounted
def test_an_event_that_was_put_at_the_end_with_a_fitting_hash_is_missed_by_the_seal(
    sealed: Place,
) -> None:
    stream = longest(sealed)
    events = sum(streams(sealed).values())
    intrude(sealed, INSERT, values=forged(sealed, stream, streams(sealed)[stream] + 1))
    named = found(sealed)
    assert CHAIN not in named
    assert named[SEAL] == [
        f"checkpoint 1: the journal below it was changed ({events} events then, {events + 1} now)"
    ]


@pytest.mark.not_recounted
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update journal_checkpoint set events = events + 1", "its facts do not match its digest"),
        ("update journal_checkpoint set root = sha256('x')", "the journal below it was changed"),
        ("update journal_checkpoint set signature = set_byte(signature, 0, 255 - get_byte(signature, 0))",
         "the signature is not valid"),
        ("update journal_checkpoint set previous = sha256('x')", "does not continue the checkpoint"),
        ("update journal_checkpoint set checkpoint_no = 2", "its facts do not match its digest"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_was_changed_is_named_by_its_number(
    sealed: Place, statement: str, said: str
) -> None:
    intrude(sealed, statement)
    named = found(sealed)[SEAL]
    number = 2 if "checkpoint_no = 2" in statement else 1
    assert all(one.startswith(f"checkpoint {number}: ") for one in named)
    assert any(said in one for one in named)


@pytest.mark.not_recounted
def test_a_posting_that_was_changed_is_named_by_its_entry(sealed: Place) -> None:
    with sealed.database.snapshot(sealed.tenant_id) as tx:
        entry = tx.value(
            "select e.entry_id::text from ledger_entry e join invoice i on i.event_id = e.entry_id"
            " where i.series = 'INV' and i.number = 2"
        )
    intrude(
        sealed,
        f"update ledger_posting set amount = amount + 1 where entry_id = '{entry}' and account_id = 20",
    )
    named = found(sealed)
    assert named[BALANCED]
    assert [one for one in named[BALANCED] if entry not in one] == []
    assert any(entry in one for one in named[REBUILT])


@pytest.mark.not_recounted
def test_an_invoice_line_that_was_changed_is_named_by_its_invoice(sealed: Place) -> None:
    with sealed.database.snapshot(sealed.tenant_id) as tx:
        invoice = tx.value(
            "select invoice_id::text from invoice where series = 'INV' and number = 3"
        )
    intrude(
        sealed,
        f"update invoice_line set net = net + 1 where invoice_id = '{invoice}' and line_no = 1",
    )
    named = found(sealed)
    assert [one for one in named[SUMS] if "INV-3" not in one] == []
    assert named[SUMS]
    assert any(invoice in one for one in named[REBUILT])


@pytest.mark.not_recounted
def test_the_command_names_it_and_ends_with_one(shell: Shell) -> None:
    shell("journal", "checkpoint")
    assert shell.json("verify")["holds"]
    conninfo = shell.environment["EVERYCENT_DATABASE_URL"]
    with psycopg.connect(conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        (stream,) = admin.execute(
            f"update journal_event set payload = replace(payload, '10000', '20000') where {ISSUED}"
            " returning stream || ' version ' || version"
        ).fetchone() or ("nothing was changed",)
    done = shell.run("verify")
    assert done.returncode == 1
    assert "1 of " in done.stdout.replace("2 of ", "1 of ")
    assert f"{stream} (invoice.issued): content does not match its hash" in done.stdout
