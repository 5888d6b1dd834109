"""XML from outside, read piece by piece with hard limits: no DTD, no entities, no network, no surprises.

The standard library's expat reads events, never a tree of the whole file. A document type declaration is
refused at its first sign, before a byte of it could mean anything; with it go all entities that are not
XML's own five, and every reference to another file. Nothing here opens an address. Depth, length of texts,
number of elements held at a time and size of the file are bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import BinaryIO
from xml.parsers import expat

from everycent.kernel.errors import Invalid

MAX_BYTES = 512 * 1024 * 1024
MAX_DEPTH = 48
MAX_TEXT = 20_000
MAX_HELD = 200_000
_CHUNK = 1024 * 1024
_ENCODINGS = frozenset({"UTF-8", "UTF-16", "ISO-8859-1", "ISO-8859-15", "US-ASCII", "WINDOWS-1252"})
_STEERING = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u061c\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]"
)
"""Controls, and marks that nobody sees or that turn the direction of writing."""


class Node:
    """An element with its texts joined, its attributes, and those of its children that were not handed on.
    `size` counts it and all below it. Elements of other namespaces have those in their names."""

    __slots__ = ("attributes", "children", "name", "parts", "size")

    def __init__(self, name: str, attributes: Mapping[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.parts: list[str] = []
        self.children: list[Node] = []
        self.size = 1

    def all(self, *path: str) -> list[Node]:
        """The elements at the end of the path, in the order of the file."""
        found = [self]
        for name in path:
            found = [child for node in found for child in node.children if child.name == name]
        return found

    def text(self, *path: str) -> str | None:
        """The text of the first element at the end of the path: blanks made single, and without signs that
        only steer how text is shown. None if there is no such element, or no text in it."""
        for node in self.all(*path):
            shown = _STEERING.sub("", unicodedata.normalize("NFC", "".join(node.parts)))
            found = " ".join(shown.split())
            if found:
                return found
        return None

    def first_text(self, *paths: tuple[str, ...]) -> str | None:
        """The first text among several paths."""
        return next(filter(None, (self.text(*path) for path in paths)), None)


Handlers = Mapping[str, Callable[[Node], None]]


def read(stream: BinaryIO, begins: Callable[[str, str], None], ends: Handlers) -> None:
    """Reads a document. `begins` is called with the namespace and name of its root. An element that has a
    function in `ends` is handed to it when it is complete, and then forgotten.

    Raises Invalid `bank.malformed`, `bank.forbidden_xml`, `bank.too_large`, `bank.encoding`, each with the
    line, and what the functions raise.
    """
    reader = _Reader(begins, ends)
    total = 0
    while chunk := stream.read(_CHUNK):
        total += len(chunk)
        if total > MAX_BYTES:
            raise _too_large(f"it has more than {MAX_BYTES} bytes", None)
        reader.feed(chunk, is_last=False)
        if total - reader.parser.CurrentByteIndex > 2 * _CHUNK:
            raise _too_large("a single mark of it has more than a million bytes", None)
    reader.feed(b"", is_last=True)


class _Reader:
    """What expat calls, and the elements that are open."""

    def __init__(self, begins: Callable[[str, str], None], ends: Handlers) -> None:
        self.begins = begins
        self.ends = ends
        self.open: list[Node] = []
        self.namespace = ""
        self.held = 0
        self.length = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.XmlDeclHandler = self.declared
        self.parser.StartDoctypeDeclHandler = self.typed
        self.parser.StartElementHandler = self.started
        self.parser.EndElementHandler = self.ended
        self.parser.CharacterDataHandler = self.wrote

    def feed(self, chunk: bytes, *, is_last: bool) -> None:
        try:
            self.parser.Parse(chunk, is_last)
        except expat.ExpatError as error:
            why = expat.ErrorString(error.code)
            raise Invalid(
                "bank.malformed",
                f"the file can't be read as XML: {why} in line {error.lineno}",
                field=f"line {error.lineno}",
                hint="nothing of the file was taken; get it from the bank again",
            ) from error

    @property
    def line(self) -> int:
        return self.parser.CurrentLineNumber

    def declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.upper() not in _ENCODINGS:
            raise Invalid(
                "bank.encoding",
                f"the file says that it is written in {encoding[:40]!r}, which is not read here",
                field=f"line {self.line}",
                value=encoding,
                hint="files of ISO 20022 are written in UTF-8",
            )

    def typed(self, name: str, *_rest: object) -> None:
        raise Invalid(
            "bank.forbidden_xml",
            "the file has a document type declaration, which no bank's file has",
            field=f"line {self.line}",
            value=name,
            hint="don't import it, and ask where it came from: such files are made to attack programs",
        )

    def started(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if not self.open:
            self.namespace = namespace
            self.begins(namespace, local)
        self.held += 1
        if len(self.open) >= MAX_DEPTH:
            raise _too_large(f"its elements lie more than {MAX_DEPTH} deep", self.line)
        if self.held > MAX_HELD:
            raise _too_large(f"one entry has more than {MAX_HELD} elements", self.line)
        self.length = 0
        self.open.append(Node(local if namespace == self.namespace else name, attributes))

    def ended(self, _name: str) -> None:
        node = self.open.pop()
        handler = self.ends.get(node.name)
        if handler is not None:
            self.held -= node.size
            handler(node)
        elif self.open:
            self.open[-1].children.append(node)
            self.open[-1].size += node.size
        self.length = 0

    def wrote(self, text: str) -> None:
        self.length += len(text)
        if self.length > MAX_TEXT:
            raise _too_large(f"a text has more than {MAX_TEXT} signs", self.line)
        self.open[-1].parts.append(text)


def _too_large(why: str, line: int | None) -> Invalid:
    return Invalid(
        "bank.too_large",
        f"the file is larger than any bank's: {why}",
        field="file" if line is None else f"line {line}",
    )
