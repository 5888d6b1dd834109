"""A matrix in the file, and the prices per unit that it becomes in a plan: one for each cell, over the
records of a segment of its own, so that each record is in exactly one."""

from __future__ import annotations

import msgspec

from everycent.catalog.document_parts import MAX_PATTERNS
from everycent.catalog.document_refusals import (
    Strict,
    check_key,
    check_text,
    money_amount,
    wrong,
)
from everycent.catalog.meter import Aggregation, Measure, Series
from everycent.catalog.plan import Item
from everycent.catalog.price import Cell, Matrix, PerUnit
from everycent.catalog.segments import SegmentRule, Segments

DEFAULT = "default"
"""The cell of all records that have none of their own."""
_MAX_DIMENSIONS = 2


class CellShape(Strict):
    """A unit amount for values of the dimensions."""

    values: list[str]
    unit_amount: str
    name: str | None = None


class MatrixShape(Strict):
    """Unit amounts by the values of dimensions."""

    dimensions: list[str]
    cells: list[CellShape]
    default: str


def matrix(given: MatrixShape, place: str) -> Matrix:
    """The matrix. Raises Invalid with the place of what is wrong."""
    names = given.dimensions
    if not 1 <= len(names) <= _MAX_DIMENSIONS or len(set(names)) != len(names):
        raise wrong(f"{place}.dimensions", "a matrix has one dimension, or two different ones")
    for name in names:
        check_text(name, f"{place}.dimensions", "the name of a dimension")
    if not 1 <= len(given.cells) <= MAX_PATTERNS:
        raise wrong(f"{place}.cells", f"a matrix has 1 to {MAX_PATTERNS} cells")
    cells: list[Cell] = []
    for number, cell in enumerate(given.cells, start=1):
        spot = f"{place}.cells[{number}]"
        if len(cell.values) != len(names):
            raise wrong(f"{spot}.values", f"a value is needed for each of {', '.join(names)}")
        for value in cell.values:
            check_text(value, f"{spot}.values", "the value of a dimension")
        key = cell.name if cell.name is not None else "-".join(cell.values)
        check_key(key, f"{spot}.values" if cell.name is None else f"{spot}.name")
        values = tuple(cell.values)
        if any(values == other.values for other in cells):
            raise wrong(f"{spot}.values", "these values have a cell already")
        if key == DEFAULT or any(key == other.name for other in cells):
            raise wrong(spot, f"the cell's name {key!r} is taken", "give it a name of its own")
        cells.append(Cell(key, values, money_amount(cell.unit_amount, f"{spot}.unit_amount")))
    return Matrix(tuple(names), tuple(cells), money_amount(given.default, f"{place}.default"))


def cells_of(item: Item, place: str) -> list[Item]:
    """The item of a matrix as one item per cell and one for the rest, in the order of the file; any
    other item as it is. Raises Invalid for a meter whose records can't be put into cells."""
    scheme = item.price.scheme
    if not isinstance(scheme, Matrix):
        return [item]
    series = _series(item.measure, place)
    rules = tuple(
        SegmentRule(
            cell.name,
            tuple(
                (name, (value,)) for name, value in zip(scheme.dimensions, cell.values, strict=True)
            ),
        )
        for cell in scheme.cells
    )
    segments = Segments(item.price.key, rules, DEFAULT)
    rest = Cell(DEFAULT, ("other",), scheme.default)
    found = []
    for cell in (*scheme.cells, rest):
        key = f"{item.price.key}.{cell.name}"
        check_key(key, place)
        price = msgspec.structs.replace(
            item.price,
            key=key,
            scheme=PerUnit(cell.unit_amount),
            description=f"{item.price.description}, {' '.join(cell.values)}",
        )
        measure = msgspec.structs.replace(series, segments=segments, segment=cell.name)
        found.append(Item(price, item.product, measure))
    return found


def _series(measure: Measure | None, place: str) -> Series:
    if not isinstance(measure, Series):
        raise wrong(
            f"{place}.meter",
            "a matrix looks at the dimensions of records, and a formula has none",
            "use a meter that the formula stands on",
        )
    if measure.aggregation is Aggregation.COUNTER:
        raise wrong(f"{place}.meter", "readings of a register can't be put into cells")
    if measure.segment is not None:
        raise wrong(
            f"{place}.meter",
            "its records are those of a segment already",
            "use the meter without a segment, or write a price for each segment",
        )
    return measure
