"""Whatever the product can do, a story can say; and what makes no sense is refused with its line."""

from __future__ import annotations

import pytest

from everycent.flows.stories.actions import ACTIONS, FORMS
from everycent.flows.stories.document import parse
from everycent.flows.stories.play import play
from everycent.kernel.errors import Invalid
from tests.conftest import Place
from tests.flows.test_stories import SOLD, told

WALLETS = SOLD.replace("  plans:\n", """\
  coupons: {SAVE: {percent: 50}}
  intake: {calls: {after_invoice: next_invoice}}
  plans:
    plus:
      currency: EUR
      anchor_day: 1
      prices: [{key: fee, product: base, description: Fee, flat: {amount: 62}, timing: in_advance}]
""")  # fmt: skip


def story(place: Place, steps: str, sold: str = WALLETS) -> list[tuple[int, str, str, str, str]]:
    """What came out otherwise than expected."""
    return told(play(place.database, place.tenant_id, parse(sold + steps.lstrip("\n"), FORMS, str)))


STORIES = {
    "who pays, and what is printed of whom": """
  - customer: {key: holding, name: Holding, tax_status: exempt, tax_reason: by treaty}
  - payer: {customer: ana, payer: holding, starts_on: 2026-02-01, reason: bought}
  - payer: {customer: ana, starts_on: 2026-03-01}
  - update: {customer: ana, name: Ana Ltd, tax_status: reverse_charge, tax_id: HR1}
  - usage: {subject: ana, meter: calls, value: 10}
  - at: 2026-03-01
    bill:
      expect:
        - {customer: ana, lines: [{what: Fee, amount: 30}], tax: 0}
        - {customer: ana, lines: [{what: Calls, amount: 1}], tax: 0}
        - {customer: holding, lines: [{what: Fee, amount: 30}], tax: 0}
        - {customer: ana, lines: [{what: Fee, amount: 30}], tax: 0}
        - {customer: holding, lines: [{what: Calls, amount: 0}], tax: 0}
""",
    "coupons come and go": """
  - coupon: {code: SAVE, customer: ana}
  - bill: {expect: [{customer: ana, total: 15}]}
  - at: 2026-02-01
    remove_coupon: {coupon: SAVE-1, reason: over}
  - bill: {expect: [{customer: ana, net: 30, total: 30}]}
""",
    "credit of a unit of one's own, capped, topped up and voided": """
  - wallet: {customer: ana, unit: token, unit_price: 0.01}
  - topup: {wallet: ana, amount: 1000, reference: card}
  - cap: {wallet: ana, soft: 500, hard: 0}
  - rule: {wallet: ana, below: 200, amount: 2000}
  - balance: {ana: -20}
  - allowance: {ana: hard_cap}
  - bill: {expect: [{customer: ana, total: 30, prepaid: 10}]}
  - grant: {wallet: ana, amount: 700, reason: a gift}
  - balance: {ana: 7}
  - allowance: {ana: within}
  - at: 2026-01-05
    usage: {subject: ana, meter: calls, value: 48}
  - balance: {ana: 1}
  - allowance: {ana: soft_cap}
  - at: 2026-01-06
    run: {due: {ana: 20}, expect: []}
  - topup: {wallet: ana, due: true, reference: card again}
  - balance: {ana: 21}
  - void_grant: {wallet: ana, number: 2, reason: not meant}
  - balance: {ana: 14}
  - rule: {wallet: ana}
""",
    "a top-up that will not be paid": """
  - wallet: ana
  - rule: {wallet: ana, below: 5, amount: 20}
  - at: 2026-01-02
    run: {due: {ana: 20}, expect: [{customer: ana, total: 30}]}
  - withdraw_topup: ana
  - topup: {wallet: ana, due: true, reference: card}
    expect_refusal: wallet.nothing_due
""",
    "usage is corrected in every way, and billed by the difference": """
  - usage: [{subject: ana, meter: calls, value: 100, id: a, at: 2026-01-05},
            {subject: ana, meter: calls, value: 100, id: b, at: 2026-01-06}]
  - at: 2026-02-01
    bill:
  - replace: {records: [{subject: ana, meter: calls, value: 300, id: a, at: 2026-01-05}], reason: typo}
  - running: {ana: 20}
  - void: {ids: [b], reason: twice}
  - running: {ana: 10}
  - undo: {correction: 2, reason: it was right}
  - running: {ana: 20}
  - backfill:
      starts: 2026-01-01
      ends: 2026-02-01
      records: [{subject: ana, meter: calls, value: 50, id: a, at: 2026-01-05}]
      reason: from the meter
  - running: {ana: -15}
  - backfill: {starts: 2026-01-01, ends: 2026-02-01, subjects: [ana], meters: [calls], reason: none}
  - undo: {correction: 9, reason: none of them}
    expect_refusal: story.wrong_value
  - at: 2026-03-01
    bill:
      expect:
        - customer: ana
          lines:
            - {what: Fee}
            - {what: Calls, amount: 0, period: 2026-02-01 to 2026-02-28}
            - {what: Calls, amount: -20, period: 2026-01-01 to 2026-01-31}
""",
    "thresholds are crossed once in a period while days pass": """
  - threshold: {key: many, subject: ana, meter: calls, value: 50}
  - threshold: {key: dear, customer: ana, cost: true, value: 40}
  - usage: {subject: ana, meter: calls, every: 1d, times: 59, value: 5}
  - at: 2026-03-01
    run:
      crossed: [many, dear, many, dear]
      expect:
        - {customer: ana, issued_on: 2026-01-01, total: 30}
        - {customer: ana, issued_on: 2026-02-01}
        - {customer: ana, issued_on: 2026-03-01}
  - crossed: {many: 2, dear: 2}
  - remove_threshold: many
  - threshold: {key: dear, customer: ana, cost: true, value: 10}
  - crossed: {dear: 3}
""",
    "seats, an add-on, something sold once, and a plan that is moved": """
  - catalog:
      products: {app: {name: App}}
      plans:
        team:
          currency: EUR
          anchor_day: 1
          changes: {upgrade: now}
          prices:
            - {key: seats, product: app, description: Seats, per_unit: {unit_amount: 31},
               timing: in_advance, agreed: {unit: seat, quantity: 2}}
        storage:
          {currency: EUR, anchor_day: 1, adds_to: [team], prices: [
            {key: disk, product: app, description: Disk, flat: {amount: 28}, timing: in_advance}]}
        visit:
          {currency: EUR, prices: [
            {key: visit, product: app, description: Visit, per_unit: {unit_amount: 80}, timing: once,
             agreed: {unit: hour, quantity: 1}}]}
  - cancel: {subscription: ana, on: 2026-02-01}
  - customer: {key: cat, name: Cat}
  - subscribe: {customer: cat, plan: team, key: cat}
  - quantity: {subscription: cat, quantities: {seats: 4}, on: 2026-01-16}
  - add: {subscription: cat, plan: storage, on: 2026-02-01}
  - drop: {subscription: cat, name: storage, on: 2026-02-15}
  - sell: {customer: cat, plan: visit, quantities: {visit: 2}, on: 2026-02-10, key: visit}
  - at: 2026-02-20
    catalog:
      products: {app: {name: App}}
      plans:
        team:
          currency: EUR
          anchor_day: 1
          prices:
            - {key: seats, product: app, description: Seats, per_unit: {unit_amount: 40},
               timing: in_advance, agreed: {unit: seat, quantity: 2}}
  - move: {plan: team, on: 2026-03-01}
  - at: 2026-03-01
    bill:
      expect:
        - {customer: ana, lines: [{what: Fee, amount: 30}]}
        - {customer: ana, lines: [{what: Calls, amount: 0}]}
        - {customer: cat, lines: [{what: Seats, amount: 30}]}
        - {customer: cat, lines: [{what: Seats, amount: 64}]}
        - {customer: cat, lines: [{what: Seats, amount: 124}, {what: Disk, amount: 14}]}
        - {customer: cat, lines: [{what: Visit, amount: 160}]}
        - {customer: cat, lines: [{what: Seats, amount: 160}]}
""",
    "the next invoice, and what changes would make of it": """
  - bill:
  - usage: {subject: ana, meter: calls, value: 10}
  - preview:
      customer: ana
      expect:
        - {customer: ana, issued_on: 2026-02-01, lines: [{what: Fee}, {what: Calls, amount: 1}],
           total: 31.25}
  - preview: {customer: ana, as_of: 2026-01-10, expect: []}
  - preview: {customer: ana, switch: plus, on: 2026-01-16, effect: 17.77}
  - preview: {customer: ana, cancel: true, on: 2026-01-16, subscription: ana, effect: -14.23}
  - preview: {customer: ana, cancel: true, on: 2026-01-16, keep_paid: true, effect: 1.25}
  - preview: {customer: ana, pause: true, on: 2026-01-16, effect: -14.23}
  - preview: {customer: bob}
    expect_refusal: customer.unknown
  - wallet: {customer: ana, key: ana}
  - topup: {wallet: ana, amount: 20, reference: paid}
  - preview: {customer: ana, as_of: 2026-02-01, cancel: true, on: 2026-01-16, effect: -25.48}
  - owed: {ana: 30}
""",
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_a_story_can_say(place: Place, name: str) -> None:
    assert story(place, STORIES[name]) == []


def test_every_action_is_in_a_story_of_the_tests() -> None:
    text = "\n".join(STORIES.values())
    others = {"switch", "pause", "resume", "withdraw", "credit", "reasons", "exchange"}
    assert {
        name for name in ACTIONS if f"- {name}:" not in text and f"    {name}:" not in text
    } == others


@pytest.mark.parametrize(
    ("step", "differs"),
    [
        ("balance: {ana: 1}", ("balance", "ana", "1", "-30.00")),
        ("allowance: {ana: within}", ("allowance", "ana", "within", "no_cap")),
        ("running: {ana: 1}", ("running", "ana", "1", "30.00")),
        ("crossed: {many: 1}", ("crossed", "many", "1", "0")),
        ("preview: {customer: ana, cancel: true, on: 2026-01-16, effect: 1}",
         ("ana", "effect", "1", "-15.48")),
        ("preview: {customer: ana, expect: [{customer: ana, total: 31}]}",
         ("ana preview", "total", "31", "30.00")),
    ],
)  # fmt: skip
def test_a_wrong_expectation_is_told(place: Place, step: str, differs: tuple[str, ...]) -> None:
    begun = """
  - wallet: ana
  - threshold: {key: many, subject: ana, meter: calls, value: 50}
  - """
    ((_, *found),) = story(place, f"{begun}{step}\n")
    assert tuple(found) == differs


def test_what_passing_days_bring_otherwise_is_told(place: Place) -> None:
    found = story(place, """
  - wallet: ana
  - rule: {wallet: ana, below: 5, amount: 20}
  - at: 2026-01-03
    run: {crossed: [many], due: {ana: 50}, expect: []}
""")  # fmt: skip
    assert [tuple(each[1:]) for each in found] == [
        ("ana", "invoice", "–", "INV-000001: 30.00"),
        ("thresholds", "crossed", "many", "none"),
        ("top-up", "ana", "50", "20.00"),
    ]


JANUARY = "starts: 2026-01-01, ends: 2026-02-01, reason: r"


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ("topup: {wallet: ana, reference: x}", "steps[2].topup"),
        ("topup: {wallet: ana, reference: x, due: true, amount: 1}", "steps[2].topup.amount"),
        ("wallet: {customer: ana, unit: token}", "steps[2].wallet"),
        ("rule: {wallet: ana, below: 1}", "steps[2].rule"),
        ("balance: {ana: much}", "steps[2].balance.ana"),
        ("allowance: {ana: often}", "steps[2].allowance[...]"),
        ("threshold: {key: k, value: 1, subject: ana}", "steps[2].threshold"),
        ("threshold: {key: k, value: 1, meter: calls}", "steps[2].threshold"),
        ("threshold: {key: k, value: x, meter: calls, subject: ana}", "steps[2].threshold.value"),
        ("replace: {reason: r, records: [{subject: ana, meter: calls}]}",
         "steps[2].replace.records[0].id"),
        ("backfill: {starts: 2026-01-01, ends: soon, reason: r}", "steps[2].backfill.ends"),
        ("backfill: {starts: 2026-01-01, ends: 2025-01-01, reason: r}", "steps[2].backfill.ends"),
        ("backfill: {starts: 2026-01-01, ends: 2026-02-01, reason: r}", "steps[2].backfill"),
        (f"backfill: {{{JANUARY}, records: [{{subject: ana, meter: calls, times: 2}}]}}",
         "steps[2].backfill.records[0].every"),
        ("preview: {customer: ana, cancel: true, pause: true}", "steps[2].preview"),
        ("preview: {customer: ana, on: 2026-01-16}", "steps[2].preview.on"),
        ("preview: {customer: ana, resume: true}", "steps[2].preview"),
        ("preview: {customer: ana, as_of: soon}", "steps[2].preview.as_of"),
        ("preview: {customer: ana, cancel: true, effect: much}", "steps[2].preview.effect"),
        ("run: {due: {ana: much}}", "steps[2].run.due.ana"),
        ("run: {expect: [{customer: ana, total: much}]}", "steps[2].run.expect[0].total"),
        ("customer: {key: bob, tax_status: none}", "steps[2].customer.tax_status"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_line_and_field(step: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(f"{WALLETS}  - {step}\n", FORMS, str)
    line = WALLETS.count("\n") + 1
    assert f"line {line}: " in refused.value.message
    assert refused.value.field == field
