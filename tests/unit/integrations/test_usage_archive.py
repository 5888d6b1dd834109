"""The folder of the archive: what goes in comes out, and a name stands for a whole file or for none."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.archives import archive
from everycent.integrations.usage_archive import ArchiveFolder
from everycent.kernel.errors import Broken, Unavailable
from everycent.metering.record import UsageRecord

KEY = "00000000-0000-0000-0000-00000000000a"
MANIFEST = {"tenant": "it's", "month": "2026-01"}
TEXTS = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters="\x85"),
    min_size=1,
    max_size=20,
)
VALUES = st.decimals(
    min_value=-(10**20) + 1, max_value=10**20 - 1, places=18, allow_nan=False, allow_infinity=False
)


def line(name: str, value: str, at: str = "2026-01-15 10:00:00.000001+00") -> list[str]:
    return [name, name, name, "calls", at, value, "{}", KEY, KEY, "7"]


def as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def write(folder: ArchiveFolder, pieces: list[bytes]) -> str:
    return folder.write(lambda sha256: f"{sha256.hex()}.parquet", MANIFEST, pieces).name


def read(folder: ArchiveFolder, name: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(folder.read(name)).decode(), newline="")))


@given(st.lists(st.tuples(TEXTS, VALUES), max_size=5))
@settings(max_examples=25, deadline=None)
def test_names_and_values_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, object]]
) -> None:
    folder = ArchiveFolder(tmp_path_factory.mktemp("archive"))
    rows = [line(name, format(value, ".18f")) for name, value in told]
    found = read(folder, write(folder, [as_csv(rows)]))
    assert found == rows


def test_the_file_says_what_it_is_and_is_named_after_its_bytes(tmp_path: Path) -> None:
    folder = ArchiveFolder(tmp_path / "it's" / "here")
    data = as_csv([line("a", "1.5"), line("b", "2")])
    name = write(folder, [data[:7], data[7:]])
    content = (folder.path / name).read_bytes()
    assert name == f"{hashlib.sha256(content).hexdigest()}.parquet"
    stored = folder.look(name)
    assert (stored.size_bytes, stored.sha256) == (len(content), hashlib.sha256(content).digest())
    assert [path.name for path in folder.path.iterdir()] == [name]
    with duckdb.connect() as connection:
        connection.execute(
            "select key, value from parquet_kv_metadata(?)", [str(folder.path / name)]
        )
        assert dict(connection.fetchall()) == {b"tenant": b"it's", b"month": b"2026-01"}
        connection.execute(
            "select sum(value)::varchar from read_parquet(?)", [str(folder.path / name)]
        )
        assert connection.fetchone() == ("3.500000000000000000",)


def test_records_are_picked_out_of_a_file_by_their_keys(tmp_path: Path) -> None:
    folder = ArchiveFolder(tmp_path)
    keys = [str(UUID(int=number)) for number in range(4)]
    rows = [[*line(f"r{n}", "-1.50")[:7], key, key, "7"] for n, key in enumerate(keys)]
    name = write(folder, [as_csv(rows)])
    found = folder.pick(name, [UUID(int=9), UUID(int=2)])
    at = datetime(2026, 1, 15, 10, 0, 0, 1, tzinfo=UTC)
    assert found == {UUID(int=2): UsageRecord("r2", "r2", "r2", "calls", at, "-1.5", "{}")}
    with pytest.raises(Unavailable) as missing:
        folder.pick("x.parquet", [UUID(int=2)])
    assert missing.value.code == "archive.missing"


def test_the_same_records_make_the_same_file(tmp_path: Path) -> None:
    folder = ArchiveFolder(tmp_path)
    data = as_csv([line(str(n), str(n)) for n in range(1000)])
    assert write(folder, [data]) == write(folder, [data])


def test_what_breaks_off_leaves_no_file_behind(tmp_path: Path) -> None:
    folder = ArchiveFolder(tmp_path)

    def pieces():
        yield as_csv([line("a", "1")])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(folder, pieces())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "row",
    [
        line("a", "1e20"),
        line("a", "one"),
        line("a", "1", at="yesterday"),
        [*line("a", "1"), "more"],
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, row: list[str]) -> None:
    with pytest.raises(Broken) as refused:
        write(ArchiveFolder(tmp_path), [as_csv([row])])
    assert refused.value.code == "archive.unreadable"


def test_a_file_that_is_not_there_or_no_parquet_is_refused(tmp_path: Path) -> None:
    folder = ArchiveFolder(tmp_path)
    with pytest.raises(Unavailable) as missing:
        folder.look("x.parquet")
    assert missing.value.code == "archive.missing"
    (tmp_path / "x.parquet").write_bytes(b"nothing")
    with pytest.raises(Broken) as unreadable:
        list(folder.read("x.parquet"))
    assert unreadable.value.code == "archive.unreadable"


def test_a_file_has_a_column_for_everything_that_a_record_says() -> None:
    assert [name for name, _ in archive.COLUMNS] == [
        "source", "record_id", "subject", "meter", "at", "value", "dimensions", "key", "content",
        "batch_id",
    ]  # fmt: skip
