"""Folding ends however much comes in, and goes on beside the door that takes usage in."""

from __future__ import annotations

import time
from datetime import date
from unittest import mock

import psycopg
import pytest

from everycent.flows.folding import Folding
from everycent.metering import operations, store
from tests.conftest import Place
from tests.flows import world


def open_batches(place: Place) -> int:
    with place.database.snapshot(place.tenant_id) as tx:
        return len(store.list_open_batches(tx, None, 10**9))


def test_a_fold_ends_although_something_comes_in_at_each_of_its_steps(place: Place) -> None:
    world.ingest(place, [world.calls("a", 1, date(2026, 1, 1))])
    real, steps = operations.fold_step, []

    def step(tx: object, until: int | None = None) -> int:
        done = real(tx, until)  # type: ignore[arg-type]
        steps.append(done)
        assert len(steps) < 10, "it goes on for ever"
        world.ingest(place, [world.calls("a", 1, date(2026, 1, 1), name=f"more {len(steps)}")])
        return done

    with mock.patch.object(operations, "fold_step", step):
        assert operations.fold(place.database, place.tenant_id) == 1
    assert open_batches(place) == len(steps)


def test_a_tenant_that_was_noted_is_folded_and_a_broken_connection_does_no_harm(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("everycent.flows.folding._PAUSE_SECONDS", 0.05)
    real, failures = operations.fold_step, [psycopg.OperationalError("gone")]

    def step(tx: object, **more: int) -> int:
        if failures:
            raise failures.pop()
        return real(tx, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("everycent.flows.folding.metering.fold_step", step)
    world.ingest(place, [world.calls("a", 1, date(2026, 1, 1))])
    with Folding(place.database) as folding:
        folding.note(place.tenant_id)
        deadline = time.monotonic() + 20
        while open_batches(place) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert failures == []
    assert open_batches(place) == 0
