"""What the matrix asks about: one object of each kind for an owner, a colleague and another tenant.

Each is made through the product: over its API where the API makes it, else by the operation that does.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Writer, reflect, take_turn
from everycent.app import posting
from everycent.app.settings import from_environment
from everycent.app.wiring import App, random_ids, utc_now
from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.flows import bill
from everycent.flows.post_webhooks import post_webhooks
from everycent.kernel import clock
from everycent.metering.record import UsageRecord
from everycent.reports import config
from everycent.reports import operations as reports
from tests.api.asking import Asking
from tests.conftest import Place
from tests.dunning.test_delivering import queue
from tests.erp import books
from tests.erp.fake import running_erp
from tests.erp.test_over_http import adapter
from tests.flows import world
from tests.flows.test_debits import iban
from tests.reports import services

Objects = dict[str, dict[str, str]]
OWN, COLLEAGUES, OTHERS, RANDOM = "own", "a colleague's", "another tenant's", "random"
NAMES = {OWN: "ann", COLLEAGUES: "bob", OTHERS: "zoe"}
_BEFORE_ZOE = ("xan", "yan")
SECRET = base64.b64encode(b"k" * 32).decode()
MONTHS = {OWN: "2026-01", COLLEAGUES: "2026-02", OTHERS: "2026-05", RANDOM: "2026-09"}
_REFUSED_MONTHS = {OWN: "2026-03", COLLEAGUES: "2026-04", OTHERS: "2026-06"}
_CATALOGUE = """
meters: {{{name}-calls: {{unit: call}}}}
products: {{{name}-base: {{name: Base}}}}
plans:
  {name}-plan:
    currency: EUR
    anchor_day: 1
    prices:
      - {{key: fee, product: {name}-base, flat: {{amount: 31}}, timing: in_advance}}
      - {{key: seats, product: {name}-base, per_unit: {{unit_amount: 5}}, timing: in_advance,
         agreed: {{unit: seat, quantity: 1, most: 100}}}}
      - {{key: calls, product: {name}-base, meter: {name}-calls, per_unit: {{unit_amount: 0.01}}}}
  {name}-more:
    currency: EUR
    adds_to: [{name}-plan]
    prices: [{{key: care, product: {name}-base, flat: {{amount: 7}}, timing: in_advance}}]
  {name}-once:
    currency: EUR
    prices: [{{key: work, product: {name}-base, flat: {{amount: 99}}, timing: once}}]
