"""The ERP that the operator has set up, in the file `erp.yaml` of the instance's folder.

It comes from this file alone and never over HTTP; the key stands in the environment, and the file names the
variable.

    erp:
      name: books                       # what it is called here, for ever
      kind: http
      url: https://erp.example          # what stands before /batches
      key: ERP_KEY                      # the environment variable with the key
      since: 2026-01-01                 # documents from this day on are handed over
      batch: 100                        # how many documents go at once
      deadline: 30s                     # how long a call may take
      slow: 24h                         # how long it may say that it has received a document

One of the kind `file` has a `folder` in place of `url`, `key` and `deadline`: batches are written there as
JSON, as CSV and with their control totals (integrations/erp_file.py).

One of the kind `tryton` has a `database`, and what is ours is called there (integrations/tryton_books.py):

      company: Everycent GmbH           # the company's name
      revenue: "4.1.2"                  # the account of what is sold, by its code
      accounts: {energy: "4.1.1"}       # that of a product, where it is another
      discounts: "4.3.1"                # that of what discounts take off; revenue unless told
      receivable: "1.2.1"               # the party's, or the company's default, unless told
      journal: REV                      # that of invoices
      taxes: {vat 19: VAT 19 %}         # what a tax with its percentage is called; none: no tax there
      parties: seller                   # codes are `default/acme`; shared: they are `acme`
      cents: refuse                     # what Tryton rounds otherwise; adopt: it gets what was printed
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from everycent.app import alarming
from everycent.app.settings import Settings
from everycent.app.wiring import App
from everycent.catalog import document
from everycent.catalog.document_refusals import (
    Strict,
    check_key,
    check_text,
    converted,
    seconds,
    wrong,
)
from everycent.erp.port import Erp
from everycent.flows.hand_over import LEASE, SLOW, Desk
from everycent.integrations.erp_file import FileErp
from everycent.integrations.erp_http import HttpErp
from everycent.integrations.erp_tryton import TrytonErp
from everycent.integrations.tryton_books import ADOPT, BY_SELLER, REFUSE, SHARED, Map
from everycent.kernel.errors import Unavailable

FILE = "erp.yaml"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_DATABASE = re.compile(r"[A-Za-z0-9_-]{1,63}")
_TAX = re.compile(r"\S+ [0-9]+(\.[0-9]+)?")
_MOST = 500
_LONGEST = 120
_CALLS, _MARGIN = 3, timedelta(seconds=5)
"""What somebody took who says nothing any more is taken over after so many deadlines and a little more."""


class _File(Strict):
    erp: dict[str, Any]


class _Http(Strict):
    name: str
    url: str
    key: str
    since: str
    batch: str = "100"
    deadline: str = "30s"
    slow: str = "24h"


class _Files(Strict):
    name: str
    folder: str
    since: str
    batch: str = "100"


class _Tryton(Strict):
    name: str
    url: str
    database: str
    key: str
    since: str
    company: str
    revenue: str
    taxes: dict[str, str]
    accounts: dict[str, str] = {}  # noqa: RUF012 - a Struct copies it
    discounts: str | None = None
    receivable: str | None = None
    journal: str = "REV"
    parties: str = BY_SELLER
    cents: str = REFUSE
    batch: str = "20"
    deadline: str = "60s"


class SetUp(NamedTuple):
    """The ERP, from which day on documents are handed over, and after how long of saying that it has
    received one it is too slow."""

    erp: Erp
    since: date
    slow: timedelta = SLOW
    lease: timedelta = LEASE


def needed(settings: Settings, environ: Mapping[str, str] = os.environ) -> SetUp:
    """The ERP. Raises Unavailable `erp.none`, `erp.secret_missing`, Invalid with the place in the file."""
    given = _given(settings)
    kind = given.pop("kind", "")
    if kind == "file":
        files = converted(given, _Files, "erp")
        folder = settings.home / files.folder
        erp = FileErp(name=_name(files.name), folder=folder, batch=_count(files.batch))
        return SetUp(erp, _day(files.since))
    if kind == "tryton":
        return _tryton(converted(given, _Tryton, "erp"), environ)
    if kind != "http":
        raise wrong("erp.kind", f"{str(kind)[:20]!r} is no kind of ERP", "http, file or tryton")
    told = converted(given, _Http, "erp")
    slow, deadline = _slow(told.slow), _deadline(told.deadline)
    return SetUp(
        HttpErp(
            name=_name(told.name),
            url=told.url,
            key=_secret(told.key, environ),
            batch=_count(told.batch),
            deadline=deadline,
        ),
        _day(told.since),
        slow,
        _CALLS * deadline + _MARGIN,
    )


def desk(app: App, tenant_id: int) -> Desk:
    """This process, handing documents over. Raises as `needed`."""
    found = needed(app.settings)
    return Desk(
        app.database, tenant_id, app.settings.tenant, found.erp, found.since, app.clock, app.ids,
        app.settings.actor, alarming.channels(app.settings), found.lease, found.slow,
    )  # fmt: skip


def name(settings: Settings) -> str:
    """What the ERP is called; its key is not looked at. Raises as `needed`."""
    return _name(_given(settings).get("name", ""))


def told_of(settings: Settings) -> tuple[str, date]:
    """What the ERP is called, and from which day on it is told of documents; its key is not looked at.
    Raises as `needed`."""
    given = _given(settings)
    return _name(given.get("name", "")), _day(str(given.get("since", "")))


def _tryton(told: _Tryton, environ: Mapping[str, str]) -> SetUp:
    if not _DATABASE.fullmatch(told.database):
        raise wrong("erp.database", "a database's name has letters, digits, - and _")
    if told.parties not in (BY_SELLER, SHARED):
        raise wrong("erp.parties", f"{told.parties[:20]!r} is no kind", f"{BY_SELLER} or {SHARED}")
    if told.cents not in (REFUSE, ADOPT):
        raise wrong("erp.cents", f"{told.cents[:20]!r} is no way", f"{REFUSE} or {ADOPT}")
    for place in ("company", "revenue", "discounts", "receivable", "journal"):
        if getattr(told, place) is not None:
            check_text(getattr(told, place), f"erp.{place}", f"the {place}")
    for product, code in told.accounts.items():
        check_key(product, "erp.accounts")
        check_text(code, f"erp.accounts.{product}", "an account's code")
    for tax, called in told.taxes.items():
        if not _TAX.fullmatch(tax):
            hint = "a category and a percentage, such as vat 19"
            raise wrong("erp.taxes", f"{tax[:20]!r} is no tax", hint)
        check_text(called, f"erp.taxes.{tax}", "a tax's name")
    books = Map(
        company=told.company,
        revenue=told.revenue,
        taxes=told.taxes,
        accounts=told.accounts,
        journal=told.journal,
        receivable=told.receivable,
        discounts=told.discounts,
        parties=told.parties,
        cents=told.cents,
    )
    return SetUp(
        TrytonErp(
            name=_name(told.name),
            url=told.url,
            database=told.database,
            key=_secret(told.key, environ),
            to=books,
            batch=_count(told.batch),
            deadline=_deadline(told.deadline),
        ),
        _day(told.since),
    )


def _given(settings: Settings) -> dict[str, Any]:
    path = settings.home / FILE
    if not path.exists():
        raise Unavailable(
            "erp.none",
            "no ERP is set up",
            field=FILE,
            hint=f"write {path} (docs/erp.md); to try: everycent fake erp",
        )
    told = converted(document.read(path.read_text(encoding="utf-8")) or {}, _File, "")
    return dict(told.erp)


def _name(text: Any) -> str:
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise wrong("erp.name", "an ERP's name has 1 to 40 small letters, digits, - and _")
    return text


def _secret(variable: str, environ: Mapping[str, str]) -> str:
    value = environ.get(variable, "")
    if not value:
        raise Unavailable(
            "erp.secret_missing",
            f"the environment variable {variable} is not set",
            field=variable,
            hint=f"{FILE} names the variable; the key itself stands in the environment",
        )
    if not value.isascii() or not value.isprintable() or " " in value:
        raise wrong("erp.key", "the key holds a character that no header can have")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= _MOST):
        raise wrong("erp.batch", f"{text[:20]!r} is no number of documents", f"1 to {_MOST}")
    return int(text)


def _deadline(text: str) -> timedelta:
    found = seconds(text, "erp.deadline")
    if not found or found > _LONGEST:
        raise wrong("erp.deadline", "it takes longer than no time, and up to two minutes")
    return timedelta(seconds=found)


def _slow(text: str) -> timedelta:
    found = seconds(text, "erp.slow")
    if not found:
        raise wrong("erp.slow", "it takes longer than no time", "write it like 24h")
    return timedelta(seconds=found)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise wrong("erp.since", f"{text[:20]!r} is no day", "a date such as 2026-01-01") from None
