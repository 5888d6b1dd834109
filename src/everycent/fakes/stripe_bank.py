"""The bank behind the stand-in for Stripe: payment intents, refunds, disputes, idempotency keys, in memory.

It decides and keeps. What it has decided comes out as records, of which each replaces what stood under its
kind and id before; the same records, read back from the disk, make the same bank again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from everycent.fakes import stripe_objects as objects
from everycent.fakes.faults import Fault
from everycent.fakes.stripe_cards import CARDS, Card, declining
from everycent.fakes.stripe_objects import Form, Record, Said, invalid, missing
from everycent.kernel.errors import Conflict, NotFound

VERSION = "2026-10-28.endive"
REFERENCE = "everycent_reference"
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


class Decided(NamedTuple):
    """An answer, and the records that it rests on, to be written before it leaves."""

    said: Said
    records: list[Record]


class StripeBank:
    """Everything that this Stripe knows."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.intents: dict[str, Record] = {}
        self.refunds: dict[str, Record] = {}
        self.disputes: dict[str, Record] = {}
        self.events: dict[str, Record] = {}
        self.keys: dict[str, Record] = {}
        self.taken: set[str] = set()
        self.requests: Counter[str] = Counter()
        self._events_made = 0
        for record in records:
            self.keep(record)

    def keep(self, record: Record) -> None:
        """Takes a record in, in the place of the one that stood there."""
        kind, told = record["kind"], record["told"]
        if kind == "request":
            self.requests[told["reference"]] += 1
            return
        if kind == "taken":
            self.taken.add(told["id"])
            return
        table: dict[str, Record] = getattr(self, kind)
        table[told["id"]] = told
        self._events_made = max(self._events_made, len(self.events))

    # --- idempotency keys ------------------------------------------------------------------------

    def remembered(self, key: str | None, path: str, asked: Form, since: datetime) -> Said | None:
        """The answer that was given under the key before, or an error when that was to another request.
        What was used before `since` is forgotten."""
        before = self.keys.get(key or "")
        if before is None or datetime.fromisoformat(before["at"]) <= since:
            return None
        if before["digest"] != _digest(path, asked):
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were"
                " first used with."
            )
            return objects.error(400, "idempotency_error", None, message)
        return Said(before["status"], before["body"])

    def remembering(
        self, key: str | None, path: str, asked: Form, said: Said, at: datetime
    ) -> list[Record]:
        """The record of an answer under a key. What failed before the work began is not kept: it may be
        sent again with the key and be done."""
        if not key or said.body.get("error", {}).get("type") == "invalid_request_error":
            return []
        told = {"id": key, "digest": _digest(path, asked), "at": at.isoformat()}
        return [_record("keys", told | {"status": said.status, "body": said.body})]

    # --- payment intents -------------------------------------------------------------------------

    def create(self, asked: Form, fault: Fault | None, at: datetime) -> Decided:
        """Makes a PaymentIntent, and confirms it if that is asked for."""
        currency, method = asked.get("currency"), asked.get("payment_method")
        if not isinstance(currency, str) or not (len(currency) == 3 and currency.islower()):
            return _only(invalid(None, f"Invalid currency: {currency}", "currency"))
        amount = objects.amount_of(asked, currency)
        metadata = objects.metadata_of(asked)
        for checked in (amount, metadata):
            if isinstance(checked, Said):
                return _only(checked)
        customer = asked.get("customer")
        if customer is not None and not _is_customer(customer):
            return _only(missing("customer", customer, "customer"))
        if method is not None and method not in CARDS:
            return _only(missing("PaymentMethod", method, "payment_method"))
        assert isinstance(amount, int)
        assert isinstance(metadata, dict)
        made = objects.intent(len(self.intents) + 1, asked, amount, metadata, at)
        if asked.get("confirm") != "true":
            return Decided(Said(200, made), [_record("intents", made)])
        return self._confirmed(made, fault, at)

    def confirm(self, named: str, asked: Form, fault: Fault | None, at: datetime) -> Decided:
        """Confirms a PaymentIntent that was made before."""
        made = self.intents.get(named)
        if made is None:
            return _only(missing("payment_intent", named, "intent", 404))
        if made["status"] not in _OPEN:
            return _only(_unexpected(made))
        method = asked.get("payment_method", made["payment_method"])
        if method not in CARDS:
            return _only(missing("PaymentMethod", method, "payment_method"))
        return self._confirmed(made | {"payment_method": method}, fault, at)

    def cancel(self, named: str, at: datetime) -> Decided:
        """Cancels a PaymentIntent that has taken no money."""
        made = self.intents.get(named)
        if made is None:
            return _only(missing("payment_intent", named, "intent", 404))
        if made["status"] not in (*_OPEN, "requires_capture", "processing"):
            return _only(_unexpected(made))
        made = made | {"status": "canceled", "canceled_at": int(at.timestamp())}
        made["cancellation_reason"] = "requested_by_customer"
        return Decided(Said(200, made), self._told("payment_intent.canceled", made, at))

    def _confirmed(self, made: Record, fault: Fault | None, at: datetime) -> Decided:
        name = fault.name if fault is not None else None
        card = CARDS[made["payment_method"]]
        if fault is not None and name == "decline":
            card = declining(fault.code or "generic_decline")
        if name == "authentication":
            url = f"https://hooks.stripe.com/redirect/authenticate/{made['id']}"
            action = {"type": "redirect_to_url", "redirect_to_url": {"url": url}}
            made = made | {"status": "requires_action", "next_action": action}
            return self._said(made, "payment_intent.requires_action", at)
        if name == "pending" or card.is_slow:
            made = made | {"status": "processing", "settles_as": card.code}
            if fault is not None and fault.code and name == "pending":
                made["settles_as"] = fault.code
            made |= _settling(fault, at)
            return self._said(made, "payment_intent.processing", at)
        if card.code is not None:
            return self._declined(made, card, at)
        if made["capture_method"] == "manual":
            held = {"status": "requires_capture", "amount_capturable": made["amount"]}
            return self._said(made | held, "payment_intent.amount_capturable_updated", at)
        return self._paid(made, card, fault, at)

    def _declined(self, made: Record, card: Card, at: datetime) -> Decided:
        charge = self._charge_id(made)
        told = objects.error(
            402, "card_error", card.code, "Your card was declined.",
            decline_code=card.decline_code, charge=charge,
        )  # fmt: skip
        made = made | {
            "status": "requires_payment_method",
            "latest_charge": charge,
            "last_payment_error": told.body["error"],
            "payment_method": None,
        }
        body = {"error": told.body["error"] | {"payment_intent": shown(made)}}
        return Decided(Said(402, body), self._told("payment_intent.payment_failed", made, at))

    def _paid(self, made: Record, card: Card, fault: Fault | None, at: datetime) -> Decided:
        taken = made["amount"]
        if fault is not None and fault.name == "wrong_amount_charged":
            taken = fault.amount or taken + 1
            made = made | {"amount": taken}
        if fault is not None and fault.name == "partial":
            taken = min(taken, fault.amount or max(1, taken // 2))
        made = made | {
            "status": "succeeded",
            "amount_received": taken,
            "latest_charge": self._charge_id(made),
        }
        said, records = self._said(made, "payment_intent.succeeded", at)
        if card.then in ("dispute", "inquiry"):
            records += self._disputed(made, taken, at, is_inquiry=card.then == "inquiry")
        return Decided(said, records)

    def _charge_id(self, made: Record) -> str:
        return str(made["id"]).replace("pi_", "ch_", 1)

    # --- refunds ---------------------------------------------------------------------------------

    def refund(self, asked: Form, fault: Fault | None, at: datetime) -> Decided:
        """Gives back some of what was taken."""
        paid, param = self._paid_by(asked)
        if paid is None:
            return _only(missing("payment_intent", asked.get(param), param))
        metadata = objects.metadata_of(asked)
        left = paid["amount_received"] - self.given_back(paid["id"])
        amount: int | Said = left
        if "amount" in asked:
            amount = objects.amount_of(asked, paid["currency"])
        for checked in (amount, metadata):
            if isinstance(checked, Said):
                return _only(checked)
        assert isinstance(amount, int)
        assert isinstance(metadata, dict)
        if paid["status"] != "succeeded":
            return _only(_unexpected(paid))
        if left == 0:
            message = f"Charge {paid['latest_charge']} has already been refunded."
            return _only(invalid("charge_already_refunded", message))
        if amount > left:
            message = f"Refund amount ({amount}) is greater than unrefunded amount ({left})"
            return _only(invalid(None, message, "amount"))
        made = objects.refund(len(self.refunds) + 1, paid, amount, metadata, at)
        then = CARDS[paid["payment_method"]].then if paid["payment_method"] in CARDS else None
        if fault is not None and fault.name == "pending":
            then = "refund_waits"
        if fault is not None and fault.name == "decline":
            then = "refund_fails"
        if then == "refund_waits":
            made |= {"status": "pending"} | _settling(fault, at)
        if then == "refund_fails":
            made |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
        records = self._told("refund.created", made, at)
        if then == "refund_fails":
            records.append(self._event("refund.failed", made, at))
        return Decided(Said(200, shown(made)), records)

    def _paid_by(self, asked: Form) -> tuple[Record | None, str]:
        if "payment_intent" in asked:
            return self.intents.get(asked["payment_intent"]), "payment_intent"
        charge = asked.get("charge")
        found = (one for one in self.intents.values() if one["latest_charge"] == charge)
        return next(found, None) if charge else None, "charge"

    def given_back(self, named: str) -> int:
        """How much of a payment was given back, or is about to be."""
        return sum(
            one["amount"]
            for one in self.refunds.values()
            if one["payment_intent"] == named and one["status"] not in ("failed", "canceled")
        )

    # --- reading ---------------------------------------------------------------------------------

    def list_intents(self, asked: Form) -> Said:
        """PaymentIntents, newest first, of a customer and made in a stretch of time if so asked."""
        rows = [one for one in self.intents.values() if _is_listed(one, asked, "customer")]
        return objects.page([shown(one) for one in reversed(rows)], asked, "/v1/payment_intents")

    def list_refunds(self, asked: Form) -> Said:
        """Refunds, newest first, of a payment if so asked."""
        rows = [
            one
            for one in self.refunds.values()
            if _is_listed(one, asked, "payment_intent") and _is_listed(one, asked, "charge")
        ]
        return objects.page([shown(one) for one in reversed(rows)], asked, "/v1/refunds")

    # --- what happens later, or by hand ----------------------------------------------------------

    def settled(self, made: Record, at: datetime) -> list[Record]:
        """A payment that was processing, or a refund that was pending, ends; nothing if it had ended."""
        if made["status"] not in ("processing", "pending"):
            return []
        code, made = made.get("settles_as"), shown(made)
        if made["object"] == "refund":
            return self._told("refund.updated", made | {"status": "succeeded"}, at)
        if code:
            return self._declined(made, declining(code), at).records
        return self._paid(made, Card(), None, at).records

    def by_hand(self, action: str, named: str, amount: int | None, at: datetime) -> list[Record]:
        """What somebody does in Stripe's own pages, or a customer's bank: dispute, win, refund.

        Raises NotFound `fake.no_such_charge`, Conflict `fake.not_possible`.
        """
        paid = self.intents.get(named)
        if paid is None:
            raise NotFound("fake.no_such_charge", f"there is no payment {named}", field="id")
        if paid["status"] != "succeeded":
            raise _impossible(f"the payment is {paid['status']}")
        disputed = (d for d in self.disputes.values() if d["payment_intent"] == named)
        last = max(disputed, key=lambda one: str(one["id"]), default=None)
        if action == "dispute" and (last is None or last["status"] == "won"):
            return self._disputed(paid, amount or paid["amount_received"], at, is_inquiry=False)
        if action == "win" and last is not None and last["status"] == "needs_response":
            won = last | {"status": "won"}
            told = self._told("charge.dispute.funds_reinstated", won, at)
            return [*told, self._event("charge.dispute.closed", won, at)]
        left = paid["amount_received"] - self.given_back(named)
        if action == "refund" and 0 < (amount or left) <= left:
            number = len(self.refunds) + 1
            made = objects.refund(number, paid, amount or left, {}, at)
            told = self._told("refund.created", made, at)
            charge = {"id": paid["latest_charge"], "object": "charge", "payment_intent": named}
            return [*told, self._event("charge.refunded", charge, at)]
        raise _impossible(f"{action} makes no sense for it now")

    def _disputed(
        self, paid: Record, amount: int, at: datetime, *, is_inquiry: bool
    ) -> list[Record]:
        made = objects.dispute(len(self.disputes) + 1, paid, amount, at)
        if is_inquiry:
            made["status"] = "warning_needs_response"
        told = self._told("charge.dispute.created", made, at)
        if is_inquiry:
            return told
        return [*told, self._event("charge.dispute.funds_withdrawn", made, at)]

    def _said(self, made: Record, kind: str, at: datetime) -> Decided:
        return Decided(Said(200, shown(made)), self._told(kind, made, at))

    def _told(self, kind: str, made: Record, at: datetime) -> list[Record]:
        """The record of an object that has changed, and of the event that tells of it."""
        tables = {"payment_intent": "intents", "refund": "refunds", "dispute": "disputes"}
        return [_record(tables[made["object"]], made), self._event(kind, made, at)]

    def _event(self, kind: str, about: Record, at: datetime) -> Record:
        self._events_made += 1
        told = objects.event(self._events_made, kind, shown(about), VERSION, at)
        return _record("events", told)


def shown(made: Record) -> Record:
    """An object as the API shows it: without what only the stand-in knows."""
    return {name: part for name, part in made.items() if not name.startswith("settles_")}


def _is_listed(one: Record, asked: Form, name: str) -> bool:
    created = asked.get("created", {})
    since = created.get("gte", "0") if isinstance(created, dict) else created
    return bool(asked.get(name, one[name]) == one[name] and one["created"] >= int(since))


def _is_customer(told: Any) -> bool:
    return isinstance(told, str) and told.startswith("cus_") and told != "cus_unknown"


def _unexpected(made: Record) -> Said:
    message = f"This PaymentIntent's status is {made['status']}."
    code = "payment_intent_unexpected_state"
    return objects.error(400, "invalid_request_error", code, message, payment_intent=shown(made))


def _settling(fault: Fault | None, at: datetime) -> Record:
    """When something that waits ends: at once, or when the fault says, which may be never."""
    wait = 0 if fault is None or fault.name != "pending" else fault.wait
    if wait is None:
        return {}
    return {"settles_at": (at + timedelta(milliseconds=wait)).isoformat()}


def _only(said: Said) -> Decided:
    return Decided(said, [])


def _impossible(why: str) -> Conflict:
    return Conflict("fake.not_possible", why, field="action")


def _record(kind: str, told: Record) -> Record:
    return {"kind": kind, "told": told}


def _digest(path: str, asked: Form) -> str:
    return hashlib.sha256(json.dumps([path, asked], sort_keys=True).encode()).hexdigest()
