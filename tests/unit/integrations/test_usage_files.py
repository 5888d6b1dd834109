"""Usage files: three formats give the same cells, and what can't be read is told with its line."""

import gzip
import io
import sys
import zlib

import duckdb
import pytest

from everycent.integrations import usage_files
from everycent.integrations.usage_files import MAX_LINE_BYTES, open_rows
from everycent.kernel.errors import Invalid

WANTED = ["id", "value", "dimensions.region"]


def read(path, file_format=None, delimiter=None, columns=()):
    """The header, [(line, cells)], [(line, code)] of a file."""
    rows, rejects = [], []
    with open_rows(str(path), file_format, delimiter, list(columns)) as opened:
        for lines, cells, texts, bad in opened.batches:
            assert len(lines) == len(cells) == len(texts)
            rows += [(line, list(row)) for line, row in zip(lines, cells, strict=True)]
            rejects += [(reject.line, reject.code) for reject in bad]
    if opened.total_bytes is not None:
        assert opened.position() == opened.total_bytes
    return opened.header, rows, rejects


def batches_of(path):
    with open_rows(str(path), None, None, []) as opened:
        return list(opened.batches)


@pytest.fixture
def written(tmp_path):
    """Writes bytes or text to a file of a name and returns its path."""

    def write(content, name="usage.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def code_of(action, *args, **kwargs):
    with pytest.raises(Invalid) as refused:
        action(*args, **kwargs)
    return refused.value.code


# --- CSV --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("id,value\na,1\nb,2\n", None),
        ("id,value\na,1\nb,2", None),
        ("id;value\na;1\nb;2\n", None),
        ("id\tvalue\na\t1\nb\t2\n", None),
        ("id|value\na|1\nb|2\n", "|"),
        ("id|value\na|1\nb|2\n", "pipe"),
        ("id\tvalue\na\t1\nb\t2\n", "tab"),
        ("id,value\r\na,1\r\nb,2\r\n", None),
        ("\ufeffid,value\na,1\nb,2\n", None),
        ('"id","value"\n"a","1"\n"b",2\n', None),
        ('id,value\na,1\n"b",2', None),
        ('"id",value\r\na,"1"\r\nb,2\r\n', None),
    ],
)
def test_dialects_of_csv(written, content, delimiter):
    found = read(written(content), delimiter=delimiter)
    assert found == (["id", "value"], [(2, ["a", "1"]), (3, ["b", "2"])], [])


def test_blank_lines_are_no_rows_but_count_as_lines(written):
    expected = [(3, ["a", "1"]), (5, ["b", "2"])]
    assert read(written("id,v\n\na,1\n\nb,2\n\n"))[1:] == (expected, [])
    assert read(written('id,v\n\n"a",1\n\nb,2\n\n'))[1:] == (expected, [])


def test_a_quoted_cell_may_hold_the_delimiter_and_line_ends(written):
    path = written('id,v\na,1\n"b, the\nsecond",2\n"c ""3""",3\n')
    assert read(path)[1] == [(2, ["a", "1"]), (3, ["b, the\nsecond", "2"]), (5, ['c "3"', "3"])]
    assert [text for batch in batches_of(path) for text in batch.texts][1:] == [
        '"b, the\nsecond",2',
        '"c ""3""",3',
    ]


def test_a_quote_inside_a_cell_is_a_character(written):
    assert read(written('id,v\n5" pipe,1\n'))[1] == [(2, ['5" pipe', "1"])]


def test_a_broken_quote_is_one_reject_and_reading_goes_on(written):
    path = written('id,v\n"a"x,1\nb,2\n"c,3\n')
    found = read(path)
    assert found[1] == [(3, ["b", "2"])]
    assert found[2] == [(2, "file.bad_quotes"), (4, "file.bad_quotes")]


def test_short_and_long_rows_are_left_to_the_mapping(written):
    assert read(written("a,b\n1\n1,2,3\n"))[1] == [(2, ["1"]), (3, ["1", "2", "3"])]


@pytest.mark.parametrize("quote", ["", '"'])
def test_bytes_that_are_not_utf8_reject_their_line_only(written, quote):
    path = written(f"id,v\n{quote}a{quote},1\n".encode() + b"caf\xe9,2\nc,3\n")
    _, rows, rejects = read(path)
    assert rows == [(2, ["a", "1"]), (4, ["c", "3"])]
    assert rejects == [(3, "file.undecodable")]


