"""GET /metrics of a real server, read by the parser of Prometheus' own client; and the rules that are
shipped."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click
import httpx2
import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Channel, Writer, reflect, take_turn
from everycent.app import metrics
from everycent.app.metrics import Read
from everycent.app.wiring import random_ids, utc_now
from everycent.cli.main import cli
from everycent.figures import queries
from everycent.figures.figure import DEFINITIONS, Figure, Kind
from everycent.messages.message import Kind as By
from everycent.tenants import operations as tenants
from tests.api.serving import start
from tests.conftest import NOW, Place
from tests.erp import books
from tests.erp.fake import running_erp
from tests.erp.test_over_http import adapter

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "everycent.rules.yml"
FILE = "erp: {name: books, kind: file, folder: unused, since: 2026-01-01}\n"

Found = dict[tuple[str, ...], float]


class Scraped(NamedTuple):
    """A server's metrics."""

    address: str
    metrics: str

    def read(self) -> Found:
        """Values by name and labels, those of the tenant `default` without it."""
        answer = httpx2.get(self.metrics, timeout=60)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return parsed(answer.text)


def parsed(text: str) -> Found:
    found: Found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = [f"{name}={told}" for name, told in one.labels.items()]
            key = (one.name, *(told for told in labels if told != "tenant=default"))
            assert key not in found, "a series is told twice"
            found[key] = one.value
    return found


@contextmanager
def scraped(place: Place, home: Path) -> Iterator[Scraped]:
    process, told = start(place.conninfo, "--metrics-port", "0", EVERYCENT_HOME=str(home))
    try:
        yield Scraped(told["address"], told["metrics"])
    finally:
        process.terminate()
        process.communicate()


def figures(place: Place, *, erp: bool = True) -> Found:
    """Figures as the database gives them now, by name and labels."""
    told = ("books", books.FIRST) if erp else None
    found, _ = queries.all_of(place.database, utc_now(), erp=told, seconds=30)
    assert all(one.tenant == "default" for one in found)
    return {(one.name, *one.labels): one.value for one in found}


def raised(place: Place, *conditions: Condition, at: datetime | None = None) -> None:
    channels = (Channel(By.MAIL, "ops@example.com"),)
    with place.database.transaction(place.tenant_id) as tx:
        take_turn(tx, "test")
        reflect(tx, "test", conditions, Writer(at or utc_now(), "test", random_ids, channels))


def test_a_place_where_nothing_is_tells_that_nothing_is_open(place):
    assert figures(place, erp=False) == {("usage_gaps_open",): 0}


def test_documents_count_where_they_stand_with_the_age_of_the_oldest_that_waits(place, tmp_path):
    books.open_shop(place, 5)
    before = figures(place)
    assert before["erp_documents", "books", "not_begun"] == 5
    assert before["erp_oldest_waiting_seconds", "books"] > 0
    assert ("erp_documents", "books", "not_begun") not in figures(place, erp=False)
    with running_erp(tmp_path) as fake:
        fake.fault("reject:no", where={"reference": "default/INV-000002"})
        fake.fault("mutate:gross_off", where={"reference": "default/INV-000003"}, times=None)
        erp = adapter(fake, batch=1)
        books.handed_over(place, erp)
    found = figures(place)
    states = {key[2]: value for key, value in found.items() if key[0] == "erp_documents"}
    assert states == {"registered": 3, "aborted": 1, "initiated": 1, "not_begun": 0}
    assert found["alarms_open", "erp.aborted", "critical"] == 1
    assert found["alarms_open", "erp.failing", "warning"] == 1
    assert found["erp_oldest_waiting_seconds", "books"] >= 0
    with running_erp(tmp_path) as fake:
        books.handed_over(place, adapter(fake, batch=1), rounds=(0, 60))
    assert ("erp_oldest_waiting_seconds", "books") not in figures(place)


def test_alarms_count_by_kind_and_severity_while_they_are_open(place):
    old = utc_now() - timedelta(hours=2)
    raised(place, *(Condition("a.b", f"s{n}", Severity.CRITICAL, "x") for n in range(3)), at=old)
    raised(place, *(Condition("a.b", f"s{n}", Severity.CRITICAL, "x") for n in range(2)))
    found = figures(place, erp=False)
    assert found["alarms_open", "a.b", "critical"] == 2
    assert found["alarm_oldest_seconds", "critical"] // 60 == 120
    assert found["messages", "mail", "waiting"] == 4
    assert found["message_oldest_waiting_seconds",] // 60 == 120
    raised(place)
    assert not [key for key in figures(place, erp=False) if key[0].startswith("alarm")]


