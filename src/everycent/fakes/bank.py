"""The fake provider's bank: charges, refunds, disputes, accounts and remembered answers, in memory.

It decides and keeps; what it has decided comes out as records, of which each replaces what stood under its
kind and id before. The same records, read back from the disk, make the same bank again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from everycent.fakes.faults import Fault
from everycent.fakes.words import (
    CURRENCY,
    LARGEST,
    Decided,
    Record,
    Said,
    error,
    message,
    refusal,
    shown,
    wrong,
)
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.period import instant_text


class Terms(NamedTuple):
    """How the provider works: what it charges for a charge, and how long it remembers (None: it does not
    remember requests, and two requests with one reference are two charges)."""

    remembers: timedelta | None
    is_strict: bool = False
    fee_basis_points: int = 0


class Bank:
    """Everything that the provider knows."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.charges: dict[str, Record] = {}
        self.refunds: dict[str, Record] = {}
        self.disputes: dict[str, Record] = {}
        self.customers: dict[str, Record] = {}
        self.events: dict[str, Record] = {}
        self.remembered: dict[str, Record] = {}
        self.requests: Counter[str] = Counter()
        self.of_reference: dict[str, list[Record]] = {}
        self.refunds_of: dict[str, list[Record]] = {}
        for record in records:
            self.keep(record)

    def keep(self, record: Record) -> None:
        """Takes a record in, in the place of the one that stood there."""
        kind, told = record["kind"], record["told"]
        if kind == "request":
            self.requests[told["reference"]] += 1
            return
        kept: dict[str, dict[str, Record]] = {
            "charge": self.charges,
            "refund": self.refunds,
            "dispute": self.disputes,
            "customer": self.customers,
            "event": self.events,
            "remembered": self.remembered,
        }
        table = kept[kind]
        if told["id"] in table:  # the same object everywhere, so that every index sees what is new
            table[told["id"]].update(told)
        else:
            table[told["id"]] = told
            if kind in ("charge", "refund"):
                self.of_reference.setdefault(f"{kind} {told['reference']}", []).append(told)
            if kind == "refund":
                self.refunds_of.setdefault(told["charge"], []).append(told)

    def found(self, kind: str, reference: str) -> list[Record]:
        """The charges or refunds under a reference, oldest first, as the protocol shows them."""
        return [shown(one) for one in self.of_reference.get(f"{kind} {reference}", [])]

    # --- deciding --------------------------------------------------------------------------------

    def charge(
        self,
        asked: Mapping[str, Any],
        key: str | None,
        fault: Fault | None,
        terms: Terms,
        at: datetime,
    ) -> Decided:
        """Charges, or says why not."""
        bad = wrong(asked, ("reference", "currency", "method", "payer", "description"))
        return (
            bad
            or self._once("charge", asked, key, terms, at)
            or self._remembering(
                "charge", asked, key, terms, at, self._charged(asked, fault, terms, at)
            )
        )

    def refund(
        self,
        asked: Mapping[str, Any],
        key: str | None,
        fault: Fault | None,
        terms: Terms,
        at: datetime,
    ) -> Decided:
        """Gives back, or says why not."""
        bad = wrong(asked, ("reference", "currency", "charge"))
        return (
            bad
            or self._once("refund", asked, key, terms, at)
            or self._remembering("refund", asked, key, terms, at, self._refunded(asked, fault, at))
        )

    def _once(
        self, kind: str, asked: Mapping[str, Any], key: str | None, terms: Terms, at: datetime
    ) -> Decided | None:
        """The answer that was given to the same request before, or a refusal of another under its key."""
        if terms.remembers is None:
            return None
        if not key:
            told = error(
                400, "key_missing", "send an Idempotency-Key", reference=asked["reference"]
            )
            return Decided(told, [])
        before = self.remembered.get(f"{kind} {key}")
        if before is None or at - datetime.fromisoformat(before["at"]) >= terms.remembers:
            return None
        if before["digest"] != _digest(asked):
            reused = "the key was used for another request"
            return Decided(error(409, "key_reused", reused, reference=asked["reference"]), [])
        return Decided(Said(before["status"], before["body"]), [])

    def _remembering(
        self,
        kind: str,
        asked: Mapping[str, Any],
        key: str | None,
        terms: Terms,
        at: datetime,
        decided: Decided,
    ) -> Decided:
        if terms.remembers is None:
            return decided
        told = {
            "id": f"{kind} {key}",
            "digest": _digest(asked),
            "status": decided.said.status,
            "body": decided.said.body,
            "at": instant_text(at),
        }
        return Decided(decided.said, [*decided.records, {"kind": "remembered", "told": told}])

    def _charged(
        self, asked: Mapping[str, Any], fault: Fault | None, terms: Terms, at: datetime
    ) -> Decided:
        customer = self.customers.get(asked["payer"])
        reference = asked["reference"]
        if asked["method"] == "tok_method_unknown":
            return refusal(404, "method_unknown", "there is no such method", reference)
        if customer is None and terms.is_strict:
            return refusal(404, "customer_unknown", "there is no such customer", reference)
        if customer is not None and customer["currency"] != asked["currency"]:
            why = f"the customer's account is in {customer['currency']}"
            return refusal(409, "currency_mismatch", why, reference)
        amount = _taken(asked["amount"], fault)
        code = fault.code if fault is not None and fault.name == "decline" else None
        if code is None and customer is not None and customer["balance"] < amount:
            code = "insufficient_funds"
        made = self._made(asked, amount, terms, at)
        if code is not None:
            made |= {"status": "failed", "code": code, "fee": 0}
            body = error(402, code, message(code), reference=reference, id=made["id"])
            return Decided(body, [_record("charge", made), self._event("charge.failed", made, at)])
        if fault is not None and fault.name in ("pending", "authentication"):
            return self._waiting("charge", made, fault, at)
        records = [_record("charge", made), self._event("charge.captured", made, at)]
        if customer is not None:
            records.append(_record("customer", _paid(customer, -amount)))
        return Decided(Said(200, shown(made)), records)

    def _made(self, asked: Mapping[str, Any], amount: int, terms: Terms, at: datetime) -> Record:
        names = ("reference", "currency", "method", "payer", "description")
        return {name: asked[name] for name in names} | {
            "id": f"ch_{len(self.charges) + 1:08d}",
            "amount": amount,
            "status": "captured",
            "fee": amount * terms.fee_basis_points // 10_000,
            "created": instant_text(at),
        }

    def _waiting(self, kind: str, made: Record, fault: Fault, at: datetime) -> Decided:
        """Pending: it is settled by the clock, where the fault says when, or by hand."""
        made |= {"status": "pending", "settles_as": fault.code}
        if fault.wait is not None:
            due = at + timedelta(milliseconds=fault.wait)
            made["settles_at"] = instant_text(due)
        records = [_record(kind, made), self._event(f"{kind}.pending", made, at)]
        if fault.name == "pending":
            return Decided(Said(200, shown(made)), records)
        more = {"action_url": f"https://example.com/agree/{made['id']}"}
        told = error(202, "authentication_required", message("authentication_required"))
        return Decided(Said(202, shown(made) | more | told.body), records)

    def _refunded(self, asked: Mapping[str, Any], fault: Fault | None, at: datetime) -> Decided:
        reference, charge = asked["reference"], self.charges.get(asked["charge"])
        if charge is None:
            return refusal(404, "charge_unknown", "there is no such charge", reference)
        if charge["status"] != "captured":
            return refusal(409, "not_captured", "the charge took no money", reference)
        if charge["currency"] != asked["currency"]:
            why = f"the charge is in {charge['currency']}"
            return refusal(409, "currency_mismatch", why, reference)
        left = charge["amount"] - self.given_back(charge["id"])
        if left == 0:
            return refusal(409, "already_refunded", "it was all given back", reference)
        if asked["amount"] > left:
            return refusal(409, "too_much", f"{left} can be given back", reference)
        made = self._refund(charge, reference, _taken(asked["amount"], fault), at)
        if fault is not None and fault.name == "decline" and fault.code:
            made |= {"status": "failed", "code": fault.code}
            told = error(402, fault.code, message(fault.code), reference=reference, id=made["id"])
            return Decided(told, [_record("refund", made), self._event("refund.failed", made, at)])
        if fault is not None and fault.name == "pending":
            return self._waiting("refund", made, fault, at)
        records = [_record("refund", made), self._event("refund.done", made, at)]
        return Decided(Said(200, shown(made)), records + self._returned(charge, made["amount"]))

    def _refund(self, charge: Record, reference: str | None, amount: int, at: datetime) -> Record:
        return {
            "id": f"re_{len(self.refunds) + 1:08d}",
            "reference": reference,
            "charge": charge["id"],
            "amount": amount,
            "currency": charge["currency"],
            "status": "refunded",
            "created": instant_text(at),
        }

    def given_back(self, charge_id: str) -> int:
        """How much of a charge was given back, or is about to be, in minor units."""
        made = self.refunds_of.get(charge_id, [])
        return sum(one["amount"] for one in made if one["status"] != "failed")

    # --- what happens later, or by hand ----------------------------------------------------------

    def settled(self, kind: str, one: Record, code: str | None, at: datetime) -> list[Record]:
        """A pending charge or refund ends: with money moved, or (`code`) without. [] if it had ended."""
        if one["status"] != "pending":
            return []
        is_charge = kind == "charge"
        made = one | {"settles_at": None}
        if code is not None:
            made |= {"status": "failed", "code": code} | ({"fee": 0} if is_charge else {})
            return [_record(kind, made), self._event(f"{kind}.failed", made, at)]
        made["status"] = "captured" if is_charge else "refunded"
        event = self._event("charge.captured" if is_charge else "refund.done", made, at)
        if not is_charge:
            charge = self.charges[one["charge"]]
            return [_record(kind, made), event, *self._returned(charge, one["amount"])]
        customer = self.customers.get(one["payer"])
        paid = [] if customer is None else [_record("customer", _paid(customer, -one["amount"]))]
        return [_record(kind, made), event, *paid]

    def by_hand(
        self, action: str, charge_id: str, amount: int | None, at: datetime
    ) -> list[Record]:
        """What somebody does in the provider's own pages: capture, fail, dispute, win, refund.

        Raises NotFound `fake.no_such_charge`, Conflict `fake.not_possible`.
        """
        charge = self.charges.get(charge_id)
        if charge is None:
            raise NotFound("fake.no_such_charge", f"there is no charge {charge_id}", field="id")
        if action in ("capture", "fail") and charge["status"] == "pending":
            return self.settled(
                "charge", charge, None if action == "capture" else "card_declined", at
            )
        if charge["status"] != "captured":
            raise _impossible(f"the charge is {charge['status']}")
        open_dispute = next(
            (
                d
                for d in self.disputes.values()
                if d["charge"] == charge_id and d["status"] == "open"
            ),
            None,
        )
        if action == "dispute" and open_dispute is None:
            made = self._refund(charge, charge["reference"], amount or charge["amount"], at)
            made |= {"id": f"dp_{len(self.disputes) + 1:08d}", "status": "open"}
            return [_record("dispute", made), self._event("dispute.created", made, at)]
        if action == "win" and open_dispute is not None:
            made = open_dispute | {"status": "won"}
            return [_record("dispute", made), self._event("dispute.won", made, at)]
        left = charge["amount"] - self.given_back(charge_id)
        if action == "refund" and 0 < (amount or left) <= left:
            made = self._refund(charge, None, amount or left, at)
            told = made | {"reference": charge["reference"]}
            event = self._event("refund.created_there", told, at)
            return [_record("refund", made), event, *self._returned(charge, made["amount"])]
        raise _impossible(f"{action} makes no sense for it now")

    def _returned(self, charge: Record, amount: int) -> list[Record]:
        customer = self.customers.get(charge["payer"])
        return [] if customer is None else [_record("customer", _paid(customer, amount))]

    def _event(self, kind: str, data: Record, at: datetime) -> Record:
        told = {
            "id": f"evt_{len(self.events) + 1:08d}",
            "type": kind,
            "data": shown(data),
            "created": instant_text(at),
        }
        return _record("event", told)


def customer_record(payer: str, told: Any) -> Record:
    """An account as it is told to the admin API. Raises Invalid `fake.bad_customer`."""
    currency, balance = (
        (told.get(n) for n in ("currency", "balance")) if isinstance(told, dict) else (0, 0)
    )
    if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
        raise Invalid("fake.bad_customer", "the currency is not three letters", field="currency")
    if type(balance) is not int or not 0 <= balance <= LARGEST:
        raise Invalid("fake.bad_customer", "the balance is no whole number", field="balance")
    return _record("customer", {"id": payer, "currency": currency, "balance": balance})


def _impossible(why: str) -> Conflict:
    return Conflict("fake.not_possible", why, field="action")


def _taken(amount: int, fault: Fault | None) -> int:
    if fault is not None and fault.name == "wrong_amount_charged":
        return fault.amount or amount + 1
    if fault is not None and fault.name == "partial":
        return min(amount, fault.amount or max(1, amount // 2))
    return amount


def _record(kind: str, told: Record) -> Record:
    return {"kind": kind, "told": told}


def _paid(customer: Record, amount: int) -> Record:
    return customer | {"balance": customer["balance"] + amount}


def _digest(asked: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
