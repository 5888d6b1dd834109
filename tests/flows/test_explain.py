"""Explain: every kind of price opens into what made it, down to the records, and nothing is believed.

One customer subscribes to one plan with a price of every kind; the trees are compared as the text that
a person would read.
"""

import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import psycopg
import pytest
from click.testing import CliRunner

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.cli.explain import explain as command
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.flows import bill, explain
from everycent.flows.derivation import line_node
from everycent.flows.saying import Node, setting_of
from everycent.integrations import explain_page
from everycent.invoicing import queries as invoices
from everycent.journal import chain
from everycent.kernel.clock import fixed
from everycent.kernel.errors import Broken, Invalid, NotFound
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order

ZONE = "Europe/Zagreb"
HOSTILE = "<script>alert(1)</script> & \"Söhne\" 'x' https://evil.example/x.js"

CATALOGUE = """
bands:
  tou: {time_zone: "UTC+01:00", bands: {day: ["mon-fri 07:00-21:00"]}, rest: night}
meters:
  active: {unit: kWh}
  active_day: {of: active, band: tou.day}
  peak_day: {of: active, band: tou.day, aggregation: peak, window_minutes: 15, unit: kW}
  import: {unit: kvarh}
  export: {unit: kvarh}
  excess: {unit: kvarh, formula: "max(import - export, 0)"}
  charged: {unit: kvarh, formula: "excess / 3"}
  storage: {unit: GB}
  calls: {unit: calls, aggregation: count}
  register: {unit: m3, aggregation: counter, digits: 5}
taxes:
  vat: {rates: [{since: 2015-01-01, percent: "25"}]}
products:
  taxed: {name: Taxed, tax: vat}
  free: {name: Free}
plans:
  everything:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: taxed, description: Monthly fee, flat: {amount: "10"}}
      - {key: day, product: taxed, description: Energy by day, meter: active_day,
         per_unit: {unit_amount: "0.12345"}, amount_rounding: half_even,
         quantity_rounding: {places: 0, mode: half_even}}
      - {key: peak, product: taxed, description: Peak demand, meter: peak_day,
         per_unit: {unit_amount: "4.5"}}
      - {key: reactive, product: taxed, description: Reactive energy, meter: charged,
         per_unit: {unit_amount: "0.5"}}
      - {key: stored, product: taxed, description: Storage, meter: storage,
         graduated: {tiers: [{up_to: "100", unit_amount: "0.10"},
                             {up_to: "200", unit_amount: "0.08", flat_amount: "5"},
                             {unit_amount: "0.05"}]}}
      - {key: moved, product: free, description: Traffic, meter: storage,
         volume: {tiers: [{up_to: "100", unit_amount: "1"}, {unit_amount: "0.5"}]}}
      - {key: called, product: free, description: Calls, meter: calls,
         package: {size: "10", amount: "2", included: "5"}}
      - {key: water, product: taxed, description: Water, meter: register,
         per_unit: {unit_amount: "1.2"}}
"""


def local(day, hour=0, minute=0):
    """A moment of January 2016 in Zagreb, in winter an hour before UTC."""
    start = datetime(2016, 1, day, hour, minute, tzinfo=UTC)
    return start - timedelta(hours=1)


def usage():
    def record(key, meter, at, value, dimensions="{}"):
        return UsageRecord("test", key, "acme", meter, at, value, dimensions)

    def reading(at, value, **told):
        key = "/".join((at.isoformat(), *told.values()))
        return record(key, "register", at, value, msgspec.json.encode(told).decode())

    old, new = {"register": "A"}, {"register": "B"}
    quarters = [
        record(f"q{n}", "active", local(18) + timedelta(minutes=15 * n), f"{n}.25")
        for n in range(96)
    ]
    return [
        *quarters,
        record("i", "import", local(20, 8), "100.5"),
        record("e", "export", local(20, 8), "0.5"),
        record("s1", "storage", local(19, 3), "150"),
        record("s2", "storage", local(21, 3), "100"),
        *(record(f"c{n}", "calls", local(25, n), "1") for n in range(16)),
        reading(local(16), "99990", **old, kind="actual"),
        reading(local(25), "8", **old, kind="actual", role="removed"),
        reading(local(25), "0", **new, kind="actual", role="installed"),
        reading(local(32 - 1) + timedelta(days=1), "21", **new, kind="estimated"),
    ]


