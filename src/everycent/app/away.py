"""The alarm about the database, which can't be written into the database while it is away.

    open.json ──► ended-alm_….json ──► in the list of alarms, and the file is gone

An episode lies in a file of the instance's folder `alarms`, on disk before anything is told of it. All
processes of the instance share the folder, so that an episode has one alarm with one id, whoever sees it
first. It is told while the database is away, by whichever process gets to it; what was told is written into
the file, and a process that dies in between leaves it to the others, or to the next one that starts. When
the database is there again the alarm is put into the list as it was: raised when it began, resolved now.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import RAISED, RECOVERY, Alarm, Severity
from everycent.alarms.operations import Channel, Writer
from everycent.app import durable
from everycent.app.wiring import App
from everycent.db.connection import first_line
from everycent.flows.deliver import Sender
from everycent.kernel import ids
from everycent.messages.message import Kind
from everycent.tenants import operations as tenants

FOLDER = "alarms"
SOURCE = "database"
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class Episode(msgspec.Struct, frozen=True, omit_defaults=True):
    """A time for which the database was away. `told` says by channel what the receiver answered; `tenant`
    is that of the process that saw it first."""

    alarm: Alarm
    tenant: str
    told: dict[str, str] = {}


class Told(NamedTuple):
    """How alarms are told: where to, and with what."""

    channels: tuple[Channel, ...]
    senders: Mapping[Kind, Sender]


class AwayAlarm:
    """Raises, tells and files the alarm of this process's instance, in a thread of its own."""

    def __init__(self, app: App, told: Told, say: Callable[[str], None]) -> None:
        self._app, self._told, self._say = app, told, say
        self._folder = app.settings.home / FOLDER
        self._saw_away = False
        self._over = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="away-alarm", daemon=True)

    def begin(self) -> None:
        """Looks after what others left behind, and tells from here on."""
        self._thread.start()

    def end(self) -> None:
        """Ends when what is being told is told."""
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def away(self, why: str, tried_at: datetime) -> None:
        """A try to reach the database, begun at an instant, came to nothing."""
        is_new, self._saw_away = not self._saw_away, True
        if is_new:
            self._say(f"the database is away, trying again: {why}")
        try:
            durable.folder(self._folder)
            with durable.locked(self._folder / "lock"):
                if not self._open.exists() and not self._ended_after(tried_at):
                    self._write(self._open, self._begun(why, tried_at))
                    is_new = True
        except OSError as error:
            self._say(f"the alarm can't be written down: {error}")
        if is_new:
            self._wake.set()

    def there(self) -> None:
        """The database is there."""
        if self._saw_away:
            self._say("the database is there again")
            self._saw_away = False
        try:
            if self._open.exists():
                with durable.locked(self._folder / "lock"):
                    self._close()
        except OSError as error:
            self._say(f"the alarm can't be written down: {error}")
        self._wake.set()

    @property
    def _open(self) -> Path:
        return self._folder / "open.json"

    def _begun(self, why: str, at: datetime) -> Episode:
        host = socket.gethostname()
        message = f"it can't be reached from {host}: {why}"
        alarm = Alarm(
            self._app.ids("alarm/database.away"), SOURCE, "database.away", Severity.CRITICAL,
            host, message, at,
        )  # fmt: skip
        return Episode(alarm, self._app.settings.tenant)

    def _ended_after(self, at: datetime) -> bool:
        """Whether somebody has reached the database since: a try that came to nothing before that says no
        more than what is known."""
        try:
            text = (self._folder / "last").read_text("ascii")
        except FileNotFoundError:
            return False
        return at <= datetime.fromisoformat(text)

    def _close(self) -> None:
        if not self._open.exists():
            return
        episode = self._read(self._open)
        now = max(self._app.clock(), episode.alarm.raised_at)
        over = msgspec.structs.replace(episode.alarm, resolved_at=now, resolved_by=RECOVERY)
        durable.write(self._folder / "last", now.isoformat().encode())
        ended = self._folder / f"ended-{over.name}.json"
        self._write(ended, msgspec.structs.replace(episode, alarm=over))
        durable.remove(self._open)

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while not self._over.is_set():
            self._wake.clear()
            try:
                is_left = self._settle()
            except Exception as error:  # noqa: BLE001 - it is on the disk, and tried again
                if not self._app.database.is_away:
                    self._say(f"an alarm about the database waits: {first_line(error)}")
                is_left = True
            if not is_left:
                pause = _FIRST_PAUSE
            self._wake.wait(pause if is_left else None)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _settle(self) -> bool:
        """Tells and files what there is; whether something is left."""
        if not self._folder.is_dir():
            return False
        with durable.locked(self._folder / "telling", patiently=False) as is_ours:
            if not is_ours:
                return True
            if self._app.database.is_away:
                done = [self._tell(path) for path in self._paths()]
                return not all(done)
            for path in self._folder.glob("ended-*.json"):
                self._file(path)
        return False

    def _paths(self) -> list[Path]:
        return [path for path in (*self._folder.glob("ended-*.json"), self._open) if path.exists()]

    def _tell(self, path: Path) -> bool:
        """Tells of an episode where it is not told yet; whether everybody is told."""
        episode = self._read(path)
        writer = self._writer(episode.alarm.raised_at)
        raised = msgspec.structs.replace(episode.alarm, resolved_at=None, resolved_by=None)
        is_all = True
        for channel, message in alarms.messages(RAISED, raised, writer):
            sender = self._told.senders.get(channel.kind)
            if sender is None or _name(channel) in episode.told:
                continue
            try:
                outcome = sender(message, self._app.clock())
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are told
                self._say(f"the alarm can't be told by {channel.kind}: {first_line(error)}")
                is_all = False
                continue
            if outcome.is_delivered or outcome.is_final:
                self._note(episode, _name(channel), outcome.reason if outcome.is_delivered else "")
            is_all = is_all and (outcome.is_delivered or outcome.is_final)
        return is_all

    def _note(self, episode: Episode, channel: str, reason: str) -> None:
        """Writes down that somebody is told: into the file as it stands now, whatever its name is."""
        with durable.locked(self._folder / "lock"):
            for path in self._paths():
                found = self._read(path)
                if found.alarm.alarm_id == episode.alarm.alarm_id:
                    told = found.told | {channel: reason}
                    self._write(path, msgspec.structs.replace(found, told=told))

    def _file(self, path: Path) -> None:
        episode = self._read(path)
        writer = self._writer(self._app.clock())
        told = {
            channel: episode.told[_name(channel)]
            for channel in writer.channels
            if episode.told.get(_name(channel))
        }
        tenant_id = tenants.named(self._app.database, episode.tenant, self._app.clock())
        with self._app.database.transaction(tenant_id) as tx:
            alarms.file(tx, episode.alarm, told, writer)
        durable.remove(path)

    def _writer(self, at: datetime) -> Writer:
        """Ids follow from the alarm's: whoever tells or files it again does so under the same ones."""
        return Writer(at, self._app.settings.actor, ids.derived, self._told.channels)

    def _read(self, path: Path) -> Episode:
        """An episode. Raises OSError for a file that is none, which is put aside: it must not keep the next
        one from being told."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=Episode)
        except msgspec.MsgspecError as error:
            aside = path.with_name(f"{path.name}.unreadable")
            durable.move(path, aside)
            raise OSError(f"{aside} can't be read: {error}") from error

    def _write(self, path: Path, episode: Episode) -> None:
        durable.write(path, msgspec.json.encode(episode))


def waiting(home: Path) -> list[Alarm]:
    """The alarms about the database that an instance has on disk and not yet in the list, the newest first.
    Needs no database; what can't be read is left to the processes that stay up."""
    found = []
    for path in (home / FOLDER).glob("*.json"):
        with suppress(FileNotFoundError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=Episode).alarm)
    return sorted(found, key=lambda one: one.raised_at, reverse=True)


def _name(channel: Channel) -> str:
    return f"{channel.kind.value} {channel.to}"
