"""Planted: faults of ours, one at a time, that the simulation has to catch. Each replaces functions of the
product, constraints of the tables, or a step of the worker, for as long as it is planted; the product has
no switch for any of them. Those marked `found` were in the product until the simulation found them.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from unittest import mock

import msgspec

from everycent.charging import course, judge
from everycent.charging.attempt import Source, Status
from everycent.payments.failure import Failure
from everycent.payments.provider import Kind, Outcome
from tests.simulation import memory, product
from tests.simulation.people import Listener
from tests.simulation.worker import Worker

_OPS = product.operations


class Bug(NamedTuple):
    """A fault: what is wrong in it, and `changes` as (where, name, what stands there instead)."""

    says: str
    changes: tuple[tuple[Any, str, Any], ...]
    found: bool = False

    @contextmanager
    def plant(self) -> Iterator[None]:
        """While it lasts the fault is there."""
        with ExitStack() as stack:
            for where, name, instead in self.changes:
                stack.enter_context(mock.patch.object(where, name, instead))
            yield


def edited(where: Any, name: str, *edits: tuple[str, str]) -> tuple[Any, str, Any]:
    """A function with words of its text replaced; every one has to be there, once."""
    function = inspect.unwrap(getattr(where, name))
    text = textwrap.dedent(inspect.getsource(function))
    for before, after in edits:
        assert text.count(before) == 1, (name, before, text.count(before))
        text = text.replace(before, after)
    names = dict(function.__globals__)
    exec(compile(text, f"planted in {name}", "exec"), names)  # our own text, changed by ourselves
    return where, name, _bound(names[name], function.__globals__)


def _bound(made: Any, names: dict[str, Any]) -> Any:
    """The function with the module's own names, so that other changes are seen by it."""
    again = type(made)(made.__code__, names, made.__name__, made.__defaults__)
    again.__kwdefaults__ = made.__kwdefaults__
    return again


def _nothing(*_: Any) -> None:
    """A constraint that is not there."""


def _after(real: Callable[..., Any], change: Callable[..., Any]) -> Callable[..., Any]:
    def changed(*args: Any, **named: Any) -> Any:
        return change(real(*args, **named), *args)

    return changed


def _failed_at_once(
    stage: Any, said: Any, by: Any, at: Any, failure: Any, terms: Any, **_: Any
) -> Any:
    return course._failed(stage, by, at, Failure.NOT_FOUND, terms, said)


def _absent_is_failed(stage: Any, said: Any, by: Any, at: Any, terms: Any) -> Any:
    return course._failed(stage, by, at, Failure.NOT_FOUND, terms, said)


def _lost_is_unsent(stage: Any, by: Any, at: Any, terms: Any, *, is_proven: bool) -> Any:
    return course._failed(stage, by, at, Failure.DEFECT, terms, None)


def _only(real: Callable[..., Any]) -> Callable[..., Any]:
    def judged(attempt: Any, said: Any, *, takes_parts: bool, is_only_request: bool) -> Any:
        return real(attempt, said, takes_parts=takes_parts, is_only_request=True)

    return judged


def _regress(stage: Any, said: Any, *rest: Any, **named: Any) -> Any:
    state = stage.state
    if state.status is Status.SUCCEEDED and said.outcome is Outcome.FAILED and said.failure:
        by, at, terms = rest
        return course._failed(stage, by, at, said.failure, terms, said)
    return _HEARD(stage, said, *rest, **named)


_HEARD = course.heard
_WAYS = (memory.Tables, "refuse_way", _nothing)
_NO_ALIVE = (memory.Tables, "refuse_alive", _nothing)
_NO_STEP = (memory.Tables, "refuse_step", _nothing)
_NO_FENCE = (memory.Tables, "refuse_fence", _nothing)
_BLIND_TO_OTHERS = edited(_OPS, "candidate_of", ("row.is_under_way,", "False,"))


def _sent_before_written(self: Worker) -> Any:
    """The claim is sent while its stage is not yet stored."""
    for stage in self.ready:
        self.world.network.send(self, stage.attempt.ask, self.clock.now)
    self.ready.clear()
    return (yield from _SEND(self))


_SEND = Worker._send


def _row_after_call(real: Any) -> Any:
    def claim(self: Worker, run_id: Any) -> Any:
        found = [one for one, (s, _) in self.world.tables.items[run_id].items() if s == "waiting"]
        for invoice_id in found[:1]:
            invoice = self.world.tables.invoices[invoice_id]
            left = self.world.tables.opens[invoice_id].left
            if left > 0:
                ask = judge_ask(invoice, left, self.world.ids(""))
                yield self.world.network.send(self, ask, self.clock.now)
        return (yield from real(self, run_id))

    return claim