@pytest.fixture
def billed(place):
    """The tenant after January's bill: INV-000001, of a contract that began on the 16th."""
    customer = Customer(place.ids("acme"), "acme", HOSTILE, "EUR", ZONE)
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(CATALOGUE), **place.writing)
        customers.create(tx, [customer], **place.writing)
        order = Order(customer, "everything", "acme", date(2016, 1, 16))
        subscriptions.start(tx, [order], **place.writing)
    metering.ingest(place.database, place.tenant_id, usage(), place.now, metering.Names())
    run(place, datetime(2016, 1, 31, 23, tzinfo=UTC))
    return place


def run(place, as_of):
    return bill.run(
        place.database, place.tenant_id, as_of, clock=fixed(place.now), ids=place.ids,
        terms=bill.Terms("test", ZONE),
    )  # fmt: skip


def tree(place, line=None, **more):
    with place.database.snapshot(place.tenant_id) as tx:
        return explain.explain(tx, "INV-000001", line, **more)


def told(node, depth=0, leaving_out=()):
    """The tree as lines of text."""
    parts = [node.what, node.value, node.detail]
    lines = ["  " * depth + " | ".join(part for part in parts if part)]
    for child in node.children:
        if child.kind not in leaving_out:
            lines.extend(told(child, depth + 1, leaving_out))
    return lines


def line_told(place, number, *leaving_out):
    (line,) = [node for node in tree(place, number).children if node.kind == "line"]
    return "\n".join(told(line, leaving_out=("span", "seal", "records", *leaving_out)))


def test_a_flat_price_is_shared_by_days(billed):
    assert line_told(billed, 1) == (
        "Line 1  Monthly fee | 5.16 EUR | 16 Jan – 31 Jan 2016\n"
        "  Rounded to 2 decimals, half up | 5.16 EUR | from exactly 5.161290322581… EUR\n"
        "  16 of the period's 31 days | 5.161290322581… EUR | 10 EUR × 16/31\n"
        "  Fixed amount: 10 EUR | 10 EUR\n"
        "  Price fee, a fixed amount | 10 EUR"
        " | version 1 of plan everything, frozen in the invoice's event"
    )


def test_a_band_counts_its_hours_only_and_the_quantity_is_rounded_once(billed):
    # Monday the 18th from 07:00 to 21:00 are the quarter hours 28 to 83, each n.25 kWh
    assert sum(range(28, 84)) + 56 / 4 == 3122
    assert line_told(billed, 2) == (
        "Line 2  Energy by day | 385.41 EUR | 16 Jan – 31 Jan 2016\n"
        "  Rounded to 2 decimals, half to even | 385.41 EUR | from exactly 385.4109 EUR\n"
        "  3122 kWh × 0.12345 EUR | 385.4109 EUR\n"
        "  Price day, per unit | 0.12345 EUR per kWh"
        " | version 1 of plan everything, frozen in the invoice's event\n"
        "  Quantity | 3122 kWh"
        " | nothing to round; the rule would be: rounded to whole kWh, half to even\n"
        "    Sum of active at acme in band day | 3122 kWh\n"
        "      Band day: Mon–Fri 07:00–21:00 | on the clock of UTC+01:00"
    )


def test_a_peak_names_its_window_and_shows_its_records_first(billed):
    assert line_told(billed, 3, "price") == (
        "Line 3  Peak demand | 1498.50 EUR | 16 Jan – 31 Jan 2016\n"
        "  Nothing to round | 1498.50 EUR | the rule would be: rounded to 2 decimals, half up\n"
        "  333 kW × 4.5 EUR | 1498.5 EUR\n"
        "  Quantity | 333 kW | not rounded\n"
        "    Highest 15-minute average of active at acme in band day | 333 kW\n"
        "      Band day: Mon–Fri 07:00–21:00 | on the clock of UTC+01:00\n"
        "      Reached on 18 Jan 2016 20:45 – 21:00 | 333 kW | 83.25 in 15 minutes × 60/15"
    )
    (record,) = nodes(tree(billed, 3), "record")
    assert (record.what, record.value) == ("18 Jan 2016 20:45", "83.25")


def test_a_formula_within_a_formula_is_shown_with_its_values(billed):
    assert line_told(billed, 4, "price") == (
        "Line 4  Reactive energy | 16.67 EUR | 16 Jan – 31 Jan 2016\n"
        "  Rounded to 2 decimals, half up | 16.67 EUR | from exactly 16.6666666666666666665 EUR\n"
        "  33.333333333333333333 kvarh × 0.5 EUR | 16.6666666666666666665 EUR\n"
        "  Quantity | 33.333333333333333333 kvarh | not rounded\n"
        "    excess / 3 | 33.333333333333… kvarh | = 100 / 3\n"
        "    excess = max(import - export, 0) | 100 kvarh | = max(100.5 - 0.5, 0)\n"
        "    excess.export = Sum of export at acme | 0.5 kvarh\n"
        "    excess.import = Sum of import at acme | 100.5 kvarh"
    )


