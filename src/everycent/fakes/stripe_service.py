"""The stand-in for Stripe as a whole: its bank on the disk, faults, settings, clock and post."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from everycent.fakes.faults import Faults
from everycent.fakes.lines import Lines
from everycent.fakes.service import Settings, changed, checked
from everycent.fakes.stripe_bank import REFERENCE, StripeBank
from everycent.fakes.stripe_objects import Record, Said
from everycent.fakes.webhooks import Manner, Post

_STATUS = {"succeeded": "captured", "processing": "pending", "requires_action": "pending"}


class StripePost(Post):
    """Sends events signed as Stripe signs them."""

    async def _is_taken(self, event: dict[str, Any], manner: Manner) -> bool:
        body = json.dumps(event, indent=2).encode()
        timestamp = int(datetime.now(UTC).timestamp())
        secret = manner.secret + ("x" if manner.sign_wrongly else "")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(secret, timestamp, body),
        }
        assert manner.url is not None
        try:
            answer = await self._client.post(manner.url, content=body, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return False
        return 200 <= answer.status_code < 300


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The header `Stripe-Signature` of one message (https://docs.stripe.com/webhooks/signature)."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class StripeService:
    """One stand-in for Stripe, in one event loop. Of the settings it knows latency, window, key and
    webhook."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Opens the ledger in the folder. Raises Unavailable, Broken and Invalid like what it opens."""
        self.settings = checked(settings)
        self.faults = Faults()
        self.lines = Lines(folder / "stripe.jsonl")
        self.bank = StripeBank(record for line in self.lines.read for record in line["records"])
        self.lines.read.clear()
        self.crossing: tuple[Said, asyncio.Future[Said]] | None = None
        self.in_flight: set[str] = set()
        self._later: set[asyncio.Task[None]] = set()
        self._post: Post | None = None

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)

    def start(self) -> None:
        """Goes on with what was waiting, and with events that nobody has taken yet."""
        self._post = StripePost(self._taken)
        for one in (*self.bank.intents.values(), *self.bank.refunds.values()):
            self._settle_later(one)
        events = self.bank.events.values()
        waiting = [event for event in events if event["id"] not in self.bank.taken]
        self.tell(waiting, self.settings.webhook)

    async def close(self) -> None:
        """Ends what was to happen later and closes the ledger."""
        for task in self._later:
            task.cancel()
        if self._post is not None:
            await self._post.close()
        await self.lines.close()

    def count_request(self, reference: str) -> None:
        """Writes down that a request for money came."""
        self._append([{"kind": "request", "told": {"reference": reference}}])

    def keep(self, records: list[Record]) -> None:
        """Takes records into the bank and towards the disk, all or none of them, and tells of events."""
        if not records:
            return
        self._append(records)
        for record in records:
            if record["kind"] in ("intents", "refunds"):
                self._settle_later(record["told"])
        events = [record["told"] for record in records if record["kind"] == "events"]
        if events:
            self._in_background(self._tell_when_durable(events))

    def tell(self, events: list[Record], manner: Manner) -> None:
        """Sends events in the way told."""
        if self._post is not None:
            self._post.send(events, manner)

    def change(self, told: Mapping[str, Any]) -> None:
        """Switches settings. Raises Invalid `fake.bad_setting`, `fake.bad_secret`."""
        self.settings = changed(self.settings, told)

    def later(self, milliseconds: int, work: Callable[[], object]) -> None:
        """Calls `work` after a while, whoever is still there then."""

        async def wait() -> None:
            await asyncio.sleep(milliseconds / 1000)
            work()

        self._in_background(wait())

    def ledger(self, reference: str | None = None) -> Record:
        """Everything that happened, or what concerns one reference. Amounts are in Stripe's minor units."""
        bank = self.bank
        tables = {"charges": bank.intents, "refunds": bank.refunds, "disputes": bank.disputes}
        told: Record = {
            name: [
                row
                for row in map(_row, table.values())
                if reference is None or row["reference"] == reference
            ]
            for name, table in tables.items()
        }
        requests = bank.requests
        told["requests"] = dict(requests) if reference is None else {reference: requests[reference]}
        return told

    def summary(self) -> Record:
        """How much was taken, and what went wrong, if anything did."""
        paid = [row for row in self.ledger()["charges"] if row["status"] == "captured"]
        taken = Counter(row["reference"] for row in paid if row["reference"] is not None)
        sums: Counter[str] = Counter()
        for row in paid:
            sums[row["currency"]] += row["amount"]
        return {
            "currencies": {name: {"captured": sums[name]} for name in sorted(sums)},
            "charges": len(self.bank.intents),
            "captured": len(paid),
            "requests": self.bank.requests.total(),
            "charged_more_than_once": {name: n for name, n in taken.items() if n > 1},
        }

    def _append(self, records: list[Record]) -> None:
        for record in records:
            self.bank.keep(record)
        self.lines.append({"at": self.now().isoformat(), "records": records})

    def _settle_later(self, one: Record) -> None:
        if one["status"] not in ("processing", "pending") or not one.get("settles_at"):
            return
        wait = datetime.fromisoformat(one["settles_at"]) - self.now()
        table = self.bank.intents if one["object"] == "payment_intent" else self.bank.refunds

        def settle() -> None:
            self.keep(self.bank.settled(table[one["id"]], self.now()))

        self.later(max(0, wait // timedelta(milliseconds=1)), settle)

    async def _tell_when_durable(self, events: list[Record]) -> None:
        await self.lines.durable()
        self.tell(events, self.settings.webhook)

    def _taken(self, event_id: str) -> None:
        self._append([{"kind": "taken", "told": {"id": event_id}}])

    def _in_background(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)


def _row(one: Record) -> Record:
    """An object as the ledger shows it, in the words of the other fakes."""
    named = {"id": one["id"], "reference": one["metadata"].get(REFERENCE)}
    shared = {"currency": one["currency"].upper(), "created": one["created"]}
    if one["object"] == "payment_intent":
        is_done = one["status"] == "succeeded"
        amount = one["amount_received"] if is_done else one["amount"]
        status = _STATUS.get(one["status"], "failed")
        return named | shared | {"amount": amount, "status": status, "payer": one["customer"]}
    status = "refunded" if one["status"] == "succeeded" else one["status"]
    more = {"amount": one["amount"], "status": status, "charge": one["payment_intent"]}
    return named | shared | more
