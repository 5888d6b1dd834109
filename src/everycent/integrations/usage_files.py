"""Usage files: CSV, NDJSON and Parquet in, rows of text cells out, a piece at a time.

A row that can't be read is a reject with its line number and reason, and reading goes on; what can't
be read at all is refused. Numbers keep the text they were written in: nothing passes through a
floating-point number, except where a Parquet file holds one, which becomes its shortest decimal text.

Memory is bounded whatever the file is: pieces, lines and cells have a greatest size.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from everycent.integrations import usage_json
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid
from everycent.metering.mapping import Reject, Rows, reject

STDIN = "-"
FORMATS = ("csv", "ndjson", "parquet")
MAX_LINE_BYTES = 1_000_000
_BLOCK_BYTES = 256 * 1024
_BATCH_ROWS = 10_000
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_SNIFFED = ",;\t"
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = "\ufeff"


class Opened(NamedTuple):
    """A file that is being read. `position` says how many of `total_bytes` have been read so far;
    the total is None when nobody knows it. Without a header each row has one cell, a whole JSON record.
    `unread` are members of JSON records that nothing reads, as they turn up."""

    header: list[str]
    batches: Iterator[Rows]
    total_bytes: int | None
    position: Callable[[], int]
    unread: Collection[str] = ()


@contextmanager
def open_rows(
    path: str,
    file_format: str | None,
    delimiter: str | None,
    columns: Sequence[str],
    is_unread: Callable[[str], bool] = lambda _: True,
) -> Iterator[Opened]:
    """Opens a file, or standard input for '-'. Gzip is recognised by its first bytes.

    Without a format the name's ending decides; without a delimiter the header does. `columns` are
    those wanted: the header of a format that has none of its own; none for whole records. `is_unread`
    is asked about every member of such a record that is not among them: whether to tell of it, or it
    refuses the row. Raises Invalid `file.…`, from `batches` too when the file breaks off.
    """
    file_format = file_format or _format_of(path)
    if delimiter is not None:
        delimiter = _DELIMITERS.get(delimiter, delimiter)
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise Invalid(
                "file.bad_delimiter",
                f"{delimiter!r} can't separate columns",
                field="delimiter",
                hint="give one character, or the word tab",
            )
    if file_format == "parquet":
        with _parquet_rows(path) as opened:
            yield opened
        return
    with _raw(path) as raw:
        source = _Source(raw, None if path == STDIN else Path(path).stat().st_size)
        blocks = _blocks(source.read)
        unread: set[str] = set()
        if file_format == "csv":
            header, batches = _csv_rows(blocks, delimiter)
        else:
            reader = usage_json.reader(columns, is_unread, unread) if columns else None
            header, batches = list(columns), _ndjson_batches(blocks, reader)
        yield Opened(header, batches, source.size, lambda: source.position, unread)


def _format_of(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    found = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise Invalid(
            "file.unknown_format",
            f"the name {path!r} does not say what format the data has",
            field="format",
            hint="name it with --format " + ", ".join(FORMATS),
        )
    return found


class _Source:
    """The bytes of a file, unpacked, and how many of its own bytes that took so far."""

    def __init__(self, raw: io.BufferedReader, size: int | None) -> None:
        self.size = size
        self.position = 0
        self._raw = raw
        start = raw.peek(2)[:2]
        if start in _UTF16:
            raise Invalid("file.encoding", "the file is UTF-16, not UTF-8", hint="save it as UTF-8")
        self._bytes = gzip.GzipFile(fileobj=raw) if start == _GZIP else raw

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end. Raises Invalid `file.damaged`."""
        try:
            data = self._bytes.read(size)
        except (EOFError, zlib.error, OSError) as error:
            raise Invalid(
                "file.damaged", f"the file can't be read to its end: {error}", field="file"
            ) from error
        if self.size is not None:
            self.position = self._raw.tell()
        return data


def _raw(path: str) -> AbstractContextManager[io.BufferedReader]:
    """The file, to be closed at the end; standard input stays open."""
    if path == STDIN:
        stdin: Any = sys.stdin.buffer
        return nullcontext(
            stdin if isinstance(stdin, io.BufferedReader) else io.BufferedReader(stdin)
        )
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise Invalid(
            "file.unreadable", f"{path}: {error.strerror}", field="file", value=path
        ) from error


# --- lines --------------------------------------------------------------------------------------


class _Block(NamedTuple):
    """Whole lines from line number `line` on, without the last line end; or one line that is too long
    and was left out."""

    line: int
    data: bytes
    is_too_long: bool = False


