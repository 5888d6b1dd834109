"""One function for each operation of the API: what is asked, as a Call. Written by scripts/client.py."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from msgspec import UNSET, UnsetType

from everycent_client.core import Call, Page, Pages, call
from everycent_client.models import (
    Alarm,
    AppliedCoupon,
    Brought,
    CatalogChanges,
    CatalogEntry,
    Customer,
    EndingTerm,
    Entitlement,
    Entitlements,
    Entry,
    EventShape,
    Key,
    MadeKey,
    MeasurementChanges,
    MeasurementInFull,
    MeasurementState,
    MeterEntry,
    NewCustomer,
    Payers,
    PayerSet,
    Plan,
    PlanEntry,
    PlanMoved,
    Previewed,
    RatedPrice,
    RatedPriceShape,
    RevokedKey,
    Subscription,
    SubscriptionChanges,
    Switched,
    TaxStatus,
    TermShape,
    TermsShape,
    TryAddOn,
    TryCancel,
    TryDrop,
    TryPause,
    TryQuantities,
    TryResume,
    TrySwitch,
    UsedCoupon,
)


def acknowledge_alarm(alarm: str, /, *, idempotency_key: str | None = None) -> Call[Alarm]:
    """Says that somebody has seen an alarm. Twice is once."""
    return call(
        "POST",
        f"/v1/alarms/{quote(alarm, safe='')}/acknowledge",
        Alarm,
        idempotency_key=idempotency_key,
    )


def apply_catalog(
    *,
    yaml: str | UnsetType | None = UNSET,
    catalog: dict[str, Any] | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CatalogChanges]:
    """Records what a catalogue changes as new versions. What was sold before stays as it
    was; applying the same again does nothing."""
    return call(
        "POST",
        "/v1/catalog/apply",
        CatalogChanges,
        query={"plan": plan},
        body={"yaml": yaml, "catalog": catalog, "at": at},
        idempotency_key=idempotency_key,
    )


def plan_apply_catalog(
    *,
    yaml: str | UnsetType | None = UNSET,
    catalog: dict[str, Any] | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `apply_catalog` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/catalog/apply",
        Plan,
        query={"plan": "show"},
        body={"yaml": yaml, "catalog": catalog, "at": at},
    )


def apply_coupon(
    *,
    coupon: str,
    customer: str | UnsetType | None = UNSET,
    subscription: str | UnsetType | None = UNSET,
    from_: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[AppliedCoupon]:
    """Gives a customer the newest version of a coupon of the catalogue. It is kept as it is
    defined now."""
    return call(
        "POST",
        "/v1/coupons",
        AppliedCoupon,
        query={"plan": plan},
        body={"coupon": coupon, "customer": customer, "subscription": subscription, "from": from_},
        idempotency_key=idempotency_key,
    )


def plan_apply_coupon(
    *,
    coupon: str,
    customer: str | UnsetType | None = UNSET,
    subscription: str | UnsetType | None = UNSET,
    from_: str | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `apply_coupon` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/coupons",
        Plan,
        query={"plan": "show"},
        body={"coupon": coupon, "customer": customer, "subscription": subscription, "from": from_},
    )


def apply_measurements(
    *,
    yaml: str | UnsetType | None = UNSET,
    measurements: dict[str, Any] | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[MeasurementChanges]:
    """Records what a file defines or changes. A new version holds for the intervals that
    are not covered yet; applying the same again does nothing. Sources that are asked over
    the network (`http`, `sql`) have the secrets and the reach of the server: only its
    operator defines them, on the command line."""
    return call(
        "POST",
        "/v1/measurements/apply",
        MeasurementChanges,
        body={"yaml": yaml, "measurements": measurements},
        idempotency_key=idempotency_key,
    )


def cancel_subscription(
    subscription: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
    break_term: bool | UnsetType = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Ends a contract: `on` is the first day that is not billed any more. When left out, it
    is the end of the running period, or of the first term that its notice allows. What is
    paid beyond is given back by the next billing run."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/cancel",
        Subscription,
        query={"plan": plan},
        body={
            "reason": reason,
            "at": at,
            "on": on,
            "keep_paid": keep_paid,
            "break_term": break_term,
        },
        idempotency_key=idempotency_key,
    )


def plan_cancel_subscription(
    subscription: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
    break_term: bool | UnsetType = UNSET,
) -> Call[Plan]:
    """The exact effect that `cancel_subscription` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/cancel",
        Plan,
        query={"plan": "show"},
        body={
            "reason": reason,
            "at": at,
            "on": on,
            "keep_paid": keep_paid,
            "break_term": break_term,
        },
    )


