"""The real hledger and the real Beancount read the exported books and find the balances that we find."""

import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from csv import DictReader
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from beancount.core.data import Open, Transaction

from everycent.kernel import ids
from everycent.kernel.money import Money, major
from everycent.ledger import export, queries
from everycent.ledger.account import CHART, CUSTOMER_CREDIT, RECEIVABLE, REVENUE, TAX_PAYABLE
from everycent.ledger.entry import BookedEntry, Entry, balanced, credit, debit, reversal
from tests.conftest import NOW
from tests.store import books
from tests.store.books import Booking, book

LATEST = NOW + timedelta(days=36500)
CURRENCIES = ("EUR", "JPY", "BHD", "KWD", "USD", "CLF")
LONG = "x" * 199
HOSTILE = (
    "acme", "Acme", "ACME", "acme.", "a-cme", "a cme", "a;cme", "a:cme", "a::cme", "a  b", "a\tb",
    "line\nbreak", "line\r\nbreak", "line\u2028break", "\n2026-01-01 * \"fraud\"\n  Assets:Cash  1 EUR",
    "\n2026-01-01 fraud\n    assets:cash  1 EUR\n    income:revenue\n", "include /etc/passwd",
    "\"", "\\", "\\\"", "a\"b", "a'b", "`", "$(reboot)", "%s", "{}", "{1.00 EUR}", "@@ 1.00 USD",
    "; date: 2001-01-01", "[2001-01-01]", "type: L", "a, type: L", "()", "(virtual)", "[balanced]",
    "*", "!", "|", "=", "~ monthly", "#tag", "^link", "-", "_", ".", " ", "", "0", "-0", "é", "e\u0301",
    "Čakovec d.o.o.", "東京電力", "مرحبا", "🧾", "\u202eevil", "\x01", "\x7f", "Assets", "assets:cash",
    LONG + "y", LONG + "z", LONG.upper(),
)  # fmt: skip


def customer(key: str):
    return ids.derived(f"customer {key}")


# A key that ends in another customer's id, as that customer's account does.
STOLEN = f"a-cme-{ids.show('', customer('a cme'))[1:]}"
KEYS = (*HOSTILE, STOLEN)
NAMES = {customer(key): key for key in KEYS}


@pytest.fixture(scope="module")
def hledger() -> Callable[..., subprocess.CompletedProcess[str]]:
    program = shutil.which("hledger")
    if program is None:
        if os.environ.get("EVERYCENT_REQUIRE_HLEDGER") == "1":
            pytest.fail("hledger is not installed, and EVERYCENT_REQUIRE_HLEDGER is 1")
        pytest.skip("hledger is not installed: apt-get install hledger")

    def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, "-f", str(path), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={"LC_ALL": "C", "HOME": str(path.parent)},
        )

    return run