@pytest.mark.not_recounted
def test_what_is_open_is_counted_wherever_it_is(place):
    """Rows as nothing but a count needs them, put in by the owner past every rule but the tables' own."""
    books.open_shop(place, 2)
    ago = utc_now() - timedelta(hours=3)
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as owner:
        owner.execute("set session_replication_role = replica")
        for name, status in (
            ("u1", "unknown"),
            ("u2", "unknown"),
            ("m", "mismatched"),
            ("s", "succeeded"),
        ):
            owner.execute(
                "insert into payment_attempt (tenant_id, attempt_id, kind, reference, invoice_id, step,"
                " open, customer_id, provider, amount, currency, tries, status, fence, worker_id, looks,"
                " is_contradicted, claimed_at, changed_at, told, failure)"
                " select i.tenant_id, %s, 'charge', %s, %s, 1, 5, i.customer_id, 'psp', 5, 'EUR', 1, %s, 1,"
                " %s, 0, false, %s, %s, '{}', %s from invoice i limit 1",
                (
                    place.ids(name), name, place.ids(f"i{name}"), status, place.ids("w"), ago, ago,
                    None if status == "succeeded" else "x",
                ),
            )  # fmt: skip
        owner.execute(
            "insert into usage_rejection values (%s, '2026-01-01', 'http', 'usage.bad_value', 3),"
            " (%s, '2026-01-02', 'http', 'usage.bad_value', 4)", (place.tenant_id,) * 2,
        )  # fmt: skip
        owner.execute(
            "insert into billing_parked select tenant_id, run_id, %s, 'x.y', 'z' from billing_run",
            (place.ids("customer"),),
        )
    found = figures(place, erp=False)
    assert found["payment_attempts", "charge", "unknown"] == 2
    assert found["payment_attempts", "charge", "mismatched"] == 1
    assert ("payment_attempts", "charge", "succeeded") not in found
    assert found["payment_oldest_unknown_seconds",] // 3600 == 3
    assert found["usage_rejected_records", "http", "usage.bad_value"] == 7
    assert found["billing_parked_customers",] == 1
    assert found["billing_finished_seconds",] > 0
    assert ("billing_run_open_seconds",) not in found


def test_a_server_tells_the_figures_of_all_tenants_and_only_on_its_own_port(place, tmp_path):
    (tmp_path / "erp.yaml").write_text(FILE, "utf-8")
    books.open_shop(place, 2)
    raised(place, Condition("odd.name", 'a "quoted"\n\\ subject', Severity.WARNING, "x"))
    other = tenants.create(place.database, "other", "Other", NOW)
    with place.database.transaction(other) as tx:
        take_turn(tx, "test")
        said = Condition("other.kind", "s", Severity.WARNING, "x")
        reflect(tx, "test", [said], Writer(utc_now(), "test", random_ids))
    with scraped(place, tmp_path) as server:
        found = server.read()
        assert httpx2.get(f"{server.address}/metrics").status_code == 404
    assert server.metrics.startswith("http://127.0.0.1:")
    assert found["everycent_database_up",] == found["everycent_figures_complete",] == 1
    alarms = {key[1:] for key in found if key[0] == "everycent_alarms_open"}
    assert alarms == {
        ("kind=odd.name", "severity=warning"),
        ("kind=other.kind", "severity=warning", "tenant=other"),
    }
    assert found["everycent_erp_documents", "erp=books", "state=not_begun"] == 2
    with place.database.operator() as tx:
        head = tx.value("select pg_sequence_last_value('everycent.journal_seq')")
    assert found["everycent_journal_position",] == head


@contextmanager
def away(place: Place) -> Iterator[None]:
    """The database lets nobody in, and everybody is thrown out of it."""
    name = place.database.conninfo.partition("dbname=")[2].split()[0]
    admin = re.sub(r"dbname=\S+", "dbname=postgres", place.conninfo)
    with psycopg.connect(admin, autocommit=True) as owner:
        owner.execute(f"alter database {name} allow_connections false")
        owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )
        try:
            yield
        finally:
            owner.execute(f"alter database {name} allow_connections true")


def until(server: Scraped, wanted: float) -> Found:
    """What is told as soon as the database is there, or is not."""
    for _ in range(1000):
        found = server.read()
        if found["everycent_database_up",] == wanted:
            return found
        time.sleep(0.1)
    raise AssertionError(f"it never told {wanted}")


WITHOUT = {"everycent_build_info", "everycent_database_up", "everycent_figures_complete"}


def test_a_database_that_is_away_is_told_and_so_is_that_it_is_back(place, tmp_path):
    with scraped(place, tmp_path) as server:
        until(server, 1)
        with away(place):
            assert {key[0] for key in until(server, 0)} == WITHOUT
        assert until(server, 1)["everycent_figures_complete",] == 1


