"""A term that a contract has in place of its plan's, as somebody writes it."""

from __future__ import annotations

from everycent.catalog.document import read
from everycent.catalog.document_refusals import converted
from everycent.catalog.document_term import TermShape


def parse(text: str, place: str) -> TermShape:
    """The term in a text: 'year', 'none', or what stands below `term` in the catalogue file, such as
    '{length: year, renews: never}'. Raises Invalid with the place of what is wrong."""
    told = read(text)
    given: TermShape = converted(
        {"length": told} if isinstance(told, str) else told, TermShape, place
    )
    return given
