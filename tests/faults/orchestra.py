"""The orchestra: real processes on one machine, a fault in the middle, and what is right afterwards.

A cell has a database, a home, books of the ERP and a ledger of the provider of its own; two sub-services
stay. The worker (`everycent work`) is held at a point, the fault happens, the worker goes on, the fault
ends; then nobody does anything until all is done, or that takes too long.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from everycent.app.wiring import random_ids, utc_now
from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.charging import queries as charging
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Database
from everycent.db.migrate import migrate
from everycent.fakes.erp_mutations import MUTATIONS
from everycent.flows import build_report
from everycent.flows.collect import start
from everycent.flows.verify import verify
from everycent.integrations.subservice_http import HttpSubService
from everycent.kernel.clock import fixed
from everycent.kernel.errors import Unavailable
from everycent.methods import operations as methods
from everycent.methods.operations import New
from everycent.reports import config, operations
from everycent.reports.operations import Writer
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from everycent.tenants import operations as tenants
from tests.collecting import shop
from tests.conftest import Place
from tests.erp.fake import KEY as ERP_KEY
from tests.erp.fake import FakeErp
from tests.faults.cells import AWAY_STATES, ERP_ERRORS, STATES, Cell
from tests.payments.fake import KEY, WEBHOOK_SECRET, Fake
from tests.reports.services import CATALOGUE, Running
from tests.resilience.own import Own

CUSTOMERS = ("acme", "beta", "zeta")
SUB_KEY = "sub_test"
_HELD_SECONDS = 40
_DONE_SECONDS = 90
_OUTAGE_SECONDS = 1.0
_THROWS = 4
_RATED = STATES.index("rated")
_SENDING = STATES.index("erp_sending")


class Told(NamedTuple):
    """What a cell came to. `recovery` is the seconds from the end of the fault until all was done."""

    cell: Cell
    recovery: float
    wrong: tuple[str, ...]
    lost: int
    doubled: int
    missed: tuple[str, ...]
    false: tuple[str, ...]
    alarms: tuple[str, ...]

    @property
    def is_green(self) -> bool:
        """Whether everything is as it should be."""
        return not (self.wrong or self.lost or self.doubled or self.missed or self.false)


class Stage:
    """What all cells share: the server, the sub-services, a database to copy, what comes out without a
    fault."""

    def __init__(self, own: Own, folder: Path) -> None:
        self.folder = folder
        self.own = own
        names = ("compute", "storage")
        self.services = {name: Running(name, list(CUSTOMERS), 10) for name in names}
        self.period = _last_month()
        self._prepare()
        self.truth = ""
        self.truth = self._undisturbed()

    def close(self) -> None:
        """Ends the sub-services."""
        for one in self.services.values():
            one.stop()

    def _prepare(self) -> None:
        """A database in which a month is due, to be copied."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as admin:
            admin.execute("create database prepared")
        migrate(self._url("prepared"))
        database = Database(self._url("prepared"))
        now = utc_now()
        tenant_id = tenants.create(database, "default", "Default", now)
        by: dict[str, Any] = {"at": now, "recorded_at": now, "actor": "test", "ids": random_ids}
        made = [Customer(random_ids(key), key, key.title(), "EUR", "UTC") for key in CUSTOMERS]
        since = date.fromisoformat(f"{self.period}-01")
        with database.transaction(tenant_id) as tx:
            catalog.apply(tx, document.parse(CATALOGUE), **by)
            customers.create(tx, made, **by)
            orders = [Order(one, "cloud", one.key, since) for one in made]
            subscriptions.start(tx, orders, **by)
            methods.add(
                tx, [New(one.customer_id, "psp", one.key, "tok_ok") for one in made],
                at=now, actor="test", ids=random_ids,
            )  # fmt: skip
            told = {
                "schema": "everycent-reports/1", "name": "v1", "since": since.isoformat(),
                "after": "1m", "deadline": "2s",
                "services": {name: one.file | {"deadline": "2s"} for name, one in self.services.items()},
            }  # fmt: skip
            writer = Writer(now, "test", random_ids)
            operations.create(tx, config.parse(told), writer)
            operations.activate(tx, "v1", "", writer)
        database.close()
        with psycopg.connect(self._url("prepared"), autocommit=True) as owner:
            owner.execute(_THROWING.encode())

    def _undisturbed(self) -> str:
        """What comes out without a fault."""
        cell = Cell(-1, "none", "none", "-")
        with self.scene(cell) as scene:
            scene.begin()
            scene.wait_until_done()
            scene.end()
            assert scene.wrong() == [], scene.wrong()
            assert scene.alarm_kinds() == [], scene.alarm_kinds()
            return scene.outcome()

    @contextmanager
    def scene(self, cell: Cell) -> Iterator[Scene]:
        """A cell's own database, home, ERP and provider."""
        name = f"cell_{cell.number + 1}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as admin:
            admin.execute(f"drop database if exists {name} with (force)".encode())
            admin.execute(f"create database {name} template prepared".encode())
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        scene = Scene(self, cell, self._url(name), folder)
        try:
            yield scene
        finally:
            scene.close()
            with psycopg.connect(self._url("postgres"), autocommit=True) as admin:
                admin.execute(f"drop database if exists {name} with (force)".encode())
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, cell: Cell) -> Told:
        """Plays a cell."""
        with self.scene(cell) as scene:
            scene.begin()
            scene.wait_until_held()
            scene.fail()
            healed = time.monotonic()
            is_done = scene.wait_until_done()
            recovery = time.monotonic() - healed
            scene.end()
            wrong = scene.wrong()
            if not is_done:
                wrong.insert(
                    0, f"not done after {_DONE_SECONDS} s: {scene.left()} {scene.standing()}"
                )
            elif scene.outcome() != self.truth:
                wrong.append("it comes out otherwise than without a fault")
            lost, doubled = scene.lost_and_doubled()
            kinds = scene.alarm_kinds()
            expected, allowed = scene.expected_alarms()
            missed = tuple(sorted(kind for kind in expected if kind not in kinds))
            false = tuple(sorted({kind for kind in kinds if kind not in expected | allowed}))
            return Told(cell, recovery, tuple(wrong), lost, doubled, missed, false, tuple(kinds))

    def _url(self, database: str) -> str:
        return self.own.instance.conninfo(database)


