"""/v1/ledger: the double-entry books: accounts, entries, the trial balance, and statements of accounts.

Debits are positive and credits negative; amounts are exact.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from everycent.api.operation import Asked, reading
from everycent.api.parameters import instant
from everycent.api.shapes import (
    Amount,
    Currency,
    Instant,
    Page,
    Paged,
    Query,
    Shown,
    Zone,
)
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows.ledger_told import (
    account_data,
    balance_data,
    entries_data,
    movements_data,
)
from everycent.invoicing import queries as invoicing
from everycent.kernel import currency as currencies
from everycent.kernel import ids
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.ledger import queries
from everycent.ledger.account import CHART, Of

_END_OF_TIME = datetime(2999, 1, 1, tzinfo=UTC)


class LedgerAccount(Shown):
    """An account of the chart."""

    account: str
    name: str
    kind: Literal["asset", "liability", "equity", "income", "expense"]


class AccountBalance(LedgerAccount):
    """What an account comes to in a currency."""

    currency: Currency
    debit: Amount
    credit: Amount
    balance: Amount


class TrialBalance(Shown):
    """The balances of all accounts that have postings; per currency they sum to zero."""

    as_of: str
    known_at: str | None
    accounts: list[AccountBalance]


class LedgerPosting(Shown):
    """What an entry posts to an account."""

    account: str
    customer: Annotated[str | None, Meta(description="Whose it is, where it is somebody's.")]
    currency: Currency
    amount: Amount


class LedgerEntry(Shown):
    """An entry. Its id is that of the event which caused it."""

    entry: str
    kind: str
    at: Annotated[str, Meta(description="When it holds.")]
    recorded_at: str
    document: Annotated[str | None, Meta(description="The invoice or credit note, if any.")]
    reverses: Annotated[str | None, Meta(description="The entry that it undoes.")]
    postings: list[LedgerPosting]


class AccountMovement(Shown):
    """What an entry did to the account, and what the account came to then."""

    entry: str
    kind: str
    at: str
    recorded_at: str
    document: str | None
    amount: Amount
    balance: Amount


class AccountStatement(Shown):
    """An account over a time: `opening` + all amounts = `closing`, also over more than one page."""

    account: str
    currency: Currency
    customer: str | None
    from_: Annotated[str | None, Meta(description="Null: from the first entry on.")] = field(
        name="from"
    )
    to: str
    opening: Amount
    closing: Amount
    items: list[AccountMovement]
    next: Annotated[
        str | None, Meta(description="The path of the page that follows; null on the last one.")
    ]


class BalanceWanted(Query):
    """As of when, and as was known when."""

    as_of: Annotated[Instant | None, Meta(description="Entries that hold by then; now.")] = None
    known_at: Annotated[
        Instant | None, Meta(description="Entries recorded later do not count.")
    ] = None


class EntriesWanted(Paged):
    """Which entries are wanted. `from` is included, `to` is not."""

    account: Annotated[str | None, Meta(description="Only those that post to it.")] = None
    customer: Annotated[str | None, Meta(description="Only those that post to its account.")] = None
    document: Annotated[str | None, Meta(description="Only those of an invoice or note.")] = None
    kind: Annotated[str | None, Meta(description="Such as invoice or payment.")] = None
    from_: Instant | None = field(default=None, name="from")
    to: Instant | None = None
    zone: Zone = "UTC"


class StatementWanted(Paged, kw_only=True):
    """Of what and when a statement is wanted. `from` is included, `to` is not."""

    currency: Currency
    customer: Annotated[str | None, Meta(description="Only what is this customer's.")] = None
    from_: Annotated[Instant | None, Meta(description="The first entry, without it.")] = field(
        default=None, name="from"
    )
    to: Annotated[Instant | None, Meta(description="Now, without it.")] = None
    zone: Zone = "UTC"


def list_accounts(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:  # noqa: ARG001
    """The chart of accounts. It is small and the same for all tenants."""
    return asked.part([account_data(one) for one in CHART], lambda last: str(last["account"]))


def get_trial_balance(tx: Tx, asked: Asked[BalanceWanted, None]) -> dict[str, Any]:
    """Debits, credits and balance of every account, now or as of any past instant. With `known_at` it is as
    it would have been told then."""
    wanted = asked.query
    at = asked.now if wanted.as_of is None else instant(wanted.as_of, "UTC", "as_of")
    known = None if wanted.known_at is None else instant(wanted.known_at, "UTC", "known_at")
    rows = queries.trial_balance(tx, at, known or _END_OF_TIME)
    return {
        "as_of": instant_text(at),
        "known_at": None if known is None else instant_text(known),
        "accounts": [balance_data(row) for row in rows],
    }


def list_entries(tx: Tx, asked: Asked[EntriesWanted, None]) -> Page[dict[str, Any]]:
    """Entries with their postings, in order of time."""
    wanted = asked.query
    start, end = span(wanted.from_, wanted.to, wanted.zone)
    found = queries.listed(
        tx,
        start=start,
        end=end,
        kind=wanted.kind,
        document_id=None
        if wanted.document is None
        else invoicing.document(tx, wanted.document).invoice_id,
        of=None if wanted.account is None else queries.account(wanted.account),
        customer_id=_customer_id(tx, wanted.customer),
        after=_entry_id(wanted.after),
        limit=wanted.size + 1,
    )
    return asked.page(entries_data(tx, found), lambda last: str(last["entry"]))


def get_entry(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One entry with its postings."""
    entry_id = ids.parse(ids.EVENT, asked.path["entry"], "entry")
    (told,) = entries_data(tx, [queries.entry(tx, entry_id)])
    return told


