"""Shapes made ready before threads share them.

The library that reads JSON works out how a shape is built when it is first read, and keeps that with the
class. Two threads that do so at the same moment can bring the process down, so one does it for all before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import msgspec

_lock = threading.Lock()
_ready: set[type] = set()


def prepare(shapes: Iterable[type]) -> None:
    """Makes shapes ready; those that are stay as they are."""
    with _lock:
        for shape in shapes:
            if shape not in _ready:
                msgspec.json.Decoder(shape)
                _ready.add(shape)


def prepare_all() -> None:
    """Makes every shape ready that is known by now. What can't be read as such is left out."""
    with _lock:
        for shape in _below(msgspec.Struct):
            if shape not in _ready:
                try:
                    msgspec.json.Decoder(shape)
                except (TypeError, NameError):
                    continue
                _ready.add(shape)


def _below(shape: type) -> list[type]:
    found: list[type] = []
    one: type
    for one in shape.__subclasses__():
        found += [one, *_below(one)]
    return found
