"""Faults that can be put while a fake provider runs: which there are, for which requests, how often."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from everycent.kernel.errors import Invalid, NotFound

KINDS = {
    "refuse_connection": "resets a new connection before anything is read",
    "close_before_charge": "closes the connection and charges nothing",
    "close_after_charge": "charges, then closes the connection without an answer",
    "hang_before_charge": "charges nothing and never answers",
    "hang_after_charge": "charges and never answers",
    "late_commit": "charges `seconds` after the request came, although the client may be gone",
    "error_500_before": "answers 500 and charges nothing",
    "error_500_after": "charges and answers 500",
    "error_502": "answers 502 with a page, as a proxy would, and charges nothing",
    "error_503_not_processed": "answers 503 and says that nothing was processed",
    "rate_limit": "answers 429 with Retry-After (`seconds`, 1 unless told) and charges nothing",
    "slow_loris": "charges and sends its answer one byte at a time",
    "truncated": "charges and closes the connection in the middle of the answer",
    "garbage": "charges and answers with bytes that are not HTTP",
    "html": "charges and answers 200 with a page instead of JSON",
    "huge_body": "charges and answers with 100 MB",
    "gzip_bomb": "charges and answers compressed, 64 MB of nothing, though nobody asked for that",
    "wrong_amount": "charges what is asked and says another amount",
    "wrong_amount_charged": "charges another amount (`amount`, one more unless told) and says so",
    "wrong_currency": "charges what is asked and says another currency",
    "crossed": "swaps its answer with that of the next request that this fault hits",
    "duplicate_key_json": "charges and answers with JSON in which `amount` stands twice",
    "pending": "says pending; after `seconds` it is captured, or declined with `code`",
    "authentication": "answers 202: pending until the customer has agreed at `action_url`",
    "decline": "declines with the code after the colon, as in decline:stolen_card",
    "redirect_307": "answers 307 with another address and charges nothing",
    "forget_lookup": "a look-up says that there is nothing, though it was charged",
    "partial": "takes only `amount` (half unless told) and says so",
    "slow": "waits `seconds` before it does anything, then does everything right",
}
"""Every fault with what it does. `charges` means: gives back, where a refund is asked for."""
OF_LOOK_UPS = frozenset({"forget_lookup"})
PLACES = ("reference", "payer", "method", "path")
"""What a fault can be restricted to. A path is `/charges`, or `GET /charges` for look-ups alone."""


class Fault(NamedTuple):
    """What happens to one request. `wait` is in milliseconds, `amount` in minor units."""

    name: str
    wait: int | None = None
    amount: int | None = None
    code: str | None = None


class Asked(NamedTuple):
    """What of a request decides which fault hits it."""

    verb: str
    path: str
    reference: str | None = None
    payer: str | None = None
    method: str | None = None

    def is_at(self, where: Mapping[str, str]) -> bool:
        """Whether the request is one of those that `where` names."""
        return all(
            told in (self.path, f"{self.verb} {self.path}")
            if name == "path"
            else getattr(self, name) == told
            for name, told in where.items()
        )


class Switch:
    """A fault that was put, and how often it will still happen (`times`; None: for ever)."""

    def __init__(
        self,
        number: int,
        fault: Fault,
        where: Mapping[str, str],
        times: int | None,
        chance: Decimal,
        seed: int,
    ) -> None:
        self.number = number
        self.fault = fault
        self.where = where
        self.times = times
        self.chance = chance
        self._random = Random(seed)  # noqa: S311 - faults have to be the same again, not secret

    def hits(self, asked: Asked) -> bool:
        """Whether it happens to this request; counts down when it does."""
        name = self.fault.name
        if self.times == 0 or name == "refuse_connection" or not asked.is_at(self.where):
            return False
        if "path" not in self.where and (asked.verb == "GET") != (name in OF_LOOK_UPS):
            return False
        return self._happens()

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
        name, wait, amount, code = self.fault
        return {
            "id": self.number,
            "fault": f"{name}:{code}" if name == "decline" else name,
            "where": dict(self.where),
            "times": self.times,
            "chance": str(self.chance),
            "seconds": None if wait is None else str(Decimal(wait) / 1000),
            "amount": amount,
            "code": code,
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


def fault_named(text: str, **told: Any) -> Fault:
    """A fault by its name, `decline:CODE` with the code. Raises Invalid `fake.bad_fault`."""
    name, _, code = text.partition(":")
    if name not in KINDS or bool(code) != (name == "decline"):
        raise _bad("fault", text, "one of " + ", ".join(KINDS) + "; decline needs a code")
    return Fault(name, told.get("wait"), told.get("amount"), code or told.get("code"))


def milliseconds(told: Any, field: str) -> int | None:
    """Seconds as they are told in JSON, in milliseconds. Raises Invalid `fake.bad_fault`."""
    if told is None:
        return None
    if type(told) not in (int, Decimal) or not 0 <= told <= 86_400:
        raise _bad(field, told, "a number of seconds from 0 to 86400")
    return int(told * 1000)


def _switch_of(number: int, told: Mapping[str, Any]) -> Switch:
    known = {"fault", "where", "times", "chance", "seed", "seconds", "amount", "code"}
    for name in told:
        if name not in known:
            raise _bad(name, told[name], "a field that is known: " + ", ".join(sorted(known)))
    fault = fault_named(
        _text(told, "fault") or "",
        wait=milliseconds(told.get("seconds"), "seconds"),
        amount=_whole(told, "amount", 1),
        code=_text(told, "code"),
    )
    chance = told.get("chance", 1)
    if type(chance) not in (int, Decimal) or not 0 <= chance <= 1:
        raise _bad("chance", chance, "a number from 0 to 1")
    times, seed = _whole(told, "times", 0), _whole(told, "seed", 0)
    return Switch(number, fault, _where(told.get("where")), times, Decimal(chance), seed or 0)


def _where(told: Any) -> dict[str, str]:
    if told is None:
        return {}
    if not isinstance(told, dict) or not all(isinstance(text, str) for text in told.values()):
        raise _bad("where", told, "an object of texts")
    for name in told:
        if name not in PLACES:
            raise _bad("where", name, "restricted by " + ", ".join(PLACES))
    return told


def _text(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    if value is not None and not isinstance(value, str):
        raise _bad(name, value, "a text")
    return value


def _whole(told: Mapping[str, Any], name: str, least: int) -> int | None:
    value = told.get(name)
    if value is not None and (type(value) is not int or value < least):
        raise _bad(name, value, f"a whole number, {least} or more")
    return value


def _bad(field: str, value: Any, wanted: str) -> Invalid:
    return Invalid(
        "fake.bad_fault", f"{field} is not {wanted}", field=field, value=value,
        hint="docs/fake-provider.md lists the faults",
    )  # fmt: skip
