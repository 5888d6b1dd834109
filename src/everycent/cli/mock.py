"""everycent mock: the whole product on one port, with everything around it pretended."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import click
import httpx2

from everycent.access import keys, operations
from everycent.access.keys import ApiKey
from everycent.access.roles import SCOPES
from everycent.api import server
from everycent.api.fronting import Front, in_front
from everycent.app import durable, posting
from everycent.app.settings import Settings, from_environment
from everycent.app.staying import staying
from everycent.app.wiring import App
from everycent.catalog import document, queries
from everycent.catalog import operations as catalog
from everycent.cli.children import listening, working
from everycent.cli.common import complain, json_option
from everycent.customers import queries as customers
from everycent.db import embedded
from everycent.examples import data as example_data
from everycent.fakes.erp_service import ErpSettings
from everycent.fakes.service import Settings as ProviderSettings
from everycent.flows.stories import play as stories
from everycent.integrations.webhook_out import shown
from everycent.kernel.errors import Unavailable
from everycent.methods import operations as methods
from everycent.methods.operations import New
from everycent.reports import config as configs
from everycent.reports import operations as reports
from everycent.reports.operations import Writer
from everycent.tenants import operations as tenants
from everycent.webhooks import operations as webhooks
from everycent.webhooks import queries as webhook_queries
from everycent.webhooks.endpoint import ALL
from everycent.webhooks.target import allowed_of

TENANT = "default"
KEY = keys.text_of("mock".ljust(keys.RANDOM_CHARS, "0"))
"""The key that opens it, the same every time: there is nothing in it that is anybody's."""
_SECRETS = {
    "PSP_KEY": ProviderSettings().key,
    "ERP_KEY": ErpSettings().key,
    "COMPUTE_KEY": "sub_fake",
    "STORAGE_KEY": "sub_fake",
}
_MONTH = "2026-01"
_METHOD = "tok_ok"
_TAX = "cloud-vat"
_ENDPOINT = "mock"
_FROM = "Billing <billing@example.com>"
_OPERATOR = "operator@example.com"


class _Around(NamedTuple):
    """Where the pretended things listen."""

    provider: str
    erp: str
    compute: str
    storage: str
    mail: str
    receiver: str


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8600, show_default=True, type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything in this folder, for the next time. Thrown away when not given.",
)  # fmt: skip
@click.option(
    "--work/--no-work", default=True, show_default=True,
    help="Whether what is due is billed, charged, handed over and mailed all the time; without it you do"
    " so step by step.",
)  # fmt: skip
@json_option
def mock(host: str, port: int, data: Path | None, work: bool, as_json: bool) -> None:
    """Serve the API over books that are thrown away, with a payment provider, an ERP, sub-services, a
    mail server and a receiver of webhooks that only pretend, all of them wired up, and the months of a
    software firm in it.

    Develop against it: nothing in it is real, and all of it works. docs/mock.md."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    with ExitStack() as stack:
        [listening] = [stack.enter_context(one) for one in server.listen(host, port)]
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ec-mock-")))
        folder = folder.absolute()
        stack.enter_context(_alone(folder))
        found = _settings(folder)
        stack.callback(embedded.down, found.home)
        _say(as_json, "starting PostgreSQL ...")
        embedded.up(found.home)
        _say(as_json, "starting the provider, the ERP, sub-services, mail and a receiver ...")
        around = stack.enter_context(_around(folder))
        found = _reaching(found, around)
        environ = _wired(found, around)
        here = stack.enter_context(staying(found, complain))
        _say(as_json, "playing the months of a software firm ...")
        if asked.is_set() or not here.presence.wait(here.stop):
            return
        tenant_id = _seeded(here.app, around)
        if work:
            stack.enter_context(working(["work"], environ))
        fronts = [
            Front("provider", "The payment provider", around.provider),
            Front("erp", "The ERP", around.erp),
            Front("compute", "Sub-service: compute", around.compute),
            Front("storage", "Sub-service: storage", around.storage),
            Front("receiver", "A receiver of webhooks", around.receiver),
        ]

        def tell() -> None:
            _told(here.app, tenant_id, server.address_of(listening), data and folder, as_json)

        server.serve(here.app, listening, tell, here.stop, more=in_front(fronts, KEY))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder against another mock. Raises Unavailable `mock.data_in_use`."""
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / "mock.pid"
    with durable.locked(name, patiently=False) as is_ours:
        if not is_ours:
            number = name.read_text("ascii").strip()
            raise Unavailable(
                "mock.data_in_use",
                f"another mock (process {number}) works with {folder}",
                field="data",
                hint="work with that one, end it, or choose another folder with --data",
            )
        name.write_text(f"{os.getpid()}\n", "ascii")
        yield


