"""Where the examples' data are (beside the package when it is installed, else in the checkout), and the
stories, which are part of the package."""

from __future__ import annotations

from pathlib import Path

_INSTALLED = Path(__file__).with_name("data")
_CHECKOUT = Path(__file__).parents[3] / "examples"


def folder(name: str) -> Path:
    """The folder of an example's data."""
    return (_INSTALLED if _INSTALLED.is_dir() else _CHECKOUT) / name


STORIES = {
    "hotel": "Bill a stay at a hotel: nights by season, mini-bar, one bill at check-out, less the deposit.",
    "internet": "Bill a line in advance and its traffic by tiers, suspended and resumed.",
    "ads": "Bill impressions and clicks, and credit the publisher with its share.",
    "saas": "Bill software by the seat: two weeks free, then seats, an upgrade, a coupon, prepaid credit.",
}
"""The shipped stories by name, and what each is about."""

STARTER = Path(__file__).with_name("starter.yaml")
"""A story with comments to begin one's own with."""


def story(name: str) -> Path:
    """The file of a shipped story."""
    return Path(__file__).with_name("stories") / f"{name}.yaml"
