"""Tables and rows as plain values: how a pure projection says what it wants written."""

from __future__ import annotations

from typing import Any, NamedTuple


class Table(NamedTuple):
    """A table: its name, its columns with their PostgreSQL types in order, and its key's columns, which
    have these `places` among them."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    places: tuple[int, ...]

    def __hash__(self) -> int:
        return hash(self.name)  # tables are looked up for every row; one name is one table

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return [name for name, _ in self.columns]


def table(name: str, columns: str, key: str) -> Table:
    """A Table out of text: `table("tenant", "tenant_id int4, slug text", key="tenant_id")`."""
    pairs = [column.split() for column in columns.split(",")]
    names = [pair[0] for pair in pairs]
    parts = tuple(part.strip() for part in key.split(","))
    return Table(
        name, tuple((pair[0], pair[1]) for pair in pairs), parts, tuple(map(names.index, parts))
    )


class Rows:
    """Rows to be written, gathered per table. `add` is for rows that are new, `put` replaces by key.

    `mentions` says which of the two was first asked for of which table, in order: rows may refer to
    those of tables that were mentioned before.
    """

    def __init__(self) -> None:
        self.mentions: list[tuple[Table, bool]] = []
        self.added: dict[Table, list[tuple[Any, ...]]] = {}
        self.replaced: dict[Table, dict[tuple[Any, ...], tuple[Any, ...]]] = {}

    def add(self, target: Table, *row: Any) -> None:
        """A new row; its columns in the table's order."""
        self.of(target).append(row)

    def of(self, target: Table) -> list[tuple[Any, ...]]:
        """The list that collects new rows of `target`, for loops that append many."""
        rows = self.added.get(target)
        if rows is None:
            rows = self.added[target] = []
            self.mentions.append((target, False))
        return rows

    def put(self, target: Table, *row: Any) -> None:
        """A row that replaces the one with the same key, if there is one."""
        rows = self.replaced.get(target)
        if rows is None:
            rows = self.replaced[target] = {}
            self.mentions.append((target, True))
        rows[tuple([row[place] for place in target.places])] = row