def test_a_server_that_starts_while_its_database_is_away_tells_so(place, tmp_path):
    with ExitStack() as database, ExitStack() as servers:
        database.enter_context(away(place))
        server = servers.enter_context(scraped(place, tmp_path))
        assert {key[0] for key in server.read()} == WITHOUT
        database.close()
        assert until(server, 1)["everycent_figures_complete",] == 1


def test_figures_that_take_too_long_do_not_say_that_the_database_is_away(place, tmp_path):
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as owner:
        owner.execute("lock table alarm in access exclusive mode")
        with scraped(place, tmp_path) as server:
            found = server.read()
    assert (found["everycent_database_up",], found["everycent_figures_complete",]) == (1, 0)


def told(figures: Sequence[Figure]) -> set[str]:
    """The names that an exposition of these has, as rules name them."""
    read = Read(is_up=True, is_complete=True, figures=tuple(figures), position=1)
    return {sample.name for family in metrics.families(read) for sample in family.samples}


ALL = told(
    [Figure("t", name, tuple("x" for _ in one.labels), 1) for name, one in DEFINITIONS.items()]
)
"""Every name there can be."""


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return list(group["rules"])


def test_the_rule_file_has_the_structure_that_prometheus_reads():
    """https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/ (no promtool at hand)."""
    document = yaml.safe_load(RULES.read_text("utf-8"))
    assert set(document) == {"groups"}
    for group in document["groups"]:
        assert set(group) <= {"name", "interval", "limit", "rules"}
    for rule in rules():
        assert {"alert", "expr", "labels", "annotations"} <= set(rule)
        assert set(rule) <= {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", rule["alert"])
        assert re.fullmatch(r"[0-9]+(ms|[smhdwy])", rule.get("for", "0s"))
        assert rule["labels"]["severity"] in list(Severity)
        assert set(rule["annotations"]) == {"summary", "description"}
        for text in (rule["expr"], *rule["annotations"].values()):
            assert isinstance(text, str)
            for opened, closed in ("()", "[]", "{}"):
                assert text.count(opened) == text.count(closed)
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 15


def test_rules_name_only_what_is_told_and_labels_that_it_has():
    used = set()
    for rule in rules():
        for name, matchers in re.findall(r"(everycent_[a-z_]+)(?:\{([^}]*)\})?", rule["expr"]):
            assert name in ALL, f"{rule['alert']} names {name}"
            used.add(name)
            labels = re.findall(r"(\w+)(?:=~?|!~|!=)\"", matchers)
            assert set(labels) <= labels_of(name), rule["alert"]
        for shown in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
            assert shown in given(rule["expr"]), f"{rule['alert']} shows {shown}"
    assert ALL - used == {"everycent_figures_read_seconds"}


def labels_of(name: str) -> set[str]:
    plain = name.removeprefix("everycent_").removesuffix("_total")
    of_ours = DEFINITIONS.get(plain)
    if of_ours is None:
        return {"version", "python"} if plain == "build_info" else set()
    return {"tenant", *of_ours.labels}


def given(expression: str) -> set[str]:
    """The labels that an alert of the expression has; `instance` and `job` come from Prometheus."""
    grouped = re.match(r"sum by \(([^)]*)\)", expression)
    if grouped:
        return {one.strip() for one in grouped[1].split(",")}
    names = re.findall(r"everycent_[a-z_]+", expression)
    return {"instance", "job"}.union(*(labels_of(name) for name in names))


def test_the_commands_that_rules_name_exist():
    context = click.Context(cli)
    for told_there in re.findall(r"`everycent ([a-z -]+)`", RULES.read_text("utf-8")):
        command: Any = cli
        for word in told_there.split():
            if word.startswith("--"):
                break
            command = (
                command.get_command(context, word) if hasattr(command, "get_command") else None
            )
            assert command is not None, told_there


def test_every_figure_is_described_in_the_operators_page():
    page = (ROOT / "docs" / "operations.md").read_text("utf-8").partition("## Metrics")[2]
    listed = re.findall(r"^\| `(everycent_[a-z_]+)(?:\{([a-z, ]*)\})?` \|", page, re.MULTILINE)
    assert {name for name, _ in listed} == ALL
    for name, labels in listed:
        assert {one.strip() for one in labels.split(",") if one.strip()} == labels_of(name), name
    assert all(re.fullmatch(r"[A-Z].*\.", one.says) for one in DEFINITIONS.values())
    assert [name for name, one in DEFINITIONS.items() if one.kind is Kind.COUNTER] == [
        "usage_rejected_records"
    ]