class Scene:
    """A cell while it is played."""

    def __init__(self, stage: Stage, cell: Cell, url: str, folder: Path) -> None:
        self.stage, self.cell, self.url = stage, cell, url
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.erp = FakeErp.__new__(FakeErp)
        self._begin_fakes(folder)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(_HELD_SECONDS)
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[str] | None = None
        self.database = Database(url)
        with self.database.operator("default") as tx:
            self.tenant_id = int(tx.value("select tenant_id from tenant where slug = 'default'"))

    def _begin_fakes(self, folder: Path) -> None:
        self.erp.key = ERP_KEY
        Fake.__init__(self.erp, folder / "erp", [], "erp")
        self.provider = Fake(folder / "psp", ["--mode", "idempotent", "--lookup"])
        (self.home / "erp.yaml").write_text(
            f"erp: {{name: books, kind: http, url: '{self.erp.url}', key: ERP_KEY,"
            f" since: {self.stage.period}-01, deadline: 1s}}\n"
        )
        (self.home / "providers.yaml").write_text(
            f"providers: {{psp: {{kind: http, url: '{self.provider.url}', key: PSP_KEY,"
            " webhook_secret: PSP_HOOK, idempotent_for: 24h, looks_up: 'true', latest_commit: 1s,"
            " deadline: 2s}}\n"
        )

    @property
    def place(self) -> Place:
        """The tenant, for what the tests have for it."""
        return Place(self.database, self.tenant_id, self.url, self.url)

    # --- the worker ---

    def begin(self) -> None:
        """Starts what comes before the place, and the worker, which is held there."""
        if self.cell.fault != "none" and self.cell.state >= _RATED:
            assert self._report().what == "built"
        self._start(self.cell.point)

    def _report(self) -> build_report.Outcome:
        desk = build_report.Desk(
            self.database, self.tenant_id,
            lambda one: HttpSubService(name=one.name, url=one.url, key=SUB_KEY),
            fixed(utc_now()), random_ids, "test",
        )  # fmt: skip
        return build_report.build(desk, self.stage.period)

    def _start(self, point: str) -> None:
        environ = os.environ | {
            "EVERYCENT_DATABASE_URL": self.url, "EVERYCENT_HOME": str(self.home),
            "EVERYCENT_ACTOR": "test", "ERP_KEY": ERP_KEY, "PSP_KEY": KEY,
            "PSP_HOOK": WEBHOOK_SECRET, "SUB_KEY": SUB_KEY,
        }  # fmt: skip
        port = str(self._listening.getsockname()[1])
        with (self.home / "worker.txt").open("a") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.worker", port, point],
                env=environ, stdout=said, stderr=said, text=True, start_new_session=True,
            )  # fmt: skip
        if point != "-":
            self._control, _ = self._listening.accept()

    def wait_until_held(self) -> None:
        """Waits until the worker is at its point; somebody presses the button that charges meanwhile."""
        assert self._control is not None
        self._control.settimeout(0.2)
        until = time.monotonic() + _HELD_SECONDS
        while time.monotonic() < until:
            try:
                if self._control.recv(64):
                    return
            except TimeoutError:
                self._press()
        raise AssertionError(f"the worker never came to {self.cell.point}: {self._said()}")

    def _press(self) -> None:
        """Charges what is due, as somebody would with `everycent collect run` who goes away at once."""
        with contextlib.suppress(psycopg.Error, Unavailable):
            if self._sql("select count(*) from invoice")[0][0] < len(CUSTOMERS):
                return
            if self._sql("select count(*) from collection_run")[0][0] == 0:
                desk = shop.desk_at(self.place, shop.provider_of(self.provider))
                start.on_demand(
                    desk, due_by=utc_now() + timedelta(days=30), time_zone="UTC", invoices=None
                )

    def _said(self) -> str:
        return (self.home / "worker.txt").read_text()[-2000:]

    def _go_on(self, word: bytes = b"go\n") -> None:
        assert self._control is not None
        with contextlib.suppress(OSError):
            self._control.sendall(word)

    # --- faults ---

    def fail(self) -> None:
        """Lets the fault happen while the worker is held, lets it go on, and ends the fault."""
        getattr(self, f"_{self.cell.fault}")()

    def _database_away(self) -> None:
        self.stage.own.stop()
        self._go_on()
        time.sleep(_OUTAGE_SECONDS)
        self.stage.own.start()
        self.database.close()  # its connections are dead
        self.database = Database(self.url)

    def _database_throws(self) -> None:
        self._sql_now(f"select everycent.throw_next('{self.cell.sqlstate}', {_THROWS})")
        self._go_on()

    def _server_away(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        time.sleep(_OUTAGE_SECONDS)
        self._start("-")

    def _server_throws(self) -> None:
        self._go_on(b"raise\n")

    def _erp_away(self) -> None:
        self.erp.kill()
        self._go_on()
        self._until_met()
        self.erp.start()

    def _erp_wrong(self) -> None:
        names = sorted(MUTATIONS)
        name = names[self.cell.number % len(names)]
        self.erp.fault(f"mutate:{name}", times=2)
        self._go_on()
        self._until_met()
        self.erp.clear()

    def _erp_throws(self) -> None:
        self.erp.fault(ERP_ERRORS[self.cell.number % len(ERP_ERRORS)], times=2)
        self._go_on()
        self._until_met()
        self.erp.clear()

    def _until_met(self) -> None:
        """The fault lasts until somebody has met it and said so, or until nobody needs the ERP."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            self._press()
            with contextlib.suppress(psycopg.Error, Unavailable):
                if any(kind.startswith("erp.") for kind in self.alarm_kinds()):
                    return
                if self._documents_left() == 0:
                    return
            time.sleep(0.1)

    # --- what came of it ---

    def wait_until_done(self) -> bool:
        """Waits until there is nothing left to do; False when that takes for ever."""
        until = time.monotonic() + _DONE_SECONDS
        while time.monotonic() < until:
            self._press()
            with contextlib.suppress(psycopg.Error, Unavailable):
                if not self.left():
                    return True
            time.sleep(0.1)
        return False

    def left(self) -> dict[str, int]:
        """What is not done yet."""
        row = self._sql(_LEFT, wanted=len(CUSTOMERS))[0]
        names = ("reports", "invoices", "documents", "payments", "runs", "alarms")
        return {name: count for name, count in zip(names, row, strict=True) if count}

    def standing(self) -> str:
        """Where attempts and runs stand, and what the worker said, for who looks into a red cell."""
        runs = self._sql("select kind, state from collection_run")
        items = self._sql("select state, count(*) from collection_item group by 1")
        attempts = self._sql("select status, tries, told from payment_attempt")
        return f"runs {runs} items {items} attempts {attempts} said {self._said()}"

    def _documents_left(self) -> int:
        left = self.left()
        return left.get("documents", 0) + left.get("invoices", 0)

    def end(self) -> None:
        """Asks the worker to stop, which does so in order."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            code = self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = -9
        self.exit_code = code

    def close(self) -> None:
        """Ends what is left."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._listening.close()
        if self._control is not None:
            self._control.close()
        for fake in (self.erp, self.provider):
            with contextlib.suppress(Exception):
                fake.kill()
        self.database.close()

    def wrong(self) -> list[str]:
        """The promises that do not hold, and what the worker did not end well."""
        found = (
            []
            if self.exit_code == 0
            else [f"the worker ended with {self.exit_code}: {self._said()}"]
        )
        with self.database.snapshot(self.tenant_id) as tx:
            found += [
                f"{check.promise}: {check.violators[:3]}"
                for check in verify(tx, trusted_key=None, with_replay=True)
                if check.violators
            ]
        return found

    def lost_and_doubled(self) -> tuple[int, int]:
        """By the books of the others: documents the ERP does not have or has twice, money that was not
        charged or charged twice."""
        documents = [one["reference"] for one in self.erp.documents()]
        names = [name for (name,) in self._sql("select reference from erp_document")]
        charges = self.provider.call("GET", "/admin/ledger")["charges"]
        with self.database.snapshot(self.tenant_id) as tx:
            known = {one.attempt: one.invoice for one in charging.payment_states(tx, limit=100)}
        paid = [known.get(one["reference"], one["reference"]) for one in charges
                if one["status"] in ("succeeded", "captured")]  # fmt: skip
        lost = len(set(names) - set(documents)) + len(CUSTOMERS) - len(set(paid))
        doubled = len(documents) - len(set(documents)) + len(paid) - len(set(paid))
        return max(lost, 0), doubled

    def outcome(self) -> str:
        """The invoices, their lines, the ledger and the ERP's books, as a digest without ids and times. Who
        has which number depends on who could be billed first."""
        rows = {
            "invoices": self._sql(_INVOICES),
            "ledger": self._sql(_LEDGER),
            "usage": self._sql(_USAGE),
            "numbers": self._sql("select series, number from invoice order by 1, 2"),
            "erp": sorted((one["gross"], one["state"]) for one in self.erp.documents()),
        }
        return hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()

    def alarm_kinds(self) -> list[str]:
        """The kinds of alarms that were raised."""
        return [kind for (kind,) in self._sql("select distinct kind from alarm order by 1")]

    def expected_alarms(self) -> tuple[set[str], set[str]]:
        """The kinds that have to be raised, and those that may be."""
        cell = self.cell
        if cell.fault == "database_away":
            return {"database.away"}, {"work.broken"}
        if cell.fault == "database_throws":
            is_told = self._has_thrown() and cell.sqlstate not in AWAY_STATES
            either = {"work.broken", "bill.parked"}
            raised = either & set(self.alarm_kinds())
            return (raised or {"work.broken"}) if is_told else set(), either
        if cell.fault == "server_away":
            return {"work.died"}, set()
        if cell.fault == "server_throws":
            at_services = cell.place == "collecting"
            return {"report.incomplete" if at_services else "work.broken"}, {"work.broken"}
        either = {"erp.away", "erp.failing"}
        if cell.state > _SENDING or ("→" in cell.place and cell.state == _SENDING):
            # The ERP has everything by then, and not every lie fits what is asked later.
            return set(), either
        if cell.fault == "erp_away":
            return {"erp.away"}, either
        return either & set(self.alarm_kinds()) or {"erp.failing"}, either

    def _has_thrown(self) -> bool:
        """Whether a statement met the planted error."""
        ((reached, armed),) = self._sql(
            "select last_value, (select max(until) from everycent.thrown) from everycent.throwing"
        )
        return bool(reached > armed - _THROWS)

    def _sql(self, text: str, **params: Any) -> list[Any]:
        with psycopg.connect(
            self.url, options="-c search_path=everycent", connect_timeout=2
        ) as owner:
            return owner.execute(text.encode(), params).fetchall()

    def _sql_now(self, text: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as owner:
            owner.execute(text.encode())


def _last_month() -> str:
    first = datetime.now(UTC).date().replace(day=1)
    return (first - timedelta(days=1)).isoformat()[:7]


_LEFT = """
select (select 1 - count(*) from report),
       (select %(wanted)s - count(*) from invoice),
       (select %(wanted)s - count(*) from erp_state where status = 'registered'),
       (select %(wanted)s - count(*) from payment),
       (select count(*) from collection_run where state <> 'finished'),
       (select count(*) from alarm where resolved_at is null)
"""
_INVOICES = """
select c.key, i.series, i.issued_on, i.net, i.tax, i.gross,
       (select array_agg(l.net order by l.line_no) from invoice_line l
        where l.tenant_id = i.tenant_id and l.invoice_id = i.invoice_id)
from invoice i join customer c on c.tenant_id = i.tenant_id and c.customer_id = i.customer_id
order by 1, 2, 3, 4
"""
_LEDGER = """
select account_id, currency, amount from ledger_posting order by 1, 2, 3
"""
_USAGE = """
select s.name, m.name, u.at, u.value from usage_record u
join usage_name s on s.tenant_id = u.tenant_id and s.name_id = u.subject_id
join usage_name m on m.tenant_id = u.tenant_id and m.name_id = u.meter_id
order by 1, 2, 3, 4
"""
_THROWING = """
create sequence everycent.throwing;
create table everycent.thrown (code text not null, until bigint not null);
grant usage on sequence everycent.throwing to everycent_app;
grant select on everycent.thrown to everycent_app;
create function everycent.throw_next(code text, times int) returns void language sql as $$
    insert into everycent.thrown values (code, nextval('everycent.throwing') + times);
$$;
create function everycent.maybe_throw() returns trigger language plpgsql as $$
declare
    armed record;
begin
    -- A sequence goes on when a transaction is rolled back: after so many errors it is over.
    select * into armed from everycent.thrown order by until desc limit 1;
    if found and nextval('everycent.throwing') <= armed.until then
        raise exception 'planted' using errcode = armed.code;
    end if;
    return null;
end $$;
create function everycent.maybe_throw_row() returns trigger language plpgsql as $$
declare
    armed record;
begin
    select * into armed from everycent.thrown order by until desc limit 1;
    if found and nextval('everycent.throwing') <= armed.until then
        raise exception 'planted' using errcode = armed.code;
    end if;
    return new;
end $$;
do $$
declare
    name text;
begin
    -- What tells of the error is left alone.
    create trigger throwing before insert on everycent.journal_event
        for each row when (new.type not like 'alarm.%') execute function everycent.maybe_throw_row();
    foreach name in array array['report_claim', 'erp_claim', 'erp_answer',
                                'payment_attempt', 'billing_run', 'billing_chunk'] loop
        execute format('create trigger throwing before insert or update on everycent.%I '
                       'for each statement execute function everycent.maybe_throw()', name);
    end loop;
end $$;
"""