def get_account_statement(tx: Tx, asked: Asked[StatementWanted, None]) -> dict[str, Any]:
    """What moved an account, in order of time, with the balance after each. It begins with what the account
    came to before, and ends with what it came to then; of all customers or of one."""
    wanted = asked.query
    account = queries.account(asked.path["account"])
    currencies.exponent(wanted.currency)
    of = Of(account.account_id, wanted.currency, _customer_id(tx, wanted.customer))
    start, end = span(wanted.from_, wanted.to, wanted.zone)
    end = end or asked.now
    found = queries.movements(
        tx, of, start, end, after=_entry_id(wanted.after), limit=wanted.size + 1
    )
    page = asked.page(movements_data(tx, found, wanted.currency), lambda last: str(last["entry"]))
    opening = 0 if start is None else queries.balance(tx, of, start)
    return {
        "account": account.code,
        "currency": wanted.currency,
        "customer": wanted.customer,
        "from": None if start is None else instant_text(start),
        "to": instant_text(end),
        "opening": plain(Money(opening, wanted.currency)),
        "closing": plain(Money(queries.balance(tx, of, end), wanted.currency)),
        "items": page.items,
        "next": page.next,
    }


OPERATIONS = [
    reading("/v1/ledger/accounts", "books:read", list_accounts, Page[LedgerAccount], Paged),
    reading(
        "/v1/ledger/accounts/{account}/statement", "books:read", get_account_statement,
        AccountStatement, StatementWanted,
    ),
    reading(
        "/v1/ledger/trial-balance", "books:read", get_trial_balance, TrialBalance, BalanceWanted
    ),
    reading("/v1/ledger/entries", "books:read", list_entries, Page[LedgerEntry], EntriesWanted),
    reading("/v1/ledger/entries/{entry}", "books:read", get_entry, LedgerEntry),
]  # fmt: skip


def span(start: str | None, end: str | None, zone: str) -> tuple[datetime | None, datetime | None]:
    """From when to when, as far as it is told. Raises Invalid `period.empty`, and as `instant`."""
    known_zone(zone)
    first = None if start is None else instant(start, zone, "from")
    last = None if end is None else instant(end, zone, "to")
    if first is not None and last is not None and last <= first:
        raise Invalid("period.empty", f"{end} is not after {start}", field="to", value=end)
    return first, last


def _customer_id(tx: Tx, name: str | None) -> Any:
    return None if name is None else customers.by_name(tx, name).customer_id


def _entry_id(name: str | None) -> Any:
    return None if name is None else ids.parse(ids.EVENT, name, "after")
