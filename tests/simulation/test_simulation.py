"""The simulation finds nothing in the product, and everything that is planted. See docs/simulation.md."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.planted import BUGS
from tests.simulation.world import Result, run

SEEDS = 2000
MANY = 100_000
WITHIN = 4000
"""Every planted fault is caught by one of the first so many seeds."""
REGRESSION = Path(__file__).with_name("regression.txt")


def old_seeds() -> list[int]:
    """Seeds that once found something."""
    lines = REGRESSION.read_text("utf-8").splitlines()
    return [int(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()]


def result_of(seed: int) -> Result:
    return run(seed)[0]


def test_two_thousand_seeds_violate_nothing():
    seen: Counter[str] = Counter()
    found = []
    for seed in range(SEEDS):
        result = result_of(seed)
        seen.update(result.seen)
        if result.violated:
            found.append(f"seed {seed}: {result.violated}")
    assert found == []
    for wanted in ("succeeded", "cancelled", "pending", "amount_mismatch", "currency_mismatch",
                   "worker_died", "not_found", "reference_mismatch", "left to a person"):  # fmt: skip
        assert seen[wanted] > 0, f"the simulation never comes to {wanted}"


def test_a_seed_that_once_found_something_finds_nothing_any_more():
    assert [found.violated for found in map(result_of, old_seeds()) if found.violated] == []


@pytest.mark.parametrize("seed", range(0, SEEDS, 100))
def test_a_seed_twice_is_the_same_to_the_last_step(seed):
    assert run(seed, trace=True)[0] == run(seed, trace=True)[0]


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_fault_is_caught(name):
    with BUGS[name].plant():
        assert any(result_of(seed).violated for seed in range(WITHIN)), BUGS[name].says


def test_nothing_stays_planted():
    for bug in BUGS.values():
        with bug.plant():
            pass
    assert result_of(0).violated is None


@pytest.mark.soak
def test_a_hundred_thousand_seeds_violate_nothing():
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        results = pool.imap_unordered(result_of, range(MANY), chunksize=200)
        assert [f"seed {one.seed}: {one.violated}" for one in results if one.violated] == []
