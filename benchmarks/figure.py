"""A figure: what every measurement gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the result: `rate` in `unit` per second, beside the rate of its reference."""

    what: str
    size: str
    seconds: float | None
    rate: float | None = None
    unit: str = ""
    reference: float | None = None
    note: str = ""


Say = Callable[[str], None]
