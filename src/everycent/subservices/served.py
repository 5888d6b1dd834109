"""Compute and storage as they are started: a book on the disk, the calls, faults, an admin API, a page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

from starlette.applications import Starlette

from everycent.kernel.errors import Invalid
from everycent.subservices import compute, kit, storage
from everycent.subservices.book import Book
from everycent.subservices.filling import Filled, from_focus, from_lines

SERVICES: dict[str, ModuleType] = {"compute": compute, "storage": storage}
"""The sub-services that ship, by name."""
KEY = "sub_fake"


class Served:
    """A sub-service with its book."""

    def __init__(self, book: Book, service: kit.Service) -> None:
        self.book = book
        self.service = service


def open_service(name: str, folder: Path, key: str = KEY, page_size: int = 500) -> Served:
    """A shipped service over its database in a folder. Raises like `Book`."""
    book = Book(folder / f"{name}.sqlite")
    return Served(book, SERVICES[name].make(book, key, page_size))


def fill(one: Served, path: Path, month: str | None = None) -> Filled:
    """Takes a file in, which is JSON lines unless it is called .csv or .csv.gz. Raises Invalid."""
    if path.name.endswith((".csv", ".csv.gz")):
        return from_focus(one.book, one.service.name, path, month)
    if month is not None:
        raise Invalid(
            "subservice.bad_month", "JSON lines are taken as they are", field="month", value=month
        )
    return from_lines(one.book, one.service.items, path)


def make_app(one: Served) -> Starlette:
    """The application."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        one.book.close()

    app = kit.make_app(one.service)
    app.router.lifespan_context = lifespan
    return app
