"""The parts of the fake provider by themselves: its lines on the disk, its bank, its faults."""

from __future__ import annotations

import asyncio
import json
import random
import re
from decimal import Decimal

import pytest

from everycent.fakes.bank import Bank, Terms
from everycent.fakes.faults import KINDS, Asked, Fault, Faults
from everycent.fakes.lines import Lines
from everycent.fakes.words import DECLINES, method_fault
from everycent.integrations import provider_http_answers as answers
from everycent.kernel.errors import Broken, Invalid, Unavailable
from tests.conftest import NOW
from tests.payments.test_fake_provider import PAGE, body


def test_a_damaged_line_in_the_middle_is_not_passed_over(tmp_path):
    (tmp_path / "a").write_bytes(b'{"records":[]}\n{"rec\n{"records":[]}\n')
    with pytest.raises(Broken) as refused:
        Lines(tmp_path / "a")
    assert refused.value.code == "fake.data_damaged"


def test_two_processes_do_not_share_a_ledger(tmp_path):
    first = Lines(tmp_path / "a")
    with pytest.raises(Unavailable) as refused:
        Lines(tmp_path / "a")
    assert refused.value.code == "fake.data_in_use"
    first._file.close()


def test_lines_are_on_the_disk_when_durable_comes_back(tmp_path):
    async def write():
        lines = Lines(tmp_path / "a")

        async def one(number):
            lines.append({"records": [], "n": number})
            await lines.durable()
            stored = [json.loads(t)["n"] for t in (tmp_path / "a").read_text().splitlines()]
            assert number in stored

        await asyncio.gather(*map(one, range(200)))
        await lines.close()

    asyncio.run(write())
    lines = Lines(tmp_path / "a")
    assert [line["n"] for line in lines.read] == list(range(200))
    lines._file.close()


def test_the_bank_is_the_same_after_it_was_read_back():
    bank, written = Bank(), []
    terms = Terms(None, fee_basis_points=150)
    for number in range(60):
        asked = body(f"r{number}", method=random.Random(number).choice(["tok_ok", "tok_pending"]))
        written += bank.charge(asked, None, method_fault(asked["method"]), terms, NOW).records
        bank = Bank(json.loads(json.dumps(written)))
    for charge_id in list(bank.charges)[:30]:
        captured = bank.charges[charge_id]["status"] == "captured"
        written += bank.by_hand("refund" if captured else "capture", charge_id, None, NOW)
        bank = Bank(json.loads(json.dumps(written)))
    again = Bank(json.loads(json.dumps(written)))
    assert vars(again) == vars(bank)
    assert sum(map(bank.given_back, bank.charges)) == 1000 * len(bank.refunds)


def test_the_same_seed_makes_the_same_faults():
    def hits(seed):
        faults = Faults()
        faults.put({"fault": "error_502", "chance": 1, "seed": seed, "times": 0})
        faults.take_away()
        switch = {
            "fault": "error_502",
            "chance": Decimal("0.3"),
            "seed": seed,
        }
        faults.put(switch)
        return [faults.match(Asked("POST", "/charges")) is not None for _ in range(200)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 40 < sum(hits(1)) < 80


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({}, "fault"),
        ({"fault": "explode"}, "fault"),
        ({"fault": "decline"}, "fault"),
        ({"fault": "pending:x"}, "fault"),
        ({"fault": "pending", "where": {"colour": "red"}}, "where"),
        ({"fault": "pending", "where": "all"}, "where"),
        ({"fault": "pending", "times": -1}, "times"),
        ({"fault": "pending", "times": True}, "times"),
        ({"fault": "pending", "chance": 2}, "chance"),
        ({"fault": "pending", "chance": "often"}, "chance"),
        ({"fault": "pending", "seconds": -1}, "seconds"),
        ({"fault": "pending", "amount": 0}, "amount"),
        ({"fault": "pending", "code": 7}, "code"),
        ({"fault": "pending", "colour": "red"}, "colour"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_its_field(told, field):
    with pytest.raises(Invalid) as refused:
        Faults().put(told)
    assert (refused.value.code, refused.value.field) == ("fake.bad_fault", field)


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("tok_ok", None),
        ("tok_visa", None),
        ("pm_something", None),
        ("tok_insufficient_funds", Fault("decline", code="insufficient_funds")),
        ("tok_timeout_after_charge", Fault("hang_after_charge")),
        ("tok_close_after_charge", Fault("close_after_charge")),
        ("tok_authentication", Fault("authentication")),
    ],
)
def test_a_method_can_stand_for_a_fault(method, fault):
    assert method_fault(method) == fault


def test_the_page_of_the_documentation_lists_every_fault_and_every_decline():
    text = PAGE.read_text("utf-8")
    for name, what in KINDS.items():
        assert f"| `{name}` | {what} |" in text
    for code in DECLINES:
        assert re.search(rf"`{code}`.*`{answers.DECLINES[code]}`", text)
