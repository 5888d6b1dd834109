"""The fake provider as a whole: its bank on the disk, its faults, its settings, its clock and its post."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from everycent.fakes.bank import Bank, Terms
from everycent.fakes.faults import Faults
from everycent.fakes.lines import Lines
from everycent.fakes.webhooks import Manner, Post, signature
from everycent.fakes.words import Record, Said
from everycent.kernel.errors import Invalid

MODES = ("idempotent", "forgetful")


class Settings(NamedTuple):
    """What can be switched at run time. `latency` in milliseconds, `window` in seconds."""

    mode: str = "idempotent"
    looks_up: bool = True
    latency: int = 0
    window: int = 86_400
    strict: bool = False
    fee_basis_points: int = 0
    key: str = "sk_fake"
    webhook: Manner = Manner()

    @property
    def terms(self) -> Terms:
        """What of it the bank has to know."""
        remembers = timedelta(seconds=self.window) if self.mode == "idempotent" else None
        return Terms(remembers, self.strict, self.fee_basis_points)

    def shown(self) -> Record:
        """The settings without secrets."""
        webhook = self.webhook._asdict()
        del webhook["secret"]
        told = self._asdict() | {"webhook": webhook}
        del told["key"]
        return told


class Service:
    """One fake provider, in one event loop."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Opens the ledger in the folder. Raises Unavailable, Broken and Invalid like what it opens."""
        self.settings = checked(settings)
        self.faults = Faults()
        self.lines = Lines(folder / "ledger.jsonl")
        self.bank = Bank(record for line in self.lines.read for record in line["records"])
        self.lines.read.clear()
        self.open_calls = 0
        self.most_open_calls = 0
        self.crossing: tuple[Said, asyncio.Future[Said]] | None = None
        self._later: set[asyncio.Task[None]] = set()
        self.post: Post | None = None

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)

    def start(self) -> None:
        """Goes on with what was pending, and with events that nobody has taken yet."""
        self.post = Post(self._taken)
        for kind, table in (("charge", self.bank.charges), ("refund", self.bank.refunds)):
            for one in table.values():
                self._settle_later(kind, one)
        waiting = [e for e in self.bank.events.values() if e.get("due") and not e.get("taken")]
        self.tell(waiting, self.settings.webhook)

    async def close(self) -> None:
        """Ends what was to happen later and closes the ledger."""
        for task in self._later:
            task.cancel()
        if self.post is not None:
            await self.post.close()
        await self.lines.close()

    def count_request(self, reference: str) -> None:
        """Writes down that a request for money came."""
        self._append([{"kind": "request", "told": {"reference": reference}}])

    def keep(self, records: list[Record]) -> None:
        """Takes records into the bank and towards the disk, all or none of them, and tells of events."""
        if not records:
            return
        events = [record["told"] for record in records if record["kind"] == "event"]
        is_due = self.settings.webhook.url is not None and not self.settings.webhook.drop
        for event in events:
            event["due"] = is_due
        self._append(records)
        for record in records:
            if record["kind"] in ("charge", "refund"):
                self._settle_later(record["kind"], record["told"])
        if events and is_due:
            self._in_background(self._tell_when_durable(events))

    def tell(self, events: list[Record], manner: Manner) -> None:
        """Sends events in the way told."""
        if self.post is not None:
            names = ("id", "type", "data", "created")
            self.post.send([{name: event[name] for name in names} for event in events], manner)

    def change(self, told: Mapping[str, Any]) -> None:
        """Switches settings. Raises Invalid `fake.bad_setting`, `fake.bad_secret`."""
        self.settings = changed(self.settings, told)

    def later(self, milliseconds: int, work: Any) -> None:
        """Calls `work` after a while, whoever is still there then."""

        async def wait() -> None:
            await asyncio.sleep(milliseconds / 1000)
            work()

        self._in_background(wait())

    def ledger(self, reference: str | None = None) -> Record:
        """Everything that happened, or what concerns one reference."""
        bank = self.bank
        tables = {
            "charges": bank.charges, "refunds": bank.refunds, "disputes": bank.disputes,
            "customers": bank.customers,
        }  # fmt: skip
        told: Record = {
            name: [one for one in table.values() if reference in (None, one.get("reference"))]
            for name, table in tables.items()
        }
        requests = bank.requests
        told["requests"] = dict(requests) if reference is None else {reference: requests[reference]}
        return told

    def summary(self) -> Record:
        """Sums in minor units per currency, and what went wrong, if anything did."""
        sums: dict[str, Counter[str]] = {}
        taken: Counter[str] = Counter()
        for charge in self.bank.charges.values():
            sums.setdefault(charge["currency"], Counter())[charge["status"]] += charge["amount"]
            taken[charge["reference"]] += charge["status"] == "captured"
        for name, table in (("refunded", self.bank.refunds), ("disputed", self.bank.disputes)):
            for one in table.values():
                if one["status"] in ("refunded", "open"):
                    sums.setdefault(one["currency"], Counter())[name] += one["amount"]
        return {
            "currencies": {name: dict(sums[name]) for name in sorted(sums)},
            "charges": len(self.bank.charges),
            "captured": sum(taken.values()),
            "requests": self.bank.requests.total(),
            "charged_more_than_once": {name: n for name, n in taken.items() if n > 1},
            "open_calls": self.open_calls,
            "most_open_calls": self.most_open_calls,
        }

    def _append(self, records: list[Record]) -> None:
        for record in records:
            self.bank.keep(record)
        self.lines.append({"at": self.now().isoformat(), "records": records})

    def _settle_later(self, kind: str, one: Record) -> None:
        if one["status"] == "pending" and one.get("settles_at"):
            wait = datetime.fromisoformat(one["settles_at"]) - self.now()

            def settle() -> None:
                table = self.bank.charges if kind == "charge" else self.bank.refunds
                kept = table[one["id"]]
                self.keep(self.bank.settled(kind, kept, kept.get("settles_as"), self.now()))

            self.later(max(0, wait // timedelta(milliseconds=1)), settle)

    async def _tell_when_durable(self, events: list[Record]) -> None:
        await self.lines.durable()
        self.tell(events, self.settings.webhook)

    def _taken(self, event_id: str) -> None:
        self._append([{"kind": "event", "told": {"id": event_id, "taken": True}}])

    def _in_background(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)


def changed(settings: Settings, told: Mapping[str, Any]) -> Settings:
    """Settings with some of them changed. Raises Invalid `fake.bad_setting`, `fake.bad_secret`."""
    flat = {name: value for name, value in told.items() if name != "webhook"}
    manner = told.get("webhook", {})
    if not isinstance(manner, dict):
        raise _bad("webhook", manner)
    _check_kinds(settings, flat)
    return checked(settings._replace(**flat, webhook=manner_of(settings.webhook, manner)))


def manner_of(manner: Manner, told: Mapping[str, Any]) -> Manner:
    """A way of telling events with some of it changed. Raises Invalid `fake.bad_setting`."""
    _check_kinds(manner, told)
    changes: dict[str, Any] = {
        name: value or None if name == "url" else value for name, value in told.items()
    }
    return manner._replace(**changes)


def _check_kinds(before: Any, told: Mapping[str, Any]) -> None:
    """Every setting is known and of the kind that it had; an address may also be taken away."""
    for name, value in told.items():
        if name == "url" and (value is None or isinstance(value, str)):
            continue
        if name not in before._fields or type(value) is not type(getattr(before, name)):
            raise _bad(name, value)
        if type(value) is int and not 0 <= value <= 10**9:
            raise _bad(name, value)


def checked(settings: Settings) -> Settings:
    """The settings, if they make sense. Raises Invalid `fake.bad_setting`, `fake.bad_secret`."""
    if settings.mode not in MODES:
        raise _bad("mode", settings.mode)
    url = settings.webhook.url
    if url is not None and not url.startswith(("http://", "https://")):
        raise _bad("webhook", url)
    if url is not None:
        signature(settings.webhook.secret, "", 0, b"")
    return settings


def _bad(name: str, value: Any) -> Invalid:
    return Invalid(
        "fake.bad_setting", f"{value!r} makes no sense for {name}", field=name, value=value,
        hint="docs/fake-provider.md lists the settings",
    )  # fmt: skip
