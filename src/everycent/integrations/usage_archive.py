"""Archived records as Parquet files in a folder: CSV goes in and comes out, as PostgreSQL writes it.

Numbers stay exact: DuckDB reads every cell as text and keeps values as decimals of 38 digits. A file
appears under its name only when it is whole and on disk.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from everycent.archives.archive import COLUMNS, StoredFile
from everycent.kernel.errors import Broken, Unavailable
from everycent.metering.record import EARLIEST, UsageRecord, canonical_value

_PIECE_BYTES = 1024 * 1024
_MAX_LINE_BYTES = 100_000  # a record's names have 200 characters, its dimensions 2000 bytes


class ArchiveFolder(NamedTuple):
    """A folder with files of the archive. Named as such it stands for wherever they were told to be."""

    path: Path

    @property
    def location(self) -> str:
        """The folder as it is remembered."""
        return str(self.path)

    def at(self, _: str) -> ArchiveFolder:
        """This folder: whoever names it says that the files are here now."""
        return self

    def write(
        self,
        name_of: Callable[[bytes], str],
        manifest: Mapping[str, str],
        pieces: Iterable[bytes],
    ) -> StoredFile:
        """Writes CSV as a Parquet file that is named after its SHA-256. Raises OSError,
        and Broken `archive.unreadable`."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.path, prefix=".writing-") as folder:
            rows, made = Path(folder, "rows.csv"), Path(folder, "made.parquet")
            with rows.open("wb") as file:
                file.writelines(pieces)
            _query(f"copy ({_READ_ROWS}) to '{_quoted(made)}' ({_parquet(manifest)})", [str(rows)])
            stored = _facts(made)
            _sync(made)
            target = self.path / name_of(stored.sha256)
            made.replace(target)
            _sync(self.path)
        return stored._replace(name=target.name)

    def look(self, name: str) -> StoredFile:
        """The file as it lies there. Raises Unavailable `archive.missing`."""
        try:
            return _facts(self.path / name)
        except OSError as error:
            raise Unavailable(
                "archive.missing",
                f"{name} can't be read in {self.path}: {error.strerror}",
                field="file",
                value=name,
                hint="put it back there from a backup; if it was moved, name its folder (usage restore and"
                " verify: --from, usage find: --archive)",
            ) from error

    def pick(self, name: str, keys: Sequence[UUID]) -> dict[UUID, UsageRecord]:
        """Those of the records with some keys that are in the file. Raises Unavailable `archive.missing`,
        Broken `archive.unreadable`."""
        self.look(name)
        rows = _query(_PICK, [str(self.path / name), [str(key) for key in keys]])
        return {
            key: UsageRecord(
                source, record_id, subject, meter, EARLIEST + timedelta(microseconds=since),
                canonical_value(value), dimensions,
            )
            for key, source, record_id, subject, meter, since, value, dimensions in rows
        }  # fmt: skip

    def read(self, name: str) -> Iterator[bytes]:
        """The file's rows as CSV. Raises Broken `archive.unreadable`."""
        with tempfile.TemporaryDirectory(prefix="everycent-") as folder:
            rows = Path(folder, "rows.csv")
            columns = ", ".join(f'"{column}"' for column, _ in COLUMNS)
            _query(
                f"copy (select {columns} from read_parquet(?)) to '{_quoted(rows)}'"  # noqa: S608
                " (format csv, header false)",
                [str(self.path / name)],
            )
            with rows.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece


class Archive(NamedTuple):
    """Files wherever each was told to be when it was written. New ones go to `folder`, or to `archive` in
    the instance's `home`; what lies in the home is remembered by where in it, so that both can move."""

    home: Path
    folder: Path | None = None

    @property
    def location(self) -> str:
        """Where new files go."""
        path = self.home / "archive" if self.folder is None else self.folder.absolute()
        return str(path.relative_to(self.home) if path.is_relative_to(self.home) else path)

    def at(self, location: str) -> ArchiveFolder:
        """The folder that was remembered."""
        return ArchiveFolder(self.home / location)

    def write(
        self,
        name_of: Callable[[bytes], str],
        manifest: Mapping[str, str],
        pieces: Iterable[bytes],
    ) -> StoredFile:
        """As the folder does."""
        return self.at(self.location).write(name_of, manifest, pieces)


# Nothing is null; what stands for it has a character that no name may have.
_TEXTS = ", ".join(f"'{column}': 'varchar'" for column, _ in COLUMNS)
_CELLS = ", ".join(f'cast("{column}" as {kind}) as "{column}"' for column, kind in COLUMNS)
_READ_ROWS = (
    f"select {_CELLS} from read_csv(?, columns = {{{_TEXTS}}}, header = false,"  # noqa: S608
    " auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '\x01',"
    f" max_line_size = {_MAX_LINE_BYTES})"
)


_PICK = (
    "select key, source, record_id, subject, meter,"  # noqa: S608
    f" epoch_us(\"at\") - epoch_us(timestamptz '{EARLIEST.isoformat()}'), cast(value as varchar),"
    " dimensions from read_parquet(?) where key in (select cast(unnest(?) as uuid))"
)


def _parquet(manifest: Mapping[str, str]) -> str:
    told = ", ".join(f"'{_escaped(name)}': '{_escaped(text)}'" for name, text in manifest.items())
    return f"format parquet, compression zstd, kv_metadata {{{told}}}"


def _query(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    import duckdb

    with closing(duckdb.connect(config={"threads": 1, "memory_limit": "1GB"})) as connection:
        try:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(statement, parameters).fetchall()
        except duckdb.Error as error:
            raise Broken(
                "archive.unreadable",
                f"records can't be converted: {str(error).strip().splitlines()[0]}",
                hint="is the file damaged, or the disk full?",
            ) from error


def _facts(path: Path) -> StoredFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        return StoredFile(path.name, file.tell(), digest)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quoted(path: Path) -> str:
    return _escaped(str(path))


def _escaped(text: str) -> str:
    return text.replace("'", "''")
