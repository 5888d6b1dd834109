"""Credit is conserved: granted = drawn + expired + left, for every grant at every instant."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from everycent.credits.drawdown import CarryOverage, Kind, Part, Policy, Use, draw_down
from everycent.credits.grant import Order, Rollover, Scope
from tests.unit.credits.made import START, every, lot

HOURS = st.integers(0, 24 * 40).map(lambda hours: START + timedelta(hours=hours))
AMOUNTS = st.integers(1, 300)
PRODUCTS = ("api", "base")
ROLLOVERS = st.builds(
    lambda least, more: Rollover(least, None if more is None else least + more),
    st.integers(0, 50),
    st.none() | st.integers(0, 100),
)


@st.composite
def lots(draw):
    """A few grants of all sorts."""
    made = []
    for n in range(draw(st.integers(0, 6))):
        days = draw(st.none() | st.integers(1, 40))
        renews = draw(st.booleans())
        interval = draw(st.sampled_from(["day", "week", "10 days", "month"]))
        more = {
            "number": draw(st.integers(1, 3)),
            "priority": draw(st.integers(0, 2)),
            "effective_at": draw(HOURS),
            "scope": draw(st.sampled_from([Scope(), Scope(("api",)), Scope((), ("base/p",))])),
            "rollover": draw(ROLLOVERS),
            "days": days,
        }
        if renews:
            more["renewal"] = every(interval, date(2024, 1, 1), draw(AMOUNTS), "Europe/Zagreb")
        made.append(lot(f"g{n}", draw(AMOUNTS), **more))
    return made


@st.composite
def uses(draw):
    """A few uses of some parts each."""
    return [
        Use(
            f"u{n}",
            draw(HOURS),
            tuple(
                Part(draw(st.integers(0, 200)), product, f"{product}/p")
                for product in draw(st.lists(st.sampled_from(PRODUCTS), min_size=1, max_size=3))
            ),
        )
        for n in range(draw(st.integers(0, 6)))
    ]


POLICIES = st.builds(Policy, st.sampled_from(Order), st.sampled_from(CarryOverage))


@given(lots(), uses(), POLICIES, st.lists(HOURS, max_size=3), st.lists(HOURS, max_size=4))
def test_every_grant_is_drawn_expired_or_left_at_every_instant(
    grants, wanted, policy, resets, ends
):
    for until in ends:
        found = draw_down(grants, wanted, until, policy, resets)
        sums = {(lot.grant.grant_id, kind): 0 for lot in found.lots for kind in Kind}
        for movement in found.movements:
            assert movement.amount > 0
            assert movement.at <= until
            assert movement.lot.left >= 0
            sums[movement.lot.grant.grant_id, movement.kind] += movement.amount
        begun = {lot.grant.grant_id: lot.left for lot in grants}
        for one in found.lots:
            name = one.grant.grant_id
            granted = begun.get(name, 0) + sums[name, Kind.GRANTED]
            assert granted == sums[name, Kind.DRAWN] + sums[name, Kind.EXPIRED] + one.left
            assert one.left >= 0
            if one.grant.expires_at is not None and one.grant.expires_at <= until:
                assert one.left == 0


@given(lots(), uses(), POLICIES, st.lists(HOURS, max_size=3), HOURS)
def test_what_is_used_is_paid_or_left_over(grants, wanted, policy, resets, until):
    found = draw_down(grants, wanted, until, policy, resets)
    for use in wanted:
        paid = sum(m.amount for m in found.movements if m.use_id == use.use_id)
        owed = sum(part.amount for part in use.parts) if use.at < until else 0
        assert owed == paid + found.overage.get(use.use_id, 0)
    for movement in found.movements:
        assert sum(movement.parts) == (movement.amount if movement.kind is Kind.DRAWN else 0)


@given(st.data(), lots(), uses(), POLICIES, st.lists(HOURS, max_size=3), HOURS)
def test_the_order_in_which_things_are_told_changes_nothing(
    data, grants, wanted, policy, resets, until
):
    turned = draw_down(
        data.draw(st.permutations(grants)),
        data.draw(st.permutations(wanted)),
        until,
        policy,
        data.draw(st.permutations(resets)),
    )
    assert turned == draw_down(grants, wanted, until, policy, resets)


@given(lots(), uses(), st.sampled_from(Order), HOURS, HOURS)
def test_stopping_and_going_on_comes_to_the_same(grants, wanted, order, one, other):
    """What the database does from invoice to invoice is what one draw-down of everything does."""
    between, until = sorted((one, other))
    whole = draw_down(grants, wanted, until, Policy(order))
    first = draw_down(grants, wanted, between, Policy(order))
    later = [use for use in wanted if use.at >= between]
    second = draw_down(first.lots, later, until, Policy(order))
    assert {lot.grant.grant_id: lot for lot in second.lots} == {
        lot.grant.grant_id: lot for lot in whole.lots
    }
    assert first.overage | second.overage == whole.overage
    assert [*first.movements, *second.movements] == whole.movements


@given(lots(), uses(), POLICIES, HOURS)
def test_a_grant_pays_nothing_outside_its_time_and_scope(grants, wanted, policy, until):
    by_id = {use.use_id: use for use in wanted}
    for movement in draw_down(grants, wanted, until, policy).movements:
        if movement.kind is not Kind.DRAWN:
            continue
        grant = movement.lot.grant
        assert grant.effective_at <= movement.at
        assert grant.expires_at is None or movement.at < grant.expires_at
        for part, amount in zip(by_id[movement.use_id].parts, movement.parts, strict=True):
            assert 0 <= amount <= part.amount
            assert amount == 0 or grant.scope.covers(part.product, part.price)
