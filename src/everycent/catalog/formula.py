"""Formulas over meters: `max(import_kvarh + export_kvarh - 0.33 * active_kwh, 0)`.

Numbers, names, + - * / and parentheses, and the functions min, max and abs. Evaluation is exact
(fractions); what can't be computed is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from everycent.kernel.errors import Invalid

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]{1,18}(?:\.[0-9]{1,18})?)|(?P<name>[A-Za-z_][A-Za-z0-9_]{0,79})"
    r"|(?P<sign>[-+*/(),]))"
)
_MAX_CHARS = 500
_MAX_DEPTH = 20
_FUNCTIONS: dict[str, Callable[..., Fraction]] = {"min": min, "max": max, "abs": abs}


class Node(NamedTuple):
    """One step of a formula: `kind` is number, name, call, or an operator."""

    kind: str
    text: str
    parts: tuple[Node, ...] = ()


@lru_cache(maxsize=1024)
def parse(expression: str) -> Node:
    """The tree of an expression. Raises Invalid `formula.malformed` with the place of the trouble."""
    if len(expression) > _MAX_CHARS:
        raise _malformed(expression, f"it is longer than {_MAX_CHARS} characters")
    return _Parser(expression).whole()


def names(node: Node) -> set[str]:
    """The meters that the formula needs."""
    if node.kind == "name":
        return {node.text}
    return set().union(*(names(part) for part in node.parts))


def evaluate(node: Node, values: Mapping[str, Fraction]) -> Fraction:
    """The exact value of the formula. Raises Invalid `formula.division_by_zero`."""
    match node.kind:
        case "number":
            return Fraction(node.text)
        case "name":
            return values[node.text]
        case "call":
            return _FUNCTIONS[node.text](*(evaluate(part, values) for part in node.parts))
        case "negate":
            return -evaluate(node.parts[0], values)
    left, right = (evaluate(part, values) for part in node.parts)
    match node.kind:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    if right == 0:
        raise Invalid(
            "formula.division_by_zero",
            "the formula divides by a quantity that is zero here",
            field="formula",
            hint="guard the divisor, for example with max(…, 1)",
        )
    return left / right


def _malformed(expression: str, why: str) -> Invalid:
    return Invalid(
        "formula.malformed",
        f"the formula can't be read: {why}",
        field="formula",
        value=expression,
        hint="use numbers, meter names, + - * / ( ) and min, max, abs",
    )


class _Parser:
    """Recursive descent; each method reads one level of precedence."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(self._split())
        self._depth = 0

    def _split(self) -> Iterator[tuple[str, str]]:
        at, text = 0, self._expression.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise _malformed(text, f"{text[at : at + 10]!r} is not understood")
            at = match.end()
            yield str(match.lastgroup), match[str(match.lastgroup)]

    def _peek(self) -> str:
        return self._tokens[0][1] if self._tokens else ""

    def _take(self, wanted: str | None = None) -> tuple[str, str]:
        if not self._tokens or (wanted is not None and self._peek() != wanted):
            found = repr(self._peek()) if self._tokens else "the end"
            raise _malformed(self._expression, f"expected {wanted or 'a value'}, found {found}")
        return self._tokens.pop(0)

    def whole(self) -> Node:
        node = self._sum()
        if self._tokens:
            raise _malformed(self._expression, f"{self._peek()!r} is left over")
        return node

    def _sum(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _malformed(self._expression, "it is nested too deeply")
        node = self._product()
        while self._peek() in ("+", "-"):
            _, sign = self._take()
            node = Node(sign, sign, (node, self._product()))
        self._depth -= 1
        return node

    def _product(self) -> Node:
        node = self._value()
        while self._peek() in ("*", "/"):
            _, sign = self._take()
            node = Node(sign, sign, (node, self._value()))
        return node

    def _value(self) -> Node:
        kind, text = self._take()
        if kind == "number":
            return Node("number", text)
        if text == "-":
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise _malformed(self._expression, "it is nested too deeply")
            node = Node("negate", "-", (self._value(),))
            self._depth -= 1
            return node
        if text == "(":
            node = self._sum()
            self._take(")")
            return node
        if kind == "name":
            return self._call(text) if self._peek() == "(" else Node("name", text)
        raise _malformed(self._expression, f"expected a value, found {text!r}")

    def _call(self, name: str) -> Node:
        if name not in _FUNCTIONS:
            raise _malformed(self._expression, f"{name} is not a function")
        self._take("(")
        parts = [self._sum()]
        while self._peek() == ",":
            self._take()
            parts.append(self._sum())
        self._take(")")
        if (name == "abs") != (len(parts) == 1):
            raise _malformed(
                self._expression, f"{name} takes {'one' if name == 'abs' else 'two or more'} values"
            )
        return Node("call", name, tuple(parts))