def judge_ask(invoice: Any, left: int, attempt_id: Any) -> Any:
    """A request as an attempt makes it, of which nothing is written down."""
    from everycent.payments.provider import Ask

    return Ask(Kind.CHARGE, f"att_{attempt_id.hex}", left, "EUR", "tok", "payer", invoice.name)


def _twice(self: Worker, stage: Any, until: int) -> Any:
    """The batch has every request twice."""
    self.world.network.send(self, stage.attempt.ask, self.clock.now)
    return (yield from _CALL(self, stage, until))


_CALL = Worker._call


def _kept(begun: Any, tx: Any, stages: Any, *_: Any) -> Any:
    """What was claimed is sent, whatever became of the claim."""
    out, later = begun
    known = {one.attempt.attempt_id for one in (*out, *later)}
    return [*out, *(one for one in stages if one.attempt.attempt_id not in known)], later


def _without_quarantine(real: Any) -> Any:
    def lost(stage: Any, by: Any, at: Any, terms: Any, *, is_proven: bool) -> Any:
        return real(stage, by, at, terms, is_proven=True)

    return lost


def _again_whatever(stage: Any, at: Any, terms: Any) -> bool:
    return stage.state.status is Status.UNKNOWN and stage.state.sent_at is not None


def _again_in_the_window(stage: Any, at: Any, terms: Any) -> bool:
    """As it was: the window alone."""
    held, state = terms.traits.idempotent_for, stage.state
    if held is None or state.sent_at is None or state.status is not Status.UNKNOWN:
        return False
    return bool(at < state.sent_at + held - timedelta(minutes=10))


def _forgetful_sending(real: Any) -> Any:
    def sending(*args: Any) -> Any:
        stage = real(*args)
        return msgspec.structs.replace(
            stage, state=msgspec.structs.replace(stage.state, gave_up_at=None)
        )

    return sending


def _source_ignored(real: Any) -> Any:
    def judged(attempt: Any, said: Any, *, takes_parts: bool, is_only_request: bool) -> Any:
        if said.source is Source.LOOK_UP:
            said = msgspec.structs.replace(said, source=Source.RESPONSE)
        return real(attempt, said, takes_parts=takes_parts, is_only_request=True)

    return judged


