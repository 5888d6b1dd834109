"""A subset of the cells that has every fault and every place; all 175 are `make faults`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cells import FAULTS, STATES, Cell, cells, chosen, covering, places
from tests.faults.orchestra import Stage
from tests.resilience.own import own_server

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server of its own, two sub-services, and what comes out without a fault."""
    with own_server() as own:
        made = Stage(own, tmp_path_factory.mktemp("faults"))
        yield made
        made.close()


def test_there_are_seven_faults_in_thirteen_states_and_on_twelve_edges() -> None:
    assert (len(FAULTS), len(STATES), len(places()), len(cells())) == (7, 13, 25, 175)
    assert len({cell.point for cell in cells()}) == 25
    assert {cell.fault for cell in covering()} == set(FAULTS)
    assert {cell.place for cell in covering()} == {place for place, _ in places()}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["erp_away@chargin"], "called 'erp_away@chargin'; did you mean erp_away@charging"),
        (["erp_away", "databse_away"], "called 'databse_away'; did you mean database_away"),
        (["xyz"], "called 'xyz'; faults are database_away, database_throws, server_away"),
        (["--covering", "erp_away@chargin"], "called 'erp_away@chargin'"),
    ],
)
def test_a_name_that_nothing_has_is_refused_and_nothing_is_called_green(
    arguments: list[str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", *arguments], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
    assert "green" not in done.stdout


def test_cells_are_chosen_by_their_name_a_fault_or_a_place() -> None:
    assert [one.name for one in chosen(cells(), ["erp_away@charging"])] == ["erp_away@charging"]
    assert len(chosen(cells(), ["erp_away", "charging"])) == 25 + 7 - 1


@pytest.mark.parametrize("cell", covering(), ids=lambda cell: cell.name)
def test_after_a_fault_all_is_done_without_a_hand_and_as_if_there_had_been_none(
    stage: Stage, cell: Cell
) -> None:
    told = stage.run(cell)
    assert told.is_green, told
