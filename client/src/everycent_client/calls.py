"""One function for each operation of the API: what is asked, as a Call. Written by scripts/client.py."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from msgspec import UNSET, UnsetType

from everycent_client.core import Call, Page, Pages, call
from everycent_client.models import Alarm, Entry, Key, MadeKey, RevokedKey


def acknowledge_alarm(alarm: str, /, *, idempotency_key: str | None = None) -> Call[Alarm]:
    """Says that somebody has seen an alarm. Twice is once."""
    return call(
        "POST",
        f"/v1/alarms/{quote(alarm, safe='')}/acknowledge",
        Alarm,
        idempotency_key=idempotency_key,
    )


def create_key(
    *,
    name: str,
    scopes: list[str],
    expires_at: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[MadeKey]:
    """Makes an API key. It may do no more than whoever makes it. Its text is not told
    again, neither to whoever repeats the request."""
    return call(
        "POST",
        "/v1/keys",
        MadeKey,
        body={"name": name, "scopes": scopes, "expires_at": expires_at},
        idempotency_key=idempotency_key,
    )


def get_alarm(alarm: str, /) -> Call[Alarm]:
    """One alarm, and what became of it."""
    return call("GET", f"/v1/alarms/{quote(alarm, safe='')}", Alarm)


def get_answer(answer: str, /) -> Call[Any]:
    """What the ERP said, word for word."""
    return call("GET", f"/v1/erp/answers/{quote(answer, safe='')}", Any)


def get_batches() -> Call[Any]:
    """Batches, the newest first: a page of `size`, of those `after` (below) a number."""
    return call("GET", "/v1/erp/batches", Any)


def get_chart() -> Call[Any]:
    """Usage by hour, day or month: `subject`, `meter`, `by`, `from`, `to`, and as wanted
    `dimension` and `zone`. A picture for whoever accepts image/svg+xml, numbers for
    everybody else."""
    return call("GET", "/v1/usage/chart", Any)


def get_document(document: str, /) -> Call[Any]:
    """One document with its trail: everything that happened on its way, the oldest
    first."""
    return call("GET", f"/v1/erp/documents/{quote(document, safe='')}", Any)


def get_documents() -> Call[Any]:
    """Documents in order of their batches: a page of `size`, of those `after` a place; in a
    `state`."""
    return call("GET", "/v1/erp/documents", Any)


def get_entitlements() -> Call[Any]:
    """One `feature` of a `customer`, with `amount` whether so much (more) would be allowed;
    or all features. As wanted by one `subscription` only, and `at` an instant or a date."""
    return call("GET", "/v1/entitlements", Any)


def get_gaps() -> Call[Any]:
    """The gaps that are open, as `usage watch` or `usage gaps` noticed them; with `all`
    closed ones too."""
    return call("GET", "/v1/usage/gaps", Any)


def get_reasons() -> Call[Any]:
    """Every record by the reason why it is billed or not."""
    return call("GET", "/v1/usage/reasons", Any)


def get_run(run: str, /) -> Call[Any]:
    """One run, and how far it is."""
    return call("GET", f"/v1/collections/{quote(run, safe='')}", Any)


def get_running() -> Call[Any]:
    """Current usage and running cost: `customer`, and as wanted `subscription` and `at`."""
    return call("GET", "/v1/usage/running", Any)


def get_runs() -> Call[Any]:
    """The newest runs, `size` of them, each with how far it is."""
    return call("GET", "/v1/collections", Any)


def get_thresholds() -> Call[Any]:
    """What is watched, and when it was crossed, the newest crossings first."""
    return call("GET", "/v1/usage/thresholds", Any)


def get_totals() -> Call[Any]:
    """What was used from `from` to `to` by meter: of all, or of the `subject` and `meter`
    that are named; or what both name by the values of `dimension`. Days begin on the clock
    of `zone`."""
    return call("GET", "/v1/usage/totals", Any)


def list_alarms(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    state: Literal["all", "open"] | UnsetType = UNSET,
    kind: str | UnsetType = UNSET,
    severity: Literal["critical", "warning"] | UnsetType = UNSET,
) -> Pages[Alarm]:
    """Alarms, the newest first."""
    return Pages(
        call(
            "GET",
            "/v1/alarms",
            Page[Alarm],
            query={
                "size": size,
                "after": after,
                "state": state,
                "kind": kind,
                "severity": severity,
            },
        )
    )


def list_audit(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    actor: str | UnsetType = UNSET,
    operation: str | UnsetType = UNSET,
    from_: str | UnsetType = UNSET,
    to: str | UnsetType = UNSET,
) -> Pages[Entry]:
    """The audit log, the newest first."""
    return Pages(
        call(
            "GET",
            "/v1/audit",
            Page[Entry],
            query={
                "size": size,
                "after": after,
                "actor": actor,
                "operation": operation,
                "from": from_,
                "to": to,
            },
        )
    )


def list_keys() -> Pages[Key]:
    """All API keys, the revoked ones too, the oldest first."""
    return Pages(call("GET", "/v1/keys", Page[Key]))


def post_abort(run: str, /) -> Call[Any]:
    """Ends a run: what waits is not charged."""
    return call("POST", f"/v1/collections/{quote(run, safe='')}/abort", Any)


def post_pause(run: str, /) -> Call[Any]:
    """Begins nothing new of a run; what is under way comes to its end."""
    return call("POST", f"/v1/collections/{quote(run, safe='')}/pause", Any)


def post_resume(run: str, /) -> Call[Any]:
    """Lets a run that was paused go on."""
    return call("POST", f"/v1/collections/{quote(run, safe='')}/resume", Any)


def post_usage(records: Any) -> Call[Any]:
    """Stores the offered records and answers when they are durable: in the database, or in
    the spool while it is away, if there is one."""
    return call("POST", "/v1/usage", Any, body=records)


def requeue_document(document: str, /) -> Call[Any]:
    """Hands a document over anew, which the ERP has refused or which was tried too often.
    Twice is once: what is on its way again is refused with `erp.not_stuck`."""
    return call("POST", f"/v1/erp/documents/{quote(document, safe='')}/requeue", Any)


def resolve_alarm(alarm: str, /, *, reason: str, idempotency_key: str | None = None) -> Call[Alarm]:
    """Says that it is right again, and why. Where it is not, the alarm is raised anew."""
    return call(
        "POST",
        f"/v1/alarms/{quote(alarm, safe='')}/resolve",
        Alarm,
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def revoke_key(key: str, /, *, idempotency_key: str | None = None) -> Call[RevokedKey]:
    """Revokes an API key: within a second it opens nothing any more. Twice is once."""
    return call(
        "POST",
        f"/v1/keys/{quote(key, safe='')}/revoke",
        RevokedKey,
        idempotency_key=idempotency_key,
    )
