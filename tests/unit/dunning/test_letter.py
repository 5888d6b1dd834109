"""Letters: what stands in them, and what nobody can put into them."""

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.dunning import document
from everycent.dunning.built_in import BUILT_IN
from everycent.dunning.letter import Facts, Item, link_for, rendered
from everycent.dunning.terms import Letter
from everycent.kernel.errors import Invalid

FACTS = Facts(
    "acme", "Acme & Sons <Ltd>", "EUR", 123_456, (
        Item("INV-000001", date(2026, 1, 15), 120_000), Item("INV-000002", date(2026, 2, 15), 4_456),
    ), date(2026, 3, 1), 1_000, "Example Ltd", "https://pay.example.com/?customer=acme",
)  # fmt: skip


def test_a_german_letter_writes_numbers_and_days_as_germans_do():
    found = rendered(BUILT_IN["warning"]["de"], FACTS, "de")
    assert found.subject == "Mahnung: 1.234,56 EUR überfällig seit 15.01.2026"
    assert "Guten Tag Acme & Sons <Ltd>," in found.text
    assert "seit 45 Tagen" in found.text
    assert "  INV-000001  15.01.2026  1.200,00 EUR\n" in found.text
    assert "  Guthaben                  -10,00 EUR\n" in found.text
    assert "Acme &amp; Sons &lt;Ltd&gt;" in found.html
    assert "<td>INV-000002</td><td>15.02.2026</td>" in found.html


def test_every_built_in_letter_is_there_in_both_languages_and_leaves_no_field_open():
    for by_language in BUILT_IN.values():
        assert set(by_language) == {"en", "de"}
        for language, letter in by_language.items():
            found = rendered(letter, FACTS, language)
            assert "{" not in found.subject + found.text + found.html
            assert FACTS.pay_link in found.text


def test_without_a_pay_link_nothing_speaks_of_one():
    plain = msgspec.structs.replace(FACTS, pay_link="")
    assert "pay here" not in rendered(BUILT_IN["reminder"]["en"], plain, "en").text
    assert "<a" not in rendered(BUILT_IN["reminder"]["en"], plain, "en").html


_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)


@given(_TEXT, _TEXT, _TEXT)
def test_nothing_that_is_told_becomes_markup_a_header_or_a_field(name, sender, key):
    evil = f"{name}<script>\r\nBcc: x@y{{amount}}"
    facts = Facts(
        key, evil, "EUR", 1, (Item("INV-1", date(2026, 1, 15), 1),), date(2026, 3, 1), 0, sender,
        link_for("https://pay.example.com/{customer}?x=1", key),
    )  # fmt: skip
    found = rendered(
        Letter("{customer}: {sender}", "{customer}\n\n{sender}\n\n{pay_link}"), facts, "en"
    )
    assert found.subject.isprintable() or not any(sign in found.subject for sign in "\r\n\0")
    assert "\n" not in found.subject
    assert "\r" not in found.subject
    assert "<script" not in found.html
    assert "{amount}" in found.text
    link = found.text.split("https://pay.example.com/")[1].split("?x=1")[0]
    assert link.isascii()
    assert not set(link) & set("/?#&<>\"' ")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("campaigns: {a: {thresholds: {}, steps: [{key: x, after_due: 1d, charge: true}]}}",
         "campaigns.a.thresholds"),
        ("campaigns: {a: {thresholds: {EUR: 0}, steps: [{key: x, after_due: 1d, charge: true}]}}",
         "campaigns.a.thresholds.EUR"),
        ("campaigns: {a: {thresholds: {EUR: 1.001}, steps: [{key: x, after_due: 1d, charge: true}]}}",
         "campaigns.a.thresholds.EUR"),
        ("campaigns: {a: {thresholds: {EUR: 1}, steps: []}}", "campaigns.a.steps"),
        ("campaigns: {a: {thresholds: {EUR: 1}, steps: [{key: x, after_due: 1d}]}}",
         "campaigns.a.steps[1]"),
        ("campaigns: {a: {thresholds: {EUR: 1}, steps: [{key: x, charge: true}]}}",
         "campaigns.a.steps[1]"),
        ("campaigns: {a: {thresholds: {EUR: 1}, steps: [{key: x, after_step: 1d, charge: true}]}}",
         "campaigns.a.steps[1].after_step"),
        ("campaigns: {a: {thresholds: {EUR: 1}, steps: [{key: x, after_due: 0d, charge: true}]}}",
         "campaigns.a.steps[1].after_due"),
        (("campaigns: {a: {thresholds: {EUR: 1}, steps: [{key: x, after_due: 3d, charge: true},"
         " {key: y, after_step: 2d, charge: true}, {key: z, after_due: 5d, charge: true}]}}"),
         "campaigns.a.steps[3].after_due"),
        ("campaigns: {a: {thresholds: {EUR: 1}, steps: [{key: x, after_due: 1d, mail: nice}]}}",
         "campaigns.a.steps[1].mail"),
        (("campaigns: {a: {thresholds: {EUR: 1}, language: fr, steps:"
         " [{key: x, after_due: 1d, mail: reminder}]}}"), "campaigns.a.steps[1].mail"),
        (("campaigns: {a: {thresholds: {EUR: 1}, steps:"
         " [{key: x, after_due: 1d, webhook: 'http://example.com'}]}}"), "campaigns.a.steps[1].webhook"),
        (("campaigns: {a: {thresholds: {EUR: 1}, steps: [{key: x, after_due: 1d, uncollectable: true},"
         " {key: y, after_due: 2d, charge: true}]}}"), "campaigns.a.steps[2]"),
        ("letters: {mine: {en: {subject: 'Hi {name}', text: x}}}", "letters.mine.en"),
        ("letters: {mine: {en: {subject: '', text: x}}}", "letters.mine.en"),
        ("letters: {mine: {english: {subject: x, text: x}}}", "letters.mine.english"),
        ("pay_link: http://pay.example.com", "pay_link"),
        ("pay_link: 'https://pay.example.com/{name}'", "pay_link"),
        ("pay_link: 'javascript:alert(1)'", "pay_link"),
        ('sender: "a\\nb"', "sender"),
    ],
)  # fmt: skip
def test_campaigns_and_letters_that_make_no_sense_are_refused_with_their_place(text, place):
    with pytest.raises(Invalid) as refusal:
        document.parse(text)
    assert refusal.value.field == place


@pytest.mark.parametrize("part", ["customers", "groups"])
def test_nobody_is_in_two_campaigns(part):
    one = (
        f"{{thresholds: {{EUR: 1}}, {part}: [x], steps: [{{key: a, after_due: 1d, charge: true}}]}}"
    )
    with pytest.raises(Invalid) as refusal:
        document.parse(f"campaigns: {{a: {one}, b: {one}}}")
    assert refusal.value.field == f"campaigns.b.{part}"
    with pytest.raises(Invalid, match="for everybody"):
        document.parse(f"campaigns: {{a: {one}, b: {one}}}".replace(f"{part}: [x], ", ""))
