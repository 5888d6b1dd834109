"""What never changes is read once where questions are frequent, and each time where they are not."""

from __future__ import annotations

from tests.conftest import Place


def read_in(place: Place, keys: list[str], tenant_id: int = 0, *, is_frequent: bool) -> set[str]:
    """The keys of which the database was asked."""
    asked: set[str] = set()

    def read(missing: set[str]) -> dict[str, int]:
        asked.update(missing)
        return {key: len(key) for key in missing if key != "none"}

    tenant_id = tenant_id or place.tenant_id
    with place.database.snapshot(tenant_id, is_frequent=is_frequent) as tx:
        found = tx.unchanging("lengths", keys, read)
    assert found == {key: len(key) for key in keys if key != "none"}
    return asked


def test_what_is_known_is_not_read_again(place: Place):
    assert read_in(place, ["a", "bb", "none"], is_frequent=True) == {"a", "bb", "none"}
    assert read_in(place, ["a", "bb", "ccc", "none"], is_frequent=True) == {"ccc", "none"}
    assert read_in(place, ["a"], is_frequent=False) == {"a"}


def test_another_tenant_knows_nothing_of_it(place: Place):
    read_in(place, ["a"], is_frequent=True)
    assert read_in(place, ["a"], place.tenant_id + 1, is_frequent=True) == {"a"}


def test_a_database_that_was_away_is_read_anew(place: Place):
    read_in(place, ["a"], is_frequent=True)
    place.database.shut("gone")
    place.database.open(place.conninfo)
    assert read_in(place, ["a"], is_frequent=True) == {"a"}


def test_no_more_is_kept_than_there_is_room_for(place: Place):
    read_in(place, [f"k{n}" for n in range(9_999)], is_frequent=True)
    assert read_in(place, ["a", "b", "c"], is_frequent=True) == {"a", "b", "c"}
    assert read_in(place, ["k1"], is_frequent=True) == {"k1"}