BUGS: dict[str, Bug] = {
    "blind retry": Bug(
        "an unknown outcome counts as a failure, and another attempt follows",
        ((course, "_unknown", _failed_at_once),),
    ),
    "not found, sent again": Bug(
        "a look-up that finds nothing counts at once",
        ((course, "_absent", _absent_is_failed),),
    ),
    "absent before the latest commit": Bug(
        "a look-up that finds nothing counts when the sender has stopped, before the latest commit",
        (edited(course, "absent_counts_from", (" + terms.traits.latest_commit", "")),),
    ),
    "quarantine ignored": Bug(
        "a silent process is held to be dead", ((course, "lost", _without_quarantine(course.lost)),)
    ),
    "a dead worker sent nothing": Bug(
        "what a dead process was sending counts as not sent", ((course, "lost", _lost_is_unsent),)
    ),
    "forgetful provider asked again": Bug(
        "the same request is sent again to a provider that does not remember references",
        ((course, "may_send_again", _again_whatever),),
    ),
    "row after the call": Bug(
        "the attempt is written down when the answer is there",
        ((Worker, "_claim", _row_after_call(Worker._claim)),),
    ),
    "sent before it is stored": Bug(
        "the request leaves before the stage `sending` is committed",
        ((Worker, "_send", _sent_before_written),),
    ),
    "no index on alive attempts": Bug(
        "claims don't look whether something is under way, and the unique indexes are missing",
        (_BLIND_TO_OTHERS, _NO_ALIVE, _NO_STEP),
    ),
    "others under way not looked at": Bug(
        "claims don't look whether something is under way; the index stops them", (_BLIND_TO_OTHERS,)
    ),
    "open amount not looked at": Bug(
        "a claim is sent although its invoice was paid or changed since",
        (
            edited(
                _OPS, "_is_still_wanted",
                ("return (found.step, found.left) == (attempt.step, attempt.left)", "return bool(found)"),
            ),
        ),
    ),
    "paid invoices claimed": Bug(
        "claims don't look whether anything is open",
        (edited(_OPS, "reason_against", ("one.left <= 0", "one.left < 0"), ("one.due <= 0", "one.due < 0")),
         _NO_STEP,
         (memory.Tables, "refuse_amount", _nothing)),
    ),
    "stopped invoices claimed": Bug(
        "claims don't look whether somebody has to do something first",
        (edited(_OPS, "reason_against", ("one.is_stopped", "not one.invoice")),
         edited(memory, "plan_run", ("or decided.is_stopped", ""))),
    ),
    "waiting time ignored": Bug(
        "an invoice is tried again before its time",
        (edited(_OPS, "reason_against", ("one.retry_at > at", "one.left < 0")),
         edited(memory, "plan_run", ("(decided.retry_at or FAR_PAST) > run.as_of", "not run"))),
    ),
    "retry after a hard decline": Bug(
        "methods that never pay are charged again", ((_OPS, "_give_up_methods", _nothing),)
    ),
    "tries not counted": Bug(
        "every attempt is the first", (edited(_OPS, "attempt_for", ("one.tries + 1", "1")),)
    ),
    "fence not checked": Bug(
        "a process goes on with claims that were taken from it, and nothing refuses it",
        (
            edited(
                _OPS, "begin_sending",
                ("if stage.state.by.worker_id != writer.by.worker_id:", "if stage is None:"),
                ("if stage.state.status is not Status.CLAIMED:", "if stage is None:"),
            ),
            _NO_FENCE, _WAYS, _NO_ALIVE, _NO_STEP,
        ),
    ),
    "cancelled claim still sent": Bug(
        "what begin_sending left out is sent all the same",
        ((_OPS, "begin_sending", _after(_OPS.begin_sending, _kept)),),
    ),
    "late send without patience": Bug(
        "a process that was held up after its stage was stored sends, however late",
        ((Worker, "is_too_late", lambda *_: False), (course, "lost", _without_quarantine(course.lost))),
    ),
    "duplicate in a batch sent twice": Bug(
        "each request of a batch leaves twice", ((Worker, "_call", _twice),)
    ),
    "a turned-away copy believed": Bug(
        "a request that was turned away is believed although another one was sent before",
        ((course, "judged", _only(judge.judged)),),
    ),
    "a refused look-up believed": Bug(
        "a look-up that was turned away counts as the payment's failure",
        ((course, "judged", _source_ignored(judge.judged)),),
    ),
    "decline after success": Bug(
        "a late word about a failure undoes a success",
        ((course, "heard", _regress), _WAYS),
    ),
    "somebody else's answer believed": Bug(
        "the reference of an answer is not compared",
        (edited(course, "judged", ("said.reference != attempt.reference", "not said.reference")),),
    ),
    "amount not compared": Bug(
        "whatever amount was taken counts as what was asked for",
        (edited(course, "judged", ("said.amount == attempt.amount or", "said.amount > 0 or")),),
    ),
    "currency not compared": Bug(
        "another currency counts as the one asked for",
        (edited(course, "judged", ("said.currency != attempt.currency", "not said.currency")),),
    ),
    "webhook not deduplicated": Bug(
        "an event that comes twice is taken twice", ((Listener, "is_known", lambda *_: False),)
    ),
    "booked without looking": Bug(
        "an answer is booked by everybody who hears it, and the payment's name need not be unique",
        ((memory.Tables, "refuse_payment", _nothing), _WAYS,
         edited(_OPS, "book", ("is Status.ANSWERED", "in (Status.ANSWERED, Status.SUCCEEDED)"))),
    ),
    "an older process can't recover": Bug(
        "the fence is the process's own number, so that an older one is refused after a newer one wrote",
        (edited(course, "_at",
                ("before.fence + (before.worker_id != by.worker_id)", "by.worker_id.int % 7 + 1")),),
        found=True,
    ),
    "a delayed copy outlives the key": Bug(
        "a request is sent again within the provider's window, though an earlier copy may come after it",
        ((course, "may_send_again", _again_in_the_window),), found=True,
    ),
    "an early look written late": Bug(
        "a look-up that found nothing counts by when it is written down, not by when it was made",
        (edited(course, "_absent",
                ("said.asked_at is not None and said.asked_at >= since", "at >= since")),), found=True,
    ),
    "an earlier sender forgotten": Bug(
        "the quarantine of one sender ends because another one sends the request again",
        ((course, "sending", _forgetful_sending(course.sending)),),
        found=True,
    ),
}  # fmt: skip
