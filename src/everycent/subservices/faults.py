"""Faults that can be put while a sub-service runs: which there are, for which calls, how often."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from everycent.kernel.errors import Invalid, NotFound
from everycent.kernel.near import meant
from everycent.subservices.contract import CALLS
from everycent.subservices.mutations import MUTATIONS, fits

KINDS = {
    "down": "resets a new connection before anything is read",
    "close": "closes the connection without an answer",
    "error_500": "answers 500",
    "error_503": "answers 503 with Retry-After (`seconds`, 1 unless told)",
    "rate_limit": "answers 429 with Retry-After (`seconds`, 1 unless told)",
    "exception_page": "answers 500 with a page that shows an exception",
    "snapshot_gone": "answers 409, the snapshot is gone",
    "unauthorized": "answers 401, although the key is right",
    "hang": "never answers",
    "slow": "waits `seconds` before it answers (1 unless told), then answers well",
    "slow_loris": "sends its answer one byte at a time",
    "cut": "closes the connection after `bytes` of the answer's body, or in its middle",
    "garbage": "answers with bytes that are not HTTP",
    "status": "answers with the status after the colon and the true body, as in status:206",
    "html": "answers 200 with a page instead of JSON",
    "huge": "answers with 100 MB",
    "gzip": "answers compressed, though nobody asked for that",
    "gzip_bomb": "answers compressed, 64 MB of nothing",
    "redirect": "answers 307 with another address",
    "mutate": "spoils the answer as the name after the colon says, all pages of one pull",
}
"""Every fault with what it does."""
PLACES = ("call", "page")
"""What a fault can be restricted to: one of the five calls, and the number of a page, or `last`."""
_WITH_DETAIL = ("mutate", "status")
_KNOWN = {"fault", "where", "times", "chance", "seed", "seconds", "bytes"}


class Fault(NamedTuple):
    """What happens: `detail` is what stands after the colon, `wait` milliseconds, `size` bytes."""

    name: str
    detail: str | None = None
    wait: int | None = None
    size: int | None = None


class Switch:
    """A fault that was put, and how often it will still happen (`times`; None: for ever)."""

    def __init__(
        self,
        number: int,
        fault: Fault,
        where: Mapping[str, str],
        times: int | None,
        lots: tuple[Decimal, int] = (Decimal(1), 0),
    ) -> None:
        self.number = number
        self.fault = fault
        self.where = dict(where)
        self.times = times
        self.chance, seed = lots
        self._random = Random(seed)  # noqa: S311 - faults have to be the same again, not secret

    def is_about(self, call: str, page: int, *, is_last: bool) -> bool:
        """Whether it is there for this answer."""
        wanted = self.where.get("page")
        return (
            self.where.get("call") in (None, call)
            and (wanted in (None, str(page)) or (wanted == "last" and is_last))
            and self.times != 0
        )

    def happens(self) -> bool:
        """Whether it happens this time; counts down when it does."""
        if self.times == 0 or (self.chance < 1 and self._random.random() >= self.chance):
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def shown(self) -> dict[str, Any]:
        """The switch as plain data."""
        name, detail, wait, size = self.fault
        return {
            "id": self.number,
            "fault": name if detail is None else f"{name}:{detail}",
            "where": self.where,
            "times": self.times,
            "chance": str(self.chance),
            "seconds": None if wait is None else str(Decimal(wait) / 1000),
            "bytes": size,
        }


class Faults:
    """All faults that were put, in the order in which they were."""

    def __init__(self) -> None:
        self.switches: list[Switch] = []
        self._number = 0

    def put(self, told: Mapping[str, Any]) -> Switch:
        """Puts a fault as it is told to the admin API. Raises Invalid `subservice.bad_fault`."""
        switch = _switch_of(self._number + 1, told)
        self._number += 1
        self.switches.append(switch)
        return switch

    def refuses_connection(self) -> bool:
        """Whether a connection that has just been opened is reset."""
        return any(s.fault.name == "down" and s.happens() for s in self.switches)

    def match(self, call: str, page: int, *, is_last: bool) -> Fault | None:
        """The first fault that happens to an answer, mutations aside."""
        for switch in self.switches:
            is_of_answers = switch.fault.name not in ("down", "mutate")
            is_about = is_of_answers and switch.is_about(call, page, is_last=is_last)
            if is_about and switch.happens():
                return switch.fault
        return None

    def mutation(self, call: str, rows: int) -> str | None:
        """The first mutation that happens to a pull that begins. What doesn't fit it stays for another."""
        for switch in self.switches:
            name, detail, *_ = switch.fault
            if name != "mutate" or detail is None or switch.where.get("call") not in (None, call):
                continue
            if fits(detail, call, rows) and switch.happens():
                return detail
        return None

    def take_away(self, number: int | None = None) -> None:
        """Takes one fault away, or all of them. Raises NotFound `subservice.no_such_fault`."""
        kept = [] if number is None else [s for s in self.switches if s.number != number]
        if number is not None and len(kept) == len(self.switches):
            raise NotFound("subservice.no_such_fault", f"there is no fault {number}", field="id")
        self.switches = kept


