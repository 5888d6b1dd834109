"""Plans: a change is shown with its exact effect first, and done later only if it still has that effect.

`?plan=show` answers the effect and a token, and does nothing; `?plan=TOKEN` does it once, or refuses with
409 when it would have another effect by now. Nothing is stored for a plan: the token is a digest of the
effect.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from msgspec import Meta
from starlette.requests import Request

from everycent.api.operation import Answer, Operation
from everycent.api.shapes import Amount, Currency, Shown
from everycent.db.connection import Database, Tx
from everycent.flows import effect
from everycent.flows.rehearse import rehearse
from everycent.kernel.errors import Invalid

SHOW = "show"
_NONCE_BYTES = 8
PARAMETER = "plan"


class PlannedDocument(Shown):
    """A document that would be issued."""

    kind: str
    customer: str
    starts_at: Annotated[str, Meta(description="What its lines cover; empty without lines.")]
    ends_at: str
    currency: Currency
    gross: Amount
    prepaid: Annotated[Amount, Meta(description="What credit pays of it at once.")]


class PlannedPosting(Shown):
    """What would be posted to an account; debits are positive."""

    account: str
    customer: Annotated[str, Meta(description="Whose it is; empty where it is nobody's.")]
    currency: Currency
    amount: Amount


class Plan(Shown):
    """The exact effect that a change would have now."""

    plan: Annotated[
        str, Meta(description="Send it as the parameter `plan` to do exactly this, once.")
    ]
    answer: Annotated[Any, Meta(description="What would be answered; new ids will be others.")]
    events: Annotated[dict[str, int], Meta(description="How many events of which type.")]
    documents: list[PlannedDocument]
    postings: list[PlannedPosting]


class Taken(NamedTuple):
    """What was told of a plan, and the parameter that is not the operation's own."""

    plan: str | None
    without: frozenset[str]


def taken_out(request: Request, operation: Operation) -> Taken:
    """What the request says of a plan, where the operation can be planned. Raises Invalid
    `request.bad_parameter` for what is no plan, which would be taken for a key otherwise."""
    if not operation.is_planned:
        return Taken(None, frozenset())
    told = request.query_params.getlist(PARAMETER)
    if not told:
        return Taken(None, frozenset({PARAMETER}))
    if len(told) > 1 or not (told[0] == SHOW or effect.is_token(told[0])):
        raise Invalid(
            "request.bad_parameter",
            f"{PARAMETER} is `{SHOW}`, or the token that it answered",
            field=PARAMETER,
            value=told[0],
        )
    return Taken(told[0], frozenset({PARAMETER}))


def shown(
    database: Database,
    tenant_id: int,
    work: Callable[[Tx], Answer],
    digest: bytes,
    told: Callable[[Answer], str],
    seconds: int,
) -> Answer:
    """The effect that the work would have, and the token for it. Nothing is done. `told` is what of the
    answer is part of the effect; a statement that takes longer than `seconds` is stopped."""

    def tried(tx: Tx) -> tuple[Answer, effect.Effect]:
        tx.give_up_after(seconds)
        answer = work(tx)
        return answer, effect.so_far(tx, told(answer))

    answer, found = rehearse(database, tenant_id, tried)
    data = {
        "plan": effect.token(found, digest, secrets.token_hex(_NONCE_BYTES)),
        "answer": answer.data if answer.repeated is None else answer.repeated,
        "events": found.events,
        "documents": [one._asdict() for one in found.documents],
        "postings": [one._asdict() for one in found.postings],
    }
    return Answer(data, 200)


def check(tx: Tx, token: str, digest: bytes, told: str) -> None:
    """Raises Conflict `plan.moved` unless the transaction has the effect of the token, with what of the
    answer is part of it."""
    effect.check(token, effect.so_far(tx, told), digest)
