"""Letters: what customers are told, as text and as HTML. Pure, and without any logic in the letters.

A letter is paragraphs with fields in braces. `{invoices}` stands alone in its paragraph and becomes a
table. A paragraph with `{pay_link}` is left out where there is none. Everything that a field stands for
is escaped in HTML, and a subject is one line, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import msgspec

from everycent.dunning.terms import Letter
from everycent.kernel.money import Money, plain

_FIELD = re.compile(r"\{([a-z_]*)\}")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_GAP = re.compile(r"\n\s*\n")
_LONGEST_SUBJECT = 200

FIELDS = ("customer", "amount", "currency", "invoices", "oldest_due", "days", "sender", "pay_link")
"""What may stand in braces."""


class Item(msgspec.Struct, frozen=True):
    """An invoice that is overdue: what is open of it (minor units) and when it was due."""

    invoice: str
    due_on: date
    left: int


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a letter speaks of, frozen when it is decided: `amount` is open of the `items`, less what is
    `held` to pay them with (minor units). `on` is the day of it on the customer's clock."""

    customer: str
    name: str
    currency: str
    amount: int
    items: tuple[Item, ...]
    on: date
    held: int = 0
    sender: str = ""
    pay_link: str = ""


class Rendered(NamedTuple):
    """A letter with everything filled in."""

    subject: str
    text: str
    html: str


class _Words(NamedTuple):
    """How a language writes numbers and days, and what stands above the columns."""

    invoice: str
    due: str
    left: str
    held: str
    day_first: bool
    comma: bool


_ENGLISH = _Words("Invoice", "Due", "Open", "On account", day_first=False, comma=False)
_GERMAN = _Words("Rechnung", "Fällig am", "Offen", "Guthaben", day_first=True, comma=True)
_WORDS = {"en": _ENGLISH, "de": _GERMAN}


def fields_of(text: str) -> list[str]:
    """The names that stand in braces in a text."""
    return _FIELD.findall(text)


def rendered(letter: Letter, facts: Facts, language: str) -> Rendered:
    """The letter about these facts. Languages that are not known here write numbers as English does."""
    words = _WORDS.get(language, _ENGLISH)
    values = _values(facts, words)
    texts: list[str] = []
    htmls: list[str] = []
    for paragraph in _GAP.split(letter.text.strip()):
        if "{pay_link}" in paragraph and not facts.pay_link:
            continue
        if paragraph.strip() == "{invoices}":
            texts.append(_text_table(facts, words))
            htmls.append(_html_table(facts, words))
            continue
        text = _filled(paragraph, values, plainly=True)
        if text.strip():
            texts.append(text)
            htmls.append(f"<p>{_filled(paragraph, values, plainly=False)}</p>")
    subject = _one_line(_filled(letter.subject, values, plainly=True))[:_LONGEST_SUBJECT]
    head = f'<!doctype html><html lang="{_escaped(language)}"><meta charset="utf-8">'
    title = f"<title>{_escaped(subject)}</title>"
    return Rendered(
        subject, "\n\n".join(texts) + "\n", f"{head}{title}<body>{''.join(htmls)}</body></html>\n"
    )


def link_for(template: str, customer: str) -> str:
    """The pay link of a customer, whose key is written as in a path."""
    return template.replace("{customer}", _in_path(customer))


def _values(facts: Facts, words: _Words) -> dict[str, str]:
    oldest = min((item.due_on for item in facts.items), default=facts.on)
    return {
        "customer": facts.name,
        "amount": _amount(facts.amount, facts.currency, words),
        "currency": facts.currency,
        "invoices": ", ".join(item.invoice for item in facts.items),
        "oldest_due": _day(oldest, words),
        "days": str((facts.on - oldest).days),
        "sender": facts.sender,
        "pay_link": facts.pay_link,
    }


def _filled(text: str, values: Mapping[str, str], *, plainly: bool) -> str:
    """The text with its fields filled in; not `plainly`: as HTML, in which only a link is more than text.
    What a field stands for is not looked at again."""
    parts = _FIELD.split(text)
    found = []
    for place, part in enumerate(parts):
        if place % 2 == 0:
            found.append(part if plainly else _escaped(part))
        elif plainly:
            found.append(_UNSEEN.sub(" ", values.get(part, "")))
        elif part == "pay_link":
            link = _escaped(values[part])
            found.append(f'<a href="{link}">{link}</a>')
        else:
            found.append(_escaped(_UNSEEN.sub(" ", values.get(part, ""))))
    return "".join(found)


def _rows(facts: Facts, words: _Words) -> list[tuple[str, str, str]]:
    found = [
        (item.invoice, _day(item.due_on, words), _amount(item.left, facts.currency, words))
        for item in facts.items
    ]
    if facts.held:
        found.append((words.held, "", _amount(-facts.held, facts.currency, words)))
    return found


def _text_table(facts: Facts, words: _Words) -> str:
    rows = [(words.invoice, words.due, words.left), *_rows(facts, words)]
    first, second, third = (max(len(row[n]) for row in rows) for n in range(3))
    return "\n".join(f"  {a:<{first}}  {b:<{second}}  {c:>{third}}" for a, b, c in rows)


def _html_table(facts: Facts, words: _Words) -> str:
    head = "".join(f"<th>{name}</th>" for name in (words.invoice, words.due, words.left))
    body = "".join(
        f'<tr><td>{_escaped(a)}</td><td>{b}</td><td align="right">{c}</td></tr>'
        for a, b, c in _rows(facts, words)
    )
    return f'<table cellpadding="4"><tr>{head}</tr>{body}</table>'


def _amount(minor: int, currency: str, words: _Words) -> str:
    whole, dot, places = plain(Money(abs(minor), currency)).partition(".")
    told = f"{'-' if minor < 0 else ''}{int(whole):,}{dot}{places}"
    if words.comma:
        told = told.translate(str.maketrans(",.", ".,"))
    return f"{told} {currency}"


def _day(day: date, words: _Words) -> str:
    return day.strftime("%d.%m.%Y") if words.day_first else day.isoformat()


def _one_line(text: str) -> str:
    return " ".join(_UNSEEN.sub(" ", text).split())


def _escaped(text: str) -> str:
    for sign, told in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ('"', "&quot;"),
        ("'", "&#39;"),
    ):
        text = text.replace(sign, told)
    return text


def _in_path(text: str) -> str:
    """Percent-encoded (RFC 3986): letters, digits and -._~ stay."""
    kept = b"-._~"
    return "".join(
        chr(byte)
        if chr(byte).isascii() and (chr(byte).isalnum() or byte in kept)
        else f"%{byte:02X}"
        for byte in text.encode()
    )
