"""A subset of the cells that has every fault and every place; all 175 are `make faults`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.cells import FAULTS, STATES, Cell, cells, covering, places
from tests.faults.orchestra import Stage
from tests.resilience.own import own_server


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


@pytest.mark.parametrize("cell", covering(), ids=lambda cell: cell.name)
def test_after_a_fault_all_is_done_without_a_hand_and_as_if_there_had_been_none(
    stage: Stage, cell: Cell
) -> None:
    told = stage.run(cell)
    assert told.is_green, told
