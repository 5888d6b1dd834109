"""Every reason that records are counted by is told in words."""

from __future__ import annotations

import inspect
import re

from everycent.flows import verify
from everycent.invoicing import audit, reasons, store
from everycent.invoicing.reasons import OFFERED, REASONS, Tone


def test_every_reason_of_the_statements_has_its_words_and_no_other_has():
    told = set()
    for name in ("usage_in_billed_time", "usage_elsewhere"):
        told |= set(re.findall(r"(?:then|else) '([a-z_]+)'", store.SQL[name]))
    told |= set(re.findall(r'"([a-z_]+)": ', inspect.getsource(audit.usage_by_reason)))
    told |= set(re.findall(r'reasons \| {"([a-z_]+)"', inspect.getsource(verify.reasons_of_usage)))
    assert told == set(REASONS)


def test_what_somebody_should_look_at_says_what_to_do():
    for told in (*REASONS.values(), *OFFERED.values()):
        assert told.sentence.endswith(".")
        assert bool(told.advice) is (told.tone is not Tone.GOOD)
        assert not told.advice[:1].isupper()


def test_reasons_without_a_record_are_left_out():
    found = reasons.accounted({"too_late": 3, "billed": 7, "voided": 0}, duplicates=0, conflicts=2)
    assert [(row.code, row.records) for row in found.stored] == [("billed", 7), ("too_late", 3)]
    assert [(row.code, row.records) for row in found.offered] == [("conflict", 2)]
    assert found.records == 10
