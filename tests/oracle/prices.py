"""The second engine (`everycent.recount`) as the tests of prices ask it: about the product's own values,
told in the words in which an invoice freezes them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import msgspec

from everycent.recount import price as engine


def of_quantity(scheme: Any, quantity: Fraction) -> Fraction:
    """What the quantity costs under a scheme that looks at nothing else."""
    return engine.of_quantity(msgspec.to_builtins(scheme), quantity)


def of_events(scheme: Any, events: engine.Events) -> Fraction:
    """What the events, each with its value and dimensions, cost together."""
    return engine.of_events(msgspec.to_builtins(scheme), events)


def fees_of(scheme: Any, values: Sequence[Fraction]) -> list[Fraction]:
    """The fee of each event."""
    return engine.fees_of(msgspec.to_builtins(scheme), values)


def of_prorated(scheme: Any, events: Sequence[tuple[int, Fraction]]) -> Fraction:
    """Whole units with the part of them that counts."""
    return engine.of_prorated(msgspec.to_builtins(scheme), events)


def limited(price: Any, amount: Fraction, share: Fraction) -> Fraction:
    """What is owed of an amount."""
    return engine.limited(msgspec.to_builtins(price), amount, share)