def test_graduated_tiers_add_up(billed):
    assert line_told(billed, 5) == (
        "Line 5  Storage | 25.50 EUR | 16 Jan – 31 Jan 2016\n"
        "  Nothing to round | 25.50 EUR | the rule would be: rounded to 2 decimals, half up\n"
        "  Sum of 3 tiers | 25.5 EUR\n"
        "    Tier 1: 100 GB × 0.10 EUR | 10 EUR | up to 100 GB\n"
        "    Tier 2: 100 GB × 0.08 EUR + 5 EUR | 13 EUR"
        " | above 100 up to 200 GB; 5 EUR is due once the tier is entered\n"
        "    Tier 3: 50 GB × 0.05 EUR | 2.5 EUR | above 200 GB\n"
        "  Price stored, graduated tiers | 3 tiers"
        " | version 1 of plan everything, frozen in the invoice's event\n"
        "    Tier 1: up to 100 GB | 0.10 EUR per GB\n"
        "    Tier 2: above 100 up to 200 GB | 0.08 EUR per GB + 5 EUR\n"
        "    Tier 3: above 200 GB | 0.05 EUR per GB\n"
        "  Quantity | 250 GB | not rounded\n"
        "    Sum of storage at acme | 250 GB"
    )


def test_a_volume_price_is_that_of_the_last_tier(billed):
    assert "\n".join(line_told(billed, 6, "price").splitlines()[2:3]) == (
        "  Tier 2: 250 GB × 0.5 EUR | 125 EUR"
        " | all 250 GB at the tier in which the quantity ends: above 100 GB"
    )


def test_a_begun_package_counts_whole(billed):
    assert line_told(billed, 7) == (
        "Line 7  Calls | 4.00 EUR | 16 Jan – 31 Jan 2016\n"
        "  Nothing to round | 4.00 EUR | the rule would be: rounded to 2 decimals, half up\n"
        "  2 packages × 2 EUR | 4 EUR"
        " | for 11 calls beyond the 5 calls included, of 10 calls each; a begun one counts whole\n"
        "  Price called, per package | 2 EUR per 10 calls, 5 calls included"
        " | version 1 of plan everything, frozen in the invoice's event\n"
        "  Quantity | 16 calls | not rounded\n"
        "    Number of calls records at acme | 16 calls"
    )


def test_a_register_rolls_over_is_exchanged_and_estimated(billed):
    assert line_told(billed, 8, "price") == (
        "Line 8  Water | 46.80 EUR | 16 Jan – 31 Jan 2016\n"
        "  Nothing to round | 46.80 EUR | the rule would be: rounded to 2 decimals, half up\n"
        "  39 m3 × 1.2 EUR | 46.8 EUR\n"
        "  Quantity | 39 m3 | not rounded\n"
        "    Difference of the readings of register at acme | 39 m3\n"
        "      Register A: 8 − 99990 + 100000 | 18 m3 | actual 16 Jan 2016 00:00 to actual"
        " 25 Jan 2016 00:00; the register has 5 digits and passed zero\n"
        "      Register A replaced by B on 25 Jan 2016 00:00"
        " | A was taken out at 8, B put in at 0\n"
        "      Register B: 21 − 0 | 21 m3"
        " | actual 25 Jan 2016 00:00 to estimated 1 Feb 2016 00:00"
    )


def test_the_invoice_adds_up_and_stands_in_the_books(billed):
    whole = tree(billed)
    shown = [node for node in whole.children if node.kind not in ("line", "event")]
    assert "\n".join(line for node in shown for line in told(node)) == (
        "Net | 2107.04 EUR | sum of 8 lines\n"
        "Tax vat 25 % | 494.51 EUR | 1978.04 EUR × 25 % = 494.51 EUR; in force since 1 Jan 2015\n"
        "Gross | 2601.55 EUR | net and taxes\n"
        "Ledger entry | debits and credits balance\n"
        "  Debit  Accounts receivable | 2601.55 EUR\n"
        "  Credit  Revenue | 2107.04 EUR\n"
        "  Credit  Tax payable | 494.51 EUR"
    )
    assert whole.detail == f"{HOSTILE}, issued 1 Feb 2016, due 15 Feb 2016"
    event = whole.children[-1]
    assert event.facts["actor"] == "test"
    assert event.facts["stream"].startswith("customer:cus_")
    assert len(event.facts["hash"]) == 64