def change_quantities(
    subscription: str,
    /,
    *,
    quantities: dict[str, str],
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
    break_term: bool | UnsetType = UNSET,
    add_on: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Agrees on other quantities of prices, such as seats, of the contract's plan or of an
    add-on."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/quantities",
        Subscription,
        query={"plan": plan},
        body={
            "reason": reason,
            "at": at,
            "on": on,
            "keep_paid": keep_paid,
            "break_term": break_term,
            "quantities": quantities,
            "add_on": add_on,
        },
        idempotency_key=idempotency_key,
    )


def plan_change_quantities(
    subscription: str,
    /,
    *,
    quantities: dict[str, str],
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
    break_term: bool | UnsetType = UNSET,
    add_on: str | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `change_quantities` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/quantities",
        Plan,
        query={"plan": "show"},
        body={
            "reason": reason,
            "at": at,
            "on": on,
            "keep_paid": keep_paid,
            "break_term": break_term,
            "quantities": quantities,
            "add_on": add_on,
        },
    )


def check_entitlement(
    feature: str,
    /,
    *,
    customer: str,
    subscription: str | UnsetType = UNSET,
    at: str | UnsetType = UNSET,
    amount: str | UnsetType = UNSET,
) -> Call[Entitlement]:
    """Says whether a customer may use a feature now, how much is left of it, and why. Every
    record of usage counts that was acknowledged before."""
    return call(
        "GET",
        f"/v1/entitlements/{quote(feature, safe='')}",
        Entitlement,
        query={"customer": customer, "subscription": subscription, "at": at, "amount": amount},
    )


def create_add_on(
    subscription: str,
    /,
    *,
    plan: str,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    name: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    quantities: dict[str, str] | UnsetType = UNSET,
    prices: dict[str, TermsShape] | UnsetType = UNSET,
    term: str | TermShape | UnsetType | None = UNSET,
    plan_version: int | UnsetType | None = UNSET,
    plan_: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Adds the newest version of a plan to a contract, beside its own plan."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/add-ons",
        Subscription,
        query={"plan": plan_},
        body={
            "reason": reason,
            "at": at,
            "plan": plan,
            "name": name,
            "on": on,
            "quantities": quantities,
            "prices": prices,
            "term": term,
            "plan_version": plan_version,
        },
        idempotency_key=idempotency_key,
    )


def plan_create_add_on(
    subscription: str,
    /,
    *,
    plan: str,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    name: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    quantities: dict[str, str] | UnsetType = UNSET,
    prices: dict[str, TermsShape] | UnsetType = UNSET,
    term: str | TermShape | UnsetType | None = UNSET,
    plan_version: int | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `create_add_on` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/add-ons",
        Plan,
        query={"plan": "show"},
        body={
            "reason": reason,
            "at": at,
            "plan": plan,
            "name": name,
            "on": on,
            "quantities": quantities,
            "prices": prices,
            "term": term,
            "plan_version": plan_version,
        },
    )


def create_customer(
    *,
    key: str,
    name: str,
    currency: str,
    time_zone: str,
    email: str | UnsetType | None = UNSET,
    address: str | UnsetType | None = UNSET,
    tax_id: str | UnsetType | None = UNSET,
    tax_status: TaxStatus | UnsetType = UNSET,
    tax_reason: str | UnsetType | None = UNSET,
    group: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Customer]:
    """Makes a customer. One with this key must not be there yet."""
    return call(
        "POST",
        "/v1/customers",
        Customer,
        body={
            "key": key,
            "name": name,
            "currency": currency,
            "time_zone": time_zone,
            "email": email,
            "address": address,
            "tax_id": tax_id,
            "tax_status": tax_status,
            "tax_reason": tax_reason,
            "group": group,
            "at": at,
        },
        idempotency_key=idempotency_key,
    )


