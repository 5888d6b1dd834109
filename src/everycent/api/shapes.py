"""What questions, bodies and answers are made of: their base classes and the fields that many have.

A shape is a msgspec struct. What is read has every field checked, and nothing unknown; the OpenAPI document
is made of the same classes, so that it says neither more nor less than what is done.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")
USUAL_SIZE, MOST_SIZE = 100, 500


class Query(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a question; without fields it takes none."""


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is sent to change something: at most `MOST_BYTES`, and no text in it is longer than
    `LONGEST_TEXT`, in characters."""

    MOST_BYTES: ClassVar[int] = 1_048_576
    LONGEST_TEXT: ClassVar[int] = 10_000


class Shown(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is answered."""


Name = Annotated[str, Meta(min_length=1, max_length=200, description="A key or an id.")]
Called = Annotated[
    str, Meta(min_length=1, max_length=200, description="The name that people read.")
]
Text = Annotated[str, Meta(max_length=10_000)]
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$",
        description="Why, for whoever reads the journal, in one line.",
    ),
]
Instant = Annotated[
    str,
    Meta(
        max_length=40,
        description="An instant (RFC 3339), or a date, which stands for its first local moment.",
        examples=["2026-03-01T12:00:00Z", "2026-03-01"],
    ),
]
Day = Annotated[str, Meta(max_length=40, description="A local date.", examples=["2026-03-01"])]
Zone = Annotated[str, Meta(max_length=60, description="An IANA zone.", examples=["Europe/Zagreb"])]
Currency = Annotated[str, Meta(max_length=3, description="ISO 4217.", examples=["EUR"])]
Amount = Annotated[
    str,
    Meta(max_length=40, description="A decimal number as text, so that no digit is lost.",
         examples=["12.50"]),
]  # fmt: skip


class Money(Shown):
    """An amount of money: a decimal number as text, with as many places as the currency has."""

    amount: Amount
    currency: Currency


class Paged(Query):
    """Which part of a list is wanted."""

    size: Annotated[int, Meta(ge=1, le=MOST_SIZE, description="How many of them at most.")] = (
        USUAL_SIZE
    )
    after: Annotated[str | None, Meta(description="Where to go on; `next` of a page has it.")] = (
        None
    )


class Page(Shown, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: Annotated[
        str | None, Meta(description="The path of the page that follows; null on the last one.")
    ]