def test_the_text_of_an_undecodable_line_shows_its_bytes(written):
    batches = batches_of(written(b"id,v\ncaf\xe9,2\n"))
    assert [reject.row for batch in batches for reject in batch.rejects] == ["caf\\xe9,2"]


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("size", [MAX_LINE_BYTES + 1, 3 * MAX_LINE_BYTES])
def test_a_line_that_is_too_long_is_rejected_alone(written, quote, size):
    long = "x" * size
    path = written(f"id,v\n{quote}a{quote},1\n{long}\nb,2\n{long}\n{long}")
    _, rows, rejects = read(path)
    assert rows == [(2, ["a", "1"]), (4, ["b", "2"])]
    assert rejects == [(3, "file.long_line"), (5, "file.long_line"), (6, "file.long_line")]


@pytest.mark.parametrize("size", [1, 7, 16, 64])
def test_where_blocks_end_does_not_matter(written, monkeypatch, size):
    content = "id,v\n" + "".join(f"row{n},{n}\n" for n in range(30)) + "\n" + "last,1"
    expected = read(written(content))
    monkeypatch.setattr(usage_files, "_BLOCK_BYTES", size)
    monkeypatch.setattr(usage_files, "MAX_LINE_BYTES", 12)
    assert read(written(content)) == expected
    assert len(expected[1]) == 31


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file.empty"),
        (b"\n", "file.no_header"),
        (b",,\n1,2,3\n", "file.no_header"),
        (b'"id,value\n', "file.no_header"),
        (b"x" * (MAX_LINE_BYTES + 1), "file.no_header"),
        (b"caf\xe9,v\n", "file.encoding"),
        ("id,v\n1,2\n".encode("utf-16"), "file.encoding"),
    ],
)
def test_files_without_a_sound_header_are_refused(written, content, code):
    assert code_of(read, written(content)) == code


def test_a_name_may_stand_twice_in_the_header(written):
    assert read(written("id,id\n1,2\n"))[0] == ["id", "id"]


@pytest.mark.parametrize("delimiter", ["", '"', "\n", ",,"])
def test_what_can_not_separate_cells_is_refused(written, delimiter):
    assert code_of(read, written("a,b\n"), delimiter=delimiter) == "file.bad_delimiter"


# --- gzip, standard input, names --------------------------------------------------------------


def test_gzip_is_recognised_whatever_the_name(written):
    packed = gzip.compress(b"id,v\na,1\n", mtime=0)
    for name in ("usage.csv.gz", "usage.csv"):
        assert read(written(packed, name))[1] == [(2, ["a", "1"])]


def test_a_gzip_file_that_breaks_off_is_refused_after_its_good_rows(written):
    text = "id,v\n" + "".join(f"{zlib.crc32(str(n).encode())},{n}\n" for n in range(200_000))
    path = written(gzip.compress(text.encode())[:-50_000])
    with open_rows(str(path), "csv", None, []) as opened:
        assert len(next(opened.batches).cells) > 1000
        assert code_of(list, opened.batches) == "file.damaged"


