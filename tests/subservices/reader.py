"""A strict reader of the contract of docs/sub-services.md, written from the page alone.

It believes nothing, and shares no code with the sub-services nor with who pulls reports. What it does
not accept is `Refused`.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

SCHEMA = "everycent-accounting/1"
ITEMS = {
    "compute": {"vm_time": "s", "jobs": "1"},
    "storage": {"storage": "B.h", "moved": "B", "files": "1"},
}
ROWS = {"resources": "resources", "report": "lines", "events": "events"}
FIELDS = {
    "resources": ("number", "resource", "customer", "kind", "name", "since", "until"),
    "report": (
        "line", "customer", "resource", "item", "unit", "at", "used", "included", "billable", "events",
    ),
    "events": ("number", "event", "at", "customer", "resource", "item", "unit", "quantity"),
}  # fmt: skip
SUM = ("item", "unit", "used", "included", "billable")
MOST_PAGES = 50
MOST_BYTES = 4_000_000
PATIENCE = 2
PERIOD = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")


class Refused(Exception):  # noqa: N818 - as the product calls it
    """Why an answer is not taken."""


def need(holds: object, why: str) -> None:
    """Raises Refused unless something holds."""
    if not holds:
        raise Refused(why)


class Reader:
    """Who asks one sub-service."""

    def __init__(
        self, port: int, service: str, items: dict[str, str] | None = None, key: str = "sub_fake"
    ) -> None:
        self.port = port
        self.service = service
        self.items = items or ITEMS[service]
        self.key = key
        self.raw: list[bytes] = []
        """Every body that came."""

    def get(self, call: str, **told: str) -> Any:
        """The JSON object of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(
                "GET", f"/{call}?{urlencode(told)}", headers={"Authorization": f"Bearer {self.key}"}
            )
            response = connection.getresponse()
            body, until = b"", time.monotonic() + PATIENCE
            while part := response.read1(65_536):
                body += part
                need(len(body) < MOST_BYTES, "too long")
                need(time.monotonic() < until, "too slow")
            need(not response.length, "cut off")
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()
        self.raw.append(body)
        need(response.status == 200, f"status {response.status}")
        need(response.headers["content-type"] == "application/json", "not JSON")
        need(response.headers["content-encoding"] is None, "compressed")
        found = strict_json(body)
        need(isinstance(found, dict), "no object")
        need(found.get("schema") == SCHEMA, "another schema")
        need(found.get("service") == self.service, "another service")
        need(found.get("call") == call, "another call")
        return found

    def pull(self, call: str, period: tuple[str, str] = PERIOD, **told: str) -> list[Any]:
        """The rows of all pages of an answer, checked."""
        asked = {"from": period[0], "to": period[1]} | told
        rows: list[Any] = []
        snapshot, after, trailer = None, None, None
        for number in range(1, MOST_PAGES + 1):
            more = {} if after is None else {"after": after, "snapshot": snapshot}
            page = self.get(call, **asked, **more)
            is_last = page.get("next") is None
            head = {
                "schema",
                "service",
                "call",
                "from",
                "to",
                "snapshot",
                "page",
                "next",
                ROWS[call],
            }
            need(set(page) - {"trailer"} == head, f"fields {sorted(page)}")
            need(
                (page.get("trailer") is not None) == is_last, "a trailer where there should be none"
            )
            need((page["from"], page["to"]) == period, "another period")
            need(type(page["page"]) is int and page["page"] == number, "another page")
            need(isinstance(page["snapshot"], str) and page["snapshot"], "no snapshot")
            need(snapshot in (None, page["snapshot"]), "another snapshot")
            need(isinstance(page[ROWS[call]], list), "no rows")
            rows += page[ROWS[call]]
            snapshot, after = page["snapshot"], page["next"]
            if is_last:
                trailer = page["trailer"]
                break
            need(page[ROWS[call]], "an empty page")
            need(isinstance(after, str) and after, "no cursor")
        need(trailer is not None, "no end")
        self._check(call, rows, trailer, period, told)
        return rows

    def report(self, period: tuple[str, str] = PERIOD) -> list[Any]:
        """The lines of a report, checked against the resources and the events."""
        resources = {r["resource"]: r["customer"] for r in self.pull("resources", period)}
        lines = self.pull("report", period)
        for line in lines:
            need(resources.get(line["resource"]) == line["customer"], "a line of no resource")
        need(set(resources) == {line["resource"] for line in lines}, "a resource without a line")
        for customer, item in sorted({(line["customer"], line["item"]) for line in lines}):
            events = self.pull("events", period, customer=customer, item=item)
            for line in lines:
                if (line["customer"], line["item"]) == (customer, item):
                    behind = [one for one in events if one["resource"] == line["resource"]]
                    total = sum((Decimal(one["quantity"]) for one in behind), Decimal(0))
                    need(total == Decimal(line["used"]), "events don't add up to their line")
                    need(len(behind) == line["events"], "another number of events")
            resources_of = {one["resource"] for one in lines if one["item"] == item}
            need({one["resource"] for one in events} <= resources_of, "events of no line")
        return lines

    def usage(self, customer: str) -> list[Any]:
        """What a customer has used so far, checked."""
        found = self.get("usage", customer=customer)
        need(
            set(found) == {"schema", "service", "call", "customer", "at", "from", "usage"}, "fields"
        )
        need(found["customer"] == customer, "another customer")
        need(instant(found["from"]) <= instant(found["at"]), "began later")
        need(isinstance(found["usage"], list), "no list")
        for row in found["usage"]:
            need(isinstance(row, dict) and set(row) == {"resource", *SUM}, "fields of a row")
            text(row["resource"])
            need(
                isinstance(row["item"], str) and self.items.get(row["item"]) == row["unit"], "unit"
            )
            used, included, billable = (amount(row[name]) for name in SUM[2:])
            need(used == included + billable, "does not add up")
        return found["usage"]  # type: ignore[no-any-return]

    def chart(
        self, item: str, step: str, period: tuple[str, str] = PERIOD, **told: str
    ) -> dict[str, Decimal]:
        """Use over time, checked: amounts by instant."""
        asked = {"item": item, "step": step, "from": period[0], "to": period[1]} | told
        found = self.get("chart", **asked)
        head = {"schema", "service", "call", "item", "unit", "step", "from", "to", "points"}
        need(set(found) == head, "fields")
        need(
            all(found[name] == asked[name] for name in ("item", "step", "from", "to")),
            "not asked for",
        )
        need(found["unit"] == self.items[item], "unit")
        need(isinstance(found["points"], list), "no list")
        points: dict[str, Decimal] = {}
        for point in found["points"]:
            need(isinstance(point, dict) and set(point) == {"at", "used"}, "fields of a point")
            need(
                instant(period[0]) <= instant(point["at"]) < instant(period[1]), "not in the period"
            )
            points[point["at"]] = amount(point["used"])
        need(len(points) == len(found["points"]), "a point twice")
        return points

    def whole(self, call: str) -> None:
        """A call with everything that can contradict it."""
        if call == "usage":
            self.usage("acme")
        elif call == "chart":
            self.chart("jobs", "day")
        else:
            self.report()

    def told(self) -> list[bytes]:
        """Every body that came, without what is another one each time."""
        return [
            re.sub(rb"s-[0-9a-f]{16}|20[0-9T:-]+Z(?=\",\"from)", b"", body) for body in self.raw
        ]

    def _check(
        self,
        call: str,
        rows: list[Any],
        trailer: Any,
        period: tuple[str, str],
        told: dict[str, str],
    ) -> None:
        number = FIELDS[call][0]
        for expected, row in enumerate(rows, start=1):
            need(isinstance(row, dict) and set(row) == set(FIELDS[call]), "fields of a row")
            need(type(row[number]) is int and row[number] == expected, "numbers")
            text(row["resource"], row["customer"])
            if call == "resources":
                self._resource(row, period)
            else:
                self._use(call, row, period, told)
        unique = {
            "resources": lambda row: row["resource"],
            "report": lambda row: (row["resource"], row["item"]),
            "events": lambda row: row["event"],
        }[call]
        need(len(set(map(unique, rows))) == len(rows), "a row twice")
        need(isinstance(trailer, dict) and set(trailer) == {"rows", "sums", "digest"}, "trailer")
        need(
            type(trailer["rows"]) is int and trailer["rows"] == len(rows), "another number of rows"
        )
        need(trailer["digest"] == digest(call, rows), "another digest")
        need(trailer["sums"] == (sums(rows) if call == "report" else []), "other sums")

    def _resource(self, row: Any, period: tuple[str, str]) -> None:
        text(row["kind"], row["name"])
        need(instant(row["since"]) < instant(period[1]), "began later")
        need(row["until"] is None or instant(row["until"]) > instant(period[0]), "ended before")

    def _use(self, call: str, row: Any, period: tuple[str, str], told: dict[str, str]) -> None:
        need(isinstance(row["item"], str) and self.items.get(row["item"]) == row["unit"], "unit")
        need(instant(period[0]) <= instant(row["at"]) < instant(period[1]), "not in the period")
        if call == "events":
            text(row["event"])
            amount(row["quantity"])
            need(all(row[name] == wanted for name, wanted in told.items()), "not asked for")
            return
        used, included, billable = (amount(row[name]) for name in ("used", "included", "billable"))
        need(used == included + billable, "does not add up")
        need(type(row["events"]) is int and row["events"] >= (1 if used else 0), "events")


