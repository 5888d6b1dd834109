"""From charges to an invoice: group what fell due together, less discounts, with taxes, and add it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from everycent.catalog.coupon import reaches
from everycent.catalog.plan import AND, Tax
from everycent.catalog.policies import (
    CONVERSION_DAY,
    DATE,
    DEFAULTS,
    LAST_DAY,
    LEVEL,
    MODE,
    REST,
    RUN_DAY,
    SPLIT,
    STEP,
    Policies,
)
from everycent.coupons.application import Held, in_order
from everycent.credits.purse import Settled
from everycent.credits.wallet import Draw
from everycent.customers.customer import Customer, untaxed_because
from everycent.exchange.lookup import deciding
from everycent.invoicing import tax
from everycent.invoicing.discount import Grant, Taken
from everycent.invoicing.invoice import (
    CREDIT_SERIES,
    INVOICE_SERIES,
    Correction,
    Discount,
    Home,
    Invoice,
    InvoiceLine,
    Share,
    TaxAmount,
    amount_of,
    credit_back,
    name_of,
)
from everycent.invoicing.settle import Priced, settle
from everycent.invoicing.tax import Rate, Rules
from everycent.kernel.calendar import local_date
from everycent.kernel.currency import check_in_use, exponent
from everycent.kernel.errors import Refusal
from everycent.kernel.money import checked
from everycent.kernel.period import Period
from everycent.rating.charge import Charge

_INSTANT = timedelta(microseconds=1)
_DAY = timedelta(days=1)
CARRIED = "carried"
"""The value of the policy discount.rest with which a rest is not lost."""


class DueCharge(NamedTuple):
    """A charge with what it is for; `plan` is the key of its plan. Of one that `corrects` an earlier line
    `kept` is the part that was taken off that one, which is taken off again (see `settle.Priced`)."""

    subscription_id: UUID
    subscription: str
    item_no: int
    in_advance: bool
    time_zone: str
    period: Period
    due_at: datetime
    charge: Charge
    plan: str = ""
    kept: Fraction | None = None
    corrects: Correction | None = None

    @property
    def amount(self) -> int:
        """What it adds to the invoice as prices are told, in minor units before discounts."""
        return amount_of(self.charge, self.corrects)

    @property
    def credit_back(self) -> int:
        """What of it becomes credit again that credit paid before taxes, in minor units."""
        before = self.corrects
        return 0 if before is None else credit_back(before.charged, before.prepaid, self.amount)


class DraftInvoice(NamedTuple):
    """An invoice without its number and date. `due_at` is when its charges fell due. `draws` pay
    `prepaid` of it out of the customer's credit, less what its lines give back to that; `settled` happened
    to that credit before. Where `home` has the rate of the date of issue, that is `dated`. `policy_date` is
    the date that the policy invoice.date gives its lines; None: the day of the run."""

    customer: Customer
    currency: str
    due_at: datetime
    lines: tuple[InvoiceLine, ...]
    taxes: tuple[TaxAmount, ...]
    net: int
    tax: int
    gross: int
    discounts: tuple[Discount, ...] = ()
    discount: int = 0
    policies: Mapping[str, str] = {}
    draws: tuple[Draw, ...] = ()
    prepaid: int = 0
    settled: tuple[Settled, ...] = ()
    home: Home | None = None
    dated: date | None = None
    policy_date: date | None = None

    @property
    def payable(self) -> int:
        """What is left to pay, in minor units."""
        return self.gross - self.prepaid

    @property
    def series(self) -> str:
        """The series that numbers it: what gives back more than it charges is a credit note, also where
        all of that is credit again."""
        return CREDIT_SERIES if (self.payable, self.gross) < (0, 0) else INVOICE_SERIES

    @property
    def own_date(self) -> date | None:
        """The date that the policy gives it as the document that it is: a credit note has none."""
        return None if self.series == CREDIT_SERIES else self.policy_date

    def date_of(self, run_day: date) -> date:
        """The date that it is to have, issued by a run of that day: never a later one. It has it unless its
        series has come to a later one."""
        own = self.own_date
        return run_day if own is None else min(own, run_day)


class _Offer(NamedTuple):
    """A coupon that reaches lines of the invoice, and what it gives."""

    held: Held
    grant: Grant


def draft(
    customer: Customer,
    due_at: datetime,
    charges: Sequence[DueCharge],
    taxes: Mapping[str, Tax],
    coupons: Sequence[Held] = (),
    policies: Policies = DEFAULTS,
) -> DraftInvoice:
    """One invoice of everything that fell due for the customer at one instant. `coupons` are what the
    customer has, in any order.

    Raises what taxes raise, and Invalid `money.too_large`.
    """
    currency = customer.currency
    rules = tax.rules_of(policies, currency, untaxed_because(customer))
    rates = _rates(charges, taxes, rules)
    priced = [
        Priced(
            due.amount,
            own,
            due.charge.price.includes_tax,
            due.kept,
            line_order(due.subscription, due.item_no, due.period.start),
            0 if due.corrects is None else -due.credit_back,
        )
        for due, own in zip(charges, rates, strict=True)
    ]
    offers = _offers(charges, coupons, currency)
    settled = settle(priced, [offer.grant for offer in offers], policies, rules)
    lines = [
        _line(number, due, one, taken, is_waived=rules.waived is not None)
        for number, (due, one, taken) in enumerate(
            zip(charges, priced, settled.lines, strict=True), start=1
        )
    ]
    discounts = [
        _discount(offer, taken, policies)
        for offer, taken in zip(offers, settled.taken, strict=True)
        if any(taken.shares.values())
    ]
    discount = sum([off for _, off in settled.lines])
    net = sum([one.amount for one in priced]) - sum([tax_ for tax_, _ in settled.lines]) - discount
    tax_total = sum([amount.amount for amount in settled.taxes])
    sums = [net, tax_total, net + tax_total, *[amount.base for amount in settled.taxes]]
    checked(max(sums, key=abs), currency)
    return DraftInvoice(
        customer, currency, due_at, tuple(lines), settled.taxes, net, tax_total, net + tax_total,
        tuple(discounts), discount,
        _used(policies, charges, has_taxes=bool(settled.taxes), has_coupons=bool(offers)),
        prepaid=sum([one.prepaid for one in priced]),
        policy_date=_policy_date(charges, policies),
    )  # fmt: skip


def _used(
    policies: Policies, charges: Sequence[DueCharge], *, has_taxes: bool, has_coupons: bool
) -> dict[str, str]:
    """The policies that had a say."""
    names = [LEVEL, MODE, STEP] if has_taxes else []
    if policies[DATE] != RUN_DAY:
        names.append(DATE)
    if has_coupons:
        names += SPLIT, REST
    if any(due.charge.exchange is not None for due in charges):
        names += CONVERSION_DAY, *deciding(policies)
    return policies.used(*names)


def line_order(subscription: str, item_no: int, starts_at: datetime) -> tuple[object, ...]:
    """What tells lines apart wherever they stand on the invoice."""
    return subscription, item_no, starts_at


def _rates(
    charges: Sequence[DueCharge], taxes: Mapping[str, Tax], rules: Rules
) -> list[tuple[Rate, ...]]:
    """The rates of each charge. One that is waived is 0, unless the price has to be freed of it."""
    known: dict[tuple[object, ...], tuple[Rate, ...]] = {}
    found = []
    for due in charges:
        category = due.charge.product.tax_category
        is_nothing = rules.waived is not None and not due.charge.price.includes_tax
        key = (category, due.period, due.in_advance, due.time_zone, is_nothing)
        rates = known.get(key)
        if rates is None:
            rates = tax.rates_of(category, _supply_day(due), taxes, rules.mode)
            if is_nothing:
                rates = tuple(rate._replace(percent="0") for rate in rates)
            known[key] = rates
        found.append(rates)
    return found


def _supply_day(due: DueCharge) -> date:
    if due.in_advance:
        return local_date(due.period.start, due.time_zone)
    return local_date(due.period.end - _INSTANT, due.time_zone)


def _policy_date(charges: Sequence[DueCharge], policies: Policies) -> date | None:
    """The date that the policy gives: the latest of what is charged, on the clocks of the contracts. What
    corrects an earlier line has none: where nothing else is said, that is said on the day of the run."""
    by = policies[DATE]
    if by == RUN_DAY:
        return None
    return max((_anchor(due, by) for due in charges if due.corrects is None), default=None)


def _anchor(due: DueCharge, by: str) -> date:
    day = _supply_day(due)
    return day if due.in_advance or by == LAST_DAY else day + _DAY


def _offers(charges: Sequence[DueCharge], coupons: Sequence[Held], currency: str) -> list[_Offer]:
    """The coupons that reach any line, in the order in which they take, with what they give."""
    found = []
    for held in in_order(coupons):
        coupon = held.application.coupon
        available = held.rest
        if held.is_fresh and coupon.amount is not None:
            available += _minor(coupon.amount, currency)
        if held.is_used_up or (coupon.percent is None and not available):
            continue
        places = frozenset(place for place, due in enumerate(charges) if _is_reached(due, held))
        if places:
            found.append(_Offer(held, Grant(coupon.percent, available, places)))
    return found


def _minor(amount: str, currency: str) -> int:
    """A coupon's amount, which its currency can hold, in minor units."""
    return int(Fraction(amount) * 10 ** exponent(currency))


