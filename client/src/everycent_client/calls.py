"""One function for each operation of the API: what is asked, as a Call. Written by scripts/client.py."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from msgspec import UNSET, UnsetType

from everycent_client.core import Call, Page, Pages, call
from everycent_client.models import (
    Alarm,
    ArchivePart,
    CheckedGaps,
    ClosedGap,
    Correction,
    CorrectionEffect,
    Entry,
    FoundRecords,
    Key,
    MadeKey,
    RejectedUsage,
    RemovedThreshold,
    RevokedKey,
    RunningCost,
    SaidRecord,
    TakenIn,
    Threshold,
    ThresholdCrossing,
    TouchedRecord,
    UsageChart,
    UsageCounts,
    UsageGap,
    UsageMeter,
    UsageReasons,
    UsageTotals,
)


def accept_gap(
    *, subject: str, meter: str, starts_at: str, reason: str, idempotency_key: str | None = None
) -> Call[ClosedGap]:
    """Closes a gap for good: no records will come."""
    return call(
        "POST",
        "/v1/usage/gaps/accept",
        ClosedGap,
        body={"subject": subject, "meter": meter, "starts_at": starts_at, "reason": reason},
        idempotency_key=idempotency_key,
    )


def acknowledge_alarm(alarm: str, /, *, idempotency_key: str | None = None) -> Call[Alarm]:
    """Says that somebody has seen an alarm. Twice is once."""
    return call(
        "POST",
        f"/v1/alarms/{quote(alarm, safe='')}/acknowledge",
        Alarm,
        idempotency_key=idempotency_key,
    )


def backfill_records(
    *,
    records: list[SaidRecord],
    from_: str,
    to: str,
    subjects: list[str],
    meters: list[str],
    source: str | None,
    reason: str,
    preview: bool | UnsetType = UNSET,
    zone: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CorrectionEffect]:
    """Makes a span of time say what the records say. All of it or nothing."""
    return call(
        "POST",
        "/v1/usage/corrections/backfill",
        CorrectionEffect,
        query={"preview": preview},
        body={
            "records": records,
            "from": from_,
            "to": to,
            "zone": zone,
            "subjects": subjects,
            "meters": meters,
            "source": source,
            "reason": reason,
        },
        idempotency_key=idempotency_key,
    )


def check_gaps(*, idempotency_key: str | None = None) -> Call[CheckedGaps]:
    """Looks for meters that stopped sending, or have a hole. Twice is once."""
    return call("POST", "/v1/usage/gaps/check", CheckedGaps, idempotency_key=idempotency_key)


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


def get_chart(
    *,
    subject: str,
    meter: str,
    from_: str,
    to: str,
    by: Literal["day", "hour", "month"] | UnsetType = UNSET,
    dimension: str | UnsetType = UNSET,
    zone: str | UnsetType = UNSET,
) -> Call[UsageChart]:
    """Usage of a subject and a meter by hour, day or month. A picture for whoever accepts
    image/svg+xml, numbers for everybody else."""
    return call(
        "GET",
        "/v1/usage/chart",
        UsageChart,
        query={
            "subject": subject,
            "meter": meter,
            "from": from_,
            "to": to,
            "by": by,
            "dimension": dimension,
            "zone": zone,
        },
    )


def get_correction(correction: str, /) -> Call[Correction]:
    """One correction."""
    return call("GET", f"/v1/usage/corrections/{quote(correction, safe='')}", Correction)


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


def get_reasons() -> Call[UsageReasons]:
    """Every record by the reason why it is billed or not. It reads every record."""
    return call("GET", "/v1/usage/reasons", UsageReasons)


def get_run(run: str, /) -> Call[Any]:
    """One run, and how far it is."""
    return call("GET", f"/v1/collections/{quote(run, safe='')}", Any)


def get_running(
    *, customer: str, subscription: str | UnsetType = UNSET, at: str | UnsetType = UNSET
) -> Call[RunningCost]:
    """Current usage and running cost of a customer, of every period that is not billed yet.
    It is what the next invoice comes to, before discounts and without taxes that come on
    top."""
    return call(
        "GET",
        "/v1/usage/running",
        RunningCost,
        query={"customer": customer, "subscription": subscription, "at": at},
    )


def get_runs() -> Call[Any]:
    """The newest runs, `size` of them, each with how far it is."""
    return call("GET", "/v1/collections", Any)


def get_threshold(threshold: str, /) -> Call[Threshold]:
    """One threshold."""
    return call("GET", f"/v1/usage/thresholds/{quote(threshold, safe='')}", Threshold)


def get_totals(
    *,
    from_: str,
    to: str,
    zone: str | UnsetType = UNSET,
    meter: str | UnsetType = UNSET,
    subject: str | UnsetType = UNSET,
    dimension: str | UnsetType = UNSET,
) -> Call[UsageTotals]:
    """What was used in a period by meter: of all, or of the subject and meter that are
    named. With a dimension it is what both name by the values of it."""
    return call(
        "GET",
        "/v1/usage/totals",
        UsageTotals,
        query={
            "from": from_,
            "to": to,
            "zone": zone,
            "meter": meter,
            "subject": subject,
            "dimension": dimension,
        },
    )


def get_usage_counts() -> Call[UsageCounts]:
    """How many records are stored."""
    return call("GET", "/v1/usage/counts", UsageCounts)


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


def list_archives() -> Pages[ArchivePart]:
    """What was archived, and where its records are."""
    return Pages(call("GET", "/v1/usage/archives", Page[ArchivePart]))


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


def list_corrected_records(
    correction: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[TouchedRecord]:
    """The records that a correction took back, put back and added, in order of time. Those
    that it added and that are in the archive now are left out."""
    return Pages(
        call(
            "GET",
            f"/v1/usage/corrections/{quote(correction, safe='')}/records",
            Page[TouchedRecord],
            query={"size": size, "after": after},
        )
    )


def list_corrections(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[Correction]:
    """Corrections, the newest first."""
    return Pages(
        call("GET", "/v1/usage/corrections", Page[Correction], query={"size": size, "after": after})
    )


def list_crossings(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    threshold: str | UnsetType = UNSET,
) -> Pages[ThresholdCrossing]:
    """When thresholds were crossed, the newest first."""
    return Pages(
        call(
            "GET",
            "/v1/usage/crossings",
            Page[ThresholdCrossing],
            query={"size": size, "after": after, "threshold": threshold},
        )
    )


def list_gaps(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    state: Literal["all", "open"] | UnsetType = UNSET,
) -> Pages[UsageGap]:
    """Gaps as they were noticed last, the open ones first, then the newest."""
    return Pages(
        call(
            "GET",
            "/v1/usage/gaps",
            Page[UsageGap],
            query={"size": size, "after": after, "state": state},
        )
    )


def list_keys() -> Pages[Key]:
    """All API keys, the revoked ones too, the oldest first."""
    return Pages(call("GET", "/v1/keys", Page[Key]))


def list_records(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    source: str | UnsetType = UNSET,
    record_id: str | UnsetType = UNSET,
    subject: str | UnsetType = UNSET,
    meter: str | UnsetType = UNSET,
    reason: str | UnsetType = UNSET,
    from_: str | UnsetType = UNSET,
    to: str | UnsetType = UNSET,
    zone: str | UnsetType = UNSET,
) -> Call[FoundRecords]:
    """Stored records. One by its `source` and `record_id`, in the archive too, with what
    took its place; or those of a subject, a meter or a reason, in order of time."""
    return call(
        "GET",
        "/v1/usage/records",
        FoundRecords,
        query={
            "size": size,
            "after": after,
            "source": source,
            "record_id": record_id,
            "subject": subject,
            "meter": meter,
            "reason": reason,
            "from": from_,
            "to": to,
            "zone": zone,
        },
    )


def list_rejections() -> Pages[RejectedUsage]:
    """What was rejected at the doors, counted by code and door, the most frequent first.
    Records that were rejected are not kept."""
    return Pages(call("GET", "/v1/usage/rejections", Page[RejectedUsage]))


def list_thresholds(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[Threshold]:
    """What is watched, in order of the keys."""
    return Pages(
        call("GET", "/v1/usage/thresholds", Page[Threshold], query={"size": size, "after": after})
    )


def list_usage_meters() -> Pages[UsageMeter]:
    """The meters that take records, with the bounds that each record has to keep."""
    return Pages(call("GET", "/v1/usage/meters", Page[UsageMeter]))


def post_abort(run: str, /) -> Call[Any]:
    """Ends a run: what waits is not charged."""
    return call("POST", f"/v1/collections/{quote(run, safe='')}/abort", Any)


def post_pause(run: str, /) -> Call[Any]:
    """Begins nothing new of a run; what is under way comes to its end."""
    return call("POST", f"/v1/collections/{quote(run, safe='')}/pause", Any)


def post_resume(run: str, /) -> Call[Any]:
    """Lets a run that was paused go on."""
    return call("POST", f"/v1/collections/{quote(run, safe='')}/resume", Any)


def post_usage(records: Any, *, atomic: bool | UnsetType = UNSET) -> Call[TakenIn]:
    """Stores usage records and answers when they are durable: in the database, or in the
    spool while it is away, if there is one. A record that was sent before is a duplicate,
    and does no harm. Records are plain JSON, one or an array, or a line each; or
    CloudEvents 1.0 in structured, batched or binary mode (with headers `ce-…`, the body is
    the event's data)."""
    return call("POST", "/v1/usage", TakenIn, query={"atomic": atomic}, body=records)


def remove_threshold(
    threshold: str, /, *, idempotency_key: str | None = None
) -> Call[RemovedThreshold]:
    """Watches a threshold no longer. Its crossings stay."""
    return call(
        "POST",
        f"/v1/usage/thresholds/{quote(threshold, safe='')}/remove",
        RemovedThreshold,
        idempotency_key=idempotency_key,
    )


def replace_records(
    *,
    records: list[SaidRecord],
    reason: str,
    preview: bool | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CorrectionEffect]:
    """Puts each record in the place of the one with its source and id. All of them or
    none."""
    return call(
        "POST",
        "/v1/usage/corrections/replace",
        CorrectionEffect,
        query={"preview": preview},
        body={"records": records, "reason": reason},
        idempotency_key=idempotency_key,
    )


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


def set_threshold(
    threshold: str,
    /,
    *,
    value: str,
    customer: str | UnsetType | None = UNSET,
    subject: str | UnsetType | None = UNSET,
    meter: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Threshold]:
    """Sets a threshold, or sets it anew: it may then be crossed anew. The same again
    changes nothing."""
    return call(
        "PUT",
        f"/v1/usage/thresholds/{quote(threshold, safe='')}",
        Threshold,
        body={"value": value, "customer": customer, "subject": subject, "meter": meter},
        idempotency_key=idempotency_key,
    )


def undo_correction(
    correction: str,
    /,
    *,
    reason: str,
    preview: bool | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CorrectionEffect]:
    """Takes back what a correction added and puts back what it took. That is a correction
    too."""
    return call(
        "POST",
        f"/v1/usage/corrections/{quote(correction, safe='')}/undo",
        CorrectionEffect,
        query={"preview": preview},
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def void_records(
    *,
    source: str,
    ids: list[str],
    reason: str,
    preview: bool | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CorrectionEffect]:
    """Takes records out of the count. They stay stored, and can be put back. Of a record
    that was replaced, its id takes back whatever counts of it now."""
    return call(
        "POST",
        "/v1/usage/corrections/void",
        CorrectionEffect,
        query={"preview": preview},
        body={"source": source, "ids": ids, "reason": reason},
        idempotency_key=idempotency_key,
    )
