"""Endpoints for tests: notes in the journal, a clock that is set, and somebody who takes what is sent."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from everycent.db.connection import Database
from everycent.flows.post_webhooks import Desk, post_webhooks
from everycent.integrations.sealing import Safe
from everycent.integrations.webhook_gate import Gate
from everycent.integrations.webhook_out import poster
from everycent.kernel import ids
from everycent.webhooks import audit, operations, queries
from everycent.webhooks.course import Answer
from everycent.webhooks.endpoint import Endpoint
from everycent.webhooks.operations import Sealing, Writer
from everycent.webhooks.posting import Posting
from everycent.webhooks.target import allowed_of
from tests.conftest import NOW, Place
from tests.payments.fake import Fake
from tests.store import books

HERE = allowed_of("127.0.0.0/8")
URL = "https://hooks.example.com/everycent"
SAFE = Safe(lambda: b"k" * 32)
SECRET = b"a secret that is for tests only."
ALL_DAY = timedelta(days=1)


class Taker:
    """Takes what is sent, in this process. `answers` by subject, the last of each for good; 204 else."""

    def __init__(self, **answers: list[Answer | int]) -> None:
        self.got: list[Posting] = []
        self.answers = answers
        self._lock = threading.Lock()

    def __call__(self, posting: Posting, _: object) -> Answer:
        with self._lock:
            self.got.append(posting)
            wanted = self.answers.get(subject_of(posting)) or self.answers.get("every") or [204]
            found = wanted.pop(0) if len(wanted) > 1 else wanted[0]
        return found if isinstance(found, Answer) else Answer(found)

    @property
    def numbers(self) -> list[int | None]:
        """The numbers of what came, in order."""
        return [one.number for one in self.got]


def subject_of(posting: Posting) -> str:
    """Whom a webhook is about."""
    found: str = json.loads(posting.body)["data"].get("subject", {}).get("id", "")
    return found


class Shop:
    """A tenant with a clock."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.at = NOW
        self._made = 0

    def ids(self, _: str) -> Any:
        """Ids that are never the same."""
        self._made += 1
        return ids.derived(f"made/{self._made}")

    @property
    def writer(self) -> Writer:
        """Who writes, now."""
        return Writer(self.at, "test", self.ids)

    def sealing(self, secret: bytes = SECRET) -> Sealing:
        """A secret that was chosen."""
        return Sealing(secret, SAFE.seal)

    def add(self, key: str = "crm", *types: str, url: str = URL, **more: Any) -> Endpoint:
        """Adds an endpoint that wants notes."""
        with self.place.database.transaction(self.place.tenant_id) as tx:
            return operations.add(
                tx,
                key,
                url,
                types or ("test.*",),
                self.sealing(),
                self.writer,
                allowed=HERE,
                **more,
            )

    def change(self, operation: Callable[..., Any], *told: Any, **more: Any) -> Any:
        """One operation in a transaction of its own."""
        with self.place.database.transaction(self.place.tenant_id) as tx:
            return operation(tx, *told, **more)

    def see(self, query: Callable[..., Any], *told: Any, **more: Any) -> Any:
        """One question."""
        with self.place.database.snapshot(self.place.tenant_id) as tx:
            return query(tx, *told, **more)

    def note(self, subject: str = "a", *names: str) -> None:
        """Writes notes about a subject into the journal."""
        with self.place.database.transaction(self.place.tenant_id) as tx:
            for name in names or ("n",):
                self._made += 1
                books.note(tx, f"{subject}/{name}/{self._made}", stream=f"note:{subject}")

    def desk(self, post: Callable[..., Answer], **more: Any) -> Desk:
        """What sends, with the shop's clock."""
        usual = Desk(
            self.place.database, self.place.tenant_id, post, SAFE.unseal, lambda: self.at, self.ids,
            "test", lambda: 500,
        )  # fmt: skip
        return usual._replace(**more)

    def post(self, post: Callable[..., Answer], **more: Any) -> Counter[str]:
        """Sends what is there to be sent."""
        return post_webhooks(self.desk(post, **more))

    def post_until_quiet(self, post: Callable[..., Answer], step: timedelta = ALL_DAY) -> None:
        """Sends, and lets time pass, until nothing waits."""
        for _ in range(40):
            self.post(post)
            if not any(one.waiting for one in self.see(queries.listed)):
                return
            self.at += step
        raise AssertionError("something waits for ever")

    def standing(self, key: str = "crm") -> queries.Standing:
        """How it goes with an endpoint."""
        found: queries.Standing = self.see(queries.by_key, key)
        return found

    def violations(self) -> dict[str, list[str]]:
        """What the proofs find."""
        found = {check: self.see(audit.violations, check) for check in audit.CHECKS}
        return {check: who for check, who in found.items() if who}


@contextmanager
def running_receiver(folder: Path, *options: str) -> Iterator[Fake]:
    """The receiver that pretends, in a process of its own."""
    fake = Fake(folder, ["--tolerance", "0", *options], "receiver")
    try:
        yield fake
    finally:
        fake.kill()


def sender() -> Callable[[Posting, Any], Answer]:
    """What really sends, to this machine."""
    return poster(Gate(HERE))


def again(place: Place) -> Shop:
    """A shop in another process, over the same database."""
    return Shop(place._replace(database=Database(place.conninfo)))