def bean_check(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("bean-check")), "--no-cache", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def some_bookings(size: int) -> list[Booking]:
    """Invoices, credits and reversals of every size and sign, from one seed."""
    dice = random.Random(1)
    bookings: list[Booking] = []
    for number in range(size):
        at = NOW + timedelta(hours=3 * number)
        who, currency = customer(KEYS[number % len(KEYS)]), dice.choice(CURRENCIES)
        net = dice.choice((1, -1)) * dice.choice((1, 7, 999, 1000, 123_456, 10**12 + 1))
        tax = dice.choice((0, 1, net // 4, -net))
        entry = balanced(
            "invoice",
            [
                debit(RECEIVABLE, net + tax, currency, who),
                credit(REVENUE, net, currency),
                credit(TAX_PAYABLE, tax, currency),
            ],
            ids.derived(f"document {number}"),
        )
        if number % 7 == 6:
            before = bookings[-1]
            entry = reversal("credit_note", before.entry, ids.derived(before.name), None)
        elif number % 11 == 10:
            entry = balanced(
                "exchange",
                [
                    debit(RECEIVABLE, 5, "EUR", who),
                    credit(CUSTOMER_CREDIT, 5, "EUR", who),
                    *(debit(account, 3, "JPY") for account in CHART),
                    *(credit(account, 3, "JPY") for account in CHART[1:]),
                    credit(CUSTOMER_CREDIT, 3, "JPY", who),
                ],
            )
        bookings.append(Booking(f"e{number}", entry, at))
    return bookings


@pytest.fixture(scope="module")
def exported(server, tmp_path_factory):
    """A tenant's books of 3000 entries, their balances, and both exports as files."""
    folder = tmp_path_factory.mktemp("export")
    with books.fresh(server, "test_export") as place:
        with place.database.transaction(place.tenant_id) as tx:
            book(tx, some_bookings(3000))
        with place.database.snapshot(place.tenant_id) as tx:
            for name, make in (("hledger", export.hledger), ("beancount", export.beancount)):
                lines = make(queries.entries(tx, LATEST), NAMES.__getitem__)
                (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
            trial = queries.trial_balance(tx, LATEST, LATEST)
            owed = queries.customer_balances(tx, LATEST, LATEST)
    return folder, trial, owed


def ours(trial, spell):
    """Our trial balance in major units by the name that an export gives the account."""
    roots = {"asset": "assets", "liability": "liabilities", "expense": "expenses"}
    return {
        (spell(f"{roots.get(row.kind, row.kind)}:{row.code}"), row.currency): major(
            Money(row.balance, row.currency)
        )
        for row in trial
        if row.balance
    }


def by_account(balances):
    """Balances summed over customers: by the first two parts of the name."""
    total: Counter = Counter()
    for (account, currency), amount in balances.items():
        total[":".join(account.split(":")[:2]), currency] += amount
    return {key: amount for key, amount in total.items() if amount}


def by_customer(balances):
    """Balances by the third part of the name, where there is one."""
    total: Counter = Counter()
    for (account, currency), amount in balances.items():
        if account.count(":") == 2:
            total[account.split(":")[2], currency] += amount
    return {key: amount for key, amount in total.items() if amount}


def spelt_for_beancount(account: str) -> str:
    return re.sub(r"(^|:|_)([a-z])", lambda m: m[1].replace("_", "-") + m[2].upper(), account)


def balances_of_hledger(done: subprocess.CompletedProcess[str]):
    return {
        (row["account"], row["commodity"]): Decimal(row["balance"])
        for row in DictReader(done.stdout.splitlines())
        if Decimal(row["balance"])
    }


def test_hledger_reads_the_books_and_finds_our_balances(exported, hledger):
    folder, trial, owed = exported
    path = folder / "hledger"
    strict = hledger(path, "check", "--strict", "ordereddates")
    assert (strict.returncode, strict.stdout, strict.stderr) == (0, "", "")
    told = ["balance", "--flat", "--no-total", "--layout=bare", "-O", "csv"]
    theirs = balances_of_hledger(hledger(path, *told))
    assert by_account(theirs) == ours(trial, str)
    accounts = dict(re.findall(r"(?m)^account \w+:\w+:(\S+)  ; customer: (.*)$", path.read_text()))
    key_of = {
        part: spelt_out.encode().decode("unicode_escape") for part, spelt_out in accounts.items()
    }
    check_customers(by_customer(theirs), key_of, owed)
    entries = hledger(path, "stats").stdout
    assert re.search(r"Transactions\s+: 3000 ", entries)


def test_beancount_reads_the_books_and_finds_our_balances(exported):
    folder, trial, owed = exported
    path = folder / "beancount"
    done = bean_check(path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    entries, errors, options = loader.load_file(str(path))
    assert errors == []
    assert sorted(options["operating_currency"]) == sorted(CURRENCIES)
    theirs: Counter = Counter()
    for entry in entries:
        if isinstance(entry, Transaction):
            for posting in entry.postings:
                theirs[posting.account, posting.units.currency] += posting.units.number
    assert by_account(theirs) == ours(trial, spelt_for_beancount)
    key_of = {
        entry.account.split(":")[2]: entry.meta["customer"]
        for entry in entries
        if isinstance(entry, Open) and "customer" in entry.meta
    }
    check_customers(by_customer(theirs), key_of, owed)
    assert sum(isinstance(entry, Transaction) for entry in entries) == 3000


def without_controls(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)


def check_customers(theirs, key_of, owed):
    """Every customer has a name of its own, and owes there what it owes here."""
    by_id = {ids.show("", customer_id)[1:]: key for customer_id, key in NAMES.items()}
    owners = {part: by_id.get(part[-26:], key) for part, key in key_of.items()}
    assert sorted(owners.values()) == sorted(KEYS)
    for part, key in owners.items():
        assert without_controls(key_of[part]) == without_controls(key)
    found = {
        (customer(owners[part]), currency): amount for (part, currency), amount in theirs.items()
    }
    assert found == {
        (row.customer_id, row.currency): major(Money(row.balance, row.currency)) for row in owed
    }


@pytest.mark.parametrize(("old", "new"), [(" 1000.01 ", " 1000.02 "), ("EUR", "USD")])
def test_both_refuse_books_that_were_changed_by_the_smallest_unit(tmp_path, hledger, old, new):
    entry = balanced("x", [debit(RECEIVABLE, 100_001, "EUR"), credit(REVENUE, 100_001, "EUR")])
    other = balanced("x", [debit(RECEIVABLE, 1, "USD"), credit(REVENUE, 1, "USD")])
    booked = [BookedEntry(ids.derived(f"{n}"), NOW, NOW, e) for n, e in enumerate((other, entry))]
    for name, make in (("hledger", export.hledger), ("beancount", export.beancount)):
        lines = list(make(booked, NAMES.__getitem__))
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        assert complaint(name, path, hledger) == 0
        place = max(n for n, line in enumerate(lines) if old in line)
        lines[place] = lines[place].replace(old, new)
        path.write_text("\n".join(lines) + "\n")
        assert complaint(name, path, hledger) != 0


def complaint(name, path, hledger):
    done = hledger(path, "check", "--strict") if name == "hledger" else bean_check(path)
    return done.returncode


def test_books_without_entries_are_exported_as_a_header(tmp_path, hledger):
    for name, make in (("hledger", export.hledger), ("beancount", export.beancount)):
        path = tmp_path / name
        path.write_text("\n".join(make([], NAMES.__getitem__)) + "\n")
        assert complaint(name, path, hledger) == 0


def test_names_stay_the_same_whoever_comes_first():
    """Only keys that differ in nothing but capitals depend on who is met first."""
    keys = [key for key in KEYS if key.lower() not in ("acme", LONG)]
    forth, back = (account_names(order) for order in (keys, keys[::-1]))
    assert forth == back
    assert len(set(forth.values())) == len(keys)


def account_names(keys):
    entries = [
        balanced("x", [debit(RECEIVABLE, 1, "EUR", customer(key)), credit(REVENUE, 1, "EUR")])
        for key in keys
    ]
    booked = [BookedEntry(customer(k), NOW, NOW, e) for k, e in zip(keys, entries, strict=True)]
    lines = export.beancount(booked, NAMES.__getitem__)
    opened = [line.split()[2] for line in lines if " open Assets:" in line]
    return dict(zip(keys, opened, strict=True))


AT = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
ENTRY, PAPER, ORIGINAL = (ids.derived(name) for name in ("entry", "paper", "original"))
ONE = BookedEntry(
    ENTRY,
    AT,
    AT,
    Entry(
        "credit_note",
        (
            debit(RECEIVABLE, -1230, "BHD", customer("acme")),
            credit(REVENUE, -1000, "BHD"),
            credit(TAX_PAYABLE, -230, "BHD"),
        ),
        PAPER,
        ORIGINAL,
    ),
)


def test_an_entry_in_hledger_is_dated_in_utc_with_its_ids_and_exact_amounts():
    assert list(export.hledger([ONE], NAMES.__getitem__)) == [
        "; Amounts are exact; a debit is positive, a credit negative.",
        "decimal-mark .",
        "commodity 1000.000 BHD",
        "account assets:receivable:acme  ; customer: acme",
        "account income:revenue",
        "account liabilities:tax_payable",
        "",
        "2025-12-31 credit_note",
        f"    ; entry: {ENTRY}",
        f"    ; document: {PAPER}",
        f"    ; reverses: {ORIGINAL}",
        "    assets:receivable:acme  -1.230 BHD",
        "    income:revenue  1.000 BHD",
        "    liabilities:tax_payable  0.230 BHD",
    ]


def test_an_entry_in_beancount_is_dated_in_utc_with_its_ids_and_exact_amounts():
    assert list(export.beancount([ONE], NAMES.__getitem__)) == [
        "; Amounts are exact; a debit is positive, a credit negative.",
        'option "operating_currency" "BHD"',
        "2025-12-31 commodity BHD",
        "2025-12-31 open Assets:Receivable:Acme",
        '  customer: "acme"',
        "2025-12-31 open Income:Revenue",
        "2025-12-31 open Liabilities:Tax-Payable",
        "",
        '2025-12-31 * "credit_note"',
        f'  entry: "{ENTRY}"',
        f'  document: "{PAPER}"',
        f'  reverses: "{ORIGINAL}"',
        "    Assets:Receivable:Acme  -1.230 BHD",
        "    Income:Revenue  1.000 BHD",
        "    Liabilities:Tax-Payable  0.230 BHD",
    ]


def named(key: str) -> str:
    return ids.show("", customer(key))[1:]


@pytest.mark.parametrize(
    ("key", "in_hledger", "in_beancount"),
    [
        ("acme", "acme", "Acme"),
        ("Acme", "Acme", "Acme"),
        ("4711", "4711", "4711"),
        ("a-cme", "a-cme", "A-cme"),
        ("acme.x_y", "acme.x_y", "Acme-x-y-{id}"),
        ("a cme", "a-cme-{id}", "A-cme-{id}"),
        ("a:cme;", "a-cme-{id}", "A-cme-{id}"),
        ("line\nbreak", "line-break-{id}", "Line-break-{id}"),
        ("Čakovec", "akovec-{id}", "Akovec-{id}"),
        ("東京", "customer-{id}", "Customer-{id}"),
        ("", "customer-{id}", "Customer-{id}"),
        ("-a", "a-{id}", "A-{id}"),
        (STOLEN, STOLEN + "-{id}", "A" + STOLEN[1:] + "-{id}"),
        (LONG, "x" * 60 + "-{id}", "X" + "x" * 59 + "-{id}"),
    ],
)
def test_a_key_that_can_stand_in_an_account_stands_there(key, in_hledger, in_beancount):
    entry = balanced("x", [debit(RECEIVABLE, 1, "EUR", customer(key)), credit(REVENUE, 1, "EUR")])
    booked = [BookedEntry(ENTRY, AT, AT, entry)]
    for make, part in ((export.hledger, in_hledger), (export.beancount, in_beancount)):
        (leg,) = (line for line in make(booked, lambda _: key) if line.endswith("  0.01 EUR"))
        assert leg.split()[0].split(":")[2] == part.format(id=named(key))
