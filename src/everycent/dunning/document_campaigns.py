"""The sections `campaigns` and `letters` of the collecting file, and what letters need beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from everycent.catalog.document import CONTROL
from everycent.catalog.document_refusals import Strict, check_key, placed, unknown, wrong
from everycent.dunning.built_in import BUILT_IN
from everycent.dunning.letter import FIELDS, fields_of
from everycent.dunning.terms import Campaign, Letter, Step
from everycent.dunning.webhook import check_target
from everycent.kernel.currency import exponent
from everycent.kernel.quantity import parse_decimal

_DAYS = re.compile(r"([1-9][0-9]{0,2})d", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2}", re.ASCII)
_LINK = re.compile(r"https://[^\s\"'<>\\^`|]{1,500}", re.ASCII)
_MOST_STEPS = 50
_MOST_MONEY = Decimal(10) ** 12
_LONGEST_LINE = 200
_LONGEST_TEXT = 10_000


class StepShape(Strict):
    """An entry of a campaign's `steps`."""

    key: str
    after_due: str | None = None
    after_step: str | None = None
    mail: str | None = None
    webhook: str | None = None
    charge: bool = False
    pause: bool = False
    uncollectable: bool = False


class CampaignShape(Strict):
    """An entry of `campaigns`."""

    thresholds: dict[str, str]
    steps: list[StepShape]
    customers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    language: str = "en"


class LetterShape(Strict):
    """A letter in one language."""

    subject: str
    text: str


_Letters = Mapping[str, Mapping[str, LetterShape]]


def campaigns(given: Mapping[str, CampaignShape], own: _Letters) -> tuple[Campaign, ...]:
    """The campaigns in the order of the file. Each customer and group is named by one at most, and one at
    most is for all. Raises Invalid with the place in the file."""
    found = tuple(_campaign(key, one, own) for key, one in given.items())
    for part in ("customers", "groups"):
        named: dict[str, str] = {}
        for one in found:
            for name in getattr(one, part):
                if name in named:
                    raise wrong(f"campaigns.{one.key}.{part}", f"{name!r} is in {named[name]} too")
                named[name] = one.key
    of_all = [one.key for one in found if not one.customers and not one.groups]
    if len(of_all) > 1:
        raise wrong(
            f"campaigns.{of_all[1]}",
            f"it is for everybody, and so is {of_all[0]}",
            "name the customers or groups that it is for",
        )
    return found


def _campaign(key: str, given: CampaignShape, own: _Letters) -> Campaign:
    place = f"campaigns.{key}"
    if not given.thresholds:
        raise wrong(f"{place}.thresholds", "it would never begin", "such as {EUR: 10.00}")
    thresholds = {
        code: _minor(text, code, f"{place}.thresholds.{code}")
        for code, text in given.thresholds.items()
    }
    for part in ("customers", "groups"):
        names: tuple[str, ...] = getattr(given, part)
        if len(set(names)) != len(names) or "" in names:
            raise wrong(f"{place}.{part}", "a name is empty, or stands twice")
    if not _LANGUAGE.fullmatch(given.language):
        raise wrong(
            f"{place}.language", f"{given.language[:20]!r} is no language", "such as en or de"
        )
    if not 1 <= len(given.steps) <= _MOST_STEPS:
        raise wrong(f"{place}.steps", f"a campaign has 1 to {_MOST_STEPS} steps")
    steps = _steps(given, place, own)
    return Campaign(key, thresholds, steps, given.customers, given.groups, given.language)


def _steps(given: CampaignShape, place: str, own: _Letters) -> tuple[Step, ...]:
    steps: list[Step] = []
    for number, one in enumerate(given.steps, start=1):
        spot = f"{place}.steps[{number}]"
        check_key(one.key, f"{spot}.key")
        if one.key in {step.key for step in steps}:
            raise wrong(f"{spot}.key", f"{one.key!r} stands twice")
        if steps and steps[-1].uncollectable:
            raise wrong(spot, "nothing is open any more after what is written off")
        step = Step(
            one.key,
            None if one.after_due is None else _days(one.after_due, f"{spot}.after_due"),
            None if one.after_step is None else _days(one.after_step, f"{spot}.after_step"),
            one.mail, one.webhook, one.charge, one.pause, one.uncollectable,
        )  # fmt: skip
        _check_times(step, steps, spot)
        _check_actions(step, given.language, spot, own)
        steps.append(step)
    return tuple(steps)


