"""The fake ERP as a whole: its books on the disk, its faults, its settings and its clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from everycent.fakes.erp_books import Books, Terms
from everycent.fakes.erp_faults import Fault, Faults
from everycent.fakes.erp_words import Record, Wrong
from everycent.fakes.faults import milliseconds
from everycent.fakes.lines import Lines
from everycent.kernel.errors import Invalid

MODES = ("now", "later")


class ErpSettings(NamedTuple):
    """What can be switched at run time. `delay` in milliseconds: how long bills take in mode later."""

    mode: str = "now"
    delay: int = 5000
    key: str = "erp_fake"

    def shown(self) -> Record:
        """The settings without the key; the delay in seconds."""
        return {"mode": self.mode, "delay": str(Decimal(self.delay) / 1000)}


def delay_of(seconds: str) -> int:
    """A delay in milliseconds, from seconds as they are typed. Raises Invalid `fake.bad_fault`."""
    try:
        told = Decimal(seconds)
    except InvalidOperation:
        told = Decimal("NaN")
    return milliseconds(told if told.is_finite() else seconds, "delay") or 0


class ErpService:
    """One fake ERP, in one event loop."""

    def __init__(self, folder: Path, settings: ErpSettings) -> None:
        """Opens the books in the folder. Raises Unavailable and Broken like `Lines`."""
        self.settings = settings
        self.faults = Faults()
        self.lines = Lines(folder / "erp.jsonl")
        self.books = Books(record for line in self.lines.read for record in line["records"])
        self.lines.read.clear()
        self.requests = 0
        self.open_calls = 0
        self.most_open_calls = 0
        self._later: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)

    def terms(self, fault: Fault | None) -> Terms:
        """What decides on a delivery that comes now."""
        wait = self.settings.delay if self.settings.mode == "later" else 0
        delay = timedelta(milliseconds=wait)
        if fault is None:
            return Terms(self.now(), delay)
        return Terms(self.now(), delay, fault.name, fault.detail, fault.only)

    def keep(self, records: list[Record]) -> None:
        """Takes records into the books and towards the disk, all or none of them."""
        if records:
            self.lines.append({"at": self.now().isoformat(), "records": records})
            for record in records:
                self.books.keep(record)

    def later(self, wait: int, work: Callable[[], Any]) -> None:
        """Calls `work` after so many milliseconds; nobody is there any more to be refused anything."""

        async def waiting() -> None:
            await asyncio.sleep(wait / 1000)
            with suppress(Wrong):
                work()

        task = asyncio.get_running_loop().create_task(waiting())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def change(self, told: Mapping[str, Any]) -> None:
        """Switches settings. Raises Invalid `fake.bad_setting`."""
        for name, value in told.items():
            if name == "mode" and value in MODES:
                self.settings = self.settings._replace(mode=value)
            elif name == "delay" and (wait := milliseconds(value, "delay")) is not None:
                self.settings = self.settings._replace(delay=wait)
            else:
                raise Invalid(
                    "fake.bad_setting", f"{value!r} makes no sense for {name}", field=name,
                    value=value, hint="docs/fake-erp.md lists the settings",
                )  # fmt: skip

    def close_period(self, told: Any) -> None:
        """Closes what was issued up to a day; None opens everything. Raises Invalid `fake.bad_day`."""
        if told is not None:
            try:
                date.fromisoformat(told)
            except (TypeError, ValueError) as error:
                raise Invalid(
                    "fake.bad_day", f"{told!r} is no day", field="closed_until", value=told
                ) from error
        self.keep([{"kind": "period", "told": {"closed_until": told}}])

    def summary(self) -> Record:
        """Counts and sums of the books, what is there twice, requests and calls under way."""
        return self.books.summary(self.now()) | {
            "requests": self.requests,
            "open_calls": self.open_calls,
            "most_open_calls": self.most_open_calls,
        }

    async def close(self) -> None:
        """Ends what was to happen later and closes the books."""
        for task in self._later:
            task.cancel()
        await self.lines.close()
