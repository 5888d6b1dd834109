"""Differences between what an invoice says and what the recount found, each told in words."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from everycent.recount.exact import text_of


class Difference(NamedTuple):
    """Where something differs (a line and a part of it, a tax, the invoice), what it is, what the invoice
    says of it, and what was found."""

    where: str
    what: str
    said: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} is {self.said}, and {self.found} when counted again"


class Differences:
    """Gathers differences, each with where it is."""

    def __init__(self, where: str = "", told: list[Difference] | None = None) -> None:
        self.told: list[Difference] = [] if told is None else told
        self._where = where

    def within(self, where: str) -> Differences:
        """The same list, for what concerns this part."""
        return Differences(f"{self._where}, {where}" if self._where else where, self.told)

    def compare(self, what: str, said: str | int | Fraction, found: Fraction) -> None:
        """Two numbers that should be the same."""
        if Fraction(said) != found:
            self._tell(what, str(said), text_of(found))

    def compare_texts(self, what: str, said: object, found: object) -> None:
        """Two values of any kind that should be the same."""
        if said != found:
            self._tell(what, str(said), str(found))

    def refuse(self, why: str) -> None:
        """Something that can't be counted again."""
        self._tell("the calculation", "there", f"can't be followed: {why}")

    def _tell(self, what: str, said: str, found: str) -> None:
        self.told.append(Difference(self._where or "the invoice", what, said, found))
