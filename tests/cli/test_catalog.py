"""The catalogue on the command line: one thing in full, and names that nothing has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from everycent.catalog.meter import Aggregation, Series
from everycent.flows.meter_told import served_by
from tests.cli.test_measurements import ROOT, Shell

CATALOGUE = """
bands:
  tou: {time_zone: Europe/Zagreb, bands: {day: ["mon-fri 07:00-21:00"]}, rest: night}
segments:
  region: {segments: {eu: [{region: [eu-1, eu-2]}, {country: hr}]}, rest: elsewhere}
meters:
  active: {unit: kWh}
  active_day: {of: active, band: tou.day}
  peak_day: {of: active, band: tou.day, aggregation: peak, window_minutes: 15, unit: kW}
  eu: {of: active, segment: region.eu}
  p95: {of: active, aggregation: percentile, percentile: 95, window_minutes: 5, each: average}
  stored: {unit: GB, aggregation: weighted_sum, level: sets}
  excess: {unit: kvarh, formula: "max(eu - 0.33 * stored, 0)"}
intake:
  active: {value: {min: 0, max: 500}, accept_days: 60, expected_every: 15m, grace: 2h}
products:
  energy: {name: Energy}
plans:
  home:
    currency: EUR
    prices:
      - {key: e, product: energy, meter: active_day, quantity_rounding: {places: 0, mode: half_even},
         per_unit: {unit_amount: "0.03"}}
"""


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    typed = Shell(conninfo, tmp_path)
    typed("catalog", "apply", typed.write("catalogue.yaml", CATALOGUE))
    return typed


def test_a_meter_is_shown_with_all_that_it_says_and_stands_on(shell: Shell) -> None:
    wanted = {
        "active": ["aggregation  sum", "unit         kWh", "takes records itself",
                   "values from 0; values up to 500; taken in for 60 days",
                   "expected every 15 minutes, with 120 minutes of grace", "roll-ups of days"],
        "active_day": ["those of active", "tou.day: Mon–Fri 07:00–21:00, on the clock of Europe/Zagreb",
                       "home/e: quantity rounded to 0 decimals, half_even",
                       "served by    the records of the period found by day and series"],
        "peak_day": ["aggregation  peak", "window       15 minutes", "unit         kW"],
        "eu": ["region.eu: region eu-1 or eu-2 or country hr", "none of a newest plan"],
        "p95": ["percentile   95", "window       5 minutes", "each         average"],
        "stored": ["level        sets", "carries      true", "granularity  second",
                   "no bounds but those of every usage record", "the level at its start: roll-ups"],
        "excess": ["max(eu - 0.33 * stored, 0)", "sum of active in kWh, segment eu",
                   "weighted_sum in GB", "intake of active", "served by, stored"],
    }  # fmt: skip
    for key, texts in wanted.items():
        shown = shell("catalog", "show", "meter", key)
        for text in texts:
            assert text in shown, (key, text)


def test_a_program_gets_one_thing_with_its_words(shell: Shell) -> None:
    shown = json.loads(shell("catalog", "show", "meter", "peak_day", "--json"))
    assert (shown["kind"], shown["key"], shown["version"]) == ("meter", "peak_day", 1)
    assert shown["content"]["window_minutes"] == 15
    assert shown["told"]["window"] == "15 minutes"
    plan = json.loads(shell("catalog", "show", "plan", "home", "--json"))
    assert plan["content"]["items"][0]["price"]["key"] == "e"
    assert plan["told"]["currency"] == "EUR"


TOLD = {
    "e": "Energy: per unit, 0.03 EUR per kWh; sum of active in kWh, band day; quantity rounded to"
         " whole kWh, half to even; amount rounded to 2 decimals, half up; billed in arrears; untaxed",
    "t": "Energy: graduated tiers, up to 10 kWh 0.05 EUR per kWh, above 10 kWh 0.04 EUR per kWh"
         " + 2 EUR; sum of active in kWh; amount rounded to 2 decimals, half up; billed in arrears;"
         " untaxed",
    "f": "Base: a fixed amount, 9 EUR; amount rounded to 2 decimals, half up; billed in advance;"
         " untaxed",
}  # fmt: skip


def test_a_plan_is_shown_with_a_line_for_each_price(shell: Shell) -> None:
    more = """
      - {key: t, product: energy, meter: active,
         graduated: {tiers: [{up_to: 10, unit_amount: 0.05}, {unit_amount: 0.04, flat_amount: 2}]}}
      - {key: f, product: energy, description: Base, flat: {amount: 9}, timing: in_advance}
"""
    shell("catalog", "apply", shell.write("more.yaml", CATALOGUE.rstrip() + more))
    told = json.loads(shell("catalog", "show", "plan", "home", "--json"))["told"]
    assert {key: told[key] for key in TOLD} == TOLD
    shown = shell("catalog", "show", "plan", "home")
    assert "interval  month, from the day of start on" in shown
    assert "items[" not in shown


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (("show", "meter", "actvie"), "catalog.unknown", "did you mean active?"),
        (("show", "meter", "zebra"), "catalog.unknown", "everycent catalog show meter"),
        (("show", "plan", "hmoe"), "catalog.unknown", "did you mean home?"),
        (("show", "tax", "home"), "catalog.unknown", "everycent catalog show tax"),
    ],
)
def test_a_name_that_nothing_has_is_not_found_with_what_it_may_have_meant(
    shell: Shell, arguments: tuple[str, ...], code: str, hint: str
) -> None:
    told = shell("catalog", *arguments, code=2)
    assert f"[{code}]" in told
    assert hint in told


def test_a_derived_meter_without_its_base_in_the_file_is_told_to_add_it(shell: Shell) -> None:
    file = shell.write("part.yaml", "meters: {night: {of: active, band: tou.night}}")
    told = shell("catalog", "apply", file, code=2)
    assert "there is no meter 'active' in this file" in told
    assert "also when the catalogue has it already" in told


SECTIONS = {
    name.strip(): section
    for heading, section in re.findall(
        r"^## ([a-z_, ]+)\n(.*?)(?=^## )",
        (ROOT / "docs" / "aggregations.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    for name in heading.split(",")
}


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_what_serves_an_aggregation_is_what_its_page_says(aggregation: Aggregation) -> None:
    text = " ".join(SECTIONS[aggregation.value].split())
    assert f"Served by: {served_by(Series('m', 'u', aggregation))}." in text
