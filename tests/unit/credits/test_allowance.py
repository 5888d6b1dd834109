"""Whether more may be used: a table of balances and caps."""

import pytest

from everycent.credits.allowance import Allowance, Reason, allowance, strictest
from everycent.credits.wallet import Caps

ANSWERS = [
    # balance  soft   hard     allowed  reason            left to the hard cap
    (100, None, None, True, Reason.NO_CAP, None),
    (-100, None, None, True, Reason.NO_CAP, None),
    (21, 20, 0, True, Reason.WITHIN, 21),
    (20, 20, 0, True, Reason.SOFT_CAP, 20),
    (1, 20, 0, True, Reason.SOFT_CAP, 1),
    (0, 20, 0, False, Reason.HARD_CAP, 0),
    (-5, 20, 0, False, Reason.HARD_CAP, 0),
    (-499, None, -500, True, Reason.WITHIN, 1),
    (-500, None, -500, False, Reason.HARD_CAP, 0),
    (-9, 20, None, True, Reason.SOFT_CAP, None),
]


@pytest.mark.parametrize(("balance", "soft", "hard", "allowed", "reason", "left"), ANSWERS)
def test_use_is_allowed_down_to_the_hard_cap(balance, soft, hard, allowed, reason, left):
    answer = allowance(balance, Caps(soft, hard))
    assert (answer.is_allowed, answer.reason, answer.left) == (allowed, reason, left)


def test_of_several_wallets_the_strictest_answers():
    answers = [Allowance(reason, None) for reason in Reason]
    assert strictest(answers).reason is Reason.HARD_CAP
    assert strictest(answers[:2]).is_allowed
    assert strictest([]).reason is Reason.NO_CAP