def _check_times(step: Step, before: list[Step], spot: str) -> None:
    if (step.after_due is None) == (step.after_step is None):
        raise wrong(spot, "a step comes after_due or after_step: one of the two", "such as 3d")
    if step.after_step is not None and not before:
        raise wrong(f"{spot}.after_step", "there is no step before it", "say after_due")
    if step.after_due is not None and before and step.after_due <= _offset(before):
        raise wrong(
            f"{spot}.after_due",
            f"the step before it comes {_offset(before)} days after the due day, and this one is later",
        )


def _offset(steps: list[Step]) -> int:
    days = 0
    for step in steps:
        days = days + (step.after_step or 0) if step.after_due is None else step.after_due
    return days


def _check_actions(step: Step, language: str, spot: str, own: _Letters) -> None:
    if not (step.mail or step.webhook or step.charge or step.pause or step.uncollectable):
        raise wrong(
            spot, "it does nothing", "one or more of mail, webhook, charge, pause, uncollectable"
        )
    if step.webhook is not None:
        placed(f"{spot}.webhook", check_target, step.webhook)
    if step.mail is not None:
        known = {*BUILT_IN, *own}
        if step.mail not in known:
            raise unknown(f"{spot}.mail", "letter", step.mail, known)
        if language not in {**BUILT_IN.get(step.mail, {}), **own.get(step.mail, {})}:
            raise wrong(f"{spot}.mail", f"{step.mail!r} is not written in {language!r}")


def letters(given: _Letters) -> dict[str, dict[str, Letter]]:
    """The letters of the tenant's own. Raises Invalid with the place in the file."""
    found: dict[str, dict[str, Letter]] = {}
    for key, by_language in given.items():
        for language, one in by_language.items():
            place = f"letters.{key}.{language}"
            if not _LANGUAGE.fullmatch(language):
                raise wrong(place, f"{language[:20]!r} is no language", "such as en or de")
            subject = line(one.subject, f"{place}.subject")
            if not subject or not 0 < len(one.text.strip()) <= _LONGEST_TEXT:
                raise wrong(place, f"a letter has a subject, and a text of at most {_LONGEST_TEXT}")
            for text in (subject, one.text):
                for name in fields_of(text):
                    if name not in FIELDS:
                        raise wrong(
                            place, f"{{{name[:40]}}} stands for nothing",
                            "it may have " + ", ".join(f"{{{field}}}" for field in FIELDS),
                        )  # fmt: skip
            found.setdefault(key, {})[language] = Letter(subject, one.text.strip())
    return found


def line(text: str, place: str) -> str:
    """A text on one line. Raises Invalid `catalog.wrong_value`."""
    if len(text) > _LONGEST_LINE or "\n" in text or "\t" in text or CONTROL.search(text):
        raise wrong(place, f"it has at most {_LONGEST_LINE} characters on one line")
    return text.strip()


def pay_link(text: str) -> str:
    """Where customers pay: an address with https, in which {customer} is replaced by the customer's key.
    Raises Invalid `catalog.wrong_value`."""
    if text and (not _LINK.fullmatch(text) or set(fields_of(text)) - {"customer"}):
        raise wrong(
            "pay_link",
            f"{text[:60]!r} can't be a link",
            "such as https://pay.example.com/?customer={customer}",
        )
    return text


def _days(text: str, place: str) -> int:
    match = _DAYS.fullmatch(text)
    if match is None:
        raise wrong(
            place, f"{text[:20]!r} is not a number of days", "write it like 3d; 999d at most"
        )
    return int(match[1])


def _minor(text: str, code: str, place: str) -> int:
    """An amount in major units as minor units, exactly."""
    value = placed(place, parse_decimal, text, place)
    minor = value.scaleb(placed(place, exponent, code))
    if not 0 < value <= _MOST_MONEY or minor != minor.to_integral_value():
        raise wrong(place, f"{text[:30]} is not an amount of {code} above nothing")
    return int(minor)
