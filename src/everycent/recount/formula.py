"""Formulas over meters, worked out with two heaps: numbers, and signs that wait for their right side."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from everycent.recount.exact import CannotRecountError

_WORD = re.compile(r"\s*(\d+(?:\.\d+)?|[A-Za-z_]\w*|[-+*/(),])", re.ASCII)
_RANK = {"+": 1, "-": 1, "*": 2, "/": 2, "negate": 3}
_CALLS = ("min", "max", "abs")


def evaluate(expression: str, value_of: Callable[[str], Fraction]) -> Fraction:
    """The value of an expression; `value_of` gives that of a name."""
    values: list[Fraction] = []
    waiting: list[str] = []
    counts: list[int] = []  # how many values each open parenthesis holds so far
    before = "("
    for word in _words(expression):
        if word == "(":
            waiting.append(word)
            counts.append(1)
        elif word in "),":
            while waiting[-1] != "(":
                _apply(waiting.pop(), values)
            if word == ",":
                counts[-1] += 1
            else:
                waiting.pop()
                _call(waiting, counts.pop(), values)
        elif word in _RANK:
            sign = "negate" if word == "-" and before in ("(", ",", *_RANK) else word
            while sign != "negate" and waiting and _RANK.get(waiting[-1], 0) >= _RANK[sign]:
                _apply(waiting.pop(), values)
            waiting.append(sign)
        elif word in _CALLS:
            waiting.append(word)
        else:
            values.append(Fraction(word) if word[0].isdigit() else value_of(word))
        before = word
    while waiting:
        _apply(waiting.pop(), values)
    (value,) = values
    return value


def _words(expression: str) -> list[str]:
    found = _WORD.findall(expression)
    if "".join(found) != re.sub(r"\s", "", expression):
        raise CannotRecountError(f"the formula {expression!r} is not understood")
    return found


def _apply(sign: str, values: list[Fraction]) -> None:
    right = values.pop()
    if sign == "negate":
        values.append(-right)
        return
    left = values.pop()
    if sign == "/":
        if right == 0:
            raise CannotRecountError("the formula divides by zero")
        values.append(left / right)
        return
    values.append(left + right if sign == "+" else left - right if sign == "-" else left * right)


def _call(waiting: list[str], count: int, values: list[Fraction]) -> None:
    """What stands before a parenthesis that has just been closed takes the values in it."""
    if not waiting or waiting[-1] not in _CALLS:
        return
    name = waiting.pop()
    taken = values[-count:]
    del values[-count:]
    values.append(min(taken) if name == "min" else max(taken) if name == "max" else abs(taken[0]))
