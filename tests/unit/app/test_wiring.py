"""What the composition root hands out."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from everycent.app import wiring
from everycent.app.settings import Settings, from_environment
from everycent.kernel.errors import Invalid


def test_ids_are_distinct_and_increase_in_the_order_in_which_they_are_made() -> None:
    made = [wiring.random_ids("") for _ in range(20_000)]
    assert made == sorted(set(made))
    assert {each.version for each in made} == {7}


def test_ids_of_several_threads_are_distinct() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(wiring.random_ids, [""] * 10_000))
    assert len(set(made)) == len(made)


def test_the_signing_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home", None, "default", "test")
    assert wiring.known_public_key(settings) is None
    first = wiring.signing_key(settings).private_bytes_raw()
    assert wiring.signing_key(settings).private_bytes_raw() == first
    assert wiring.known_public_key(settings) is not None
    mode = (tmp_path / "home" / "checkpoint.key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_the_home_is_the_nearest_one_above_the_working_directory(
    tmp_path: Path, monkeypatch: object
) -> None:
    (tmp_path / ".everycent").mkdir()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)  # type: ignore[attr-defined]
    assert from_environment({}).home == tmp_path / ".everycent"
    assert from_environment({"EVERYCENT_HOME": "/x"}).home == Path("/x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 20), ("5", 5), ("0", None), ("-1", None), ("x", None), ("3601", None)],
)
def test_how_long_a_question_may_take_is_a_number_of_seconds(
    text: str, expected: int | None
) -> None:
    environ = {"EVERYCENT_HOME": "/x", "EVERYCENT_READ_SECONDS": text}
    if expected is not None:
        assert from_environment(environ).read_seconds == expected
        return
    with pytest.raises(Invalid) as refused:
        from_environment(environ)
    assert (refused.value.code, refused.value.field) == (
        "settings.bad_number", "EVERYCENT_READ_SECONDS",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), [("", True), ("on", True), ("off", False), ("no", None), ("0", None)]
)
def test_frequent_questions_are_prepared_unless_a_pooler_forgets_them(
    text: str, expected: bool | None
) -> None:
    environ = {"EVERYCENT_HOME": "/x", "EVERYCENT_PREPARE": text}
    if expected is not None:
        assert from_environment(environ).prepares is expected
        return
    with pytest.raises(Invalid) as refused:
        from_environment(environ)
    assert (refused.value.code, refused.value.field) == (
        "settings.bad_switch", "EVERYCENT_PREPARE",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 10), ("4", 4), ("100", 100), ("3", None), ("101", None), ("-4", None), ("ten", None)],
)
def test_how_many_connections_a_process_has_is_a_number(text: str, expected: int | None) -> None:
    environ = {"EVERYCENT_HOME": "/x", "EVERYCENT_POOL": text}
    if expected is not None:
        assert from_environment(environ).pool == expected
        return
    with pytest.raises(Invalid) as refused:
        from_environment(environ)
    told = (refused.value.code, refused.value.field, refused.value.hint)
    assert told == (
        "settings.bad_number", "EVERYCENT_POOL", "set it to a whole number from 4 to 100",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), [("", True), ("on", True), ("off", False), ("no", None), ("0", None)]
)
def test_processes_migrate_unless_a_job_does(text: str, expected: bool | None) -> None:
    environ = {"EVERYCENT_HOME": "/x", "EVERYCENT_MIGRATE": text}
    if expected is not None:
        assert from_environment(environ).migrates is expected
        return
    with pytest.raises(Invalid) as refused:
        from_environment(environ)
    assert (refused.value.code, refused.value.field) == (
        "settings.bad_switch", "EVERYCENT_MIGRATE",
    )  # fmt: skip
