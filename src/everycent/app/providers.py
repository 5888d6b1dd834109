"""Providers: those that the operator has set up, in the file `providers.yaml` of the instance's folder.

They come from this file alone and never over HTTP; secrets stand in the environment, and the file names the
variables.

    providers:
      psp:                              # the name that payment methods refer to
        kind: http                      # or stripe
        url: https://payments.example   # http only; what stands before /charges
        key: PSP_KEY                    # the environment variable with the key
        webhook_secret: PSP_WEBHOOK     # that with the secret of its webhooks; none: nothing is believed
        idempotent_for: 24h             # how long it charges a reference once; never, where it does not
        looks_up: true                  # whether it tells what became of a reference
        latest_commit: 2m               # how long after a request it may still charge
        concurrency: 16                 # how many calls it takes at once
        deadline: 30s                   # how long a call may take

Entries of the kind `sepa` are accounts of ours that collect by direct debit: see app/accounts.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta

from everycent.app.settings import Settings
from everycent.catalog import document
from everycent.catalog.document_refusals import Strict, converted, seconds, wrong
from everycent.integrations.provider_http import HttpProvider
from everycent.integrations.provider_stripe import StripeProvider
from everycent.kernel.errors import NotFound, Unavailable
from everycent.kernel.near import meant
from everycent.payments.provider import Provider

FILE = "providers.yaml"
SEPA = "sepa"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MOST_CALLS = 10_000


class _File(Strict):
    providers: dict[str, dict[str, str]]


class _Http(Strict):
    url: str
    key: str
    latest_commit: str
    idempotent_for: str
    looks_up: str
    webhook_secret: str = ""
    concurrency: str = "16"
    deadline: str = "30s"


class _Stripe(Strict):
    key: str
    webhook_secret: str = ""
    url: str = "https://api.stripe.com"
    concurrency: str = "20"


def configured(
    settings: Settings, environ: Mapping[str, str] = os.environ, *, only: str | None = None
) -> dict[str, Provider]:
    """The providers of the file, or that of one name; none where there is no file.

    Raises Invalid with the place in the file, Unavailable `payment.secret_missing`."""
    return {
        name: _provider(name, given, environ)
        for name, given in entries(settings).items()
        if only in (None, name) and given.get("kind") != SEPA
    }


def entries(settings: Settings) -> dict[str, dict[str, str]]:
    """What the file says, by name; nothing where there is no file. Raises Invalid with the place in it."""
    path = settings.home / FILE
    if not path.exists():
        return {}
    told = converted(document.read(path.read_text(encoding="utf-8")) or {}, _File, "")
    for name in told.providers:
        if not _NAME.fullmatch(name):
            raise wrong(
                f"providers.{name}", "a provider's name has 1 to 40 small letters, digits, - and _"
            )
    return {name: dict(given) for name, given in told.providers.items()}


def check_known(settings: Settings, name: str) -> bool:
    """Whether anything is set up: then the name has to be there, of a provider or of an account of ours;
    secrets are not looked at. Raises NotFound `payment.unknown_provider`, Invalid as `entries`."""
    if not (settings.home / FILE).exists():
        return False
    known = entries(settings)
    if name not in known:
        said = ", ".join(sorted(known)) or "none"
        raise NotFound(
            "payment.unknown_provider",
            f"there is no provider {name[:40]!r} in {FILE}",
            field="provider",
            value=name,
            hint=f"{meant(name, known)} {FILE} has {said}".strip(),
        )
    return True


def needed(settings: Settings) -> dict[str, Provider]:
    """The providers. Raises Unavailable `payment.no_provider` where none is set up."""
    found = configured(settings)
    if not found:
        raise Unavailable(
            "payment.no_provider",
            "no payment provider is set up",
            field=FILE,
            hint=f"write {settings.home / FILE} (docs/collecting.md); to try: everycent fake provider",
        )
    return found


def _provider(name: str, given: dict[str, str], environ: Mapping[str, str]) -> Provider:
    place = f"providers.{name}"
    kind = given.pop("kind", "")
    if kind == "http":
        http = converted(given, _Http, place)
        return HttpProvider(
            url=http.url,
            key=_secret(http.key, environ),
            webhook_secret=_secret(http.webhook_secret, environ) if http.webhook_secret else "",
            latest_commit=_span(http.latest_commit, f"{place}.latest_commit"),
            concurrency=_calls(http.concurrency, f"{place}.concurrency"),
            deadline=_span(http.deadline, f"{place}.deadline"),
            idempotent_for=None
            if http.idempotent_for == "never"
            else _span(http.idempotent_for, f"{place}.idempotent_for"),
            looks_up=_flag(http.looks_up, f"{place}.looks_up"),
            name=name,
        )
    if kind == "stripe":
        stripe = converted(given, _Stripe, place)
        return StripeProvider(
            _secret(stripe.key, environ),
            _secret(stripe.webhook_secret, environ) if stripe.webhook_secret else "",
            name=name,
            url=stripe.url,
            concurrency=_calls(stripe.concurrency, f"{place}.concurrency"),
        )
    raise wrong(f"{place}.kind", f"{kind[:20]!r} is no kind of provider", "http, stripe or sepa")


def _secret(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "")
    if not value:
        raise Unavailable(
            "payment.secret_missing",
            f"the environment variable {name} is not set",
            field=name,
            hint=f"{FILE} names the variables; the secrets themselves stand in the environment",
        )
    return value


def _span(text: str, place: str) -> timedelta:
    found = seconds(text, place)
    if not found:
        raise wrong(place, "it takes longer than no time")
    return timedelta(seconds=found)


def _calls(text: str, place: str) -> int:
    if not (
        text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= _MOST_CALLS
    ):
        raise wrong(place, f"{text[:20]!r} is not a number of calls", f"1 to {_MOST_CALLS}")
    return int(text)


def _flag(text: str, place: str) -> bool:
    if text not in ("true", "false"):
        raise wrong(place, f"{text[:20]!r} is neither true nor false")
    return text == "true"
