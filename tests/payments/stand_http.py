"""The Stand of the HTTP adapter: `everycent fake provider` and what the contract's tests do to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import ClassVar

from everycent.integrations.provider_http import HttpProvider
from everycent.payments.provider import Ask, Kind
from tests.payments.contract import PATIENCE, Case, Movement, Webhook
from tests.payments.fake import KEY, WEBHOOK_SECRET, Fake, Mailbox, mailbox, running_fake

MOVED = {"captured", "refunded"}


def http_provider(fake: Fake, **changed: object) -> HttpProvider:
    """The adapter for a fake provider."""
    told = {
        "url": fake.url,
        "key": KEY,
        "webhook_secret": WEBHOOK_SECRET,
        "latest_commit": timedelta(minutes=5),
        "concurrency": 64,
        "deadline": PATIENCE,
        "idempotent_for": timedelta(hours=23),
        "looks_up": True,
    }
    return HttpProvider(**(told | changed))


def standard_headers(secret: str, message: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0.0, written here once more."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamp = str(int(at.timestamp()))
    digest = hmac.new(key, message.encode() + b"." + stamp.encode() + b"." + body, hashlib.sha256)
    return {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest.digest()).decode(),
    }


class HttpStand:
    """A running fake provider and its mailbox as a Stand."""

    cannot: ClassVar[Mapping[str, str]] = {}
    differing: ClassVar[Mapping[str, Case]] = {}
    secrets = (KEY, WEBHOOK_SECRET)
    declined_method = "tok_insufficient_funds"

    def __init__(self, fake: Fake, box: Mailbox) -> None:
        self.fake = fake
        self.box = box
        self._numbers = count(1)

    def adapter(self, deadline: timedelta = PATIENCE) -> HttpProvider:
        """See Stand."""
        return http_provider(self.fake, deadline=deadline)

    def ask(self, **changed: object) -> Ask:
        """See Stand."""
        number = next(self._numbers)
        fresh = Ask(Kind.CHARGE, f"ref-{number:05d}", 1234, "EUR", "tok_ok", "acme", "INV-000001")
        return fresh._replace(**changed)

    def fault(
        self, name: str, ask: Ask, *, look_up: bool = False, seconds: int | None = None
    ) -> None:
        """See Stand."""
        if name == "refuse_connection":
            self.fake.fault(name)
            return
        path = "/charges" if ask.kind is Kind.CHARGE else "/refunds"
        where = {"reference": ask.reference, "path": f"{'GET' if look_up else 'POST'} {path}"}
        self.fake.fault(name, where=where, seconds=seconds)

    def movements(self, reference: str) -> list[Movement]:
        """See Stand."""
        told = self.fake.call("GET", f"/admin/ledger?reference={reference}")
        return [
            Movement(
                one["id"], kind, one["reference"], one["amount"], one["currency"],
                one["status"] in MOVED,
            )
            for kind, name in ((Kind.CHARGE, "charges"), (Kind.REFUND, "refunds"))
            for one in told[name]
        ]  # fmt: skip

    def requests(self, reference: str) -> int:
        """See Stand."""
        told = self.fake.call("GET", f"/admin/ledger?reference={reference}")
        return int(told["requests"][reference])

    def webhooks(self, reference: str) -> list[Webhook]:
        """See Stand."""
        return self.box.about(reference)

    def signed(self, body: bytes, at: datetime) -> dict[str, str]:
        """See Stand."""
        return standard_headers(WEBHOOK_SECRET, "evt_made_up", at, body)

    def dispute(self, provider_id: str) -> None:
        """See Stand."""
        self.fake.call("POST", f"/admin/charges/{provider_id}/dispute")

    def stop(self) -> None:
        """See Stand."""
        self.fake.kill()

    def start(self) -> None:
        """See Stand."""
        self.fake.start()


@contextmanager
def http_stand(folder: Path) -> Iterator[HttpStand]:
    """A fake provider with its mailbox."""
    with mailbox() as box, running_fake(folder, webhook=box.url) as fake:
        yield HttpStand(fake, box)