def create_customers(
    *, customers: list[NewCustomer], idempotency_key: str | None = None
) -> Call[Brought]:
    """Makes many customers at once, all or none. Those that are there with the same data
    are left alone, so that a list can be sent again; one with other data refuses the whole
    list."""
    return call(
        "POST",
        "/v1/customers/batch",
        Brought,
        body={"customers": customers},
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


def create_subscription(
    *,
    customer: str,
    plan: str,
    starts_on: str,
    ends_on: str | UnsetType | None = UNSET,
    key: str | UnsetType | None = UNSET,
    subject: str | UnsetType | None = UNSET,
    anchor_day: int | UnsetType | None = UNSET,
    quantities: dict[str, str] | UnsetType = UNSET,
    prices: dict[str, TermsShape] | UnsetType = UNSET,
    term: str | TermShape | UnsetType | None = UNSET,
    plan_version: int | UnsetType | None = UNSET,
    plan_: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Starts a contract of a customer for a plan. What is due of the time since its start
    is billed by the next run."""
    return call(
        "POST",
        "/v1/subscriptions",
        Subscription,
        query={"plan": plan_},
        body={
            "customer": customer,
            "plan": plan,
            "starts_on": starts_on,
            "ends_on": ends_on,
            "key": key,
            "subject": subject,
            "anchor_day": anchor_day,
            "quantities": quantities,
            "prices": prices,
            "term": term,
            "plan_version": plan_version,
        },
        idempotency_key=idempotency_key,
    )


def plan_create_subscription(
    *,
    customer: str,
    plan: str,
    starts_on: str,
    ends_on: str | UnsetType | None = UNSET,
    key: str | UnsetType | None = UNSET,
    subject: str | UnsetType | None = UNSET,
    anchor_day: int | UnsetType | None = UNSET,
    quantities: dict[str, str] | UnsetType = UNSET,
    prices: dict[str, TermsShape] | UnsetType = UNSET,
    term: str | TermShape | UnsetType | None = UNSET,
    plan_version: int | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `create_subscription` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/subscriptions",
        Plan,
        query={"plan": "show"},
        body={
            "customer": customer,
            "plan": plan,
            "starts_on": starts_on,
            "ends_on": ends_on,
            "key": key,
            "subject": subject,
            "anchor_day": anchor_day,
            "quantities": quantities,
            "prices": prices,
            "term": term,
            "plan_version": plan_version,
        },
    )


def drop_add_on(
    subscription: str,
    add_on: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
    break_term: bool | UnsetType = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Ends an add-on of a contract; when no day is told, with its period or its term."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/add-ons/{quote(add_on, safe='')}/drop",
        Subscription,
        query={"plan": plan},
        body={
            "reason": reason,
            "at": at,
            "on": on,
            "keep_paid": keep_paid,
            "break_term": break_term,
        },
        idempotency_key=idempotency_key,
    )


def plan_drop_add_on(
    subscription: str,
    add_on: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
    break_term: bool | UnsetType = UNSET,
) -> Call[Plan]:
    """The exact effect that `drop_add_on` would have now, and the token to do just that."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/add-ons/{quote(add_on, safe='')}/drop",
        Plan,
        query={"plan": "show"},
        body={
            "reason": reason,
            "at": at,
            "on": on,
            "keep_paid": keep_paid,
            "break_term": break_term,
        },
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


def get_catalog_entry(kind: str, key: str, /) -> Call[CatalogEntry]:
    """One thing of the catalogue in its newest version."""
    return call("GET", f"/v1/catalog/{quote(kind, safe='')}/{quote(key, safe='')}", CatalogEntry)


def get_catalog_version(kind: str, key: str, version: str, /) -> Call[CatalogEntry]:
    """One version of a thing of the catalogue."""
    return call(
        "GET",
        f"/v1/catalog/{quote(kind, safe='')}/{quote(key, safe='')}/versions/{quote(version, safe='')}",
        CatalogEntry,
    )


def get_chart() -> Call[Any]:
    """Usage by hour, day or month: `subject`, `meter`, `by`, `from`, `to`, and as wanted
    `dimension` and `zone`. A picture for whoever accepts image/svg+xml, numbers for
    everybody else."""
    return call("GET", "/v1/usage/chart", Any)


def get_coupon(coupon: str, /) -> Call[UsedCoupon]:
    """One coupon that a customer has, and what it took off so far."""
    return call("GET", f"/v1/coupons/{quote(coupon, safe='')}", UsedCoupon)


def get_customer(customer: str, /) -> Call[Customer]:
    """One customer, by its key or its id."""
    return call("GET", f"/v1/customers/{quote(customer, safe='')}", Customer)


def get_document(document: str, /) -> Call[Any]:
    """One document with its trail: everything that happened on its way, the oldest
    first."""
    return call("GET", f"/v1/erp/documents/{quote(document, safe='')}", Any)


def get_documents() -> Call[Any]:
    """Documents in order of their batches: a page of `size`, of those `after` a place; in a
    `state`."""
    return call("GET", "/v1/erp/documents", Any)


def get_gaps() -> Call[Any]:
    """The gaps that are open, as `usage watch` or `usage gaps` noticed them; with `all`
    closed ones too."""
    return call("GET", "/v1/usage/gaps", Any)


def get_measurement(
    measurement: str, /, *, intervals: int | UnsetType = UNSET
) -> Call[MeasurementInFull]:
    """A measurement: its definition, its state and the intervals that it covered last."""
    return call(
        "GET",
        f"/v1/measurements/{quote(measurement, safe='')}",
        MeasurementInFull,
        query={"intervals": intervals},
    )


def get_meter(meter: str, /) -> Call[MeterEntry]:
    """A meter: how records add up, which of them are taken, and which prices use it."""
    return call("GET", f"/v1/meters/{quote(meter, safe='')}", MeterEntry)


def get_plan(
    plan: str, /, *, version: int | UnsetType = UNSET, plan_: str | UnsetType = UNSET
) -> Call[PlanEntry]:
    """A plan with its prices, in its newest version or another one."""
    return call(
        "GET",
        f"/v1/plans/{quote(plan, safe='')}",
        PlanEntry,
        query={"version": version, "plan": plan_},
    )


def plan_get_plan(plan: str, /, *, version: int | UnsetType = UNSET) -> Call[Plan]:
    """The exact effect that `get_plan` would have now, and the token to do just that."""
    return call(
        "GET", f"/v1/plans/{quote(plan, safe='')}", Plan, query={"version": version, "plan": "show"}
    )


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


def get_subscription(subscription: str, /) -> Call[Subscription]:
    """A contract with its phases, items, terms and changes, past and planned. A slash in
    its key is sent as %2F."""
    return call("GET", f"/v1/subscriptions/{quote(subscription, safe='')}", Subscription)


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


def list_catalog(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    kind: Literal[
        "bands",
        "calendar",
        "coupon",
        "feature",
        "intake",
        "meter",
        "plan",
        "policies",
        "product",
        "segments",
        "tax",
    ]
    | UnsetType = UNSET,
) -> Pages[CatalogEntry]:
    """What the catalogue holds now, in the newest versions; by kind and key."""
    return Pages(
        call(
            "GET",
            "/v1/catalog",
            Page[CatalogEntry],
            query={"size": size, "after": after, "kind": kind},
        )
    )


def list_catalog_versions(
    kind: str, key: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[CatalogEntry]:
    """The versions of a thing of the catalogue, the newest first."""
    return Pages(
        call(
            "GET",
            f"/v1/catalog/{quote(kind, safe='')}/{quote(key, safe='')}/versions",
            Page[CatalogEntry],
            query={"size": size, "after": after},
        )
    )


def list_coupons(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    customer: str | UnsetType = UNSET,
) -> Pages[UsedCoupon]:
    """Coupons that customers have, by customer, and what they took off so far."""
    return Pages(
        call(
            "GET",
            "/v1/coupons",
            Page[UsedCoupon],
            query={"size": size, "after": after, "customer": customer},
        )
    )


def list_customers(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[Customer]:
    """Customers in order of their keys."""
    return Pages(call("GET", "/v1/customers", Page[Customer], query={"size": size, "after": after}))


def list_ending_terms(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    within: str | UnsetType = UNSET,
    at: str | UnsetType = UNSET,
) -> Pages[EndingTerm]:
    """Terms that end soon, or of which the reminder or the last day of notice comes up, the
    soonest first. It is worked out at each question, so a page is a part of what holds
    then."""
    return Pages(
        call(
            "GET",
            "/v1/ending-terms",
            Page[EndingTerm],
            query={"size": size, "after": after, "within": within, "at": at},
        )
    )


def list_entitlements(
    *, customer: str, subscription: str | UnsetType = UNSET, at: str | UnsetType = UNSET
) -> Call[Entitlements]:
    """Says of every feature what a customer may use of it, and why."""
    return call(
        "GET",
        "/v1/entitlements",
        Entitlements,
        query={"customer": customer, "subscription": subscription, "at": at},
    )


def list_keys() -> Pages[Key]:
    """All API keys, the revoked ones too, the oldest first."""
    return Pages(call("GET", "/v1/keys", Page[Key]))


def list_measurements(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[MeasurementState]:
    """Measurements by key: how far time is covered, when the next interval is due, what is
    wrong."""
    return Pages(
        call(
            "GET", "/v1/measurements", Page[MeasurementState], query={"size": size, "after": after}
        )
    )


def list_meters(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[MeterEntry]:
    """Meters in their newest versions, with what they say in words."""
    return Pages(call("GET", "/v1/meters", Page[MeterEntry], query={"size": size, "after": after}))


def list_payers(customer: str, /) -> Call[Payers]:
    """Who pays for a customer, and from when to when."""
    return call("GET", f"/v1/customers/{quote(customer, safe='')}/payers", Payers)


def list_plans(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[PlanEntry]:
    """Plans in their newest versions with their prices."""
    return Pages(call("GET", "/v1/plans", Page[PlanEntry], query={"size": size, "after": after}))


def list_subscription_changes(subscription: str, /) -> Call[SubscriptionChanges]:
    """What was agreed of a contract and holds: what took effect, and what is planned."""
    return call(
        "GET", f"/v1/subscriptions/{quote(subscription, safe='')}/changes", SubscriptionChanges
    )


def list_subscriptions(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    customer: str | UnsetType = UNSET,
) -> Pages[Subscription]:
    """Contracts in order of their keys, of everybody or of one customer."""
    return Pages(
        call(
            "GET",
            "/v1/subscriptions",
            Page[Subscription],
            query={"size": size, "after": after, "customer": customer},
        )
    )


def move_contracts(
    plan: str,
    /,
    *,
    from_version: int | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    subscriptions: list[str] | UnsetType | None = UNSET,
    dry_run: bool | UnsetType = UNSET,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    plan_: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[PlanMoved]:
    """Lets contracts on older versions of a plan go over to the newest, add-ons included.
    Quantities and prices of their own go on. Those that can't go over are left alone and
    told with the reason. It may be asked for again: it goes on where it stopped."""
    return call(
        "POST",
        f"/v1/plans/{quote(plan, safe='')}/move",
        PlanMoved,
        query={"plan": plan_},
        body={
            "from_version": from_version,
            "on": on,
            "subscriptions": subscriptions,
            "dry_run": dry_run,
            "reason": reason,
            "at": at,
        },
        idempotency_key=idempotency_key,
    )


def plan_move_contracts(
    plan: str,
    /,
    *,
    from_version: int | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    subscriptions: list[str] | UnsetType | None = UNSET,
    dry_run: bool | UnsetType = UNSET,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `move_contracts` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/plans/{quote(plan, safe='')}/move",
        Plan,
        query={"plan": "show"},
        body={
            "from_version": from_version,
            "on": on,
            "subscriptions": subscriptions,
            "dry_run": dry_run,
            "reason": reason,
            "at": at,
        },
    )


def pause_measurement(
    measurement: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Switched]:
    """Halts a measurement. Nothing is lost: it catches up when it is resumed. Twice is
    once."""
    return call(
        "POST",
        f"/v1/measurements/{quote(measurement, safe='')}/pause",
        Switched,
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def pause_subscription(
    subscription: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Bills nothing of a contract from a day on, until it is resumed."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/pause",
        Subscription,
        query={"plan": plan},
        body={"reason": reason, "at": at, "on": on, "keep_paid": keep_paid},
        idempotency_key=idempotency_key,
    )


def plan_pause_subscription(
    subscription: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
) -> Call[Plan]:
    """The exact effect that `pause_subscription` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/pause",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "at": at, "on": on, "keep_paid": keep_paid},
    )


def plan_catalog(
    *,
    yaml: str | UnsetType | None = UNSET,
    catalog: dict[str, Any] | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[CatalogChanges]:
    """Tells what applying a catalogue would change, field by field. Changes nothing."""
    return call(
        "POST",
        "/v1/catalog/plan",
        CatalogChanges,
        body={"yaml": yaml, "catalog": catalog},
        idempotency_key=idempotency_key,
    )


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


def preview_documents(
    customer: str,
    /,
    *,
    as_of: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
    payment_days: int | UnsetType = UNSET,
    change: TrySwitch
    | TryAddOn
    | TryDrop
    | TryQuantities
    | TryCancel
    | TryPause
    | TryResume
    | UnsetType
    | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Previewed]:
    """The next documents of a customer, by the very code that would write them, as they are
    or as a change of a contract would make them. Nothing is written. What a billing run
    would refuse is refused."""
    return call(
        "POST",
        f"/v1/customers/{quote(customer, safe='')}/preview",
        Previewed,
        body={"as_of": as_of, "zone": zone, "payment_days": payment_days, "change": change},
        idempotency_key=idempotency_key,
    )


def rate_price(
    *,
    price: RatedPriceShape,
    currency: str,
    quantity: str | UnsetType | None = UNSET,
    events: list[str | EventShape] | UnsetType | None = UNSET,
    before: str | list[str | EventShape] | UnsetType | None = UNSET,
    billed: str | UnsetType | None = UNSET,
    share: str | UnsetType | None = UNSET,
    is_last: bool | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[RatedPrice]:
    """Works out what a price makes of a quantity or of events, with every step. Nothing of
    the catalogue or of contracts is looked at, and nothing is kept."""
    return call(
        "POST",
        "/v1/rate",
        RatedPrice,
        body={
            "price": price,
            "currency": currency,
            "quantity": quantity,
            "events": events,
            "before": before,
            "billed": billed,
            "share": share,
            "is_last": is_last,
        },
        idempotency_key=idempotency_key,
    )


def remove_coupon(
    coupon: str,
    /,
    *,
    on: str | UnsetType | None = UNSET,
    reason: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[AppliedCoupon]:
    """Ends a coupon that a customer has. What it took off stays."""
    return call(
        "POST",
        f"/v1/coupons/{quote(coupon, safe='')}/remove",
        AppliedCoupon,
        query={"plan": plan},
        body={"on": on, "reason": reason},
        idempotency_key=idempotency_key,
    )


def plan_remove_coupon(
    coupon: str, /, *, on: str | UnsetType | None = UNSET, reason: str | UnsetType | None = UNSET
) -> Call[Plan]:
    """The exact effect that `remove_coupon` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/coupons/{quote(coupon, safe='')}/remove",
        Plan,
        query={"plan": "show"},
        body={"on": on, "reason": reason},
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


def resume_measurement(
    measurement: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Switched]:
    """Lets a measurement go on; whoever measures next catches up. Twice is once."""
    return call(
        "POST",
        f"/v1/measurements/{quote(measurement, safe='')}/resume",
        Switched,
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def resume_subscription(
    subscription: str,
    /,
    *,
    on: str,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Goes on with a paused contract, on the terms that hold by then."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/resume",
        Subscription,
        query={"plan": plan},
        body={"reason": reason, "at": at, "on": on},
        idempotency_key=idempotency_key,
    )


def plan_resume_subscription(
    subscription: str,
    /,
    *,
    on: str,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `resume_subscription` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/resume",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "at": at, "on": on},
    )


def revoke_key(key: str, /, *, idempotency_key: str | None = None) -> Call[RevokedKey]:
    """Revokes an API key: within a second it opens nothing any more. Twice is once."""
    return call(
        "POST",
        f"/v1/keys/{quote(key, safe='')}/revoke",
        RevokedKey,
        idempotency_key=idempotency_key,
    )


def sell_once(
    *,
    customer: str,
    plan: str,
    on: str | UnsetType | None = UNSET,
    key: str | UnsetType | None = UNSET,
    quantities: dict[str, str] | UnsetType = UNSET,
    prices: dict[str, TermsShape] | UnsetType = UNSET,
    plan_: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Sells a customer once what a plan sells: a contract of one day."""
    return call(
        "POST",
        "/v1/sales",
        Subscription,
        query={"plan": plan_},
        body={
            "customer": customer,
            "plan": plan,
            "on": on,
            "key": key,
            "quantities": quantities,
            "prices": prices,
        },
        idempotency_key=idempotency_key,
    )


def plan_sell_once(
    *,
    customer: str,
    plan: str,
    on: str | UnsetType | None = UNSET,
    key: str | UnsetType | None = UNSET,
    quantities: dict[str, str] | UnsetType = UNSET,
    prices: dict[str, TermsShape] | UnsetType = UNSET,
) -> Call[Plan]:
    """The exact effect that `sell_once` would have now, and the token to do just that."""
    return call(
        "POST",
        "/v1/sales",
        Plan,
        query={"plan": "show"},
        body={
            "customer": customer,
            "plan": plan,
            "on": on,
            "key": key,
            "quantities": quantities,
            "prices": prices,
        },
    )


def set_payer(
    customer: str,
    /,
    *,
    payer: str | None,
    from_: str,
    reason: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[PayerSet]:
    """Lets another customer pay for all that this one has agreed to, from a day on that is
    not billed yet. The payer gets the invoices together with its own."""
    return call(
        "POST",
        f"/v1/customers/{quote(customer, safe='')}/payers",
        PayerSet,
        body={"payer": payer, "from": from_, "reason": reason},
        idempotency_key=idempotency_key,
    )


def switch_subscription(
    subscription: str,
    /,
    *,
    plan: str,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
    break_term: bool | UnsetType = UNSET,
    quantities: dict[str, str] | UnsetType = UNSET,
    prices: dict[str, TermsShape] | UnsetType = UNSET,
    term: str | TermShape | UnsetType | None = UNSET,
    plan_version: int | UnsetType | None = UNSET,
    plan_: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Goes over to the newest version of another plan. Quantities go on where both plans
    have the price, if no other are told; with a term a new one begins."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/switch",
        Subscription,
        query={"plan": plan_},
        body={
            "reason": reason,
            "at": at,
            "on": on,
            "keep_paid": keep_paid,
            "break_term": break_term,
            "plan": plan,
            "quantities": quantities,
            "prices": prices,
            "term": term,
            "plan_version": plan_version,
        },
        idempotency_key=idempotency_key,
    )


def plan_switch_subscription(
    subscription: str,
    /,
    *,
    plan: str,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    on: str | UnsetType | None = UNSET,
    keep_paid: bool | UnsetType = UNSET,
    break_term: bool | UnsetType = UNSET,
    quantities: dict[str, str] | UnsetType = UNSET,
    prices: dict[str, TermsShape] | UnsetType = UNSET,
    term: str | TermShape | UnsetType | None = UNSET,
    plan_version: int | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `switch_subscription` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/switch",
        Plan,
        query={"plan": "show"},
        body={
            "reason": reason,
            "at": at,
            "on": on,
            "keep_paid": keep_paid,
            "break_term": break_term,
            "plan": plan,
            "quantities": quantities,
            "prices": prices,
            "term": term,
            "plan_version": plan_version,
        },
    )


def update_customer(
    customer: str,
    /,
    *,
    name: str | UnsetType = UNSET,
    time_zone: str | UnsetType = UNSET,
    email: str | UnsetType | None = UNSET,
    address: str | UnsetType | None = UNSET,
    tax_id: str | UnsetType | None = UNSET,
    tax_status: TaxStatus | UnsetType = UNSET,
    tax_reason: str | UnsetType | None = UNSET,
    group: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Customer]:
    """Changes those data of a customer that are told, from now on. Issued invoices keep
    what they say."""
    return call(
        "PATCH",
        f"/v1/customers/{quote(customer, safe='')}",
        Customer,
        body={
            "name": name,
            "time_zone": time_zone,
            "email": email,
            "address": address,
            "tax_id": tax_id,
            "tax_status": tax_status,
            "tax_reason": tax_reason,
            "group": group,
        },
        idempotency_key=idempotency_key,
    )


def withdraw_subscription_change(
    subscription: str,
    change: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Subscription]:
    """Takes a change of a contract back by its number, as if it had not been agreed.
    Nothing may have been billed by it."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/changes/{quote(change, safe='')}/withdraw",
        Subscription,
        query={"plan": plan},
        body={"reason": reason, "at": at},
        idempotency_key=idempotency_key,
    )


def plan_withdraw_subscription_change(
    subscription: str,
    change: str,
    /,
    *,
    reason: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `withdraw_subscription_change` would have now, and the token to
    do just that."""
    return call(
        "POST",
        f"/v1/subscriptions/{quote(subscription, safe='')}/changes/{quote(change, safe='')}/withdraw",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "at": at},
    )
