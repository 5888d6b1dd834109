"""Bank: the provider, with its own ledger, which is the judge of what was charged.

It keeps every promise of its traits: within `idempotent_for` of the first time that it takes a reference
in, the same reference comes to the same result; nothing is charged later than `latest_commit` after it was
sent. What it has turned away without looking at it is not remembered. All else may go wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

from everycent.payments.failure import Failure
from everycent.payments.provider import Answer, Ask, Outcome, Traits
from tests.simulation.clockwork import DAY, HOUR, SECOND, Clockwork

PENDING, CAPTURED, DECLINED = "pending", "captured", "declined"

TURNED_AWAY = {
    "rate_limited": Failure.RATE_LIMITED,
    "unavailable": Failure.UNAVAILABLE,
    "refused": Failure.REFUSED,
    "customer_unknown": Failure.CUSTOMER_UNKNOWN,
    "currency_refused": Failure.CURRENCY_REFUSED,
}
DECLINES = {
    "declined": Failure.DECLINED,
    "declined_for_good": Failure.DECLINED_FOR_GOOD,
    "expired_method": Failure.EXPIRED_METHOD,
    "authentication": Failure.AUTHENTICATION_REQUIRED,
    "cancelled": Failure.CANCELLED,
}


class Charge:
    """A charge in the provider's books; `invoice` is what our description of it names."""

    __slots__ = (
        "amount",
        "back",
        "charge_id",
        "currency",
        "failure",
        "invoice",
        "reference",
        "state",
    )

    def __init__(self, charge_id: str, ask: Ask) -> None:
        self.charge_id = charge_id
        self.reference = ask.reference
        self.invoice = ask.description
        self.amount = ask.amount
        self.currency = ask.currency
        self.state = PENDING
        self.failure: Failure | None = None
        self.back = 0


