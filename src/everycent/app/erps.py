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
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from everycent.app.settings import Settings
from everycent.catalog import document
from everycent.catalog.document_refusals import Strict, converted, seconds, wrong
from everycent.erp.port import Erp
from everycent.flows.hand_over import SLOW
from everycent.integrations.erp_file import FileErp
from everycent.integrations.erp_http import HttpErp
from everycent.kernel.errors import Unavailable

FILE = "erp.yaml"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MOST = 500
_LONGEST = 120


class _File(Strict):
    erp: dict[str, str]


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


class SetUp(NamedTuple):
    """The ERP, from which day on documents are handed over, and after how long of saying that it has
    received one it is too slow."""

    erp: Erp
    since: date
    slow: timedelta = SLOW


def needed(settings: Settings, environ: Mapping[str, str] = os.environ) -> SetUp:
    """The ERP. Raises Unavailable `erp.none`, `erp.secret_missing`, Invalid with the place in the file."""
    given = _given(settings)
    kind = given.pop("kind", "")
    if kind == "file":
        files = converted(given, _Files, "erp")
        folder = settings.home / files.folder
        erp = FileErp(name=_name(files.name), folder=folder, batch=_count(files.batch))
        return SetUp(erp, _day(files.since))
    if kind != "http":
        raise wrong("erp.kind", f"{kind[:20]!r} is no kind of ERP", "http or file")
    told = converted(given, _Http, "erp")
    slow = _slow(told.slow)
    return SetUp(
        HttpErp(
            name=_name(told.name),
            url=told.url,
            key=_secret(told.key, environ),
            batch=_count(told.batch),
            deadline=_deadline(told.deadline),
        ),
        _day(told.since),
        slow,
    )


def name(settings: Settings) -> str:
    """What the ERP is called; its key is not looked at. Raises as `needed`."""
    return _name(_given(settings).get("name", ""))


def told_of(settings: Settings) -> tuple[str, date]:
    """What the ERP is called, and from which day on it is told of documents; its key is not looked at.
    Raises as `needed`."""
    given = _given(settings)
    return _name(given.get("name", "")), _day(given.get("since", ""))


def _given(settings: Settings) -> dict[str, str]:
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


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
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
