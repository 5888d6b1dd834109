"""Pages of records on the command line: where the next one begins, as text."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

import click

from everycent.flows.reasoned import BEFORE_ALL
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text, parse_instant

_CURSOR = re.compile(r"(?P<at>[^~]{1,40})~(?P<key>[0-9a-f]{32})")

page_option = click.option(
    "--page", help="Go on after this cursor, which the page before ended with."
)


def cursor_of(at: datetime, key: UUID) -> str:
    """The cursor of a page that ends with the record at `at` with the key."""
    return f"{instant_text(at)}~{key.hex}"


def parse_cursor(text: str | None) -> tuple[datetime, UUID]:
    """Time and key after which a page begins; None stands for the first page. Raises Invalid
    `page.bad_cursor`, `time.malformed`."""
    if text is None:
        return BEFORE_ALL
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise Invalid(
            "page.bad_cursor",
            f"{text[:60]!r} is not a cursor",
            field="page",
            value=text,
            hint="pass on what the page before ended with",
        )
    return parse_instant(match["at"], "page"), UUID(match["key"])