def _is_reached(due: DueCharge, held: Held) -> bool:
    application, charge = held.application, due.charge
    return (
        due.amount > 0
        and due.corrects is None
        and application.subscription_id in (None, due.subscription_id)
        and reaches(application.coupon, due.plan, charge.product.key, charge.price.key)
        and application.holds_on(_supply_day(due))
    )


def _line(
    number: int,
    due: DueCharge,
    priced: Priced,
    taken: tuple[int, int],
    *,
    is_waived: bool,
) -> InvoiceLine:
    percents = AND.join([rate.percent for rate in priced.rates]) or None
    shown = percents and AND.join(["0" for _ in priced.rates]) if is_waived else percents
    included, off = taken
    return InvoiceLine(
        number,
        due.subscription_id,
        due.subscription,
        due.item_no,
        due.period.start,
        due.period.end,
        shown,
        due.charge,
        due.corrects,
        discount=off,
        tax_included=included,
        waived_percent=percents if is_waived and due.charge.price.includes_tax else None,
        kept=None if due.kept is None else (due.kept.numerator, due.kept.denominator),
        prepaid=priced.prepaid,
    )


def _discount(offer: _Offer, taken: Taken, policies: Policies) -> Discount:
    held = offer.held
    application = held.application
    is_fixed = application.coupon.percent is None
    rest = offer.grant.available - taken.amount if policies[REST] == CARRIED else 0
    return Discount(
        application.application_id,
        application.name,
        application.coupon,
        application.version,
        held.uses + 1,
        held.redemptions + held.is_fresh,
        str(taken.base),
        taken.amount,
        tuple(Share(place + 1, str(share)) for place, share in sorted(taken.shares.items())),
        offer.grant.available if is_fixed else None,
        rest if is_fixed else 0,
    )


