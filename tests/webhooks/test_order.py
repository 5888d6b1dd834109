"""Whatever fails, whoever dies and however often: each event comes through, of a subject in order, and
numbers have no gap."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycent.kernel import points
from everycent.webhooks import operations
from everycent.webhooks.course import Answer
from everycent.webhooks.posting import Posting
from tests.conftest import Place
from tests.webhooks.hooks import Shop, subject_of

ACTION = st.one_of(
    st.tuples(st.just("note"), st.sampled_from("abcd"), st.integers(1, 4)),
    st.tuples(st.just("post"), st.integers(1, 30), st.integers(0, 2**16)),
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 3_600, 86_400]), st.just(0)),
    st.tuples(st.just("switch"), st.booleans(), st.just(0)),
    st.tuples(st.just("lose"), st.sampled_from(["webhook.claimed", "webhook.sent"]), st.just(0)),
)

_EXAMPLES = count(1)


class _Lost(BaseException):
    """The process is gone."""


class Unreliable:
    """Takes what is sent, or not, by chance."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, str, str]] = []
        self.random = Random(0)
        self.is_well = False

    def __call__(self, posting: Posting, _: Any) -> Answer:
        assert posting.number is not None
        if self.is_well or self.random.random() < 0.5:
            self.taken.append((posting.number, subject_of(posting), posting.name))
            return Answer(204)
        if self.random.random() < 0.3:  # taken, and nobody learns of it
            self.taken.append((posting.number, subject_of(posting), posting.name))
            return Answer(None, "timed out")
        return Answer(
            self.random.choice([500, 429, 302, 404]), "no", self.random.choice([None, 30])
        )


@settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(actions=st.lists(ACTION, min_size=5, max_size=25))
def test_everything_comes_through_in_order_and_without_a_gap(
    place: Place, actions: list[tuple[Any, ...]]
) -> None:
    shop = Shop(place)
    number_of_example = next(_EXAMPLES)
    shop._made = number_of_example * 1_000_000  # ids of their own for each example
    with place.database.transaction(place.tenant_id) as tx:
        known = tx.value("select key from webhook_endpoint where is_enabled")
    if known is not None:
        shop.change(operations.disable, known, "the example is over", shop.writer)
    name = f"k{number_of_example}"
    shop.add(name)
    taker, wanted = Unreliable(), 0
    for what, one, other in actions:
        if what == "note":
            shop.note(one, *map(str, range(other)))
            wanted += other
        elif what == "post":
            taker.random.seed(other)
            shop.post(taker, at_once=3)
        elif what == "wait":
            shop.at += timedelta(seconds=one)
        elif what == "switch":
            operation = operations.enable if one else operations.disable
            shop.change(operation, name, *([] if one else ["test"]), shop.writer)
        else:
            _die_at(shop, taker, one)
    taker.is_well = True
    shop.change(operations.enable, name, shop.writer)
    for _ in range(3):
        shop.at += timedelta(days=2)
        shop.post(taker, at_once=3)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for number, subject, webhook_id in taker.taken:
        if webhook_id not in first:
            assert number > last.get(subject, 0), "of a subject in order"
            first[webhook_id], last[subject] = number, number
    assert sorted(first.values()) == list(range(1, wanted + 1))
    assert shop.standing(name).waiting == 0
    assert shop.violations() == {}


def _die_at(shop: Shop, taker: Unreliable, point: str) -> None:
    """A worker that is gone at a point; its lease is over when somebody looks next."""

    def reach(name: str) -> None:
        if name == point:
            raise _Lost

    points.on_reach(reach)
    try:
        shop.post(taker, at_once=1, lease=timedelta(0))
    except _Lost:
        pass
    finally:
        points.on_reach(None)
