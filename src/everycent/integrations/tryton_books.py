"""What a company has to have in Tryton so that documents can be posted: journal, accounts, taxes,
currencies and parties. It is looked up anew for every batch: what is mended there is found mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from everycent.erp import told
from everycent.erp.handed import Trouble
from everycent.integrations.tryton_lines import Chart, UnfitError
from everycent.integrations.tryton_rest import DeclinedError, StoppedError, Talk

BY_SELLER = "seller"
"""A party's code is the seller's name, a slash and the customer's key."""
SHARED = "shared"
"""A party's code is the customer's key, whoever the seller is."""
NO_TAX = "none"
REFUSE = "refuse"
"""A tax that Tryton rounds otherwise is a difference, and is not posted."""
ADOPT = "adopt"
"""Where a tax differs from Tryton's by the last digit, the draft gets the one that was printed."""
_PARTY = "code account_receivable addresses.id"


class Map(NamedTuple):
    """How erp.yaml says that what is ours is called in Tryton: the company by its name, journal and
    accounts by their codes, taxes by their names. `accounts` are those of products; `taxes` those of a
    category and percentage ('vat 19'), `none` where there is none."""

    company: str
    revenue: str
    taxes: Mapping[str, str]
    accounts: Mapping[str, str]
    journal: str = "REV"
    receivable: str | None = None
    discounts: str | None = None
    parties: str = BY_SELLER
    cents: str = REFUSE


class Books(NamedTuple):
    """Ids in Tryton. `receivable` is None where erp.yaml names none: a party's own goes then, and the
    `default` where it has none."""

    company: int
    journal: int
    receivable: int | None
    default: int | None
    chart: Chart
    currencies: Mapping[str, int]

    def currency(self, code: str) -> int:
        """Raises UnfitError."""
        if code not in self.currencies:
            raise UnfitError(f"Tryton has no currency {code}")
        return self.currencies[code]


class _Id(msgspec.Struct, frozen=True):
    id: int


class _Coded(msgspec.Struct, frozen=True):
    id: int
    code: str | None


class _Named(msgspec.Struct, frozen=True):
    id: int
    name: str


class _Defaults(msgspec.Struct, frozen=True):
    default_account_receivable: int | None


class Party(msgspec.Struct, frozen=True):
    """Who owes, as Tryton has it."""

    id: int
    code: str | None
    account_receivable: int | None
    addresses: tuple[_Id, ...]


def company(talk: Talk, to: Map) -> int:
    """The company, in which everything else of the conversation is meant. Raises StoppedError."""
    if "company" not in talk.context:
        found = talk.find("company.company", [["party.name", "=", to.company]], _Id, "id")
        talk.context = {"company": _only(found, f"company {to.company!r}").id}
    return int(talk.context["company"])


def read(talk: Talk, to: Map, currencies: Sequence[str]) -> Books:
    """What is needed of a company. Raises StoppedError where Tryton does not have it."""
    here = company(talk, to)
    domain = [["code", "=", to.journal], ["type", "=", "revenue"]]
    journal = _only(
        talk.find("account.journal", domain, _Id, "id"), f"revenue journal {to.journal!r}"
    )
    discounts = to.discounts or to.revenue
    sold = {to.revenue, discounts, *to.accounts.values()}
    accounts = _accounts(talk, here, sold, "type.revenue")
    receivable = None
    if to.receivable is not None:
        codes = {to.receivable}
        receivable = _accounts(talk, here, codes, "type.receivable")[to.receivable]
    taxes = _taxes(talk, here, {name for name in to.taxes.values() if name != NO_TAX})
    wanted = [["code", "in", sorted(set(currencies))]]
    money = talk.find("currency.currency", wanted, _Coded, "code")
    default = None
    if receivable is None:
        found = talk.find("account.configuration", [], _Defaults, "default_account_receivable")
        default = found[0].default_account_receivable if found else None
    chart = Chart(
        accounts[to.revenue],
        accounts[discounts],
        {product: accounts[code] for product, code in to.accounts.items()},
        {name: taxes.get(tax) for name, tax in to.taxes.items()},
    )
    known = {one.code: one.id for one in money if one.code is not None}
    return Books(here, journal.id, receivable, default, chart, known)


def parties(talk: Talk, codes: Sequence[str]) -> dict[str, Party]:
    """The parties that there are, by code."""
    found = talk.find("party.party", [["code", "in", sorted(set(codes))]], Party, _PARTY)
    return {one.code: one for one in found if one.code is not None}


def party(talk: Talk, known: dict[str, Party], code: str, customer: told.Party) -> Party:
    """The party of a customer; made if there is none. Tryton lets only one have a code, whoever makes it at
    the same time. What Tryton has of it is Tryton's, and not changed. Raises DeclinedError."""
    found = known.get(code)
    if found is None:
        values: dict[str, Any] = {
            "code": code,
            "name": customer.name,
            "addresses": [["create", [{"street": customer.address}]]],
        }
        if customer.tax_id:
            values["identifiers"] = [["create", [{"type": None, "code": customer.tax_id}]]]
        try:
            found = talk.make("party.party", values, Party, _PARTY)
        except DeclinedError:
            found = parties(talk, [code]).get(code)
            if found is None:
                raise
    if not found.addresses:
        address = talk.make("party.address", {"party": found.id}, _Id, "id")
        found = msgspec.structs.replace(found, addresses=(address,))
    known[code] = found
    return found


def _accounts(talk: Talk, here: int, codes: set[str], kind: str) -> dict[str, int]:
    if not codes:
        return {}
    domain: list[Any] = [["code", "in", sorted(codes)], ["company", "=", here]]
    domain += [["closed", "!=", True], [kind, "=", True]]
    found = talk.find("account.account", domain, _Coded, "code")
    what = f"open account {kind.partition('.')[2]}"
    return {
        code: _only([one for one in found if one.code == code], f"{what} {code!r}").id
        for code in codes
    }


def _taxes(talk: Talk, here: int, names: set[str]) -> dict[str, int]:
    if not names:
        return {}
    domain = [["name", "in", sorted(names)], ["company", "=", here], ["parent", "=", None]]
    found = talk.find("account.tax", domain, _Named, "name")
    return {
        name: _only([one for one in found if one.name == name], f"tax {name!r}").id
        for name in names
    }


def _only(found: Sequence[Any], what: str) -> Any:
    """What there has to be once. It is for the operator to mend, and no document's fault."""
    if len(found) != 1:
        count = f"{len(found)} times" if found else "nowhere"
        why = f"Tryton has the {what} {count}; erp.yaml means the one"
        raise StoppedError(Trouble.UNAVAILABLE, why)
    return found[0]