def _settings(folder: Path) -> Settings:
    told = from_environment()
    return told._replace(
        home=folder / "home", database_url=None, tenant=TENANT, actor="mock", usage_spool=None
    )


@contextmanager
def _around(folder: Path) -> Iterator[_Around]:
    """What only pretends, each a process of its own."""
    with ExitStack() as stack:

        def begun(name: str, *words: str) -> str:
            told = [*words, "--port", "0", "--data", str(folder / name)]
            return stack.enter_context(listening(["fake", *told], {}))

        filled = ("--fill", "focus", "--month", _MONTH)
        yield _Around(
            begun("provider", "provider"),
            begun("erp", "erp"),
            begun("compute", "subservice", "compute", *filled),
            begun("storage", "subservice", "storage", *filled),
            begun("mail", "mail"),
            begun("receiver", "receiver"),
        )


def _reaching(found: Settings, around: _Around) -> Settings:
    """The settings with which webhooks reach the receiver too, on this machine, and mails their server."""
    allowed = f"{found.webhook_allow} {around.receiver.removeprefix('http://')}"
    return found._replace(
        webhook_allow=allowed.strip(), smtp_url=around.mail, mail_from=_FROM, alarm_mail=_OPERATOR,
        alarm_webhook=None,
    )  # fmt: skip


def _wired(found: Settings, around: _Around) -> dict[str, str]:
    """Writes the files that say where everything is; gives what the workers have in their environment."""
    (found.home / "providers.yaml").write_text(
        f"providers:\n  psp: {{kind: http, url: {around.provider}, key: PSP_KEY, idempotent_for: 24h,"
        " looks_up: true, latest_commit: 2m}\n",
        "utf-8",
    )
    (found.home / "erp.yaml").write_text(
        f"erp: {{name: books, kind: http, url: {around.erp}, key: ERP_KEY, since: 2026-01-01}}\n",
        "utf-8",
    )
    return {
        **_SECRETS,
        "EVERYCENT_HOME": str(found.home),
        "EVERYCENT_TENANT": found.tenant,
        "EVERYCENT_ACTOR": found.actor,
        "EVERYCENT_SMTP_URL": around.mail,
        "EVERYCENT_MAIL_FROM": _FROM,
        "EVERYCENT_ALARM_MAIL": _OPERATOR,
        "EVERYCENT_WEBHOOK_ALLOW": found.webhook_allow,
    }


def _seeded(app: App, around: _Around) -> int:
    """Plays the story, sets the sub-services up, and makes the key. What is there already stays."""
    tenant_id = tenants.ensure(app.database, TENANT, "Mock", app.clock())
    with app.database.snapshot(tenant_id) as tx:
        is_there = bool(customers.page(tx, after="", limit=1))
    if not is_there:
        stories.play(app.database, tenant_id, stories.load(example_data.story("saas")))
        _with_methods(app, tenant_id)
        _with_key(app, tenant_id)
    _with_services(app, tenant_id, {"compute": around.compute, "storage": around.storage})
    _with_receiver(app, tenant_id, around.receiver)
    return tenant_id


