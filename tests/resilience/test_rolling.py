"""An older program works beside a newer one that has added to the schema, and says so when it can't."""

import os
import shutil
from pathlib import Path

import pytest

from everycent.db.migrate import FOLDER, files
from tests.api.serving import make_key, record
from tests.flows import world
from tests.resilience.own import serving, until

SOURCE = FOLDER.parents[1]
ADDED = """\
alter table customer add column favourite text;
create table favourite (tenant_id int not null, name text not null);
create index usage_batch_newer on usage_batch (tenant_id);
"""


def newer(folder: Path, phase: str) -> dict[str, str]:
    """The settings with which a process is the program of the next version, that has one migration more."""
    copy = folder / phase
    shutil.copytree(SOURCE, copy / "everycent", ignore=shutil.ignore_patterns("__pycache__"))
    number = len(files()) + 1
    name = f"{number:04d}_{phase}_newer.sql"
    (copy / "everycent" / "db" / "migrations" / name).write_text(ADDED)
    return {"PYTHONPATH": os.pathsep.join([str(copy), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture
def key(own):
    """A key of a tenant that sells calls, in the schema of the older program."""
    own.run("up")
    with own.place() as place:
        world.sell(place, [])
        return make_key(place.database, place.tenant_id, "main")


def take(api, key, name):
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    return api.client.post("/v1/usage", json=record(name), headers=headers).json()


def test_an_older_program_works_beside_a_newer_one_that_has_added_to_the_schema(own, key, tmp_path):
    next_one = newer(tmp_path, "pre")
    with serving(own.environ()) as old:
        assert take(old, key, "before")["accepted"] == 1
        assert len(own.run("up", **next_one)["migrations"]) == 1
        assert take(old, key, "after")["accepted"] == 1
        with serving(own.environ(**next_one)) as new, serving(own.environ()) as started_after:
            for n in range(20):
                for api, name in ((old, "old"), (new, "new"), (started_after, "late")):
                    assert take(api, key, f"{name}-{n}")["accepted"] == 1
            assert take(new, key, "old-3")["duplicates"] == 1
            assert take(old, key, "new-3")["duplicates"] == 1
            own.stop()
            own.start()
            for api in (old, new, started_after):
                until(lambda api=api: api.status("/readyz") == 200, "it is ready again")
    assert own.run("up")["migrations"] == []
    own.run("bill", "run")
    own.run("bill", "run", **next_one)
    for settings in ({}, next_one):
        own.run("verify", "--replay", **settings)  # which ends with 0 only if every promise holds


def test_a_program_that_is_too_old_for_the_schema_says_so_and_is_not_ready(own, key, tmp_path):
    own.run("up", **newer(tmp_path, "post"))
    with serving(own.environ()) as old:
        assert (old.status("/livez"), old.status("/readyz")) == (200, 503)
        (said,) = old.running.complaints()
        assert "the schema is newer than this program" in said
        assert take(old, key, "x")["code"] == "database.unavailable"