coupons: {{{name}-gift: {{name: Gift, amount: 5, currency: EUR}}}}
features: {{{name}-sso: {{kind: switch}}}}
"""


class Owner(NamedTuple):
    """Whose objects are made: somebody who asks the API, and a name that their objects begin with."""

    api: Asking
    place: Place
    whose: str
    name: str

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """The data of a change that has to be made."""
        answer = self.api.send(method, path, json=body)
        assert answer.is_success, (self.whose, method, path, answer.text)
        return answer.json()

    def made(self, path: str, field: str, **body: Any) -> str:
        """What something is called that is made by posting this."""
        return str(self.send("POST", path, body)[field])


def of_catalogue(one: Owner) -> dict[str, str]:
    number = "2" if one.whose == OTHERS else "1"
    if one.whose == OTHERS:
        text = _CATALOGUE.format(name=one.name).replace("amount: 31", "amount: 32")
        one.send("POST", "/v1/catalog/apply", {"yaml": text})
    return {
        "kind": "plan", "key": f"{one.name}-plan", "version": number, "meter": f"{one.name}-calls",
        "plan": f"{one.name}-plan", "feature": f"{one.name}-sso", "more": f"{one.name}-more",
        "once": f"{one.name}-once", "gift": f"{one.name}-gift",
    }  # fmt: skip


def of_customers(one: Owner) -> dict[str, str]:
    added = {"plan": f"{one.name}-more", "name": f"{one.name}-care", "on": "2027-01-01"}
    path = f"/v1/subscriptions/{one.name}"
    one.send("POST", f"{path}/add-ons", added)
    for number in range(3 if one.whose == OTHERS else 1):
        more = {"quantities": {"seats": f"{number + 7}"}, "on": f"2027-0{number + 2}-01"}
        one.send("POST", f"{path}/quantities", more)
    changes = one.api.get(f"{path}/changes")["items"]
    return {
        "customer": one.name, "subscription": one.name, "add_on": f"{one.name}-care",
        "change": str(max(each["change_no"] for each in changes)),
        "coupon": one.made("/v1/coupons", "name", coupon=f"{one.name}-gift", customer=one.name),
    }  # fmt: skip


def of_wallets(one: Owner) -> dict[str, str]:
    key = one.made("/v1/wallets", "wallet", customer=one.name, key=f"{one.name}-purse")
    many = 3 if one.whose == OTHERS else 1  # the last has a number that nobody else has
    for _ in range(many):
        one.send("POST", f"/v1/wallets/{key}/grants", {"amount": "5", "reason": "sorry"})
    one.send("PUT", f"/v1/wallets/{key}/top-up-rule", {"below": "20", "amount": "25"})
    return {"wallet": key, "number": str(many)}


def of_usage(one: Owner) -> dict[str, str]:
    offered = [
        {
            "id": f"{one.name}-r{number}", "source": "gw", "subject": one.name,
            "meter": f"{one.name}-calls", "at": f"2026-01-05T1{number}:00:00Z", "value": 10,
        }
        for number in range(3)
    ]  # fmt: skip
    assert one.send("POST", "/v1/usage", offered)["accepted"] == 3
    body = {"source": "gw", "ids": [f"{one.name}-r0"], "reason": "twice"}
    watched = {"value": "5", "customer": one.name}
    return {
        "record": f"{one.name}-r1", "subject": one.name,
        "correction": one.made("/v1/usage/corrections/void", "correction", **body),
        "threshold": one.send("PUT", f"/v1/usage/thresholds/{one.name}-most", watched)["key"],
    }  # fmt: skip


def of_measurements(one: Owner) -> dict[str, str]:
    told = {
        "meter": f"{one.name}-calls", "every": "1 day", "starts_at": "2026-01-01",
        "time": {"unit": "hours", "subjects": [one.name]},
    }  # fmt: skip
    one.send("POST", "/v1/measurements/apply", {"measurements": {f"{one.name}-hours": told}})
    return {"measurement": f"{one.name}-hours"}


def of_money(one: Owner) -> dict[str, str]:
    """A payment by hand, a way to be charged, a file of direct debits with an attempt, and a run."""
    invoice = one.api.get("/v1/invoices", customer=one.name)["items"][-1]["number"]
    told = one.api.get(f"/v1/invoices/{invoice}")
    lines = told["lines"]
    line = next(number for number, told in enumerate(lines, 1) if "calls" in str(told))
    number = 1 + ord(one.name[0])
    mandate = {"id": f"M-{one.name}", "signed_on": "2025-12-01"}
    signed = {"token": iban(number), "provider": "house", "mandate": mandate}
    method = one.made(f"/v1/customers/{one.name}/payment-methods", "method", **signed)
    run = one.made("/v1/collections", "run_id", invoices=[invoice])
    one.send("POST", f"/v1/collections/{run}/abort")
    file = one.send("POST", "/v1/debit-files", {"account": "house"})["file"]["message_id"]
    debit, *_ = one.api.get(f"/v1/debit-files/{file}")["items"]
    payment = {"customer": one.name, "amount": "5.00", "reference": f"{one.name}-tr"}
    return {
        "/v1/invoices/{invoice}": invoice, "/v1/erp/documents/{document}": invoice,
        "document": invoice, "invoice": invoice.rpartition("-")[2].lstrip("0"), "method": method,
        "line": str(line), "open": told["open"], "file": file, "attempt": debit["attempt"],
        "payment": one.made("/v1/payments", "payment", **payment), "/v1/collections/{run}": run,
    }  # fmt: skip


def of_access(one: Owner) -> dict[str, str]:
    email = f"{one.name}@example.com"
    key = one.made("/v1/keys", "key_id", name=f"{one.name}-key", scopes=["usage:read"])
    hook = {"key": f"{one.name}-crm", "url": "http://127.0.0.1:9/hook", "from_start": True}
    webhook = one.made("/v1/webhooks", "key", **hook)
    return {
        "/v1/keys/{key}": key, "tenant": "default", "provider": "house", "webhook": webhook,
        "member": one.made("/v1/members", "member", role="read-only", email=email),
    }  # fmt: skip


def of_operators(one: Owner) -> dict[str, str]:
    """A message that waits, and an alarm."""
    place, name = one.place, one.name
    wrong = Condition("test.wrong", name, Severity.WARNING, "wrong")
    with place.database.transaction(place.tenant_id) as tx:
        take_turn(tx, f"test/{name}")
        (alarm,) = reflect(tx, f"test/{name}", [wrong], Writer(place.now, "test", place.ids, ()))
    return {"alarm": alarm.name, "message": queue(place, subject=name)}


def of_books(one: Owner) -> dict[str, str]:
    """Something that happened, and an entry: a colleague's is the second of the tenant."""
    number = 1 if one.whose == COLLEAGUES else 0
    return {
        name: str(one.api.get(path)["items"][number][field])
        for name, field, path in (
            ("event", "event_id", "/v1/journal/events"),
            ("entry", "entry", "/v1/ledger/entries"),
        )
    } | {
        "run": str(one.api.get("/v1/runs")["items"][number]["run_id"]),
        "account": "receivable",
        "status": "pending",
    }


