"""Draining: what the spool holds goes through the same door as any usage, as soon as the database is there.

One process of the machine drains at a time. What is not taken is kept with the reasons, and an alarm
`usage.spool_rejected` stands until somebody has looked at it (`everycent usage spool`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import psycopg

from everycent.access import queries
from everycent.api import offers
from everycent.app import durable, usage_spool
from everycent.app.usage_spool import Head, Rejected, Spool
from everycent.app.wiring import App
from everycent.flows.broken import unforeseen
from everycent.flows.take_in import Intake
from everycent.flows.taken import Status, Taken
from everycent.kernel.errors import Broken, Forbidden, Refusal, Unavailable

_EVERY_SECONDS = 1
_MOST_TOLD = 1000
_TOGETHER = 64  # batches, which share transactions
_TOGETHER_BYTES = 16_000_000


class Draining:
    """Drains in a thread of its own, until it is closed."""

    def __init__(self, app: App, intake: Intake, spool: Spool) -> None:
        self._app, self._intake, self._spool = app, intake, spool
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="draining", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends after the batch that is under way."""
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            if self._app.database.is_away or not self._spool.waiting():
                continue
            try:
                with durable.locked(self._spool.folder / "lock", patiently=False) as is_ours:
                    if is_ours:
                        self._drain()
            except (Unavailable, psycopg.Error, OSError):
                continue  # the batch is there still

    def _drain(self) -> None:
        self._spool.tidy()
        paths = self._spool.waiting()
        while paths and not self._over.is_set():
            offered = self._offer_some(paths)
            paths = paths[len(offered) :]
            self._spool.remove(
                [path for path, head, taking in offered if self._settled(path, head, taking)]
            )

    def _offer_some(self, paths: Sequence[Path]) -> list[tuple[Path, Head, Future[Taken]]]:
        """Offers the first batches, as many as may be stored together and as there is room for."""
        offered: list[tuple[Path, Head, Future[Taken]]] = []
        size = 0
        for path in paths[:_TOGETHER]:
            size += path.stat().st_size
            if offered and size > _TOGETHER_BYTES:
                break
            try:
                offered.append((path, *self._offer(path)))
            except Unavailable:
                if not offered:
                    raise
                break
        return offered

    def _offer(self, path: Path) -> tuple[Head, Future[Taken]]:
        """Offers a batch. Raises what passes by itself."""
        head, body = self._spool.read(path)
        try:
            tenant_id = self._admitted(head)
            offered = offers.read(head.headers, body, self._intake.catalogue(tenant_id).meters)
            return head, self._intake.submit(tenant_id, offered, atomic=head.is_atomic)
        except (Unavailable, psycopg.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - the batch is kept, and the others are drained
            refused: Future[Taken] = Future()
            refused.set_exception(error)
            return head, refused

    def _settled(self, path: Path, head: Head, taking: Future[Taken]) -> bool:
        """Whether all of a batch is stored; what is not taken is kept. Raises what passes by itself."""
        accepted, results = 0, []
        try:
            taken = taking.result()
            accepted = taken.accepted
            results = [
                {"position": str(one.position), "status": one.status.value}
                | ({} if one.refusal is None else one.refusal.as_dict())
                for one in taken.others
                if one.status is not Status.DUPLICATE
            ]
        except (Unavailable, psycopg.OperationalError):
            raise
        except Refusal as refusal:
            results = [{"status": "rejected", **refusal.as_dict()}]
        except Exception as error:  # noqa: BLE001 - the batch is kept, and the others are drained
            broken = Broken("usage.spool_broken", f"we failed at the batch: {unforeseen(error)}")
            results = [{"status": "rejected", **broken.as_dict()}]
        if not results:
            return True
        told = results[:_MOST_TOLD]
        self._spool.reject(path, Rejected(head.tenant_id, self._app.clock(), accepted, told))
        usage_spool.reflect(self._app, self._spool, head.tenant_id)
        return False

    def _admitted(self, head: Head) -> int:
        """The tenant, if the key still opens it."""
        access = queries.access(self._app.database, bytes.fromhex(head.key))
        if access is None or access.tenant_id != head.tenant_id:
            raise Forbidden("usage.spool_key", "the API key of the batch was revoked meanwhile")
        return access.tenant_id
