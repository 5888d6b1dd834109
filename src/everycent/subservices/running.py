"""A sub-service that runs: its book, who answers for it, its faults, what is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from everycent.kernel.errors import Invalid
from everycent.subservices.accounts import Service
from everycent.subservices.book import Book
from everycent.subservices.contract import Record
from everycent.subservices.desk import Desk
from everycent.subservices.faults import Faults

_MOST_ROWS = 100_000


class Running:
    """One sub-service, in one event loop. `level` is its item that comes from levels."""

    def __init__(self, book: Book, service: Service, level: str) -> None:
        self.book = book
        self.level = level
        self.desk = Desk(service)
        self.faults = Faults()
        self.requests = 0
        self.open_calls = 0
        self.most_open_calls = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts a call while it is under way."""
        self.requests += 1
        self.open_calls += 1
        self.most_open_calls = max(self.most_open_calls, self.open_calls)
        try:
            yield
        finally:
            self.open_calls -= 1

    def settings(self) -> Record:
        """What can be switched at run time."""
        return {"page_size": self.desk.service.page_size}

    def change(self, told: Mapping[str, Any]) -> None:
        """Switches settings. Raises Invalid `subservice.bad_setting`."""
        for name, value in told.items():
            if name != "page_size" or type(value) is not int or not 1 <= value <= _MOST_ROWS:
                raise Invalid(
                    "subservice.bad_setting", f"{value!r} makes no sense for {name}", field=name,
                    value=value, hint=f"page_size is a whole number from 1 to {_MOST_ROWS}",
                )  # fmt: skip
            self.desk.service = self.desk.service._replace(page_size=value)

    def summary(self) -> Record:
        """What there is, and what was asked."""
        service = self.desk.service
        return {
            "service": service.name,
            "items": dict(service.items),
            **self.book.counts(),
            "snapshots": self.desk.kept(),
            "requests": self.requests,
            "open_calls": self.open_calls,
            "most_open_calls": self.most_open_calls,
        }
