"""Past periods under another catalogue: the same one changes nothing, others what they say, and nothing
is written."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from everycent.catalog import document
from everycent.examples import data
from everycent.flows.rehearse import rehearse
from everycent.flows.reprice import Span
from everycent.flows.simulate import as_data, simulate, simulate_some
from everycent.flows.stories.play import load, play
from everycent.invoicing.whatif import Simulation, State
from everycent.kernel.errors import Invalid, NotFound
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.changing import When
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_preview import tables
from tests.flows.test_rerate import CATALOGUE as EVERYTHING
from tests.flows.test_rerate import RECORDS
from tests.flows.world import calls, midnight

YEAR = Span(date(2026, 1, 1), date(2027, 1, 1))
PUBLISHED = sorted((Path(__file__).parents[1] / "stories").glob("*.yaml"))
SHIPPED = [data.story(name) for name in data.STORIES]


def under(place: Place, text: str, span: Span = YEAR, **more: Any) -> Simulation:
    before = tables(place)
    found = simulate(place.database, place.tenant_id, document.parse(text), span, **more)
    assert at_once(place, text, span, **more) == found
    assert tables(place) == before
    return found


def at_once(place: Place, text: str, span: Span = YEAR, **more: Any) -> Simulation:
    kept = {name: more[name] for name in ("keys", "most") if name in more}
    return rehearse(
        place.database,
        place.tenant_id,
        lambda tx: simulate_some(tx, document.parse(text), span, **kept),
    )


def customers(found: Simulation) -> dict[str, tuple[int, int, int]]:
    return {one.key: tuple(one.sums) for one in found.customers}


def prices(found: Simulation) -> dict[tuple[str, str], tuple[str, int, int, int]]:
    rows = (*found.prices, *found.left_out)
    return {(one.plan, one.price): (one.why or one.state.value, *one.sums) for one in rows}


@pytest.fixture
def billed(place: Place) -> Place:
    """January and February of two customers who pay for calls, one with a fee in advance (three months),
    and one with a register."""
    world.sell(place, [("a", "api"), ("b", "api"), ("c", "advance"), ("d", "power")])
    world.use(place, [
        calls("a", 150, date(2026, 1, 5)), calls("a", 50, date(2026, 2, 5)),
        calls("b", 20, date(2026, 1, 5)),
    ])  # fmt: skip
    for month in (2, 3):
        world.run(place, midnight(date(2026, month, 1)))
    return place


def test_the_same_catalogue_changes_nothing(billed: Place) -> None:
    found = under(billed, world.CATALOGUE)
    assert [(one.sums.old, one.sums.new) for one in found.customers] == [
        (one.sums.old, one.sums.old) for one in found.customers
    ]
    assert {one.state for one in found.prices} == {State.PRICED}
    assert customers(found)["c"] == (3, 9300, 9300)
    assert as_data(found)["totals"][0] | {"old": "", "new": ""} == {
        "currency": "EUR", "lines": 13, "old": "", "new": "", "difference": "0.00",
        "percent": "0.0", "winners": 0, "losers": 0, "unchanged": 4,
    }  # fmt: skip


def test_the_same_catalogue_changes_nothing_of_any_aggregation(place: Place) -> None:
    world.sell(place, [("a", "all")], text=EVERYTHING, starts_on=date(2026, 1, 16))
    world.use(place, RECORDS)
    for month in (2, 3, 4):
        world.run(place, midnight(date(2026, month, 1)))
    found = under(place, EVERYTHING)
    assert len(found.prices) == 10
    assert [one for one in found.prices if one.sums.more] == []
    (whole,) = customers(found).values()
    assert whole[0] == 31
    later = under(place, EVERYTHING, Span(date(2026, 2, 1), date(2026, 3, 1)))
    assert [one for one in later.prices if one.sums.more or one.sums.lines != 1] == []


@pytest.mark.parametrize("path", [*SHIPPED, *PUBLISHED], ids=lambda path: path.stem)
def test_a_story_under_its_own_catalogue_changes_nothing(place: Place, path: Path) -> None:
    story = load(path)
    sold = [step.given for step in story.steps if step.action == "catalog"]
    play(place.database, place.tenant_id, story)
    found = simulate(
        place.database, place.tenant_id, sold[-1], Span(date(2000, 1, 1), date(2100, 1, 1))
    )
    if len(sold) == 1:
        assert [one for one in found.prices if one.sums.more] == []
        assert found.left_out == []
    assert found.prices


def test_prices_change_go_and_come(billed: Place) -> None:
    text = world.CATALOGUE.replace("unit_amount: 0.05}", "unit_amount: 0.04}")
    text = text.replace("amount: 9.90", "amount: 19.90").replace(
        "meters:", "meters:\n  seen: {unit: x}"
    )
    text = text.replace(
        "{key: fee, product: base, flat: {amount: 31}",
        "{key: rent, product: base, flat: {amount: 10}",
    )
    text = text.replace(
        "  advance:", "      - {key: seen, product: gift, meter: seen, minimum: 1,"
        " per_unit: {unit_amount: 2}}\n  advance:",
    )  # fmt: skip
    found = under(billed, text)
    assert prices(found)["api", "fee"] == ("priced", 4, 3960, 7960)
    assert prices(found)["api", "seen"] == ("new price", 4, 0, 400)
    assert prices(found)["advance", "fee"] == ("price is gone", 3, 9300, 0)
    assert prices(found)["advance", "rent"] == ("new price", 3, 0, 3000)
    of_calls = prices(found)["api", "calls"]
    assert of_calls[2] - of_calls[3] == 100 + 50 + 20
    assert [one.key for one in found.customers] == ["c", "d", "a", "b"]
    (told,) = as_data(found)["totals"]
    assert (told["winners"], told["losers"], told["unchanged"]) == (1, 2, 1)


def test_what_can_not_be_compared_is_left_out_and_told(billed: Place) -> None:
    text = world.CATALOGUE.replace("  power:\n", "  force:\n")
    text = text.replace(
        "  advance:\n    currency: EUR", "  advance:\n    currency: EUR\n    interval: year"
    )
    found = under(billed, text.replace("  api:\n    currency: EUR", "  api:\n    currency: USD"))
    assert found.customers == []
    assert found.prices == []
    assert {key: row[0] for key, row in prices(found).items()} == {
        ("power", "energy"): "plan is not in the file",
        ("advance", "fee"): "other interval",
        ("api", "fee"): "other currency",
        ("api", "calls"): "other currency",
    }
    assert prices(found)["advance", "fee"][1:3] == (3, 9300)


def test_customers_and_days_narrow_it_and_batches_change_nothing(billed: Place) -> None:
    text = world.CATALOGUE.replace("amount: 9.90", "amount: 8.90")
    whole = under(billed, text)
    assert under(billed, text, lines_at_once=1) == whole
    assert list(customers(under(billed, text, keys=["b"]))) == ["b"]
    january = under(billed, text, Span(date(2026, 1, 1), date(2026, 2, 1)), keys=["a", "c"])
    assert customers(january)["c"] == (1, 3100, 3100)
    assert customers(january)["a"][0] == 2
    nothing = under(billed, text, Span(date(2026, 1, 2), date(2026, 2, 1)))
    assert nothing.customers == []
    seen: list[tuple[int, int]] = []
    under(billed, text, lines_at_once=1, on_progress=lambda *told: seen.append(told))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_parts_of_periods_and_what_was_given_back_count_as_they_stand(place: Place) -> None:
    world.sell(place, [("a", "advance")])
    world.run(place, place.now)
    with place.database.transaction(place.tenant_id) as tx:
        subscriptions.cancel(
            tx, "a", When(date(2026, 1, 16)), reason="", writing=world.writing(place)
        )  # type: ignore[arg-type]
    world.run(place, midnight(date(2026, 2, 1)))
    dearer = world.CATALOGUE.replace("amount: 31}", "amount: 62}")
    assert customers(under(place, dearer)) == {"a": (1, 1500, 3000)}


def test_an_invoice_that_was_taken_back_counts_for_nothing(billed: Place) -> None:
    first = next(one for one in world.issued(billed) if one.customer.key == "c")
    world.credit(billed, first.name)
    assert customers(under(billed, world.CATALOGUE))["c"] == (2, 6200, 6200)


def test_taxes_that_prices_include_are_taken_out(place: Place) -> None:
    told = world.CATALOGUE.replace("amount: 31}", "amount: 31}, includes_tax: true")
    world.sell(place, [("a", "advance")], text=told)
    world.run(place, place.now)
    assert customers(under(place, told)) == {"a": (1, 2583, 2583)}
    assert customers(under(place, world.CATALOGUE)) == {"a": (1, 2583, 3100)}


def test_taxes_that_only_the_new_price_includes_are_those_of_its_product(place: Place) -> None:
    told = world.CATALOGUE.replace("amount: 31}", "amount: 31}, includes_tax: true")
    world.sell(place, [("a", "advance")])
    world.run(place, place.now)
    assert customers(under(place, told)) == {"a": (1, 3100, 2583)}


@pytest.mark.parametrize(
    ("text", "span", "code"),
    [
        ("meters: {calls: {unit: call}}", YEAR, "simulate.no_plans"),
        (world.CATALOGUE, Span(date(2026, 2, 1), date(2026, 2, 1)), "simulate.empty_span"),
    ],
)
def test_what_makes_no_sense_is_refused(place: Place, text: str, span: Span, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        under(place, text, span)
    assert refused.value.code == code


def test_a_customer_who_is_not_there_is_refused(place: Place) -> None:
    with pytest.raises(NotFound):
        under(place, world.CATALOGUE, keys=["nobody"])


def test_as_much_as_takes_long_is_not_simulated_at_once(billed: Place) -> None:
    with pytest.raises(Invalid, match="13 lines are too many at once for a plan of 593") as refused:
        at_once(billed, world.CATALOGUE, most=13 * 593 - 1)
    assert refused.value.code == "simulate.too_much"
    assert "up to 12 can be simulated" in (refused.value.hint or "")
    assert at_once(billed, world.CATALOGUE, most=13 * 593).customers
    assert at_once(billed, world.CATALOGUE, most=12 * 593, keys=["a"]).customers
