"""Discounts and taxes under every choice of policies: nothing is lost, and no order of lines matters."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.catalog.coupon import Coupon
from everycent.catalog.plan import Product, Tax, TaxRate
from everycent.catalog.policies import BY_NAME, LEVEL, SPLIT, STEP, Policies
from everycent.catalog.price import Flat, Price
from everycent.coupons.application import Application, Held
from everycent.credits.grant import EVERYTHING, Scope
from everycent.credits.purse import Purse
from everycent.customers.customer import Customer, TaxStatus
from everycent.flows.derivation_settled import check_sums
from everycent.invoicing.assemble import DraftInvoice, DueCharge, after, draft, finished
from everycent.invoicing.discount import Grant
from everycent.invoicing.prepaid import prepaid
from everycent.invoicing.resettle import resettled
from everycent.invoicing.settle import Priced, Settled, settle
from everycent.invoicing.tax import Rate, rules_of
from everycent.kernel import ids
from everycent.kernel.money import Rounding, apportion, rounded_minor
from everycent.rating.charge import Charge
from tests.unit.credits.made import lot, wallet
from tests.unit.invoicing.made import DUE_AT, JANUARY, ZONE

SINCE = date(2015, 1, 1)
PERCENTS = st.sampled_from(["0", "2.5", "7", "8.875", "20", "25", "33.333"])
MODES = st.sampled_from(sorted(Rounding))


@st.composite
def rates(draw: st.DrawFn) -> tuple[Rate, ...]:
    names = draw(st.lists(st.sampled_from("abc"), unique=True, max_size=2))
    return tuple(
        Rate(name, draw(PERCENTS), SINCE, Rounding.DOWN if name == "c" else Rounding.HALF_UP)
        for name in sorted(names)
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Priced], list[Grant], Policies]:
    lines = []
    for number in range(draw(st.integers(1, 8))):
        kept = draw(st.none() | st.none() | st.fractions(0, 1, max_denominator=50))
        low = 0 if kept is None else -10_000
        amount = draw(st.integers(low, 10_000) | st.integers(low, 10**12))
        lines.append(Priced(amount, draw(rates()), draw(st.booleans()), kept, (number,)))
    free = [n for n, line in enumerate(lines) if line.kept is None]
    grants = []
    for _ in range(draw(st.integers(0, 3)) if free else 0):
        places = frozenset(draw(st.lists(st.sampled_from(free), unique=True, min_size=1)))
        percent = draw(st.none() | st.sampled_from(["1", "10", "33.33", "100"]))
        grants.append(Grant(percent, draw(st.integers(1, 30_000)), places))
    policies = {
        name: draw(st.sampled_from(sorted(BY_NAME[name].values))) for name in (SPLIT, LEVEL, STEP)
    }
    return lines, grants, Policies(policies)


def run(lines: list[Priced], grants: list[Grant], policies: Policies) -> Settled:
    return settle(lines, grants, policies, rules_of(policies, "EUR"))


@settings(max_examples=600, deadline=None)
@given(cases())
def test_nothing_is_lost_between_prices_and_what_is_owed(
    case: tuple[list[Priced], list[Grant], Policies],
) -> None:
    lines, grants, policies = case
    found = run(lines, grants, policies)
    taken = sum(one.amount for one in found.taken)
    kept = sum(
        rounded_minor(line.amount * line.kept, Rounding.HALF_UP)
        for line in lines
        if line.kept is not None
    )
    net = sum(
        line.amount - included - off
        for line, (included, off) in zip(lines, found.lines, strict=True)
    )
    on_top = sum(tax.amount for tax in found.taxes if not tax.is_included)
    gross = net + sum(tax.amount for tax in found.taxes)
    assert gross == sum(line.amount for line in lines) - taken - kept + on_top
    bases: dict[tuple[str, str, bool], int] = {}
    for line, (included, off) in zip(lines, found.lines, strict=True):
        for rate in line.rates:
            key = (rate.category, rate.percent, line.includes_tax)
            bases[key] = bases.get(key, 0) + line.amount - included - off
    assert bases == {(t.category, t.percent, t.is_included): t.base for t in found.taxes}
    for tax in found.taxes:
        assert abs(tax.amount - Fraction(tax.percent) * tax.base / 100) < tax.within
        assert tax.amount % tax.step == 0


@settings(max_examples=600, deadline=None)
@given(cases())
def test_a_coupon_takes_what_it_may_of_what_is_there(
    case: tuple[list[Priced], list[Grant], Policies],
) -> None:
    lines, grants, policies = case
    found = run(lines, grants, policies)
    left = [Fraction(line.amount) for line in lines]
    for grant, taken in zip(grants, found.taken, strict=True):
        assert taken.shares.keys() == grant.places
        assert taken.base == sum(left[place] for place in grant.places)
        for place, share in taken.shares.items():
            left[place] -= share
            assert share >= 0
            assert left[place] >= 0
        total = sum(taken.shares.values())
        if grant.percent is None:
            assert total == min(taken.base, grant.available)
        else:
            off = abs(total - taken.base * Fraction(grant.percent) / 100)
            drift = len(grant.places) if policies[SPLIT] == "per_line" else 1
            assert off * 2 <= drift
        assert abs(total - taken.amount) < 1
    for line, (_, off) in zip(lines, found.lines, strict=True):
        assert line.kept is not None or 0 <= off <= line.amount


@settings(max_examples=600, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(
    case: tuple[list[Priced], list[Grant], Policies], shuffler: Random
) -> None:
    lines, grants, policies = case
    found = run(lines, grants, policies)
    order = list(range(len(lines)))
    shuffler.shuffle(order)
    places = {place: n for n, place in enumerate(order)}
    moved = [g._replace(places=frozenset(places[p] for p in g.places)) for g in grants]
    again = run([lines[place] for place in order], moved, policies)
    assert [again.lines[places[n]] for n in range(len(lines))] == found.lines
    assert [t.amount for t in again.taken] == [t.amount for t in found.taken]
    key = [(t.category, t.percent, t.is_included, t.base, t.amount) for t in found.taxes]
    told = [(t.category, t.percent, t.is_included, t.base, t.amount) for t in again.taxes]
    assert sorted(told) == sorted(key)


@given(
    st.lists(st.fractions(-1000, 1000, max_denominator=100), min_size=1, max_size=9),
    st.integers(-30, 30),
)
def test_whole_shares_add_up_and_stray_by_less_than_one(exact: list[Fraction], off: int) -> None:
    total = round(sum(exact))
    found = apportion(total, exact)
    assert sum(found) == total
    assert all(abs(a - b) <= 1 for a, b in zip(found, exact, strict=True))
    assert all(a == b for a, b in zip(found, exact, strict=True) if b.denominator == 1)
    if any(exact):
        assert sum(apportion(total + off, exact)) == total + off


# --- drafts --------------------------------------------------------------------------------------

TAXES = {
    key: Tax(key, (TaxRate(SINCE, percent),), rounding)
    for key, percent, rounding in (
        ("a", "20", None),
        ("b", "8.875", Rounding.UP),
        ("c", "2.5", None),
    )
}


def charge(number: int, net: int, taxes: str, includes_tax: bool) -> DueCharge:
    price = Price(f"k{number}", Flat("1"), "K", Rounding.HALF_UP, includes_tax=includes_tax)
    made = Charge(Product(f"p{number % 3}", "P", taxes), price, (), "1", net)
    subscription = ids.derived("subscription")
    return DueCharge(
        subscription, "ana", number, False, ZONE, JANUARY, DUE_AT, made, f"plan{number % 2}"
    )


def application(number: int, coupon: Coupon) -> Application:
    return Application(
        ids.derived(f"a{number}"), ids.derived("ana"), coupon, 1, number + 1, number + 1, SINCE
    )


COUPONS = [
    Coupon("tenth", "A tenth", percent="10", times=2),
    Coupon("five", "Five", amount="5", currency="EUR", priority=1),
    Coupon("huge", "Huge", amount="500", currency="EUR", times=1, plans=("plan1",)),
    Coupon("third", "A third", percent="33.33", products=("p0", "p1"), prices=("k1", "k2", "k4")),
]


@st.composite
def drafts(draw: st.DrawFn) -> tuple[Customer, list[DueCharge], list[Held], Policies]:
    status = draw(st.sampled_from([TaxStatus.TAXED, TaxStatus.TAXED, TaxStatus.EXEMPT]))
    reason = None if status is TaxStatus.TAXED else "because"
    customer = Customer(
        ids.derived("ana"), "ana", "Ana", "EUR", ZONE, tax_status=status, tax_reason=reason
    )
    categories = st.sampled_from(["a", "b", "a+c", "none", "b+c"])
    charges = [
        charge(n, draw(st.integers(-50, 20_000)), draw(categories), draw(st.booleans()))
        for n in range(draw(st.integers(1, 7)))
    ]
    held = [Held(application(n, coupon)) for n, coupon in enumerate(COUPONS) if draw(st.booleans())]
    policies = {
        name: draw(st.sampled_from(sorted(option.values)))
        for name, option in BY_NAME.items()
        if name.startswith(("tax.", "discount."))
    }
    return customer, charges, held, Policies(policies)


@settings(max_examples=400, deadline=None)
@given(drafts(), st.randoms(use_true_random=False))
def test_an_invoice_settled_again_says_the_same_and_coupons_come_in_any_order(
    case: tuple[Customer, list[DueCharge], list[Held], Policies], shuffler: Random
) -> None:
    customer, charges, held, policies = case
    made = draft(customer, DUE_AT, charges, TAXES, held, policies)
    shuffled = list(held)
    shuffler.shuffle(shuffled)
    assert draft(customer, DUE_AT, charges, TAXES, shuffled, policies) == made
    invoice = finished(made, ids.derived("i"), 1, date(2026, 2, 1), 14, None)
    again = resettled(invoice)
    assert again.settled.taxes == made.taxes
    assert (again.net, again.tax) == (made.net, made.tax)
    assert again.settled.lines == [(line.tax_included, line.discount) for line in made.lines]
    told = [{s.line_no - 1: Fraction(s.amount) for s in d.shares} for d in made.discounts]
    assert [taken.shares for taken in again.settled.taken] == told


@settings(max_examples=200, deadline=None)
@given(drafts(), st.integers(1, 5))
def test_coupons_are_never_used_more_often_than_they_may_be_and_a_rest_is_used_up(
    case: tuple[Customer, list[DueCharge], list[Held], Policies], months: int
) -> None:
    customer, charges, held, policies = case
    now: list[Held] = list(held)
    taken: dict[str, int] = {}
    for _ in range(months):
        made: DraftInvoice = draft(customer, DUE_AT, charges, TAXES, now, policies)
        for discount in made.discounts:
            taken[discount.name] = taken.get(discount.name, 0) + discount.amount
        now = list(after(now, made))
    for one in now:
        times = one.application.coupon.times
        assert times is None or one.redemptions <= times
        amount = one.application.coupon.amount
        if amount is not None:
            limit = int(Fraction(amount) * 100) * one.redemptions
            assert taken.get(one.application.name, 0) + one.rest <= limit
            if policies["discount.rest"] == "carried":
                assert taken.get(one.application.name, 0) + one.rest == limit


# --- credit --------------------------------------------------------------------------------------


@st.composite
def purses(draw: st.DrawFn) -> list[Purse]:
    """Up to three wallets of all sorts."""
    found = []
    for key in draw(st.lists(st.sampled_from("uvw"), unique=True, min_size=1)):
        scope = draw(st.sampled_from([EVERYTHING, Scope(("p0", "p1")), Scope((), ("k1", "k2"))]))
        held = lot(f"grant/{key}", draw(st.integers(1, 60_000)), effective_at=DUE_AT)
        found.append(Purse(wallet(key, before_tax=draw(st.booleans()), scope=scope), [held]))
    return found


@settings(max_examples=600, deadline=None)
@given(drafts(), purses())
def test_credit_pays_no_more_than_there_is_and_taxes_are_on_what_it_leaves(
    case: tuple[Customer, list[DueCharge], list[Held], Policies], held: list[Purse]
) -> None:
    customer, charges, coupons, policies = case
    made = draft(customer, DUE_AT, charges, TAXES, coupons, policies)
    found, left, unpaid = prepaid(made, held)
    assert (found.net, found.discounts, found.series) == (made.net, made.discounts, made.series)
    assert 0 <= found.prepaid <= max(0, found.gross)
    assert sum(p.left for p in held) == sum(p.left for p in left) + found.prepaid
    assert sum(part.amount for part in unpaid) == max(0, found.gross) - found.prepaid
    assert all(0 <= line.prepaid <= max(0, line.base) for line in found.lines)
    for amount in found.taxes:
        key = (amount.category, amount.percent, amount.is_included)
        on = sum(line.base - line.prepaid for line in found.lines if key in line.tax_keys)
        assert amount.base == on
        off = abs(amount.amount - Fraction(amount.percent) * amount.base / 100)
        assert off < amount.within
    check_sums(finished(found, ids.derived("i"), 1, date(2026, 2, 1), 14, None))
