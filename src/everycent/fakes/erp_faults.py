"""Faults that can be put while a fake ERP runs: which there are, for which requests, how often."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from everycent.fakes.erp_mutations import MUTATIONS
from everycent.fakes.faults import milliseconds
from everycent.kernel.errors import Invalid, NotFound

KINDS = {
    "refuse_connection": "resets a new connection before anything is read",
    "close_before": "closes the connection and stores nothing",
    "close_after": "stores, then closes the connection without an answer",
    "hang_before": "stores nothing and never answers",
    "hang_after": "stores and never answers",
    "late_commit": "never answers, and stores `seconds` after the request came (1 unless told)",
    "error_500_before": "answers 500 and stores nothing",
    "error_500_after": "stores and answers 500",
    "exception_page": "stores and answers 500 with a page that shows an exception",
    "error_503": "answers 503 with Retry-After (`seconds`, 1 unless told) and stores nothing",
    "rate_limit": "answers 429 with Retry-After (`seconds`, 1 unless told) and stores nothing",
    "slow_loris": "stores and sends its answer one byte at a time",
    "truncated": "stores and closes the connection in the middle of the answer",
    "garbage": "stores and answers with bytes that are not HTTP",
    "html": "stores and answers 200 with a page instead of JSON",
    "huge_body": "stores and answers with 100 MB",
    "gzip_bomb": "stores and answers compressed, 64 MB of nothing, though nobody asked for that",
    "redirect_307": "answers 307 with another address and stores nothing",
    "slow": "waits `seconds` before it does anything (1 unless told), then does everything right",
    "amnesia": "answers well and stores nothing, neither the batch nor its documents; with a "
    "`reference` only this document is lost",
    "twice": "stores two bills for the reference, or for all of them",
    "reject": "rejects new documents with the reason after the colon, as in reject:unknown customer",
    "mutate": "stores, and changes its answer as the name after the colon says",
}
"""Every fault with what it does."""
OF_DELIVERIES = frozenset({"amnesia", "twice", "reject", "late_commit"})
"""Faults that happen to deliveries only."""
PLACES = ("reference", "path")
"""What a fault can be restricted to. A path is `/batches` or `/documents`, or `GET /documents`."""
_WITH_DETAIL = ("reject", "mutate")
_KNOWN = {"fault", "where", "times", "chance", "seed", "seconds"}


class Fault(NamedTuple):
    """What happens to one request: `detail` is what stands after the colon, `wait` milliseconds,
    `only` the reference that it is about."""

    name: str
    detail: str | None = None
    wait: int | None = None
    only: str | None = None


class Asked(NamedTuple):
    """What of a request decides which fault hits it."""

    verb: str
    path: str
    references: frozenset[str] = frozenset()


class Switch:
    """A fault that was put, and how often it will still happen (`times`; None: for ever)."""

    def __init__(
        self,
        number: int,
        fault: Fault,
        path: str | None,
        times: int | None,
        chance: Decimal,
        seed: int,
    ) -> None:
        self.number = number
        self.fault = fault
        self.path = path
        self.times = times
        self.chance = chance
        self._random = Random(seed)  # noqa: S311 - faults have to be the same again, not secret

    def hits(self, asked: Asked) -> bool:
        """Whether it happens to this request; counts down when it does."""
        name, _, _, only = self.fault
        if self.times == 0 or name == "refuse_connection":
            return False
        if self.path is None and asked.verb != "POST":
            return False
        if self.path not in (None, asked.path, f"{asked.verb} {asked.path}"):
            return False
        if name in OF_DELIVERIES and asked.verb != "POST":
            return False
        return (only is None or only in asked.references) and self._happens()

    def refuses(self) -> bool:
        """Whether it resets a connection that has just been opened; counts down when it does."""
        return self.fault.name == "refuse_connection" and self.times != 0 and self._happens()

    def _happens(self) -> bool:
        if self.chance < 1 and self._random.random() >= self.chance:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def shown(self) -> dict[str, Any]:
        """The switch as plain data."""
        name, detail, wait, only = self.fault
        where = {"reference": only, "path": self.path}
        return {
            "id": self.number,
            "fault": name if detail is None else f"{name}:{detail}",
            "where": {name: text for name, text in where.items() if text is not None},
            "times": self.times,
            "chance": str(self.chance),
            "seconds": None if wait is None else str(Decimal(wait) / 1000),
        }


class Faults:
    """All faults that were put, in the order in which they were."""

    def __init__(self) -> None:
        self.switches: list[Switch] = []
        self._number = 0

    def put(self, told: Mapping[str, Any]) -> Switch:
        """Puts a fault as it is told to the admin API. Raises Invalid `fake.bad_fault`."""
        switch = _switch_of(self._number + 1, told)
        self._number += 1
        self.switches.append(switch)
        return switch

    def match(self, asked: Asked) -> Fault | None:
        """The first fault that happens to the request."""
        return next((s.fault for s in self.switches if s.hits(asked)), None)

    def refuses_connection(self) -> bool:
        """Whether a connection that has just been opened is reset."""
        return any(switch.refuses() for switch in self.switches)

    def take_away(self, number: int | None = None) -> None:
        """Takes one fault away, or all of them. Raises NotFound `fake.no_such_fault`."""
        kept = [] if number is None else [s for s in self.switches if s.number != number]
        if number is not None and len(kept) == len(self.switches):
            raise NotFound("fake.no_such_fault", f"there is no fault {number}", field="id")
        self.switches = kept


def _switch_of(number: int, told: Mapping[str, Any]) -> Switch:
    for name in told:
        if name not in _KNOWN:
            raise _bad(name, told[name], "a field that is known: " + ", ".join(sorted(_KNOWN)))
    where = told.get("where") or {}
    if not isinstance(where, dict) or not all(
        name in PLACES and isinstance(text, str) for name, text in where.items()
    ):
        raise _bad("where", where, "an object of texts, restricted by " + ", ".join(PLACES))
    chance = told.get("chance", 1)
    if type(chance) not in (int, Decimal) or not 0 <= chance <= 1:
        raise _bad("chance", chance, "a number from 0 to 1")
    name, detail = _named(told.get("fault"))
    wait = milliseconds(told.get("seconds"), "seconds")
    fault = Fault(name, detail, wait, where.get("reference"))
    seed = _whole(told, "seed") or 0
    return Switch(number, fault, where.get("path"), _whole(told, "times"), Decimal(chance), seed)


def _named(told: Any) -> tuple[str, str | None]:
    name, _, detail = told.partition(":") if isinstance(told, str) else ("", "", "")
    if name not in KINDS or bool(detail) != (name in _WITH_DETAIL):
        raise _bad("fault", told, "one of " + ", ".join(KINDS))
    if name == "mutate" and detail not in MUTATIONS:
        raise _bad("fault", told, "mutate: and one of " + ", ".join(MUTATIONS))
    return name, detail or None


def _whole(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise _bad(name, value, "a whole number, 0 or more")
    return value


def _bad(field: str, value: Any, wanted: str) -> Invalid:
    return Invalid(
        "fake.bad_fault", f"{field} is not {wanted}", field=field, value=value,
        hint="docs/fake-erp.md lists the faults",
    )  # fmt: skip