def test_pages_visit_exactly_the_sealed_records(billed):
    late = UsageRecord("test", "late", "acme", "active", local(18, 12), "1000")
    metering.ingest(billed.database, billed.tenant_id, [late], billed.now, metering.Names())
    metering.fold(billed.database, billed.tenant_id)
    seen, after = [], None
    with billed.database.snapshot(billed.tenant_id) as tx:
        while True:
            page = explain.records(tx, "INV-000001", 2, after=after, limit=9)
            seen.extend(record.record_id for record in page.records)
            after = page.after
            if after is None:
                break
    assert seen == [f"q{n}" for n in range(28, 84)]
    (seal,) = nodes(tree(billed, 2), "seal")
    assert seal.facts["records"] == str(len(seen))


def test_readings_at_the_end_of_the_period_belong_to_it(billed):
    with billed.database.snapshot(billed.tenant_id) as tx:
        page = explain.records(tx, "INV-000001", 8)
    assert sorted((record.local, record.value) for record in page.records) == [
        ("1 Feb 2016 00:00", "21"),
        ("25 Jan 2016 00:00", "0"),
        ("25 Jan 2016 00:00", "8"),
    ]
    assert page.after is None


@pytest.mark.parametrize(
    ("line", "part", "after", "refusal", "code"),
    [
        (9, 1, None, NotFound, "invoice.line_unknown"),
        (2, 2, None, NotFound, "invoice.part_unknown"),
        (1, 1, None, NotFound, "invoice.part_unknown"),
        (2, 1, "yesterday", Invalid, "page.bad_cursor"),
    ],
)
def test_what_is_not_there_is_refused(billed, line, part, after, refusal, code):
    with billed.database.snapshot(billed.tenant_id) as tx, pytest.raises(refusal) as raised:
        explain.records(tx, "INV-000001", line, part, after=after)
    assert raised.value.code == code


# --- nothing is believed --------------------------------------------------------------------------


def tampered(place, old, new, *, with_hash):
    """Changes the event's payload as a superuser could; `with_hash` also makes its hash fit."""
    with psycopg.connect(place.admin_conninfo, autocommit=True) as admin:
        admin.execute("set search_path to everycent")
        admin.execute("set session_replication_role to replica")
        row = admin.execute(
            "select stream, version, event_id, type, schema_version, at, recorded_at, actor, cause,"
            " payload from journal_event where type = 'invoice.issued'"
        ).fetchone()
        payload = row[-1].replace(old, new)
        assert payload != row[-1]
        (before,) = admin.execute(
            "select hash from journal_event where stream = %s and version = %s",
            (row[0], row[1] - 1),
        ).fetchone()
        fitting = chain.link(bytes(before), place.tenant_id, *row[:-1], payload.encode())
        admin.execute(
            "update journal_event set payload = %s where event_id = %s", (payload, row[2])
        )
        if with_hash:
            admin.execute(
                "update journal_event set hash = %s where event_id = %s", (fitting, row[2])
            )


@pytest.mark.not_recounted
def test_a_changed_event_is_noticed(billed):
    tampered(billed, '"unit_amount":"0.12345"', '"unit_amount":"0.12346"', with_hash=False)
    with pytest.raises(Broken) as raised:
        tree(billed)
    assert raised.value.code == "explain.event_changed"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"unit_amount":"0.12345"', '"unit_amount":"0.12346"', "line 2, the steps of the price"),
        ('"net":38541', '"net":38542', "line 2, the rounded amount"),
        ('"exact":"39"', '"exact":"40"', "line 8, the exact quantity"),
        ('"consumption":"21"', '"consumption":"22"', "line 8, part 1, a stretch"),
        ('"value":"100.5"', '"value":"101.5"', "line 4, the exact quantity"),
        ('"tax":49451', '"tax":49452', "INV-000001, tax"),
        ('"base":197804', '"base":197805', "the bases of the taxes"),
    ],
)
@pytest.mark.not_recounted
def test_a_calculation_that_gives_something_else_is_noticed(billed, old, new, where):
    tampered(billed, old, new, with_hash=True)
    with pytest.raises(Broken) as raised:
        tree(billed)
    assert raised.value.code == "explain.mismatch"
    assert where in raised.value.message


def test_without_its_plan_a_line_is_explained_from_the_event_alone(billed):
    with billed.database.snapshot(billed.tenant_id) as tx:
        invoice = invoices.invoice(tx, "INV-000001").invoice
    node = line_node(invoice.lines[3], setting_of(invoice), None, {})
    (price,) = nodes(node, "price")
    assert price.detail == "frozen in the event that issued the invoice"
    assert [formula.what.split(" = ")[0] for formula in nodes(node, "formula")] == [
        "excess / 3",
        "excess",
    ]


