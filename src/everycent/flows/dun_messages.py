"""What a dunning step tells: a letter to the customer, a webhook, and to collecting that an invoice is to
be charged again. All of it as events that are recorded with the step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from everycent.charging.decided import REQUEUED, Decided
from everycent.charging.decided import stream as collecting
from everycent.dunning.built_in import BUILT_IN
from everycent.dunning.campaign import Account, Due, Over
from everycent.dunning.letter import Facts, rendered
from everycent.dunning.step import StepTaken
from everycent.dunning.terms import Terms
from everycent.journal.event import Draft
from everycent.kernel.canonical import encode
from everycent.kernel.ids import CUSTOMER, show
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.messages.message import Kind, Message
from everycent.messages.operations import draft_of
from everycent.subscriptions.operations import Writing

_TELLS = {"Auto-Submitted": "auto-generated", "Precedence": "bulk"}


def of_step(
    account: Account,
    due: Due,
    terms: Terms,
    place: str,
    writing: Writing,
    drafts: list[Draft],
    left_out: dict[str, str],
    *,
    has_paused: bool,
) -> tuple[UUID, ...]:
    """The letter and the webhook of a step, as far as it has them; returns their ids. The letter of a step
    that was to pause contracts is sent when it has: it says so."""
    found = []
    step, language = due.step, due.campaign.language
    if step.mail is not None and account.email is None:
        left_out["mail"] = "the customer has no mail address"
    elif step.mail is not None and step.pause and not has_paused:
        left_out["mail"] = "nothing was paused"
    elif step.mail is not None:
        own = terms.letters.get(step.mail, {})
        letter = own.get(language) or BUILT_IN[step.mail][language]
        text = rendered(letter, due.facts, language)
        found.append(
            Message(
                writing["ids"](f"message/{place}/mail"), Kind.MAIL, f"dunning/{place}/mail",
                account.email or "", text.subject, text.text, text.html,
                {**_TELLS, "Content-Language": language}, account.customer_id,
            )
        )  # fmt: skip
    if step.webhook is not None:
        told = {
            "campaign": due.campaign.key, "step": step.key, "episode": due.episode,
            "number": due.number, "is_last": due.is_last, **_facts(due.facts),
        }  # fmt: skip
        found.append(_webhook(account, step.webhook, "dunning.step_taken", told, place, writing))
    return _queued(found, writing, drafts)


def of_end(
    account: Account,
    over: Over,
    steps: Sequence[StepTaken],
    place: str,
    writing: Writing,
    drafts: list[Draft],
) -> tuple[UUID, ...]:
    """Tells the end of an episode to whoever was told of one of its steps by webhook."""
    targets = dict.fromkeys(one.step.webhook for one in steps if one.step.webhook is not None)
    told = {"episode": over.episode, "steps": over.steps, "why": over.why.value}
    found = [
        _webhook(account, target, "dunning.ended", told, f"{place}/{number}", writing)
        for number, target in enumerate(targets, start=1)
    ]
    return _queued(found, writing, drafts)


def charge_again(
    due: Due, reason: str, writing: Writing, drafts: list[Draft], left_out: dict[str, str]
) -> tuple[str, ...]:
    """Puts the invoices in the queue of collecting, to be charged with the next retries. The number of
    tries goes on: where no more were allowed, this is one more, and not a schedule of them."""
    charged = []
    for one in due.overdue:
        if one.kept is not None:
            left_out[one.invoice] = f"not charged: {one.kept}"
            continue
        payload = Decided(
            one.invoice_id, one.invoice, one.tries, writing["at"], is_stopped=False, reason=reason
        )
        key = f"collection.requeued/{one.invoice}/{instant_text(writing['at'])}"
        drafts.append(
            Draft(
                writing["ids"](key), collecting(one.invoice_id), REQUEUED, writing["at"],
                writing["actor"], payload,
            )
        )  # fmt: skip
        charged.append(one.invoice)
    return tuple(charged)


def _queued(found: Sequence[Message], writing: Writing, drafts: list[Draft]) -> tuple[UUID, ...]:
    for one in found:
        drafts.append(draft_of(one, at=writing["at"], actor=writing["actor"], ids=writing["ids"]))
    return tuple(one.message_id for one in found)


def _webhook(
    account: Account, target: str, kind: str, told: dict[str, Any], place: str, writing: Writing
) -> Message:
    data = {
        "customer": account.customer,
        "customer_id": show(CUSTOMER, account.customer_id),
        "currency": account.currency,
        **told,
    }
    body = encode({"type": kind, "timestamp": instant_text(writing["at"]), "data": data}).decode()
    return Message(
        writing["ids"](f"message/{place}/webhook"), Kind.WEBHOOK, f"dunning/{place}/webhook", target,
        kind, body, customer_id=account.customer_id,
    )  # fmt: skip


def _facts(facts: Facts) -> dict[str, Any]:
    def money(minor: int) -> str:
        return plain(Money(minor, facts.currency))

    return {
        "on": facts.on.isoformat(),
        "amount": money(facts.amount),
        "invoices": [
            {"invoice": one.invoice, "due_on": one.due_on.isoformat(), "open": money(one.left)}
            for one in facts.items
        ],
    }