def _blocks(read: Callable[[int], bytes]) -> Iterator[_Block]:
    line, rest = 1, b""
    is_too_long = False  # the line whose beginning was read and forgotten
    while data := read(_BLOCK_BYTES):
        whole, newline, tail = data.rpartition(b"\n")
        if not newline:
            rest = b"" if is_too_long else rest + data
            if len(rest) > MAX_LINE_BYTES:
                is_too_long, rest = True, b""
            continue
        whole = rest + whole
        first, more, others = whole.partition(b"\n")
        if is_too_long or len(first) > MAX_LINE_BYTES:
            yield _Block(line, b"", is_too_long=True)
            line, is_too_long = line + 1, False
            whole = others
        else:
            more = b"\n"
        if more:
            yield _Block(line, whole)
            line += whole.count(b"\n") + 1
        rest = tail
    if is_too_long:
        yield _Block(line, b"", is_too_long=True)
    elif rest:
        yield _Block(line, rest)


def _lines(block: _Block) -> tuple[list[str], bool]:
    """The lines of a block without their ends, and whether all of them are sound UTF-8. Bytes that
    are not stand as surrogates."""
    data = block.data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    try:
        return data.decode().split("\n"), True
    except UnicodeDecodeError:
        return data.decode(errors="surrogateescape").split("\n"), False


def _too_long(line: int) -> Reject:
    return reject(
        line,
        Invalid("file.long_line", f"the line is longer than {MAX_LINE_BYTES} bytes"),
        "",
    )


