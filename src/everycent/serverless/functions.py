"""The functions that the template names: `api`, `rounds` and `migrate` (deploy/serverless/template.yaml).

Each may be invoked twice with the same event, and side by side: nothing is done twice.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from everycent.app import once, wiring
from everycent.app.settings import Settings, from_environment
from everycent.charging.run import Worker
from everycent.db import migrate as migrations
from everycent.flows import bill
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Broken, Invalid
from everycent.serverless.environment import Environment, database_url
from everycent.serverless.gateway import Event
from everycent.tenants import operations as tenants

SET_UP = "home"
"""The folder of the package with the files that say what is set up (providers.yaml, erp.yaml)."""
_TO_END_MILLISECONDS = 60_000
_begun: list[Environment] = []


class Context(Protocol):
    """What the cloud says about an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """How long it may still take."""
        ...


def api(event: Event, _context: object) -> dict[str, Any]:
    """Answers a request of an API gateway. The interface is begun with the first, and stays."""
    if not _begun:
        environment = Environment(settings(), say)
        atexit.register(environment.close)
        _begun.append(environment)
    return _begun[0].answer(event)


def rounds(event: Event, context: Context) -> dict[str, Any]:
    """Does parts of the work once, and says what they came to. The event may name the `parts`, the
    `tenant`, the `zone` and the `payment_days`; without parts it is all that is set up.

    Raises Broken `function.part_failed`, so that the cloud sees it and tries again.
    """
    found = settings()
    found = found._replace(tenant=_text(event, "tenant", found.tenant))
    parts = event.get("parts") or ["measure", "watch", *once.set_up(found)]
    _check_parts(parts)
    for part in parts:
        once.check(part, found)
    terms = bill.Terms(found.actor, _zone(event), _days(event))
    with wiring.running(found._replace(database_url=database_url(found))) as app:
        tenant_id = tenants.named(app.database, found.tenant, app.clock())
        turn = once.Turn(app, tenant_id, terms, lambda: _is_late(context), _is_gone)
        done = once.do(turn, parts, say)
    if done.failed:
        raise Broken("function.part_failed", f"failed: {done.failed}; done: {done.counts}")
    return {"tenant": found.tenant, "done": done.counts}


def migrate(_event: Event, _context: object) -> dict[str, Any]:
    """Brings the schema up to date: to be invoked before the functions of a new version."""
    return {"migrations": migrations.migrate(database_url(settings()))}


def settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a function, whose home is filled with what its package brings."""
    found = from_environment(environ)
    brought = Path(environ.get("LAMBDA_TASK_ROOT", "/var/task")) / SET_UP
    found.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in sorted(brought.glob("*.yaml")):
        shutil.copyfile(path, found.home / path.name)
    return found


def say(line: str) -> None:
    """Tells whoever reads the function's log."""
    sys.stderr.write(f"{line}\n")


def _is_late(context: Context) -> bool:
    return context.get_remaining_time_in_millis() < _TO_END_MILLISECONDS


def _is_gone(_worker: Worker, _may_end: bool) -> bool:
    """Environments are copies of one machine: host, boot and process number prove nothing about another
    one, and what it holds is taken over when its lease has run out."""
    return False


def _check_parts(parts: object) -> None:
    if isinstance(parts, list) and all(part in once.ROUNDS for part in parts):
        return
    raise Invalid(
        "function.unknown_part",
        f"{str(parts)[:100]} are no parts of the work",
        field="parts",
        hint=f"a list of {', '.join(once.ROUNDS)}",
    )


def _text(event: Event, name: str, usual: str) -> str:
    value = event.get(name, usual)
    if isinstance(value, str):
        return value
    raise Invalid("function.bad_event", f"{name} is no text", field=name)


def _zone(event: Event) -> str:
    name = _text(event, "zone", "UTC")
    known_zone(name)
    return name


def _days(event: Event) -> int:
    days = event.get("payment_days", bill.PAYMENT_DAYS)
    if isinstance(days, int) and not isinstance(days, bool) and 0 <= days <= 365:
        return days
    raise Invalid("function.bad_event", "payment_days is no number of days", field="payment_days")