def after(coupons: Sequence[Held], made: DraftInvoice) -> Sequence[Held]:
    """What the customer has of its coupons when the invoice has taken from them."""
    if not made.discounts:
        return coupons
    used = {found.application_id: found for found in made.discounts}
    return [
        held
        if (found := used.get(held.application.application_id)) is None
        else Held(held.application, found.use_no, found.redemption_no, found.rest)
        for held in coupons
    ]


def refuse_currency(currency: str, issued_on: date) -> Refusal | None:
    """Why no invoice may be issued in the currency on the day, or None."""
    try:
        check_in_use(currency, issued_on)
    except Refusal as refusal:
        return refusal
    return None


def finished(
    prepared: DraftInvoice,
    invoice_id: UUID,
    number: int,
    issued_on: date,
    payment_days: int,
    run_id: UUID | None,
) -> Invoice:
    """The invoice with its number and dates."""
    return Invoice(
        invoice_id,
        prepared.series,
        number,
        name_of(prepared.series, number),
        prepared.customer,
        prepared.currency,
        exponent(prepared.currency),
        issued_on,
        issued_on + timedelta(days=payment_days if prepared.payable > 0 else 0),
        prepared.lines,
        prepared.taxes,
        prepared.net,
        prepared.tax,
        prepared.gross,
        run_id,
        prepared.discounts,
        prepared.discount,
        dict(prepared.policies),
        prepared.draws,
        prepared.prepaid,
        prepared.home,
        prepared.own_date,
    )