class _Stdin:
    def __init__(self, content):
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("content", [b"id,v\na,1\n", gzip.compress(b"id,v\na,1\n", mtime=0)])
def test_standard_input(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", _Stdin(content))
    with open_rows("-", "csv", None, []) as opened:
        assert opened.total_bytes is None
        assert [list(batch.cells) for batch in opened.batches] == [[["a", "1"]]]
        assert opened.position() == 0
    assert not sys.stdin.buffer.closed


def test_standard_input_needs_a_format_and_is_no_parquet():
    assert code_of(read, "-") == "file.unknown_format"
    assert code_of(read, "-", "parquet") == "file.parquet_stdin"


@pytest.mark.parametrize("name", ["usage", "usage.xlsx", "usage.gz", ".csv"])
def test_a_name_that_says_nothing_needs_a_format(written, name):
    path = written("id\n1\n", name)
    assert code_of(read, path) == "file.unknown_format"
    assert read(path, "csv")[1] == [(2, ["1"])]


def test_a_file_that_is_not_there(tmp_path):
    for name in ("none.csv", "none.ndjson", "none.parquet"):
        assert code_of(read, tmp_path / name) == "file.unreadable"


# --- NDJSON -----------------------------------------------------------------------------------


def test_ndjson_keeps_numbers_as_they_are_written(written):
    path = written(
        '\ufeff{"id": 7, "value": 0.10, "dimensions": {"region": "eu"}}\n'
        "\n"
        '{"value": 1E-7, "id": "a", "else": [1, {"b": 2}]}\r\n'
        '{"id": true, "value": null, "dimensions": {"region": false}}\n'
        '{"id": 123456789012345678901234567890, "value": "3", "dimensions.region": "us"}',
        "usage.ndjson",
    )
    header, rows, rejects = read(path, columns=WANTED)
    assert header == WANTED
    assert rows == [
        (1, ["7", "0.10", "eu"]),
        (3, ["a", "1E-7", ""]),
        (4, ["true", "", "false"]),
        (5, ["123456789012345678901234567890", "3", "us"]),
    ]
    assert rejects == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "file.bad_json"),
        (b"[1]", "usage.no_object"),
        (b"1", "usage.no_object"),
        (b'{"id": NaN}', "file.bad_json"),
        (b'{"id": -Infinity}', "file.bad_json"),
        (b'{"id": 1} {"id": 2}', "file.bad_json"),
        (b'{"id": 01}', "file.bad_json"),
        (b'{"id": ' + b"[" * 100_000, "file.bad_json"),
        (b'{"id": 1, "id": 1}', "file.key_twice"),
        (b'{"id": 1, "x": {"a": 1, "a": 2}}', "file.key_twice"),
        (b'{"id": [1]}', "file.nested"),
        (b'{"id": {"a": 1}}', "file.nested"),
        (b'{"id": "caf\xe9"}', "file.undecodable"),
        (b'{"id": "' + b"x" * MAX_LINE_BYTES + b'"}', "file.long_line"),
    ],
)
def test_bad_lines_of_ndjson(written, line, code):
    path = written(b'{"id": 1}\n' + line + b'\n{"id": 3}\n', "usage.jsonl")
    _, rows, rejects = read(path, columns=["id"])
    assert rows == [(1, ["1"]), (3, ["3"])]
    assert rejects == [(2, code)]


def test_a_line_of_ndjson_that_is_cut_off_is_told_with_its_column(written):
    path = written(b'{"id": "a"}\n{"id": "a", "value": 1, \n', "usage.jsonl")
    with open_rows(str(path), None, None, ["id"]) as opened:
        (bad,) = [reject for *_, rejects in opened.batches for reject in rejects]
    assert (bad.code, bad.reason) == (
        "file.bad_json",
        "the line is not JSON: Expecting property name enclosed in double quotes at column 25",
    )


# --- Parquet ----------------------------------------------------------------------------------


def parquet(path, select):
    duckdb.execute(f"copy ({select}) to '{path}' (format parquet)")
    return path


def test_parquet_gives_exact_text(tmp_path):
    path = parquet(
        tmp_path / "a[1]*.parquet",
        """
        select 'a' as id, 1.50::decimal(18, 6) as d, 0.1::double as f, 1e-7::double as small,
               timestamptz '2026-03-01 01:00:00.000001+01' as "at", timestamp '2026-03-01 00:00' as wall,
               12::bigint as n, true as b, null::int as gone,
               {'region': 'eu', 'deep': {'x': 1}} as dimensions
        """,
    )
    header, rows, rejects = read(path)
    assert header[-2:] == ["dimensions.region", "dimensions.deep.x"]
    assert rejects == []
    assert rows == [
        (
            1,
            ["a", "1.500000", "0.1", "1e-07", "2026-03-01 00:00:00.000001+00", "2026-03-01 00:00:00",
             "12", "true", "", "eu", "1"],
        )
    ]  # fmt: skip


def test_parquet_comes_in_order_and_in_pieces(tmp_path):
    path = parquet(tmp_path / "n.parquet", "select i::varchar as id from range(25000) t(i)")
    sizes, ids, positions = [], [], []
    with open_rows(str(path), None, None, []) as opened:
        for batch in opened.batches:
            sizes.append(len(batch.cells))
            ids += [cells[0] for cells in batch.cells]
            positions.append(opened.position())
    assert sizes == [10_000, 10_000, 5_000]
    assert ids == [str(n) for n in range(25_000)]
    assert positions == sorted(positions)
    assert positions[-1] == opened.total_bytes


def test_what_is_no_parquet_is_refused(written):
    assert code_of(read, written("id,v\n", "usage.parquet")) == "file.damaged"
    assert code_of(read, written("", "usage.parquet")) == "file.damaged"
