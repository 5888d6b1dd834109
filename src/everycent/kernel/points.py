"""Named points in the course of work, at which tests stop a process, kill it or hold it.

Every commit and every call to the outside on the way of a payment has one before and one after it. They
do nothing unless a test has put a function in their place.
"""

from __future__ import annotations

from collections.abc import Callable

_on_reach: Callable[[str], None] | None = None


def reach(name: str) -> None:
    """Says that the process has come to the point `name`."""
    if _on_reach is not None:
        _on_reach(name)


def on_reach(action: Callable[[str], None] | None) -> None:
    """From here on `action` is called with the name of every point that this process comes to."""
    global _on_reach
    _on_reach = action