def strict_json(body: bytes) -> Any:
    """JSON in UTF-8 without anything that two readers could understand in two ways."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len({name for name, _ in pairs}) == len(pairs), "a field twice")
        return dict(pairs)

    def never(what: str) -> Any:
        raise Refused(f"the number {what}")

    try:
        told = body.decode("utf-8")
        need(not told.startswith("\ufeff"), "a byte order mark")
        found = json.loads(told, object_pairs_hook=once, parse_float=never, parse_constant=never)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refused(f"not JSON: {error}") from error
    return found


def text(*values: Any) -> None:
    """Texts that are not empty."""
    for value in values:
        need(isinstance(value, str) and value, f"no text: {value!r}")


def amount(value: Any) -> Decimal:
    """A quantity."""
    need(isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,18})?", value), "quantity")
    return Decimal(value)


def instant(value: Any) -> datetime:
    """An instant."""
    need(
        isinstance(value, str) and re.fullmatch(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]+)?Z", value),
        "instant",
    )
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError as error:
        raise Refused(f"instant: {error}") from error


def digest(call: str, rows: list[Any]) -> str:
    """SHA-256 over the rows with their fields in the order of the page."""
    lines = [
        json.dumps(
            {name: row[name] for name in FIELDS[call]}, ensure_ascii=False, separators=(",", ":")
        )
        for row in rows
    ]
    return hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()


def sums(rows: list[Any]) -> list[Any]:
    """The sums of lines by item."""
    found: dict[str, Any] = {}
    for row in rows:
        one = found.setdefault(row["item"], {"item": row["item"], "unit": row["unit"]})
        for name in SUM[2:]:
            one[name] = Decimal(row[name]) + one.get(name, 0)
    return [
        {
            name: shortest(found[item][name]) if name in SUM[2:] else found[item][name]
            for name in SUM
        }
        for item in sorted(found)
    ]


def shortest(value: Decimal) -> str:
    """The shortest plain digits."""
    told = f"{value:f}"
    return told.rstrip("0").rstrip(".") if "." in told else told