MAKERS: list[Callable[[Owner], dict[str, str]]] = [
    of_catalogue, of_customers, of_wallets, of_usage, of_measurements, of_money, of_access, of_operators,
    of_books,
]  # fmt: skip


@contextmanager
def made(api: Asking, keys: dict[str, str], other: Place, folder: Path) -> Iterator[Objects]:
    """An object of each kind: `keys` has a credential of each owner. Sub-services answer until the end."""
    found: Objects = {}
    for place in (api.place, other):
        open_shop(place, [*_BEFORE_ZOE, "zoe"] if place is other else ["ann", "bob"])
    for whose, name in NAMES.items():
        place = other if whose == OTHERS else api.place
        asks = api._replace(key=keys[whose])
        if whose == OTHERS:
            for before in _BEFORE_ZOE:
                fill(Owner(asks, place, "before", before))
        for make in MAKERS:
            for parameter, text in make(Owner(asks, place, whose, name)).items():
                found.setdefault(parameter, {})[whose] = text
    told = {"EVERYCENT_WEBHOOK_ALLOW": "127.0.0.1:9", "EVERYCENT_SECRET_KEY": SECRET}
    app = App(from_environment(told), api.place.database, utc_now, random_ids)
    for place in (api.place, other):
        post_webhooks(posting.desk(app, place.tenant_id))
    with running_erp(folder) as fake:
        for place in (api.place, other):
            books.handed_over(place, adapter(fake))
    for whose in NAMES:
        asks = api._replace(key=keys[whose])
        number = found["/v1/erp/documents/{document}"][whose]
        trail = asks.get(f"/v1/erp/documents/{number}")["trail"]
        answer = next(step["answer"] for step in trail if step["answer"] is not None)
        found.setdefault("/v1/erp/answers/{answer}", {})[whose] = answer
    with (
        services.running("compute", customers=("ann", "bob")) as ours,
        services.running("compute", customers=("zoe",)) as theirs,
    ):
        report(api, keys, other, (ours, theirs), found)
        yield found


def open_shop(place: Place, names: list[str]) -> None:
    """A catalogue and customers who owe one invoice each."""
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(world.CATALOGUE), **world.writing(place))
        catalog.apply(tx, document.parse(services.CATALOGUE), **world.writing(place))
        for name in names:
            catalog.apply(tx, document.parse(_CATALOGUE.format(name=name)), **world.writing(place))
    for name in names:
        world.sell(place, [(name, f"{name}-plan")], text=world.CATALOGUE)
        at = datetime(2026, 1, 5, tzinfo=UTC)
        world.use(place, [UsageRecord("gw", f"{name}-old", name, f"{name}-calls", at, "7")])
    for month in (1, 2):
        bill.run(
            place.database, place.tenant_id, world.midnight(date(2026, month, 1)),
            clock=clock.fixed(place.now), ids=random_ids, terms=bill.Terms("test", "Europe/Zagreb"),
        )  # fmt: skip


def fill(one: Owner) -> None:
    """Objects that are counted, so that the next has a number which is free in the other tenant."""
    one.send("POST", "/v1/coupons", {"coupon": f"{one.name}-gift", "customer": one.name})
    of_money(one)


def report(
    api: Asking,
    keys: dict[str, str],
    other: Place,
    both: Sequence[dict[str, services.Running]],
    found: Objects,
) -> None:
    """Versions of a configuration, reports of months that only their tenant has, and what was answered."""
    for whose in NAMES:
        place = other if whose == OTHERS else api.place
        running, name = both[place is other], f"{NAMES[whose]}-v1"
        told = {
            "schema": "everycent-reports/1", "name": name, "since": "2026-01-01",
            "after": "1h", "deadline": "10s",
            "services": {one.name: one.file for one in running.values()},
        }  # fmt: skip
        writer = services.writer()
        with place.database.transaction(place.tenant_id) as tx:
            reports.create(tx, config.parse(told), writer)
            reports.activate(tx, name, "", writer)
        found.setdefault("/v1/report-configs/versions/{version}", {})[whose] = name
        one = Owner(api._replace(key=keys[whose]), place, whose, NAMES[whose])
        done = one.send("POST", f"/v1/reports/{MONTHS[whose]}/build")
        assert done["outcome"] == "built", done
        running["compute"].broken = services.html()
        refused = one.send("POST", f"/v1/reports/{_REFUSED_MONTHS[whose]}/build")
        running["compute"].broken = None
        (problem,) = refused["problems"]
        found.setdefault("/v1/reports/answers/{answer}", {})[whose] = problem["evidence"]
    found["period"] = MONTHS
