"""Where the examples' data are: beside the package when it is installed, else in the checkout."""

from __future__ import annotations

from pathlib import Path

_INSTALLED = Path(__file__).with_name("data")
_CHECKOUT = Path(__file__).parents[3] / "examples"


def folder(name: str) -> Path:
    """The folder of an example's data."""
    return (_INSTALLED if _INSTALLED.is_dir() else _CHECKOUT) / name