def nodes(node, kind):
    found = [node] if node.kind == kind else []
    for child in node.children:
        found.extend(nodes(child, kind))
    return found


# --- as data, as a page ---------------------------------------------------------------------------


def test_the_tree_survives_json(billed):
    whole = tree(billed)
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Node) == whole


def html(place, line=None):
    with place.database.snapshot(place.tenant_id) as tx:
        invoice = invoices.invoice(tx, "INV-000001").invoice
        days = {
            (each.line_no, number): explain.daily(tx, invoice, each.line_no, number)
            for each in invoice.lines
            for number in range(
                1, len(each.charge.quantity.parts) + 1 if each.charge.quantity else 1
            )
        }
        return explain_page.page(invoice, explain.explain(tx, "INV-000001", line), days)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.open = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href", "srcset", "action")]
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_fetches_nothing_and_escapes_names(billed):
    page = html(billed)
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.tags)
    assert all(re.fullmatch(r"#line-\d+", address) for address in reader.addresses)
    assert "url(" not in page
    assert "@import" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "svg" in reader.tags
    assert "2601.55 EUR" in page


def test_the_page_of_one_line_shows_only_that_line(billed):
    page = html(billed, 8)
    assert "Water" in page
    assert "Storage" not in page
    assert "A 8 → B 0" in page


def test_days_are_told_band_by_band(billed):
    with billed.database.snapshot(billed.tenant_id) as tx:
        invoice = invoices.invoice(tx, "INV-000001").invoice
        energy = explain.daily(tx, invoice, 2)
        peak = explain.daily(tx, invoice, 3)
    monday = date(2016, 1, 18)
    assert [(row.day, row.band, str(row.value)) for row in energy] == [
        (monday, "day", "3122.00"),
        (monday, "night", "1462.00"),
    ]
    assert [str(row.value) for row in peak if row.band == "day"] == ["333"]


# --- on the terminal ------------------------------------------------------------------------------


@pytest.fixture
def typed(billed, monkeypatch):
    """Runs `everycent explain` with arguments and gives what it prints."""
    monkeypatch.setenv("EVERYCENT_DATABASE_URL", billed.admin_conninfo)
    monkeypatch.delenv("EVERYCENT_TENANT", raising=False)

    def run_command(*arguments):
        done = CliRunner().invoke(command, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    return run_command


def test_the_terminal_shows_the_invoice_and_how_to_see_more(typed):
    shown = typed("INV-000001")
    assert re.search(r"Line 2  Energy by day  16 Jan – 31 Jan 2016 +3122 kWh +385\.41 EUR\n", shown)
    assert "Sum of active at acme in band day  56 records" in shown
    assert "everycent explain INV-000001 --line 2 --records" in shown
    assert "Band day" not in shown


def test_the_terminal_shows_a_line_down_to_its_records(typed):
    shown = typed("INV-000001", "--line", "2")
    assert "Band day: Mon–Fri 07:00–21:00  on the clock of UTC+01:00" in shown
    assert re.search(r"18 Jan 2016 07:00  q28 +28\.25\n", shown)
    assert "The first 5 of 56" in shown
    assert "Line 3" not in shown


def test_records_are_shown_page_by_page(typed):
    first = typed("INV-000001", "--line", "2", "--records", "--limit", "30")
    cursor = re.search(r"--line 2 --records --page (\S+)", first)[1]
    second = typed("INV-000001", "--line", "2", "--page", cursor, "--limit", "30")
    found = re.findall(r"\bq(\d+)\b", first + second)
    assert found == [str(n) for n in range(28, 84)]
    assert "--page" not in second


def test_json_holds_the_tree_with_its_records(typed):
    found = msgspec.json.decode(
        typed("INV-000001", "--line", "7", "--limit", "2", "--json"), type=Node
    )
    (page,) = nodes(found, "records")
    assert [record.facts["id"] for record in page.children] == ["c0", "c1"]
    assert page.children[0].facts["at"] == "2016-01-24T23:00:00Z"
    assert page.facts["after"].startswith("2016-01-25T00:00:00Z~")


def test_the_page_is_written_into_a_file(typed, tmp_path):
    path = tmp_path / "invoice.html"
    assert typed("INV-000001", "--html", str(path)) == f"wrote {path}\n"
    assert path.read_text(encoding="utf-8").lstrip().startswith("<!doctype html>")
