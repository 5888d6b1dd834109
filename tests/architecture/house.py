"""The rules of the house as checkers: source text in, offences out.

Each checker takes the parsed module and its path below src/everycent and yields `(line, what)`. The
exceptions stand here with their reasons, and a test sees to it that none outlives its reason.
"""

import ast
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "everycent"
Offences = Iterator[tuple[int, str]]

OUTSIDE_SLICES = {
    "examples", "db", "fakes", "standins", "subservices", "flows", "integrations", "app", "api", "cli",
    "serverless",
}  # fmt: skip
IO_NAMES = {"store", "operations", "queries", "projections", "audit"}

PURE_IMPORTS = {
    *("__future__", "abc", "bisect", "collections", "dataclasses", "datetime", "decimal", "enum"),
    *("fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "msgspec"),
    *("operator", "re", "struct", "typing", "unicodedata", "uuid", "zlib", "zoneinfo"),
}
PURE_EXCEPTIONS = {
    ("access/keys.py", "ipaddress"): "turns texts into networks; asks nobody",
    ("catalog/document.py", "yaml"): "turns the text of a catalogue into values; reads no file",
    ("webhooks/target.py", "ipaddress"): "what numbers of addresses mean; asks nobody for them",
    ("kernel/calendar.py", "importlib"): "the rules of time zones come from the pinned tzdata",
    ("recount/clock.py", "importlib"): "the same rules, read without the code that may be wrong",
}
IMPURE_NAMES = {"open", "print", "float", "uuid4", "uuid1"}
IMPURE_ATTRIBUTES = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "os.environ",
    "os.getenv",
    "random.random",
    "uuid.uuid4",
    "uuid.uuid1",
}

FLOAT_EXCEPTIONS = {
    "db/embedded.py": "seconds of patience while a server starts",
    "cli/": "progress and elapsed time, for eyes only",
    "app/": "time-outs and progress, never amounts",
    "flows/collect/": "time-outs and waiting, never amounts",
    "serverless/": "seconds since a connection was used, never amounts",
}

LATE_IMPORTS = {
    ("cli/", "rich"): "half a second that a plain answer should not wait for",
    ("cli/", "duckdb"): "needed by one command only",
    ("cli/", "babel"): "locale data are large",
    ("cli/", "jinja2"): "needed where a document is made",
    ("integrations/", "duckdb"): "needed by one command only",
    ("integrations/", "babel"): "locale data are large",
    ("integrations/", "jinja2"): "needed where a document is made",
    ("integrations/", "beancount"): "an optional tool",
    ("integrations/", "stripe"): "an optional extra",
}

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
BETRAYING = re.compile(  # spelled so that it does not find itself
    r"pypi\.org|pythonhosted\.org|art[i]factory|jfr[o]g|index[-]url"
    r"|(?<![\w.])/(?:home|Users|root|work)/\w"
)


def slices() -> set[str]:
    """The packages whose modules are pure unless their name says otherwise."""
    packages = {path.name for path in SRC.iterdir() if (path / "__init__.py").exists()}
    return packages - OUTSIDE_SLICES


def modules() -> list[tuple[str, ast.Module]]:
    """Every module below src/everycent: its path with slashes, and its tree."""
    return [
        (path.relative_to(SRC).as_posix(), ast.parse(path.read_text("utf-8")))
        for path in sorted(SRC.rglob("*.py"))
    ]


def is_in_slice(path: str) -> bool:
    """Whether the module belongs to a slice."""
    return path.partition("/")[0] in slices()


def is_pure(path: str) -> bool:
    """Whether the module has to be pure."""
    return is_in_slice(path) and not is_io(PurePosixPath(path).stem)


def is_io(module: str) -> bool:
    """Whether a module of a slice may touch the world: one of `IO_NAMES`, or a part that was cut off
    one (`operations_refunds`)."""
    return module.partition("_")[0] in IO_NAMES


def imported(tree: ast.AST) -> Offences:
    """Every imported name in full, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def impurities(path: str, tree: ast.Module) -> Offences:
    """What a pure module may not do: import what does I/O, read a clock, draw lots, print."""
    for line, name in imported(tree):
        head, *rest = name.split(".")
        if head == "everycent":
            if not rest or rest[0] not in slices() or any(map(is_io, rest[1:2])):
                yield line, f"imports {name}"
        elif head not in PURE_IMPORTS and (path, head) not in PURE_EXCEPTIONS:
            yield line, f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
            yield node.lineno, f"uses {node.id}"
        elif isinstance(node, ast.Attribute):
            used = ".".join(ast.unparse(node).rsplit(".", 2)[-2:])
            if used in IMPURE_ATTRIBUTES:
                yield node.lineno, f"uses {used}"


def floats(path: str, tree: ast.Module) -> Offences:
    """Float literals and the name `float`; in slices without exception."""
    if any(path.startswith(start) for start in FLOAT_EXCEPTIONS) and not is_in_slice(path):
        return
    yield from all_floats(tree)


def all_floats(tree: ast.Module) -> Offences:
    """Every float literal and every use of the name `float`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield node.lineno, f"float literal {node.value}"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno, "uses float"


def foreign_stores(path: str, tree: ast.Module) -> Offences:
    """Imports of another slice's store."""
    own = path.partition("/")[0]
    for line, name in imported(tree):
        parts = name.split(".")
        if parts[0] == "everycent" and parts[2:3] == ["store"] and parts[1] != own:
            yield line, f"imports {name}"


def late_imports(path: str, tree: ast.Module) -> Offences:
    """Imports inside functions, and blocks that only a type checker enters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for line, name in imported(node):
                if not late_import_reason(path, name):
                    yield line, f"imports {name} inside a function"
        elif isinstance(node, ast.Name | ast.Attribute) and _last_word(node) == "TYPE_CHECKING":
            yield node.lineno, "hides an import behind TYPE_CHECKING"


def late_import_reason(path: str, name: str) -> str | None:
    """Why this module may import `name` inside a function, if it may."""
    for (start, package), reason in LATE_IMPORTS.items():
        if path.startswith(start) and package == name.partition(".")[0]:
            return reason
    return None


def _last_word(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def undocumented(path: str, tree: ast.Module) -> Offences:
    """Modules, public functions, public classes and their public methods without a docstring."""
    if not ast.get_docstring(tree):
        yield 1, "module without a docstring"
    yield from _undocumented_in(tree.body)


def _undocumented_in(body: Iterable[ast.stmt]) -> Offences:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield node.lineno, f"{node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented_in(node.body)


def unfinished(text: str) -> Offences:
    """Words that say that something is still to be done."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in UNFINISHED.finditer(line):
            yield number, f"says {match[0]}"


def betraying(text: str) -> Offences:
    """Names of package indexes and paths of somebody's home."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in BETRAYING.finditer(line):
            yield number, f"names {match[0]}"


def files() -> Iterator[tuple[str, str]]:
    """Every text file of the project that .gitignore does not leave out, with its text."""
    lines = (ROOT / ".gitignore").read_text("utf-8").split()
    ignored = {".git", *(line.strip("/") for line in lines)}
    suffixes = tuple(name.lstrip("*") for name in ignored if name.startswith("*"))
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(
            name for name in folders if name not in ignored and not name.endswith(suffixes)
        )
        for name in sorted(names):
            path = Path(folder, name)
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
            except (UnicodeDecodeError, OSError):
                continue  # not text, or gone by now