def _with_methods(app: App, tenant_id: int) -> None:
    now = app.clock()
    with app.database.transaction(tenant_id) as tx:
        new = [
            New(one.customer_id, "psp", one.key, _METHOD, "Visa, ends in 4242")
            for one in customers.page(tx, after="", limit=100)
        ]
        methods.add(tx, new, at=now, actor=app.settings.actor, ids=app.ids)


def _with_key(app: App, tenant_id: int) -> None:
    now, digest = app.clock(), keys.digest_of(KEY)
    assert digest is not None, "a key has the form of a key"
    new = ApiKey(app.ids("api_key/mock"), "mock", digest, SCOPES, now)
    with app.database.transaction(tenant_id) as tx:
        operations.create_key(
            tx, new, at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
        )


def _with_services(app: App, tenant_id: int, addresses: Mapping[str, str]) -> None:
    """A configuration of the sub-services where they listen now. Of what they are billed by only that is
    recorded which is not there: what the story or a user has under a name stays as it is."""
    now, folder = app.clock(), example_data.folder("reports")
    writer = Writer(now, app.settings.actor, app.ids)
    told = document.read((folder / "reports.yaml").read_text("utf-8"))
    told["name"] = f"v{int(now.timestamp())}"
    for name, address in addresses.items():
        told["services"][name]["url"] = address
    sold = document.read((folder / "catalog.yaml").read_text("utf-8"))
    sold["taxes"] = {_TAX: sold["taxes"]["vat"]}  # the story has a vat of another rate
    for product in sold["products"].values():
        product["tax"] = _TAX
    entities = document.entities(sold)
    with app.database.transaction(tenant_id) as tx:
        there = queries.known(tx)
        new = [one for one in entities if (one.kind, one.key) not in there]
        catalog.apply(
            tx, new, at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
        )  # fmt: skip
        made = configs.parse(told)
        reports.create(tx, made, writer)
        reports.activate(tx, made.name, "", writer)


def _with_receiver(app: App, tenant_id: int, address: str) -> None:
    """An endpoint that tells the receiver all that happens, where it listens now."""
    url, sealing, writer = f"{address}/hooks/{_ENDPOINT}", posting.sealing(app), posting.writer(app)
    allowed = allowed_of(app.settings.webhook_allow)
    with app.database.transaction(tenant_id) as tx:
        if any(one.endpoint.key == _ENDPOINT for one in webhook_queries.listed(tx)):
            _, is_new = webhooks.update(tx, _ENDPOINT, sealing, writer, url=url, allowed=allowed)
            if not is_new:  # it listens where it did, and knows no secret any more
                webhooks.rotate(tx, _ENDPOINT, timedelta(0), sealing, writer)
        else:
            webhooks.add(tx, _ENDPOINT, url, (ALL,), sealing, writer, allowed=allowed)
    told = {"secrets": [shown(sealing.secret)]}
    httpx2.put(f"{address}/admin/secrets/{_ENDPOINT}", json=told).raise_for_status()


def _told(app: App, tenant_id: int, address: str, kept: Path | None, as_json: bool) -> None:
    with app.database.snapshot(tenant_id) as tx:
        known = [one.key for one in customers.page(tx, after="", limit=3)]
    if as_json:
        click.echo(json.dumps({"address": address, "key": KEY, "customers": known}))
        return
    ends = "nothing stays"
    if kept is not None:
        ends = f"all of it stays in {kept}, for the next time"
    click.echo(f"""
everycent listens on {address}

  the key       {KEY}
  all of it     {address}/            what is here, and the pages of what only pretends
  the API       {address}/v1/docs     OpenAPI: {address}/v1/openapi.json
  customers     {", ".join(known)}

  curl {address}/v1/alarms -H "Authorization: Bearer {KEY}"

Stop it with Ctrl-C; {ends}.""")


def _say(as_json: bool, text: str) -> None:
    if not as_json:
        print(text, file=sys.stderr, flush=True)
