"""A real Tryton as a process, with a database on the tests' PostgreSQL and a company that is set up; and a
door in front of it that loses answers. Everything here goes past the product's own code."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from everycent.db import embedded

DATABASE = "tryton_books"
PASSWORD = "a password of the tests"
COMPANY = "Everycent GmbH"
YEAR = 2026
RATES = {"VAT 25": "0.25", "VAT 20": "0.20", "VAT 7": "0.07", "Local 2.5": "0.025"}
ACCOUNTS = {
    # code: name, of which type, whether parties stand on it
    "1400": ("Receivables", "receivable", True),
    "1410": ("Receivables from abroad", "receivable", True),
    "1600": ("Payables", "payable", True),
    "1776": ("Taxes", "debt", False),
    "8400": ("Sales", "revenue", False),
    "8410": ("Energy", "revenue", False),
    "8700": ("Discounts", "revenue", False),
}
_BIN = Path(sys.executable).parent


class Tryton:
    """A Tryton server, its API past the product, and its books as they stand in its database."""

    def __init__(self, server: embedded.Instance, folder: Path) -> None:
        told = conninfo_to_dict(server.conninfo(DATABASE))
        self.conninfo = make_conninfo(**told)
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
        self._environment = os.environ | {
            variable: str(told[name]) for name, variable in names.items() if told.get(name)
        }
        self._environment |= {"TRYTONPASSFILE": str(folder / "password")}
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "password").write_text(PASSWORD)
        (folder / "trytond.conf").write_text(
            "[database]\nuri = postgresql://\nlist = True\n"
            f"[web]\nlisten = 127.0.0.1:{self.port}\n[queue]\nworker = True\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.key = ""
        self.company = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def create(self) -> None:
        """Makes the database; this is what takes long."""
        with psycopg.connect(self.conninfo, dbname="postgres", autocommit=True) as admin:
            admin.execute(f"create database {DATABASE}")
        options = ["-d", DATABASE, "-u", "account_invoice", "--activate-dependencies"]
        self._run("trytond-admin", *options, "--email", "eve@example.com")

    def start(self) -> None:
        """Starts the server over what its database holds, and waits until it answers."""
        log = (self._folder / "trytond.log").open("ab")
        command = [str(_BIN / "trytond"), "-c", str(self._folder / "trytond.conf"), "-d", DATABASE]
        self._process = subprocess.Popen(
            command, stdout=log, stderr=log, env=self._environment, start_new_session=True
        )
        log.close()
        for _ in range(600):
            assert self._process.poll() is None, (self._folder / "trytond.log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.1)
        raise AssertionError("Tryton does not start")

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def call(self, name: str, *told: Any) -> Any:
        """One call of its XML-RPC, as its administrator."""
        admin = f"http://admin:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}/{DATABASE}/rpc/"
        with xmlrpc.client.ServerProxy(admin, allow_none=True) as proxy:
            return getattr(proxy, name)(*told, {"company": self.company} if self.company else {})

    def new(self, model: str, **values: Any) -> int:
        """A new record of a model."""
        return self.call(f"model.{model}.create", [values])[0]  # type: ignore[no-any-return]

    def write(self, model: str, records: list[int], **values: Any) -> None:
        """Other values in records of a model."""
        self.call(f"model.{model}.write", records, values)

    def ids(self, model: str, *domain: Any) -> list[int]:
        """The records for which a domain holds."""
        return self.call(f"model.{model}.search", list(domain), 0, None, None)  # type: ignore[no-any-return]

    def rows(self, query: str, *told: Any) -> list[Any]:
        """What its database says."""
        with psycopg.connect(self.conninfo) as books:
            return [row[0] if len(row) == 1 else row for row in books.execute(query, told or None)]

    def execute(self, query: str, *told: Any) -> None:
        """Changes its database behind its back."""
        with psycopg.connect(self.conninfo) as books:
            books.execute(query, told)

    def empty(self) -> None:
        """Takes out all invoices and what was posted, and the parties of customers."""
        with psycopg.connect(self.conninfo) as books:
            books.execute("truncate account_invoice, account_move cascade")
            books.execute("delete from party_party where code like 'default/%' or code = 'c0000'")

    def invoices(self) -> list[Any]:
        """All invoices: reference, state, whether there is a number, untaxed, tax, total."""
        return self.rows(
            "select i.reference, i.state, i.number is not null, "
            " sum(l.credit - l.debit) filter (where a.code like '8%'),"
            " sum(l.credit - l.debit) filter (where a.code = '1776'),"
            " sum(l.debit - l.credit) filter (where a.code like '14%') "
            "from account_invoice i left join account_move m on m.id = i.move "
            "left join account_move_line l on l.move = m.id "
            "left join account_account a on a.id = l.account group by i.id order by i.id"
        )

    @contextmanager
    def closed(self, month: int) -> Iterator[None]:
        """While the period of a month is closed. Its journals stay closed, until `open_journals`."""
        middle = day(f"{YEAR}-{month:02d}-15")
        within = (["start_date", "<=", middle], ["end_date", ">=", middle])
        period = self.ids("account.period", *within)
        self.call("model.account.period.close", period)
        try:
            yield
        finally:
            self.call("model.account.period.reopen", period)

    def open_journals(self) -> None:
        """Journals of periods that were closed are open again."""
        closed = self.ids("account.journal.period", ["state", "=", "closed"])
        self.call("model.account.journal.period.reopen", closed)

    def _run(self, program: str, *options: str) -> None:
        command = [str(_BIN / program), "-c", str(self._folder / "trytond.conf"), *options]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def set_up(self) -> None:
        """A company with currencies, accounts, taxes, a fiscal year and a key for its REST API."""
        rate = {"date": day("2020-01-01")}
        for code, amount in (("EUR", "1"), ("USD", "1.25")):
            told = {"name": code, "code": code, "symbol": code, "digits": 2}
            rates = [("create", [rate | {"rate": decimal(amount)}])]
            self.new("currency.currency", rounding=decimal("0.01"), rates=rates, **told)
        (euro,) = self.ids("currency.currency", ["code", "=", "EUR"])
        party = self.new("party.party", name=COMPANY, addresses=[("create", [{}])])
        company = self.new("company.company", party=party, currency=euro)
        self.write("res.user", [1], companies=[("add", [company])], company=company)
        self.company = company
        self._accounts()
        kinds = {name: self.ids("ir.sequence.type", ["name", "=", name])[0] for name in _SEQUENCES}
        moves, invoices, notes = (
            self.new(
                "ir.sequence.strict", name=name, prefix=prefix, company=company, padding=5,
                sequence_type=kinds[kind],
            )
            for name, prefix, kind in (
                ("Moves", "M", "Account Move"), ("Invoices", "T", "Invoice"), ("Notes", "C", "Invoice"),
            )
        )  # fmt: skip
        series = {f"{way}_invoice_sequence": invoices for way in ("in", "out")}
        series |= {f"{way}_credit_note_sequence": notes for way in ("in", "out")}
        year = self.new(
            "account.fiscalyear", name=str(YEAR), start_date=day(f"{YEAR}-01-01"), company=company,
            end_date=day(f"{YEAR}-12-31"), move_sequence=moves,
            invoice_sequences=[("create", [{"company": company} | series])],
        )  # fmt: skip
        self.call("model.account.fiscalyear.create_period", [year])
        groups = self.ids("res.group", ["name", "=", "Accounting"])
        user = self.new(
            "res.user", name="Billing", login="billing", groups=[("add", groups)],
            companies=[("add", [company])], company=company,
        )  # fmt: skip
        app = self.new("res.user.application", user=user, application="rest")
        (told,) = self.call("model.res.user.application.read", [app], ["key"])
        self.key = told["key"]

    def _accounts(self) -> None:
        types = {
            kind: self.new(
                "account.account.type", name=kind, company=self.company,
                statement="income" if kind == "revenue" else "balance",
                assets=kind == "receivable", **{kind: True},
            )
            for kind in ("receivable", "payable", "revenue", "debt")
        }  # fmt: skip
        made = {
            code: self.new(
                "account.account", code=code, name=name, company=self.company, type=types[kind],
                party_required=with_parties, reconcile=with_parties,
            )
            for code, (name, kind, with_parties) in ACCOUNTS.items()
        }  # fmt: skip
        for name, rate in RATES.items():
            self.new(
                "account.tax", name=name, description=name, type="percentage", company=self.company,
                rate=decimal(rate), invoice_account=made["1776"], credit_note_account=made["1776"],
            )  # fmt: skip
        (found,) = self.ids("account.configuration")
        self.write("account.configuration", [found], default_account_receivable=made["1400"])


_SEQUENCES = ("Account Move", "Invoice")


@contextmanager
def running_tryton(server: embedded.Instance, folder: Path) -> Iterator[Tryton]:
    """A Tryton that is set up; it and its database are gone afterwards."""
    tryton = Tryton(server, folder)
    tryton.create()
    tryton.start()
    try:
        tryton.set_up()
        with psycopg.connect(tryton.conninfo, autocommit=True) as books:
            books.execute("analyze")
        yield tryton
    finally:
        tryton.kill()
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            admin.execute(f"drop database if exists {DATABASE} with (force)")


def decimal(text: str) -> dict[str, str]:
    """An amount, as Tryton wants it to be written."""
    return {"__class__": "Decimal", "decimal": text}


def day(text: str) -> dict[str, Any]:
    """A day, as Tryton wants it to be written."""
    parts = zip(("year", "month", "day"), map(int, text.split("-")), strict=True)
    return {"__class__": "date"} | dict(parts)
