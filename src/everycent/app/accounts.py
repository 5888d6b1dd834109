"""Accounts: those of ours that collect by SEPA direct debit, in `providers.yaml` beside the providers.

    providers:
      house:                            # the name that payment methods refer to
        kind: sepa
        creditor: Waterworks Ltd        # who stands on the customer's statement
        iban: DE89370400440532013000
        creditor_id: DE98ZZZ09999999999 # as agreed with the bank
        bic: COBADEFF                   # only where the bank wants it
        scheme: CORE                    # or B2B
        lead_days: 1                    # how many TARGET days before the collection the bank wants the file
        format: pain.008.001.08         # or pain.008.001.02

There is no secret in it: whoever knows all this can hand over nothing without the bank's own access.
"""

from __future__ import annotations

from everycent.app import providers
from everycent.app.settings import Settings
from everycent.catalog.document_refusals import Strict, converted, wrong
from everycent.debits.file import Account
from everycent.integrations.bank_sepa import Version
from everycent.kernel.errors import Invalid, NotFound
from everycent.payments.direct_debit import LATEST, Creditor, Scheme, checked_creditor


class _Sepa(Strict):
    kind: str
    creditor: str
    iban: str
    creditor_id: str
    bic: str = ""
    scheme: str = "CORE"
    lead_days: str = "1"
    format: str = Version.V08.value


def configured(settings: Settings) -> dict[str, Account]:
    """The accounts of the file by name. Raises Invalid with the place in it, or `bank.…`."""
    return {
        name: _account(name, given)
        for name, given in providers.entries(settings).items()
        if given.get("kind") == providers.SEPA
    }


def named(settings: Settings, name: str) -> Account:
    """One account. Raises NotFound `debits.no_account`."""
    found = configured(settings)
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise NotFound(
            "debits.no_account",
            f"there is no account {name[:40]!r} that collects by direct debit",
            field="account",
            value=name,
            hint=f"{providers.FILE} has {known} of kind {providers.SEPA} (docs/bank-files.md)",
        )
    return found[name]


def _account(name: str, given: dict[str, str]) -> Account:
    place = f"providers.{name}"
    told = converted(given, _Sepa, place)
    creditor = Creditor(told.creditor, told.iban, told.creditor_id, told.bic or None)
    if told.scheme not in list(Scheme):
        raise wrong(f"{place}.scheme", f"{told.scheme[:20]!r} is no scheme", " or ".join(Scheme))
    if told.format not in list(Version):
        raise wrong(f"{place}.format", f"{told.format[:20]!r} is not written", " or ".join(Version))
    days = told.lead_days
    if not (
        days.isascii() and days.isdecimal() and len(days) < 3 and 1 <= int(days) <= LATEST.days
    ):
        raise wrong(f"{place}.lead_days", f"{days[:20]!r} are no days", f"1 to {LATEST.days}")
    try:
        creditor = checked_creditor(creditor)
    except Invalid as refusal:
        what = (refusal.field or "").removeprefix("creditor.")
        refusal.field = f"{place}.{'creditor' if what == 'name' else what}"
        raise
    return Account(name, creditor, Scheme(told.scheme), int(days), told.format)