def _undecodable(line: int, text: str) -> Reject | None:
    """The reject of a line that holds bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
        return reject(
            line,
            Invalid(
                "file.undecodable",
                "the line is not UTF-8 text",
                hint="save the file as UTF-8 and try again",
            ),
            shown,
        )
    return None


# --- CSV ----------------------------------------------------------------------------------------


def _csv_rows(blocks: Iterator[_Block], delimiter: str | None) -> tuple[list[str], Iterator[Rows]]:
    first = next(blocks, None)
    if first is None:
        raise Invalid("file.empty", "the file is empty", field="file")
    if first.is_too_long:
        raise Invalid(
            "file.no_header",
            f"the first line is longer than {MAX_LINE_BYTES} bytes",
            hint="is this a CSV file with a line of column names?",
        )
    head, _, data = first.data.partition(b"\n")
    lines, is_sound = _lines(_Block(1, head))
    if not is_sound:
        raise Invalid("file.encoding", "the first line is not UTF-8", hint="save it as UTF-8")
    line = lines[0].removeprefix(_BOM)
    if delimiter is None:
        delimiter = max(_SNIFFED, key=line.count)
    try:
        header = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise Invalid("file.no_header", f"the first line can't be read: {error}") from error
    if not any(header):
        raise Invalid("file.no_header", "the first line has no column names", field="file")
    rest = [_Block(2, data)] if data else []
    return header, _csv_batches(_chained(rest, blocks), delimiter)


def _chained(first: Iterable[_Block], then: Iterator[_Block]) -> Iterator[_Block]:
    yield from first
    yield from then


def _csv_batches(blocks: Iterator[_Block], delimiter: str) -> Iterator[Rows]:
    """Without quotes a line is a row, and splitting it is all there is to do. From the first quote on
    the csv module reads, at half the speed."""
    for block in blocks:
        if b'"' in block.data:
            yield from _quoted_batches(_chained([block], blocks), delimiter)
            return
        if block.is_too_long:
            yield Rows([], [], [], [_too_long(block.line)])
            continue
        texts, is_sound = _lines(block)
        numbers: Sequence[int] = range(block.line, block.line + len(texts))
        rejects: list[Reject] = []
        if not is_sound or "" in texts:
            kept = []
            for number, text in zip(numbers, texts, strict=True):
                bad = None if is_sound else _undecodable(number, text)
                if bad is not None:
                    rejects.append(bad)
                elif text:
                    kept.append((number, text))
            numbers = [number for number, _ in kept]
            texts = [text for _, text in kept]
        yield Rows(numbers, [text.split(delimiter) for text in texts], texts, rejects)


def _quoted_batches(blocks: Iterator[_Block], delimiter: str) -> Iterator[Rows]:
    taken: list[str] = []  # physical lines of the row that is being read
    rejects: list[Reject] = []
    at_line = 0  # number of the line that was taken last

    def lines() -> Iterator[str]:
        nonlocal at_line
        for block in blocks:
            if block.is_too_long:
                at_line = block.line
                rejects.append(_too_long(block.line))
                continue
            for number, text in enumerate(_lines(block)[0], block.line):
                at_line = number
                taken.append(text)
                yield text + "\n"

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    numbers: list[int] = []
    cells: list[list[str]] = []
    texts: list[str] = []
    size = 0
    while True:
        row: list[str] | None
        failure = ""
        try:
            row = next(reader, None)
        except csv.Error as error:
            row, failure = [], str(error)
        if row is None:
            break
        text = "\n".join(taken)
        number = at_line - len(taken) + 1
        size += len(text)
        taken.clear()
        bad = _undecodable(number, text)
        if bad is not None:
            rejects.append(bad)
        elif failure:
            rejects.append(
                reject(
                    number, Invalid("file.bad_quotes", f"the row can't be read: {failure}"), text
                )
            )
        elif text:
            numbers.append(number)
            cells.append(row)
            texts.append(text)
        if size >= _BLOCK_BYTES or len(numbers) >= _BATCH_ROWS:
            yield Rows(numbers, cells, texts, rejects[:])
            numbers, cells, texts, size = [], [], [], 0
            rejects.clear()
    yield Rows(numbers, cells, texts, rejects[:])


# --- NDJSON -------------------------------------------------------------------------------------


def _ndjson_batches(
    blocks: Iterator[_Block], read_row: Callable[[str], list[str]] | None
) -> Iterator[Rows]:
    """Rows of the cells that `read_row` finds in a line; without it, lines as they are."""
    for block in blocks:
        if block.is_too_long:
            yield Rows([], [], [], [_too_long(block.line)])
            continue
        numbers, cells, texts, rejects = [], [], [], []
        for number, text in enumerate(_lines(block)[0], block.line):
            line = text.removeprefix(_BOM) if number == 1 else text
            if not line or line.isspace():
                continue
            bad = _undecodable(number, line)
            if bad is not None:
                rejects.append(bad)
                continue
            try:
                cells.append([line] if read_row is None else read_row(line))
            except Invalid as refusal:
                rejects.append(reject(number, refusal, line))
            else:
                numbers.append(number)
                texts.append(line)
        yield Rows(numbers, cells, texts, rejects)


# --- Parquet ------------------------------------------------------------------------------------


@contextmanager
def _parquet_rows(path: str) -> Iterator[Opened]:
    import duckdb

    if path == STDIN:
        raise Invalid(
            "file.parquet_stdin",
            "Parquet can't be read from standard input",
            hint="save it to a file: its table of contents stands at the end",
        )
    with _raw(path):
        pass  # so that a file that is not there is told as such
    literal = re.sub(r"([*?\[])", r"[\1]", path)  # a name is not a pattern
    size, done = Path(path).stat().st_size, 0
    with closing(duckdb.connect(config={"threads": 1})) as connection:
        try:
            connection.execute("set TimeZone = 'UTC'")
            relation = connection.from_parquet(literal)
            count = connection.execute(
                "select coalesce(sum(num_rows), 0)::bigint from parquet_file_metadata(?)", [literal]
            ).fetchone()
            rows_in_all = count[0] if count else 0
            leaves = [
                leaf
                for column, kind in zip(relation.columns, relation.types, strict=True)
                for leaf in _leaves(column, _quoted(column), kind)
            ]
            # As text, decimals are exact, doubles have their shortest form and instants an offset.
            cells = ", ".join(f"coalesce(cast({sql} as varchar), '')" for _, sql in leaves)
            connection.execute(f"select {cells} from read_parquet(?)", [literal])  # noqa: S608
        except duckdb.Error as error:
            raise Invalid(
                "file.damaged", f"{path} can't be read as Parquet: {error}", field="file"
            ) from error

        def batches() -> Iterator[Rows]:
            nonlocal done
            try:
                while rows := connection.fetchmany(_BATCH_ROWS):
                    numbers = range(done + 1, done + len(rows) + 1)
                    done += len(rows)
                    yield Rows(numbers, rows, [encode(row).decode() for row in rows])
            except duckdb.Error as error:
                raise Invalid(
                    "file.damaged", f"the file can't be read to its end: {error}", field="file"
                ) from error

        yield Opened(
            [name for name, _ in leaves],
            batches(),
            size,
            lambda: size * done // rows_in_all if rows_in_all else size,
        )


def _leaves(name: str, expression: str, kind: Any) -> Iterator[tuple[str, str]]:
    """The columns in a column, as (name, SQL): the fields of structures become `name.field`."""
    if kind.id == "struct":
        for field, inner in kind.children:
            yield from _leaves(f"{name}.{field}", f"{expression}.{_quoted(field)}", inner)
    else:
        yield name, expression


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