class Bank:
    """The provider. `chance(name)` draws whether a fault happens now; `on_capture` and `on_notice` are told
    what it does."""

    def __init__(
        self, clock: Clockwork, traits: Traits, rng: Random, chance: Callable[[str], bool]
    ) -> None:
        self.clock = clock
        self.traits = traits
        self.rng = rng
        self.chance = chance
        self.latest = traits.latest_commit // timedelta(milliseconds=1)
        self.remembers = (traits.idempotent_for or timedelta(0)) // timedelta(milliseconds=1)
        self.charges: dict[str, Charge] = {}
        self.by_reference: dict[str, list[Charge]] = {}
        self.keys: dict[str, tuple[int, Charge | None]] = {}
        self.notices = 0
        self.on_capture: Callable[[Charge], None] = lambda charge: None
        self.on_notice: Callable[[str, Answer, str | None], None] = lambda *told: None

    # --- requests -----------------------------------------------------------------------------------

    def take_in(self, ask: Ask, sent_at: int, reply: Callable[[Answer], None]) -> None:
        """A request has come."""
        known = self.keys.get(ask.reference)
        if known is not None and self.clock.now < known[0] + self.remembers:
            charge = known[1]
            busy = Answer(Outcome.UNKNOWN, Failure.PROVIDER_ERROR, code="in_flight", status=409)
            reply(busy if charge is None else self.told(charge))
            return
        for name, failure in TURNED_AWAY.items():
            if self.chance(name):
                patience = self.rng.randrange(1, 600) if failure is Failure.RATE_LIMITED else None
                reply(Answer(Outcome.FAILED, failure, code=name, retry_after=patience))
                return
        if self.chance("error_before"):
            reply(Answer(Outcome.UNKNOWN, Failure.PROVIDER_ERROR, status=500))
            return
        if self.remembers:
            self.keys[ask.reference] = (self.clock.now, None)
        left = sent_at + self.latest - self.clock.now
        delay = self.rng.randrange(left + 1) if self.chance("late_commit") else min(left, 20)
        self.clock.after(delay, self.decide, ask, reply)

    def decide(self, ask: Ask, reply: Callable[[Answer], None]) -> None:
        """Charges, declines, or takes it in hand."""
        charge = Charge(f"ch_{len(self.charges) + 1}", ask)
        self.charges[charge.charge_id] = charge
        self.by_reference.setdefault(ask.reference, []).append(charge)
        if ask.reference in self.keys:
            self.keys[ask.reference] = (self.keys[ask.reference][0], charge)
        declined = next((f for name, f in DECLINES.items() if self.chance(name)), None)
        if self.chance("pending"):
            wait = self.rng.randrange(10 * SECOND, self.rng.choice((HOUR, 3 * DAY)))
            self.clock.after(wait, self.close, charge, declined)
            self.tell(charge)
        else:
            self.close(charge, declined)
        reply(self.spoiled(self.told(charge)))

    def close(self, charge: Charge, declined: Failure | None) -> None:
        """The last word about a charge."""
        if declined is not None:
            charge.state, charge.failure = DECLINED, declined
        else:
            charge.state = CAPTURED
            if (self.traits.takes_parts and charge.amount > 1 and self.chance("parts")) or (
                charge.amount > 1 and self.chance("wrong_amount_taken")
            ):
                charge.amount = self.rng.randrange(1, charge.amount)
            elif self.chance("wrong_currency_taken"):
                charge.currency = "USD"
            self.on_capture(charge)
        self.clock.note("bank", charge.charge_id, charge.reference, charge.state, charge.amount)
        self.tell(charge)

    def told(self, charge: Charge) -> Answer:
        """The newest state of a charge, as the provider tells it."""
        outcome = {
            PENDING: Outcome.PENDING, CAPTURED: Outcome.DONE, DECLINED: Outcome.FAILED,
        }[charge.state]  # fmt: skip
        return Answer(
            outcome, charge.failure, charge.charge_id, charge.reference, charge.amount,
            charge.currency,
        )  # fmt: skip

    def spoiled(self, answer: Answer) -> Answer:
        """What may go wrong with an answer although the request was dealt with."""
        if self.chance("error_after"):
            return Answer(Outcome.UNKNOWN, Failure.PROVIDER_ERROR, status=500)
        if self.chance("garbage"):
            return Answer(Outcome.UNKNOWN, Failure.MALFORMED, raw=b"<html>")
        if self.chance("other_reference"):
            return self.rng.choice(_SOMEBODY_ELSES)
        if answer.outcome is Outcome.DONE and self.chance("half_answer"):
            return answer._replace(amount=None)
        if answer.outcome is Outcome.DONE and self.chance("wrong_amount_said"):
            return answer._replace(amount=(answer.amount or 0) + 10_000)
        return answer

    def look_up(self, ask: Ask) -> Answer:
        """What is under a reference."""
        if self.chance("look_up_fails"):
            failure = self.rng.choice((Failure.UNAVAILABLE, Failure.REFUSED, Failure.RATE_LIMITED))
            return Answer(Outcome.FAILED, failure)
        if not self.traits.looks_up:
            return Answer(Outcome.UNKNOWN, Failure.REFUSED)
        found = self.by_reference.get(ask.reference)
        if not found:
            return Answer(Outcome.ABSENT)
        answer = self.spoiled(self.told(found[0]))
        # A wrong amount is a slip of one answer: asked again, the provider says what is in its books.
        return answer._replace(amount=found[0].amount) if answer.amount else answer

    # --- of its own accord --------------------------------------------------------------------------

    def tell(self, charge: Charge) -> None:
        """A webhook about a charge; some are lost, some come twice, and none in order."""
        if self.chance("webhook_lost"):
            return
        answer = self.told(charge)
        if self.chance("webhook_of_another"):
            answer = answer._replace(reference="att_somebody_else")
        self._tell(answer, None)

    def _tell(self, answer: Answer, refund: str | None) -> None:
        self.notices += 1
        event_id = f"evt_{self.notices}"
        for _ in range(1 + self.chance("webhook_twice")):
            delay = self.rng.randrange(1, 2 * HOUR) if self.chance("webhook_late") else 50
            self.clock.after(delay, self.on_notice, event_id, answer, refund)

    def refund(self, charge: Charge, amount: int) -> None:
        """Somebody gives money back in the provider's own pages."""
        charge.back += amount
        self.clock.note("bank", charge.charge_id, "gives back", amount)
        self._tell(self.told(charge)._replace(amount=amount), charge.charge_id)


_SOMEBODY_ELSES = (
    Answer(Outcome.DONE, None, "ch_else", "att_somebody_else", 4242, "EUR"),
    Answer(Outcome.FAILED, Failure.DECLINED, "ch_else", "att_somebody_else", 4242, "EUR"),
    Answer(Outcome.PENDING, None, "ch_else", "att_somebody_else", 4242, "EUR"),
)