def _switch_of(number: int, told: Mapping[str, Any]) -> Switch:
    for name in told:
        if name not in _KNOWN:
            raise _bad(name, told[name], "a field that is known: " + ", ".join(sorted(_KNOWN)))
    chance = told.get("chance", 1)
    if type(chance) not in (int, Decimal) or not 0 <= chance <= 1:
        raise _bad("chance", chance, "a number from 0 to 1")
    seconds = told.get("seconds")
    if seconds is not None and (type(seconds) not in (int, Decimal) or not 0 <= seconds <= 86_400):
        raise _bad("seconds", seconds, "a number of seconds from 0 to 86400")
    wait = None if seconds is None else int(seconds * 1000)
    name, detail = _named(told.get("fault"))
    where = _where(told.get("where") or {})
    if name == "mutate" and ("page" in where or where.get("call", "") not in ("", *_calls(detail))):
        raise _bad("where", where, f"a call that {detail} can spoil: {', '.join(_calls(detail))}")
    fault = Fault(name, detail, wait, _whole(told, "bytes"))
    return Switch(
        number, fault, where, _whole(told, "times"), (Decimal(chance), _whole(told, "seed") or 0)
    )


def _calls(mutation: str | None) -> list[str]:
    return [call for call in CALLS if mutation and call in MUTATIONS[mutation].calls]


def _where(told: Any) -> dict[str, str]:
    if not isinstance(told, dict) or not set(told) <= set(PLACES):
        raise _bad("where", told, "an object, restricted by " + ", ".join(PLACES))
    where = {name: str(value) for name, value in told.items()}
    if where.get("call", "") not in ("", *CALLS):
        raise _bad("call", where["call"], "one of " + ", ".join(CALLS))
    page = where.get("page", "last")
    if page != "last" and not (page.isascii() and page.isdigit()):
        raise _bad("page", page, "the number of a page, or last")
    return where


def _named(told: Any) -> tuple[str, str | None]:
    name, _, detail = told.partition(":") if isinstance(told, str) else ("", "", "")
    if name not in KINDS or bool(detail) != (name in _WITH_DETAIL):
        raise _bad("fault", told, "one of " + ", ".join(KINDS))
    if name == "mutate" and detail not in MUTATIONS:
        raise _bad("fault", told, "a mutation: " + (meant(detail, MUTATIONS) or "see the list"))
    if name == "status" and not (
        detail.isascii() and detail.isdigit() and 200 <= int(detail) < 600
    ):
        raise _bad("fault", told, "a status from 200 to 599")
    return name, detail or None


def _whole(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise _bad(name, value, "a whole number, 0 or more")
    return value


def _bad(field: str, value: Any, wanted: str) -> Invalid:
    return Invalid(
        "subservice.bad_fault", f"{field} is not {wanted}", field=field, value=value,
        hint="docs/sub-services.md lists the faults",
    )  # fmt: skip
