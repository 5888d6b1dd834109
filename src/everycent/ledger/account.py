"""The chart of accounts. Small and fixed: what an accountant's own chart needs more of is mapped on export.

A receivable or customer credit is kept per customer by the customer on each posting, not by an
account per customer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Kind(StrEnum):
    """The five kinds of account. Assets and expenses normally have debit balances."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"


class Account(NamedTuple):
    """`account_id` stands in postings and never changes; `code` is what people see."""

    account_id: int
    code: str
    name: str
    kind: Kind


class Of(NamedTuple):
    """Of which account a statement is, in which currency, and of one customer where one is told."""

    account_id: int
    currency: str
    customer_id: UUID | None = None


RECEIVABLE = Account(1, "receivable", "Accounts receivable", Kind.ASSET)
CASH = Account(2, "cash", "Cash at bank", Kind.ASSET)
CLEARING = Account(3, "clearing", "Payments in clearing", Kind.ASSET)
SUSPENSE = Account(4, "suspense", "Suspense: to be explained", Kind.LIABILITY)
DEFERRED_REVENUE = Account(10, "deferred_revenue", "Deferred revenue", Kind.LIABILITY)
TAX_PAYABLE = Account(11, "tax_payable", "Tax payable", Kind.LIABILITY)
CUSTOMER_CREDIT = Account(12, "customer_credit", "Customer credit balances", Kind.LIABILITY)
PREPAID_CREDIT = Account(13, "prepaid_credit", "Prepaid credit of customers", Kind.LIABILITY)
OPENING = Account(15, "opening_balance", "Opening balances", Kind.EQUITY)
REVENUE = Account(20, "revenue", "Revenue", Kind.INCOME)
DISCOUNTS = Account(21, "discounts", "Discounts granted", Kind.INCOME)
ROUNDING = Account(22, "rounding", "Rounding differences", Kind.INCOME)
BREAKAGE = Account(23, "breakage", "Prepaid credit that expired", Kind.INCOME)
BAD_DEBT = Account(30, "bad_debt", "Bad debt", Kind.EXPENSE)
PAYMENT_FEES = Account(31, "payment_fees", "Payment fees", Kind.EXPENSE)
FX_RESULT = Account(32, "exchange_result", "Exchange gains and losses", Kind.EXPENSE)
PROMOTIONS = Account(33, "promotions", "Credit given away", Kind.EXPENSE)
PAYMENT_LOSSES = Account(34, "payment_losses", "Paid back beyond what came in", Kind.EXPENSE)

CHART = (
    RECEIVABLE, CASH, CLEARING, SUSPENSE, DEFERRED_REVENUE, TAX_PAYABLE, CUSTOMER_CREDIT,
    PREPAID_CREDIT, OPENING, REVENUE, DISCOUNTS, ROUNDING, BREAKAGE, BAD_DEBT, PAYMENT_FEES,
    FX_RESULT, PROMOTIONS, PAYMENT_LOSSES,
)  # fmt: skip

BY_ID = {account.account_id: account for account in CHART}
