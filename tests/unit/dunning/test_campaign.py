"""Which step is due for whom: properties over debts, payments, outages and thresholds."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.dunning import document
from everycent.dunning.campaign import Account, Due, Over, Owed, Taken, decided, write_offs
from everycent.dunning.step import Why
from everycent.dunning.terms import Terms

START = date(2026, 1, 1)
TERMS = """
campaigns:
  usual:
    thresholds: {EUR: 150.00}
    steps:
      - {key: one, after_due: 3d, mail: reminder}
      - {key: two, after_due: 10d, mail: warning}
      - {key: three, after_step: 4d, charge: true}
      - {key: four, after_due: 30d, pause: true}
"""
OFFSETS = {"one": 3, "two": 10, "three": 14, "four": 30}
ORDER = list(OFFSETS)


def account(*owed: Owed, held: int = 0, episode: int = 0, taken=(), currency="EUR") -> Account:
    return Account(
        UUID(int=1), "acme", "Acme", None, None, "UTC", currency, tuple(owed), held, episode,
        tuple(taken),
    )  # fmt: skip


def owed(left: int, due_on: date = START, number: int = 1, *, is_under_way: bool = False) -> Owed:
    return Owed(UUID(int=number), f"INV-{number}", due_on, left, is_under_way)


def day(n: int) -> date:
    return START + timedelta(days=n)


@st.composite
def histories(draw: st.DrawFn):
    """Debts with the day each comes due and is paid (None: never), and the days on which runs happen."""
    count = draw(st.integers(1, 4))
    debts = [
        (
            draw(st.integers(1, 20_000)),
            draw(st.integers(0, 60)),
            draw(st.none() | st.integers(0, 120)),
        )
        for _ in range(count)
    ]
    runs = draw(st.sets(st.integers(0, 150), max_size=60))
    return debts, sorted(runs)


@settings(max_examples=300)
@given(histories())
def test_no_step_comes_twice_or_early_or_for_what_is_paid(history):
    debts, runs = history
    terms = document.parse(TERMS)
    episode, taken, all_taken = 0, [], []
    for run in runs:
        today = day(run)
        open_now = [
            owed(left, day(due), number)
            for number, (left, due, paid) in enumerate(debts, start=1)
            if paid is None or paid > run
        ]
        overdue = [one for one in open_now if one.due_on < today]
        for again in range(3):  # as often as anybody likes on a day
            found = decided(account(*open_now, episode=episode, taken=taken), terms, today)
            if found is None:
                break
            if isinstance(found, Over):
                assert (found.why, found.steps, overdue) == (Why.SETTLED, len(taken), [])
                taken = []
                continue
            assert again == 0, "one step on a day at most"
            assert overdue, "nothing is overdue"
            assert found.facts.amount == sum(one.left for one in overdue)
            assert taken or found.facts.amount >= 15_000
            assert found.step.key == ORDER[len(taken)], "steps come in order"
            if found.step.after_due is not None:
                oldest = min(one.due_on for one in overdue)
                assert today >= oldest + timedelta(days=found.step.after_due)
            if taken:
                gap = OFFSETS[found.step.key] - OFFSETS[taken[-1].key]
                assert today >= taken[-1].on + timedelta(days=gap)
            episode = found.episode
            assert (episode, found.step.key) not in all_taken
            all_taken.append((episode, found.step.key))
            taken = [*taken, Taken(found.step.key, today)]
    assert all_taken == sorted(all_taken, key=lambda one: (one[0], ORDER.index(one[1])))


@given(st.integers(0, 400), st.integers(14_990, 15_010), st.integers(0, 5))
def test_the_threshold_is_reached_at_the_exact_cent(days, amount, held):
    found = decided(account(owed(amount), held=held), document.parse(TERMS), day(days))
    assert isinstance(found, Due) == (days >= 3 and amount - held >= 15_000)


def test_an_invoice_is_overdue_when_its_due_day_is_over():
    terms = document.parse(TERMS.replace("after_due: 3d", "after_due: 1d"))
    assert decided(account(owed(15_000)), terms, day(0)) is None
    assert isinstance(decided(account(owed(15_000)), terms, day(1)), Due)
    both = account(owed(14_999), owed(1, day(5), 2))
    assert decided(both, terms, day(5)) is None
    assert isinstance(decided(both, terms, day(6)), Due)


def test_nothing_is_done_while_a_charge_is_under_way_and_an_end_is_told_all_the_same():
    terms = document.parse(TERMS)
    waits = account(owed(15_000, is_under_way=True))
    assert decided(waits, terms, day(5)) is None
    over = decided(account(episode=1, taken=[Taken("one", day(3))]), terms, day(5))
    assert over == Over(1, 1, Why.SETTLED)


def test_an_episode_ends_where_no_campaign_is_for_it_any_more():
    running = account(owed(15_000), episode=2, taken=[Taken("one", day(3))])
    assert decided(running, Terms(), day(9)) == Over(2, 1, Why.WITHDRAWN)
    other = document.parse(TERMS.replace("EUR", "USD"))
    assert decided(running, other, day(9)) == Over(2, 1, Why.WITHDRAWN)


def test_what_is_written_off_ends_it_for_that_reason():
    gone = account(episode=1, taken=[Taken("one", day(3))])
    terms = document.parse(TERMS)
    assert decided(gone, terms, day(9), is_written_off=True) == Over(1, 1, Why.WRITTEN_OFF)


def test_a_changed_file_goes_on_after_the_furthest_step_that_was_taken():
    running = account(owed(15_000), episode=1, taken=[Taken("one", day(3)), Taken("two", day(10))])
    changed = document.parse(TERMS.replace("- {key: one,", "- {key: first,").replace(
        "- {key: three, after_step: 4d", "- {key: extra, after_step: 1d"))  # fmt: skip
    assert decided(running, changed, day(10)) is None
    found = decided(running, changed, day(11))
    assert isinstance(found, Due)
    assert (found.step.key, found.number) == ("extra", 3)


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=6), st.integers(0, 20_000))
def test_no_more_is_written_off_than_is_owed_beyond_what_is_held(amounts, held):
    terms = document.parse(TERMS.replace("150.00", "0.01"))
    items = [owed(left, day(n), n) for n, left in enumerate(amounts, start=1)]
    found = decided(account(*items, held=held), terms, day(40))
    if sum(amounts) <= held:
        assert found is None
        return
    assert isinstance(found, Due)
    gone = write_offs(found)
    assert sum(gone.values()) == sum(amounts) - held == found.facts.amount
    assert all(0 < gone[one.invoice_id] <= one.left for one in items if one.invoice_id in gone)
