"""Intake policies in the catalogue file."""

import msgspec
import pytest

from everycent.catalog.document import parse
from everycent.catalog.intake import AfterInvoice, IntakePolicy
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid

FRAME = """
meters:
  kwh: {{unit: kWh}}
  twice: {{unit: kWh, formula: 2 * kwh}}
  top: {{of: kwh, aggregation: max}}
intake:
  {key}: {{{fields}}}
"""


def policy(fields):
    entities = parse(FRAME.format(key="kwh", fields=fields))
    return {(e.kind, e.key): e.content for e in entities}["intake", "kwh"]


def refusal(fields, key="kwh"):
    with pytest.raises(Invalid) as refused:
        parse(FRAME.format(key=key, fields=fields))
    return refused.value


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("", {}),
        ("value: {min: 0, max: 500}", {"value_min": "0", "value_max": "500"}),
        ("value: {min: -1.50}", {"value_min": "-1.5"}),
        ("value: {max: 4e-7}", {"value_max": "0.0000004"}),
        ("value: {min: 7, max: 7.0}", {"value_min": "7", "value_max": "7"}),
        ("accept_days: 60, ahead_minutes: 0", {"accept_days": 60, "ahead_minutes": 0}),
        ("accept_days: 1, ahead_minutes: 527040", {"accept_days": 1, "ahead_minutes": 527040}),
        ("dimensions: {required: [site, device]}", {"required": ("device", "site")}),
        ("dimensions: {allowed: []}", {"allowed": ()}),
        ("dimensions: {required: [site], allowed: [site, user]}",
         {"required": ("site",), "allowed": ("site", "user")}),
        ("after_invoice: review", {"after_invoice": AfterInvoice.REVIEW}),
        ("after_invoice: write_off", {"after_invoice": AfterInvoice.WRITE_OFF}),
        ("expected_every: 15m", {"every_minutes": 15}),
        ("expected_every: 1h, grace: 2h", {"every_minutes": 60, "grace_minutes": 120}),
        ("expected_every: 1d, grace: 0m", {"every_minutes": 1440}),
        ("expected_every: 366d, grace: 90m", {"every_minutes": 527040, "grace_minutes": 90}),
    ],
)  # fmt: skip
def test_an_accepted_policy_reads_back_from_what_is_stored_of_it(fields, told):
    made = policy(fields)
    assert made == IntakePolicy("kwh", **told)
    assert msgspec.json.decode(encode(made), type=IntakePolicy) == made


@pytest.mark.parametrize(
    ("fields", "code", "place", "said"),
    [
        ("values: {min: 0}", "catalog.wrong_shape", "intake.kwh", "unknown field"),
        ("value: 5", "catalog.wrong_shape", "intake.kwh.value", "Expected"),
        ("value: {least: 5}", "catalog.wrong_shape", "intake.kwh.value", "unknown field"),
        ("value: {min: low}", "number.malformed", "intake.kwh.value.min", "plain decimal"),
        ("value: {max: .inf}", "number.malformed", "intake.kwh.value.max", "plain decimal"),
        ("value: {min: 5, max: 4.9}", "catalog.wrong_value", "intake.kwh.value",
         "at least 5 and at most 4.9"),
        ("accept_days: 0", "catalog.wrong_value", "intake.kwh.accept_days", "between 1 and 36500"),
        ("accept_days: 36501", "catalog.wrong_value", "intake.kwh.accept_days", "between 1 and 36500"),
        ("accept_days: 2m", "catalog.wrong_shape", "intake.kwh.accept_days", "Expected"),
        ("ahead_minutes: -1", "catalog.wrong_value", "intake.kwh.ahead_minutes", "between 0 and 527040"),
        ("after_invoice: ignore", "catalog.wrong_shape", "intake.kwh.after_invoice", "Invalid enum"),
        ("dimensions: [site]", "catalog.wrong_shape", "intake.kwh.dimensions", "Expected"),
        ("dimensions: {required: site}", "catalog.wrong_shape", "intake.kwh.dimensions.required",
         "Expected"),
        ("dimensions: {required: ['']}", "catalog.wrong_value", "intake.kwh.dimensions.required",
         "1 to 200 characters"),
        ("dimensions: {allowed: [a, b, a]}", "catalog.wrong_value", "intake.kwh.dimensions.allowed",
         "'a' stands twice"),
        (f"dimensions: {{allowed: [{', '.join(f'd{n}' for n in range(51))}]}}", "catalog.wrong_value",
         "intake.kwh.dimensions.allowed", "at most 50"),
        *((f"expected_every: {text}", "catalog.wrong_value", "intake.kwh.expected_every", "366 days")
          for text in ("15", "15 m", "15min", "1w", "-1h", "1.5h", "367d", "9999999m", "''", "٣m")),
        ("expected_every: 0m", "catalog.wrong_value", "intake.kwh.expected_every", "longer than nothing"),
        ("expected_every: 1h, grace: soon", "catalog.wrong_value", "intake.kwh.grace", "'soon'"),
        ("grace: 2h", "catalog.wrong_value", "intake.kwh.grace", "nothing to wait for"),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused(fields, code, place, said):
    refused = refusal(fields)
    assert (refused.code, refused.field) == (code, place)
    assert said in refused.message


@pytest.mark.parametrize(
    ("key", "code", "hint"),
    [
        ("nothing", "catalog.unknown_name", "a name must be defined in the same file"),
        ("twice", "catalog.wrong_value", "name a meter it stands on"),
        ("top", "catalog.wrong_value", "write intake.kwh"),
    ],
)
def test_only_a_meter_that_takes_records_has_a_policy(key, code, hint):
    refused = refusal("accept_days: 60", key)
    assert (refused.code, refused.field) == (code, f"intake.{key}")
    assert refused.hint.startswith(hint)
