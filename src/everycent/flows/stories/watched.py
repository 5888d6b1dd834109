"""What is watched in a story while it is used: thresholds, and the running cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from everycent.catalog.document_refusals import Strict
from everycent.customers import queries as customers
from everycent.flows import outstanding, watch
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.expected import amounts, check_amount
from everycent.flows.stories.times import wrong
from everycent.flows.stories.world import Action, Came, World
from everycent.kernel.money import Money, plain
from everycent.watching import operations, queries
from everycent.watching.threshold import checked

_MANY = 100_000


class _Threshold(Strict):
    key: str
    value: str
    customer: str | None = None
    subject: str | None = None
    meter: str | None = None
    cost: bool = False


def _read_threshold(given: _Threshold, _: Moment) -> _Threshold:
    if given.cost == (given.meter is not None):
        raise wrong("a threshold watches either a meter or the cost", field="meter")
    if (given.customer is None) == (given.subject is None):
        raise wrong("a threshold watches either a customer or a subject", field="customer")
    check_amount(given.value, "value")
    return given


def _threshold(world: World, given: _Threshold) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        owner = None
        if given.customer is not None:
            owner = customers.by_name(tx, given.customer).customer_id
        wanted = checked(given.key, given.value, given.meter, given.subject, owner)
        made = watch.define(tx, wanted, world.writing)
    return Came({"threshold": made.key, "value": made.value})


class _RemoveThreshold(Strict):
    key: str


def _remove_threshold(world: World, given: _RemoveThreshold) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        operations.remove_threshold(tx, given.key, **world.writing)
    return Came({"threshold": given.key})


def _read_numbers(given: dict[str, str], _: Moment) -> dict[str, str]:
    for name, text in given.items():
        check_amount(text, name)
    return given


def _crossed(world: World, given: Mapping[str, str]) -> Came:
    """Looks at the thresholds first, as `everycent usage watch` does all the time."""
    looked = watch.check(world.database, world.tenant_id, world.at, world.writing)
    for threshold, refusal in looked.refused:
        if threshold.key in given:
            raise refusal
    with world.database.snapshot(world.tenant_id) as tx:
        for key in given:
            queries.threshold(tx, key)
        times = Counter(one.key for one in queries.crossings(tx, limit=_MANY))
    found = {key: str(many) for key, many in sorted(times.items())}
    return Came(found, amounts("crossed", given, found))


def _running(world: World, given: Mapping[str, str]) -> Came:
    found = {}
    with world.database.snapshot(world.tenant_id) as tx:
        for key in given:
            customer = customers.by_name(tx, key)
            open_ = outstanding.of_customer(tx, customer, world.at)
            if open_.refused:
                raise open_.refused[0].refusal
            net = open_.totals().get(customer.currency, 0)
            found[key] = plain(Money(net, customer.currency))
    return Came(found, amounts("running", given, found))


WATCHED: dict[str, Action] = {
    "threshold": Action(_threshold, Form(_Threshold, read=_read_threshold)),
    "remove_threshold": Action(_remove_threshold, Form(_RemoveThreshold, short="key")),
    "crossed": Action(_crossed, Form(dict[str, str], read=_read_numbers)),
    "running": Action(_running, Form(dict[str, str], read=_read_numbers)),
}
"""These actions by name."""
