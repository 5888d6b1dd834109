"""One function for each operation of the API: what is asked, as a Call. Written by scripts/client.py."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from msgspec import UNSET, UnsetType

from everycent_client.core import Call, Page, Pages, call
from everycent_client.models import (
    AccountStatement,
    ActivatedConfig,
    AgreedPart,
    Alarm,
    Applied,
    AppliedCoupon,
    AppliedTerms,
    ArchivePart,
    AttemptStage,
    AttemptState,
    Attention,
    BillingRun,
    Brought,
    BuiltReport,
    CarryOverage,
    CatalogChanges,
    CatalogEntry,
    CheckedGaps,
    Checkpoint,
    ClosedGap,
    Collection,
    ComparedReport,
    ConfigActivation,
    ConfigDifferences,
    CorrectionEffect,
    CountedRecord,
    CreatedConfig,
    CreditGrant,
    Customer,
    CustomerAllowance,
    CustomerStatement,
    DebitFileContent,
    DebitFileListed,
    DebitFileShown,
    DueCustomer,
    DunningDone,
    DunningTerms,
    EndingTerm,
    Entitlement,
    Entitlements,
    Entry,
    ErpAnswer,
    ErpBatch,
    ErpComparison,
    ErpDocument,
    ErpStatus,
    EventsBehind,
    EventShape,
    Exchange,
    ExchangeRate,
    Explained,
    FoundRecords,
    Instalments,
    InSuspense,
    Invoice,
    InvoiceShare,
    JournalEvent,
    JournalEvents,
    Key,
    LedgerAccount,
    LedgerEntry,
    LedgerExport,
    LineOff,
    ListedInvoice,
    ListedPayment,
    ListedStep,
    MadeKey,
    MadeTenant,
    Me,
    MeasurementChanges,
    MeasurementInFull,
    MeasurementState,
    Member,
    Message,
    MeterEntry,
    MissingReport,
    NamedErpDocument,
    NewConfigContent,
    NewCustomer,
    NewMandate,
    NewRate,
    OpenedCollection,
    Order,
    Owing,
    OwingWhy,
    ParkedCustomer,
    PayerSet,
    PayerSpan,
    PaymentMethod,
    PaymentShown,
    Plan,
    PlanEntry,
    PlanMoved,
    PlannedStep,
    Previewed,
    Promised,
    QueueState,
    RatedPrice,
    RatedPriceShape,
    Refunded,
    RefundLines,
    RejectedUsage,
    RemovedThreshold,
    Replayed,
    ReportAnswer,
    ReportConfig,
    ReportConfigVersion,
    ReportLine,
    ReportState,
    ReportStep,
    RevokedKey,
    RunningCost,
    SaidRecord,
    ServiceChart,
    ServiceResources,
    SignIn,
    Simulated,
    SplitDebits,
    StartedBillingRun,
    Subscription,
    Switched,
    TakenEntries,
    TakenIn,
    TaxStatus,
    Tenant,
    TenantEntry,
    TermShape,
    TermsShape,
    Threshold,
    ThresholdCrossing,
    ToldChange,
    ToldRates,
    TouchedRecord,
    TrailedErpDocument,
    TrialAnswer,
    TrialBalance,
    TriedGrant,
    TriedUse,
    TryAddOn,
    TryCancel,
    TryDrop,
    TryPause,
    TryQuantities,
    TryResume,
    TrySwitch,
    UsageChart,
    UsageCorrection,
    UsageCounts,
    UsageGap,
    UsageMeter,
    UsageNow,
    UsageReasons,
    UsageTotals,
    UsedCoupon,
    Verified,
    VoidedGrant,
    Wallet,
    WalletsChecked,
    WalletShown,
    WalletStanding,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
    WebhookMade,
    WebhookStanding,
    WebhookTest,
    WholeMessage,
    WholeReportState,
    WithdrawnFile,
    WithdrawnTopUp,
    WrittenDebits,
    WrittenOff,
)


def abort_collection(run: str, /, *, idempotency_key: str | None = None) -> Call[Collection]:
    """Ends a run. What waits is not charged, what is under way comes to its end."""
    return call(
        "POST",
        f"/v1/collections/{quote(run, safe='')}/abort",
        Collection,
        idempotency_key=idempotency_key,
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


def activate_report_config(
    version: str, /, *, reason: str | UnsetType = UNSET, idempotency_key: str | None = None
) -> Call[ActivatedConfig]:
    """From now on this version holds, for every process at once. A report that is being
    built keeps the one it began with."""
    return call(
        "POST",
        f"/v1/report-configs/versions/{quote(version, safe='')}/activate",
        ActivatedConfig,
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def add_member(
    *,
    role: Literal["developer", "finance", "owner", "read-only", "support"],
    email: str | UnsetType | None = UNSET,
    subject: str | UnsetType | None = UNSET,
    issuer: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Member]:
    """Makes somebody a member. One who is invited by e-mail is known from the first token
    on in which the identity provider says that it has verified this address."""
    return call(
        "POST",
        "/v1/members",
        Member,
        body={"role": role, "email": email, "subject": subject, "issuer": issuer},
        idempotency_key=idempotency_key,
    )


def add_payment_method(
    customer: str,
    /,
    *,
    token: str,
    provider: str,
    payer: str | UnsetType | None = UNSET,
    label: str | UnsetType = UNSET,
    expires_on: str | UnsetType | None = UNSET,
    mandate: NewMandate | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[PaymentMethod]:
    """Adds a payment method to a customer. It is charged when those before it can't be."""
    return call(
        "POST",
        f"/v1/customers/{quote(customer, safe='')}/payment-methods",
        PaymentMethod,
        body={
            "token": token,
            "provider": provider,
            "payer": payer,
            "label": label,
            "expires_on": expires_on,
            "mandate": mandate,
        },
        idempotency_key=idempotency_key,
    )


def agree_instalments(
    invoice: str,
    /,
    *,
    parts: list[AgreedPart],
    reason: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Instalments]:
    """Charges an invoice in parts, each from its day on. They come to what is open; what is
    agreed last holds."""
    return call(
        "PUT",
        f"/v1/invoices/{quote(invoice, safe='')}/instalments",
        Instalments,
        body={"parts": parts, "reason": reason},
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


def apply_dunning_terms(
    *, text: str, plan: str | UnsetType = UNSET, idempotency_key: str | None = None
) -> Call[AppliedTerms]:
    """Sets the terms as a new version. Those that hold already are left as they are."""
    return call(
        "PUT",
        "/v1/dunning/terms",
        AppliedTerms,
        query={"plan": plan},
        body={"text": text},
        idempotency_key=idempotency_key,
    )


def plan_apply_dunning_terms(*, text: str) -> Call[Plan]:
    """The exact effect that `apply_dunning_terms` would have now, and the token to do just
    that."""
    return call("PUT", "/v1/dunning/terms", Plan, query={"plan": "show"}, body={"text": text})


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


def apply_payment(
    payment: str,
    /,
    *,
    invoices: list[InvoiceShare],
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Applied]:
    """Lets what is left of a payment pay invoices, in this order."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/apply",
        Applied,
        query={"plan": plan},
        body={"invoices": invoices},
        idempotency_key=idempotency_key,
    )


def plan_apply_payment(payment: str, /, *, invoices: list[InvoiceShare]) -> Call[Plan]:
    """The exact effect that `apply_payment` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/apply",
        Plan,
        query={"plan": "show"},
        body={"invoices": invoices},
    )


def assign_payment(
    payment: str,
    /,
    *,
    customer: str,
    invoices: list[InvoiceShare] | UnsetType = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Applied]:
    """Says whose a payment is that waits in suspense, and what it pays."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/assign",
        Applied,
        query={"plan": plan},
        body={"customer": customer, "invoices": invoices},
        idempotency_key=idempotency_key,
    )


def plan_assign_payment(
    payment: str, /, *, customer: str, invoices: list[InvoiceShare] | UnsetType = UNSET
) -> Call[Plan]:
    """The exact effect that `assign_payment` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/assign",
        Plan,
        query={"plan": "show"},
        body={"customer": customer, "invoices": invoices},
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
    zone: str | UnsetType = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CorrectionEffect]:
    """Makes a span of time say what the records say. All of it or nothing."""
    return call(
        "POST",
        "/v1/usage/corrections/backfill",
        CorrectionEffect,
        query={"plan": plan},
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


def plan_backfill_records(
    *,
    records: list[SaidRecord],
    from_: str,
    to: str,
    subjects: list[str],
    meters: list[str],
    source: str | None,
    reason: str,
    zone: str | UnsetType = UNSET,
) -> Call[Plan]:
    """The exact effect that `backfill_records` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/usage/corrections/backfill",
        Plan,
        query={"plan": "show"},
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
    )


def build_report_now(period: str, /, *, idempotency_key: str | None = None) -> Call[BuiltReport]:
    """Pulls the report of a period from every sub-service, if there is none. All of them
    have to answer as a whole, or there is no report. It is answered when it is through, as
    long as that takes: up to the deadline of the configuration."""
    return call(
        "POST",
        f"/v1/reports/{quote(period, safe='')}/build",
        BuiltReport,
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


def change_member(
    member: str,
    /,
    *,
    role: Literal["developer", "finance", "owner", "read-only", "support"],
    idempotency_key: str | None = None,
) -> Call[Member]:
    """Gives a member another role, within a second. There is always an owner left who has
    come."""
    return call(
        "POST",
        f"/v1/members/{quote(member, safe='')}/role",
        Member,
        body={"role": role},
        idempotency_key=idempotency_key,
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


def check_gaps(*, idempotency_key: str | None = None) -> Call[CheckedGaps]:
    """Looks for meters that stopped sending, or have a hole. Twice is once."""
    return call("POST", "/v1/usage/gaps/check", CheckedGaps, idempotency_key=idempotency_key)


def check_wallets(
    *, as_of: str | UnsetType | None = UNSET, idempotency_key: str | None = None
) -> Call[WalletsChecked]:
    """Looks at all wallets: writes down what expired and came again and which top-ups are
    due, and tells whose caps are met. Twice is once."""
    return call(
        "POST",
        "/v1/wallets/check",
        WalletsChecked,
        body={"as_of": as_of},
        idempotency_key=idempotency_key,
    )


def compare_report(period: str, /, *, idempotency_key: str | None = None) -> Call[ComparedReport]:
    """Pulls a report again, and says what differs now. The report stays as it is; what was
    found is written down."""
    return call(
        "POST",
        f"/v1/reports/{quote(period, safe='')}/compare",
        ComparedReport,
        idempotency_key=idempotency_key,
    )


def compare_with_erp(*, idempotency_key: str | None = None) -> Call[ErpComparison]:
    """Compares all that the ERP has with all that it was told. What it has lost is handed
    over again. All of its documents are read, page by page, before anything is believed."""
    return call("POST", "/v1/erp/compare", ErpComparison, idempotency_key=idempotency_key)


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


def create_credit_note(
    invoice: str,
    /,
    *,
    reason: str,
    lines: list[LineOff] | UnsetType | None = UNSET,
    rest: bool | UnsetType = UNSET,
    at: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Invoice]:
    """Takes an invoice back with a credit note: in full, or so much of its lines. The
    periods that it billed stay billed."""
    return call(
        "POST",
        f"/v1/invoices/{quote(invoice, safe='')}/credit-notes",
        Invoice,
        query={"plan": plan},
        body={"reason": reason, "lines": lines, "rest": rest, "at": at, "zone": zone},
        idempotency_key=idempotency_key,
    )


def plan_create_credit_note(
    invoice: str,
    /,
    *,
    reason: str,
    lines: list[LineOff] | UnsetType | None = UNSET,
    rest: bool | UnsetType = UNSET,
    at: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
) -> Call[Plan]:
    """The exact effect that `create_credit_note` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/invoices/{quote(invoice, safe='')}/credit-notes",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "lines": lines, "rest": rest, "at": at, "zone": zone},
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
    networks: list[str] | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[MadeKey]:
    """Makes an API key. It may do no more than whoever makes it: one that a key makes ends
    no later than that one, and opens from no other networks. Its text is not told again,
    neither to whoever repeats the request."""
    return call(
        "POST",
        "/v1/keys",
        MadeKey,
        body={"name": name, "scopes": scopes, "expires_at": expires_at, "networks": networks},
        idempotency_key=idempotency_key,
    )


def create_report_config(
    *,
    configuration: NewConfigContent,
    activate: bool | UnsetType = UNSET,
    reason: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CreatedConfig]:
    """Records a version, and lets it hold where that is asked for. The same one again
    changes nothing. Its sub-services are at addresses, with keys, that a version before
    had: the first one is recorded on the server, where the keys are (`everycent config
    create`)."""
    return call(
        "POST",
        "/v1/report-configs",
        CreatedConfig,
        body={"configuration": configuration, "activate": activate, "reason": reason},
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


def create_tenant(
    *,
    tenant: str,
    name: str | UnsetType | None = UNSET,
    scopes: list[str] | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[MadeTenant]:
    """Makes a tenant, with its chart of accounts and a first API key, with which the rest
    is done."""
    return call(
        "POST",
        "/v1/tenants",
        MadeTenant,
        body={"tenant": tenant, "name": name, "scopes": scopes},
        idempotency_key=idempotency_key,
    )


def create_wallet(
    *,
    customer: str,
    key: str | UnsetType | None = UNSET,
    unit: str | UnsetType | None = UNSET,
    unit_price: str | UnsetType | None = UNSET,
    priority: int | UnsetType = UNSET,
    order: Order | UnsetType | None = UNSET,
    before_tax: bool | UnsetType | None = UNSET,
    products: list[str] | UnsetType = UNSET,
    prices: list[str] | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Wallet]:
    """Opens an empty wallet for a customer, in its currency."""
    return call(
        "POST",
        "/v1/wallets",
        Wallet,
        body={
            "customer": customer,
            "key": key,
            "unit": unit,
            "unit_price": unit_price,
            "priority": priority,
            "order": order,
            "before_tax": before_tax,
            "products": products,
            "prices": prices,
        },
        idempotency_key=idempotency_key,
    )


def create_webhook(
    *,
    key: str,
    url: str,
    types: list[str] | UnsetType = UNSET,
    payload: bool | UnsetType = UNSET,
    from_start: bool | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[WebhookMade]:
    """Adds an endpoint, which is told what happens from now on. Its secret is shown once:
    it is not told again, neither to whoever repeats the request."""
    return call(
        "POST",
        "/v1/webhooks",
        WebhookMade,
        body={"key": key, "url": url, "types": types, "payload": payload, "from_start": from_start},
        idempotency_key=idempotency_key,
    )


def diff_report_configs(*, before: str, after: str) -> Call[ConfigDifferences]:
    """What differs between two versions."""
    return call(
        "GET",
        "/v1/report-configs/diff",
        ConfigDifferences,
        query={"before": before, "after": after},
    )


def disable_webhook(
    webhook: str, /, *, reason: str | UnsetType | None = UNSET, idempotency_key: str | None = None
) -> Call[Webhook]:
    """Tells an endpoint nothing until it is enabled; it is told then what it missed. Twice
    is once."""
    return call(
        "POST",
        f"/v1/webhooks/{quote(webhook, safe='')}/disable",
        Webhook,
        body={"reason": reason},
        idempotency_key=idempotency_key,
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


def enable_webhook(webhook: str, /, *, idempotency_key: str | None = None) -> Call[Webhook]:
    """Tells an endpoint again what happens, and all that happened meanwhile. Twice is
    once."""
    return call(
        "POST",
        f"/v1/webhooks/{quote(webhook, safe='')}/enable",
        Webhook,
        idempotency_key=idempotency_key,
    )


def explain_invoice(
    invoice: str, /, *, line: int | UnsetType = UNSET, records: int | UnsetType = UNSET
) -> Call[Explained]:
    """Where every cent of an invoice comes from. From the amount through rounding, price
    and quantity to usage records, and on to the ledger entry and the event; every
    calculation is done again on the way."""
    return call(
        "GET",
        f"/v1/invoices/{quote(invoice, safe='')}/explanation",
        Explained,
        query={"line": line, "records": records},
    )


def export_ledger(
    *,
    format: Literal["beancount", "hledger"],
    from_: str | UnsetType = UNSET,
    to: str | UnsetType = UNSET,
    zone: str | UnsetType = UNSET,
) -> Call[LedgerExport]:
    """Entries as a journal for hledger or Beancount, at most 10,000 at once. The text alone
    for whoever accepts text/plain. One that begins with `from` has no opening balances."""
    return call(
        "GET",
        "/v1/ledger/export",
        LedgerExport,
        query={"format": format, "from": from_, "to": to, "zone": zone},
    )


def get_account_statement(
    account: str,
    /,
    *,
    currency: str,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    customer: str | UnsetType = UNSET,
    from_: str | UnsetType = UNSET,
    to: str | UnsetType = UNSET,
    zone: str | UnsetType = UNSET,
) -> Call[AccountStatement]:
    """What moved an account, in order of time, with the balance after each. It begins with
    what the account came to before, and ends with what it came to then; of all customers or
    of one."""
    return call(
        "GET",
        f"/v1/ledger/accounts/{quote(account, safe='')}/statement",
        AccountStatement,
        query={
            "size": size,
            "after": after,
            "currency": currency,
            "customer": customer,
            "from": from_,
            "to": to,
            "zone": zone,
        },
    )


def get_active_report_config() -> Call[ReportConfig]:
    """The version that holds."""
    return call("GET", "/v1/report-configs/active", ReportConfig)


def get_alarm(alarm: str, /) -> Call[Alarm]:
    """One alarm, and what became of it."""
    return call("GET", f"/v1/alarms/{quote(alarm, safe='')}", Alarm)


def get_allowance(customer: str, /, *, as_of: str | UnsetType = UNSET) -> Call[CustomerAllowance]:
    """Whether a customer may use more, by the caps of all its wallets together, and why."""
    return call(
        "GET",
        f"/v1/customers/{quote(customer, safe='')}/allowance",
        CustomerAllowance,
        query={"as_of": as_of},
    )


def get_attempt(attempt: str, /) -> Call[AttemptState]:
    """One attempt as it stands."""
    return call("GET", f"/v1/payment-attempts/{quote(attempt, safe='')}", AttemptState)


def get_attempt_trail(
    attempt: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[AttemptStage]:
    """Every stage of one attempt, in order of time."""
    return Pages(
        call(
            "GET",
            f"/v1/payment-attempts/{quote(attempt, safe='')}/trail",
            Page[AttemptStage],
            query={"size": size, "after": after},
        )
    )


def get_attention() -> Call[Attention]:
    """What is open or wrong about payments: unknown outcomes, mismatches, contradictions,
    invoices that are stopped, money of which nobody knows whose it is, direct debits of
    which nothing is heard."""
    return call("GET", "/v1/payments/attention", Attention)


def get_billing_run(run: str, /) -> Call[BillingRun]:
    """One billing run, and how far it is."""
    return call("GET", f"/v1/runs/{quote(run, safe='')}", BillingRun)


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


def get_collection(run: str, /) -> Call[Collection]:
    """One run, and how far it is."""
    return call("GET", f"/v1/collections/{quote(run, safe='')}", Collection)


def get_correction(correction: str, /) -> Call[UsageCorrection]:
    """One correction."""
    return call("GET", f"/v1/usage/corrections/{quote(correction, safe='')}", UsageCorrection)


def get_coupon(coupon: str, /) -> Call[UsedCoupon]:
    """One coupon that a customer has, and what it took off so far."""
    return call("GET", f"/v1/coupons/{quote(coupon, safe='')}", UsedCoupon)


def get_customer(customer: str, /) -> Call[Customer]:
    """One customer, by its key or its id."""
    return call("GET", f"/v1/customers/{quote(customer, safe='')}", Customer)


def get_debit_file(file: str, /) -> Call[DebitFileShown]:
    """One file, what became of each debit and what statements said."""
    return call("GET", f"/v1/debit-files/{quote(file, safe='')}", DebitFileShown)


def get_debit_file_content(file: str, /) -> Call[DebitFileContent]:
    """The file itself, as it was written, for the bank."""
    return call("GET", f"/v1/debit-files/{quote(file, safe='')}/content", DebitFileContent)


def get_dunning_terms() -> Call[DunningTerms]:
    """The terms that hold: the schedule, what follows failures, campaigns and letters."""
    return call("GET", "/v1/dunning/terms", DunningTerms)


def get_entry(entry: str, /) -> Call[LedgerEntry]:
    """One entry with its postings."""
    return call("GET", f"/v1/ledger/entries/{quote(entry, safe='')}", LedgerEntry)


def get_erp_answer(answer: str, /) -> Call[ErpAnswer]:
    """What the ERP said, word for word. Bytes that are no UTF-8 stand there as `\\x00`."""
    return call("GET", f"/v1/erp/answers/{quote(answer, safe='')}", ErpAnswer)


def get_erp_document(document: str, /) -> Call[TrailedErpDocument]:
    """One document with its trail: everything that happened on its way, the oldest
    first."""
    return call("GET", f"/v1/erp/documents/{quote(document, safe='')}", TrailedErpDocument)


def get_erp_status() -> Call[ErpStatus]:
    """How many documents stand where on their way into the ERP, and which are in
    trouble."""
    return call("GET", "/v1/erp/status", ErpStatus)


def get_event(event: str, /) -> Call[JournalEvent]:
    """One event."""
    return call("GET", f"/v1/journal/events/{quote(event, safe='')}", JournalEvent)


def get_exchange(*, pair: str, on: str | UnsetType = UNSET) -> Call[Exchange]:
    """The exchange that applies on a day, by the tenant's policies: directly, backwards or
    over a third currency."""
    return call("GET", "/v1/exchange", Exchange, query={"pair": pair, "on": on})


def get_invoice(invoice: str, /) -> Call[Invoice]:
    """One invoice or credit note, by number or id."""
    return call("GET", f"/v1/invoices/{quote(invoice, safe='')}", Invoice)


def get_invoice_trail(
    invoice: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[AttemptStage]:
    """Every stage of every attempt to charge an invoice, in order of time."""
    return Pages(
        call(
            "GET",
            f"/v1/invoices/{quote(invoice, safe='')}/trail",
            Page[AttemptStage],
            query={"size": size, "after": after},
        )
    )


def get_me() -> Call[Me]:
    """Says who asks, in which tenant, and what that may do."""
    return call("GET", "/v1/me", Me)


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


def get_member(member: str, /) -> Call[Member]:
    """One member, or one who was."""
    return call("GET", f"/v1/members/{quote(member, safe='')}", Member)


def get_message(message: str, /) -> Call[WholeMessage]:
    """One message as it is sent."""
    return call("GET", f"/v1/messages/{quote(message, safe='')}", WholeMessage)


def get_meter(meter: str, /) -> Call[MeterEntry]:
    """A meter: how records add up, which of them are taken, and which prices use it."""
    return call("GET", f"/v1/meters/{quote(meter, safe='')}", MeterEntry)


def get_owed(
    customer: str,
    /,
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    as_of: str | UnsetType = UNSET,
    known_at: str | UnsetType = UNSET,
    zone: str | UnsetType = UNSET,
) -> Pages[OwingWhy]:
    """What one customer owes in each currency, with every entry that made it so."""
    return Pages(
        call(
            "GET",
            f"/v1/owed/{quote(customer, safe='')}",
            Page[OwingWhy],
            query={
                "size": size,
                "after": after,
                "as_of": as_of,
                "known_at": known_at,
                "zone": zone,
            },
        )
    )


def get_payment(payment: str, /) -> Call[PaymentShown]:
    """One payment, and everything that became of it."""
    return call("GET", f"/v1/payments/{quote(payment, safe='')}", PaymentShown)


def get_payment_trail(
    payment: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[AttemptStage]:
    """Every stage of every attempt to give a payment back, in order of time."""
    return Pages(
        call(
            "GET",
            f"/v1/payments/{quote(payment, safe='')}/trail",
            Page[AttemptStage],
            query={"size": size, "after": after},
        )
    )


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


def get_reasons() -> Call[UsageReasons]:
    """Every record by the reason why it is billed or not. It reads every record."""
    return call("GET", "/v1/usage/reasons", UsageReasons)


def get_report(period: str, /) -> Call[WholeReportState]:
    """Where a period stands, and its report where there is one."""
    return call("GET", f"/v1/reports/{quote(period, safe='')}", WholeReportState)


def get_report_answer(answer: str, /) -> Call[ReportAnswer]:
    """An answer of a sub-service that could not be believed, word for word."""
    return call("GET", f"/v1/reports/answers/{quote(answer, safe='')}", ReportAnswer)


def get_report_config(version: str, /) -> Call[ReportConfig]:
    """One version."""
    return call("GET", f"/v1/report-configs/versions/{quote(version, safe='')}", ReportConfig)


def get_report_events(
    period: str, /, *, service: str, customer: str, item: str
) -> Call[EventsBehind]:
    """The raw events behind what a report bills a customer for an item, as the sub-service
    tells them now. They have to come to what the report says."""
    return call(
        "POST",
        f"/v1/reports/{quote(period, safe='')}/events",
        EventsBehind,
        body={"service": service, "customer": customer, "item": item},
    )


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


def get_service_chart(
    *,
    service: str,
    item: str,
    from_: str,
    to: str,
    step: Literal["day", "hour", "month"] | UnsetType = UNSET,
    customer: str | UnsetType | None = UNSET,
    resource: str | UnsetType | None = UNSET,
) -> Call[ServiceChart]:
    """Use of an item of a sub-service over time."""
    return call(
        "POST",
        "/v1/reports/chart",
        ServiceChart,
        body={
            "service": service,
            "item": item,
            "from": from_,
            "to": to,
            "step": step,
            "customer": customer,
            "resource": resource,
        },
    )


def get_service_resources(period: str, /, *, service: str) -> Call[ServiceResources]:
    """What a sub-service has for customers in a period."""
    return call(
        "POST",
        f"/v1/reports/{quote(period, safe='')}/resources",
        ServiceResources,
        body={"service": service},
    )


def get_service_usage(*, customer: str) -> Call[UsageNow]:
    """What a customer has used in the month that runs, of every sub-service: of all, or not
    at all."""
    return call("POST", "/v1/reports/usage", UsageNow, body={"customer": customer})


def get_sign_in() -> Call[SignIn]:
    """Says where people sign in; `everycent login` asks this. 404 where no identity
    provider is set up."""
    return call("GET", "/v1/sign-in", SignIn)


def get_statement(
    customer: str,
    /,
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    currency: str | UnsetType = UNSET,
    from_: str | UnsetType = UNSET,
    to: str | UnsetType = UNSET,
    known_at: str | UnsetType = UNSET,
    zone: str | UnsetType = UNSET,
) -> Call[CustomerStatement]:
    """The account of a customer in one currency: what it owed before, every entry with what
    it owed after that, and what it owed in the end."""
    return call(
        "GET",
        f"/v1/owed/{quote(customer, safe='')}/statement",
        CustomerStatement,
        query={
            "size": size,
            "after": after,
            "currency": currency,
            "from": from_,
            "to": to,
            "known_at": known_at,
            "zone": zone,
        },
    )


def get_subscription(subscription: str, /) -> Call[Subscription]:
    """A contract with its phases, items, terms and changes, past and planned. A slash in
    its key is sent as %2F."""
    return call("GET", f"/v1/subscriptions/{quote(subscription, safe='')}", Subscription)


def get_tenant() -> Call[Tenant]:
    """The tenant that the key belongs to, its policies, and how the instance is set up."""
    return call("GET", "/v1/tenant", Tenant)


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


def get_trial_balance(
    *, as_of: str | UnsetType = UNSET, known_at: str | UnsetType = UNSET
) -> Call[TrialBalance]:
    """Debits, credits and balance of every account, now or as of any past instant. With
    `known_at` it is as it would have been told then."""
    return call(
        "GET",
        "/v1/ledger/trial-balance",
        TrialBalance,
        query={"as_of": as_of, "known_at": known_at},
    )


def get_usage_counts() -> Call[UsageCounts]:
    """How many records are stored."""
    return call("GET", "/v1/usage/counts", UsageCounts)


def get_wallet(wallet: str, /, *, as_of: str | UnsetType = UNSET) -> Call[WalletShown]:
    """One wallet: its balance, every grant, and every draw."""
    return call("GET", f"/v1/wallets/{quote(wallet, safe='')}", WalletShown, query={"as_of": as_of})


def get_webhook(webhook: str, /) -> Call[WebhookStanding]:
    """An endpoint, how far it has come and what is wrong."""
    return call("GET", f"/v1/webhooks/{quote(webhook, safe='')}", WebhookStanding)


def grant_credit(
    wallet: str,
    /,
    *,
    amount: str,
    reason: str,
    effective: str | UnsetType | None = UNSET,
    expires: str | UnsetType | None = UNSET,
    priority: int | UnsetType = UNSET,
    every: str | UnsetType | None = UNSET,
    anchor: str | UnsetType | None = UNSET,
    keep_least: str | UnsetType = UNSET,
    keep_most: str | UnsetType | None = UNSET,
    products: list[str] | UnsetType = UNSET,
    prices: list[str] | UnsetType = UNSET,
    at: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CreditGrant]:
    """Gives credit away into a wallet, once or again and again."""
    return call(
        "POST",
        f"/v1/wallets/{quote(wallet, safe='')}/grants",
        CreditGrant,
        query={"plan": plan},
        body={
            "amount": amount,
            "reason": reason,
            "effective": effective,
            "expires": expires,
            "priority": priority,
            "every": every,
            "anchor": anchor,
            "keep_least": keep_least,
            "keep_most": keep_most,
            "products": products,
            "prices": prices,
            "at": at,
        },
        idempotency_key=idempotency_key,
    )


def plan_grant_credit(
    wallet: str,
    /,
    *,
    amount: str,
    reason: str,
    effective: str | UnsetType | None = UNSET,
    expires: str | UnsetType | None = UNSET,
    priority: int | UnsetType = UNSET,
    every: str | UnsetType | None = UNSET,
    anchor: str | UnsetType | None = UNSET,
    keep_least: str | UnsetType = UNSET,
    keep_most: str | UnsetType | None = UNSET,
    products: list[str] | UnsetType = UNSET,
    prices: list[str] | UnsetType = UNSET,
    at: str | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `grant_credit` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/wallets/{quote(wallet, safe='')}/grants",
        Plan,
        query={"plan": "show"},
        body={
            "amount": amount,
            "reason": reason,
            "effective": effective,
            "expires": expires,
            "priority": priority,
            "every": every,
            "anchor": anchor,
            "keep_least": keep_least,
            "keep_most": keep_most,
            "products": products,
            "prices": prices,
            "at": at,
        },
    )


def import_statement(
    *, content: str, plan: str | UnsetType = UNSET, idempotency_key: str | None = None
) -> Call[TakenEntries]:
    """Takes a bank statement in. What names its invoices for certain pays them, all other
    money waits in suspense until it is assigned. No line is booked twice, however often it
    is sent."""
    return call(
        "POST",
        "/v1/bank-statements",
        TakenEntries,
        query={"plan": plan},
        body={"content": content},
        idempotency_key=idempotency_key,
    )


def plan_import_statement(*, content: str) -> Call[Plan]:
    """The exact effect that `import_statement` would have now, and the token to do just
    that."""
    return call(
        "POST", "/v1/bank-statements", Plan, query={"plan": "show"}, body={"content": content}
    )


def list_accounts(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[LedgerAccount]:
    """The chart of accounts. It is small and the same for all tenants."""
    return Pages(
        call(
            "GET", "/v1/ledger/accounts", Page[LedgerAccount], query={"size": size, "after": after}
        )
    )


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


def list_archives(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[ArchivePart]:
    """What was archived, and where its records are."""
    return Pages(
        call("GET", "/v1/usage/archives", Page[ArchivePart], query={"size": size, "after": after})
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


def list_billing_runs(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[BillingRun]:
    """Billing runs, the newest first."""
    return Pages(call("GET", "/v1/runs", Page[BillingRun], query={"size": size, "after": after}))


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


def list_checkpoints(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[Checkpoint]:
    """The checkpoints with what is needed to check them elsewhere, the oldest first. They
    are made on the server (`everycent journal checkpoint`), where the key is."""
    return Pages(
        call(
            "GET", "/v1/journal/checkpoints", Page[Checkpoint], query={"size": size, "after": after}
        )
    )


def list_collections(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    state: Literal["going", "over"] | UnsetType = UNSET,
) -> Pages[Collection]:
    """Runs that charge what is due, the newest first, each with how far it is."""
    return Pages(
        call(
            "GET",
            "/v1/collections",
            Page[Collection],
            query={"size": size, "after": after, "state": state},
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
) -> Pages[UsageCorrection]:
    """Corrections, the newest first."""
    return Pages(
        call(
            "GET",
            "/v1/usage/corrections",
            Page[UsageCorrection],
            query={"size": size, "after": after},
        )
    )


def list_counted_records(
    invoice: str,
    /,
    *,
    line: int,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    part: int | UnsetType = UNSET,
) -> Pages[CountedRecord]:
    """The usage records that a line counted, in order of time."""
    return Pages(
        call(
            "GET",
            f"/v1/invoices/{quote(invoice, safe='')}/records",
            Page[CountedRecord],
            query={"size": size, "after": after, "line": line, "part": part},
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


def list_customers(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[Customer]:
    """Customers in order of their keys."""
    return Pages(call("GET", "/v1/customers", Page[Customer], query={"size": size, "after": after}))


def list_debit_files(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[DebitFileListed]:
    """Files of direct debits, the newest first, and what became of their debits."""
    return Pages(
        call("GET", "/v1/debit-files", Page[DebitFileListed], query={"size": size, "after": after})
    )


def list_due_customers(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET, as_of: str | UnsetType = UNSET
) -> Pages[DueCustomer]:
    """The customers of whom something is due and not billed yet. They come in the order in
    which they are billed; `everycent preview` and its operation say what it is."""
    return Pages(
        call(
            "GET",
            "/v1/runs/due",
            Page[DueCustomer],
            query={"size": size, "after": after, "as_of": as_of},
        )
    )


def list_dunning_steps(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    customer: str | UnsetType = UNSET,
) -> Pages[ListedStep]:
    """The steps that were taken, the newest first."""
    return Pages(
        call(
            "GET",
            "/v1/dunning/steps",
            Page[ListedStep],
            query={"size": size, "after": after, "customer": customer},
        )
    )


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


def list_entries(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    account: str | UnsetType = UNSET,
    customer: str | UnsetType = UNSET,
    document: str | UnsetType = UNSET,
    kind: str | UnsetType = UNSET,
    from_: str | UnsetType = UNSET,
    to: str | UnsetType = UNSET,
    zone: str | UnsetType = UNSET,
) -> Pages[LedgerEntry]:
    """Entries with their postings, in order of time."""
    return Pages(
        call(
            "GET",
            "/v1/ledger/entries",
            Page[LedgerEntry],
            query={
                "size": size,
                "after": after,
                "account": account,
                "customer": customer,
                "document": document,
                "kind": kind,
                "from": from_,
                "to": to,
                "zone": zone,
            },
        )
    )


def list_erp_batches(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[ErpBatch]:
    """Batches, the newest first, with what they come to."""
    return Pages(
        call("GET", "/v1/erp/batches", Page[ErpBatch], query={"size": size, "after": after})
    )


def list_erp_documents(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    state: Literal["aborted", "acknowledged", "initiated", "parked", "registered"]
    | UnsetType = UNSET,
) -> Pages[ErpDocument]:
    """Documents that were handed over, in order of their batches."""
    return Pages(
        call(
            "GET",
            "/v1/erp/documents",
            Page[ErpDocument],
            query={"size": size, "after": after, "state": state},
        )
    )


def list_events(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    subject: str | UnsetType = UNSET,
    type: str | UnsetType = UNSET,
) -> Call[JournalEvents]:
    """Events in the journal's order from a cursor on: all, those of a subject, or of some
    types. The answer has the cursor to go on from. By type a page may have fewer events
    than asked for, or none, and `next` all the same: no more than a hundred thousand are
    looked at for one."""
    return call(
        "GET",
        "/v1/journal/events",
        JournalEvents,
        query={"size": size, "after": after, "subject": subject, "type": type},
    )


def list_exchange_rates(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    pair: str | UnsetType = UNSET,
    since: str | UnsetType = UNSET,
    until: str | UnsetType = UNSET,
) -> Pages[ExchangeRate]:
    """What was told, the newest day first, with every correction."""
    return Pages(
        call(
            "GET",
            "/v1/exchange/rates",
            Page[ExchangeRate],
            query={"size": size, "after": after, "pair": pair, "since": since, "until": until},
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


def list_invoices(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    customer: str | UnsetType = UNSET,
    kind: Literal["credit_note", "invoice"] | UnsetType = UNSET,
    state: Literal["open", "overdue", "settled"] | UnsetType = UNSET,
    from_: str | UnsetType = UNSET,
    to: str | UnsetType = UNSET,
) -> Pages[ListedInvoice]:
    """Invoices and credit notes, in order of date and number."""
    return Pages(
        call(
            "GET",
            "/v1/invoices",
            Page[ListedInvoice],
            query={
                "size": size,
                "after": after,
                "customer": customer,
                "kind": kind,
                "state": state,
                "from": from_,
                "to": to,
            },
        )
    )


def list_keys(*, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET) -> Pages[Key]:
    """All API keys, the revoked ones too, the oldest first."""
    return Pages(call("GET", "/v1/keys", Page[Key], query={"size": size, "after": after}))


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


def list_members(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    state: Literal["all", "current"] | UnsetType = UNSET,
) -> Pages[Member]:
    """Members, whoever was added first."""
    return Pages(
        call(
            "GET", "/v1/members", Page[Member], query={"size": size, "after": after, "state": state}
        )
    )


def list_messages(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    state: Literal["delivered", "failed", "waiting"] | UnsetType = UNSET,
) -> Pages[Message]:
    """Mails and webhooks, the newest first, with what became of them."""
    return Pages(
        call(
            "GET",
            "/v1/messages",
            Page[Message],
            query={"size": size, "after": after, "state": state},
        )
    )


def list_meters(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[MeterEntry]:
    """Meters in their newest versions, with what they say in words."""
    return Pages(call("GET", "/v1/meters", Page[MeterEntry], query={"size": size, "after": after}))


def list_missing_reports(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[MissingReport]:
    """The periods that are over and have no report, the oldest first, and why. What is
    billed from them waits."""
    return Pages(
        call(
            "GET", "/v1/reports/missing", Page[MissingReport], query={"size": size, "after": after}
        )
    )


def list_owed(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    as_of: str | UnsetType = UNSET,
    known_at: str | UnsetType = UNSET,
    zone: str | UnsetType = UNSET,
) -> Pages[Owing]:
    """Everybody who owes something or is owed something, by customer and currency."""
    return Pages(
        call(
            "GET",
            "/v1/owed",
            Page[Owing],
            query={
                "size": size,
                "after": after,
                "as_of": as_of,
                "known_at": known_at,
                "zone": zone,
            },
        )
    )


def list_parked_customers(
    run: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[ParkedCustomer]:
    """The customers that a run could not bill, and why. They are billed by a later run,
    once what is wrong with them is right."""
    return Pages(
        call(
            "GET",
            f"/v1/runs/{quote(run, safe='')}/parked",
            Page[ParkedCustomer],
            query={"size": size, "after": after},
        )
    )


def list_payers(
    customer: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[PayerSpan]:
    """All who ever pay for a customer, and from when to when, in order of time; nobody but
    itself where there is nothing."""
    return Pages(
        call(
            "GET",
            f"/v1/customers/{quote(customer, safe='')}/payers",
            Page[PayerSpan],
            query={"size": size, "after": after},
        )
    )


def list_payment_methods(
    customer: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[PaymentMethod]:
    """The payment methods of a customer. The first active one is charged."""
    return Pages(
        call(
            "GET",
            f"/v1/customers/{quote(customer, safe='')}/payment-methods",
            Page[PaymentMethod],
            query={"size": size, "after": after},
        )
    )


def list_payments(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    customer: str | UnsetType = UNSET,
    left: bool | UnsetType = UNSET,
) -> Pages[ListedPayment]:
    """Payments, oldest first."""
    return Pages(
        call(
            "GET",
            "/v1/payments",
            Page[ListedPayment],
            query={"size": size, "after": after, "customer": customer, "left": left},
        )
    )


def list_plans(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[PlanEntry]:
    """Plans in their newest versions with their prices."""
    return Pages(call("GET", "/v1/plans", Page[PlanEntry], query={"size": size, "after": after}))


def list_promises(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[Promised]:
    """The promises that can be checked, in the order in which they are."""
    return Pages(call("GET", "/v1/verify", Page[Promised], query={"size": size, "after": after}))


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


def list_rejections(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[RejectedUsage]:
    """What was rejected at the doors, counted by code and door, the most frequent first.
    Records that were rejected are not kept."""
    return Pages(
        call(
            "GET", "/v1/usage/rejections", Page[RejectedUsage], query={"size": size, "after": after}
        )
    )


def list_report_config_history(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[ConfigActivation]:
    """Which versions held since when, and why; the newest first."""
    return Pages(
        call(
            "GET",
            "/v1/report-configs/history",
            Page[ConfigActivation],
            query={"size": size, "after": after},
        )
    )


def list_report_configs(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[ReportConfigVersion]:
    """The versions, the newest first, and which of them holds."""
    return Pages(
        call(
            "GET",
            "/v1/report-configs",
            Page[ReportConfigVersion],
            query={"size": size, "after": after},
        )
    )


def list_report_lines(
    period: str,
    /,
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    customer: str | UnsetType = UNSET,
) -> Pages[ReportLine]:
    """The lines of a report, by sub-service and number, and the usage that they became."""
    return Pages(
        call(
            "GET",
            f"/v1/reports/{quote(period, safe='')}/lines",
            Page[ReportLine],
            query={"size": size, "after": after, "customer": customer},
        )
    )


def list_report_steps(
    period: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[ReportStep]:
    """Everything that happened on the way to a report, the oldest first; why every attempt
    failed."""
    return Pages(
        call(
            "GET",
            f"/v1/reports/{quote(period, safe='')}/trail",
            Page[ReportStep],
            query={"size": size, "after": after},
        )
    )


def list_reports(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[ReportState]:
    """Periods, the newest first, with where each stands."""
    return Pages(
        call("GET", "/v1/reports", Page[ReportState], query={"size": size, "after": after})
    )


def list_subscription_changes(
    subscription: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[ToldChange]:
    """What was agreed of a contract and holds, in the order in which it takes effect: what
    did, and what is planned."""
    return Pages(
        call(
            "GET",
            f"/v1/subscriptions/{quote(subscription, safe='')}/changes",
            Page[ToldChange],
            query={"size": size, "after": after},
        )
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


def list_suspense(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[InSuspense]:
    """Money of which nobody knows whose it is, oldest first."""
    return Pages(
        call("GET", "/v1/payments/suspense", Page[InSuspense], query={"size": size, "after": after})
    )


def list_tenants(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[TenantEntry]:
    """All tenants, in order of their names in addresses."""
    return Pages(
        call("GET", "/v1/tenants", Page[TenantEntry], query={"size": size, "after": after})
    )


def list_thresholds(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[Threshold]:
    """What is watched, in order of the keys."""
    return Pages(
        call("GET", "/v1/usage/thresholds", Page[Threshold], query={"size": size, "after": after})
    )


def list_usage_meters(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[UsageMeter]:
    """The meters that take records, with the bounds that each record has to keep."""
    return Pages(
        call("GET", "/v1/usage/meters", Page[UsageMeter], query={"size": size, "after": after})
    )


def list_wallets(
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    customer: str | UnsetType = UNSET,
) -> Pages[WalletStanding]:
    """Wallets with their real-time balances, in order of their keys."""
    return Pages(
        call(
            "GET",
            "/v1/wallets",
            Page[WalletStanding],
            query={"size": size, "after": after, "customer": customer},
        )
    )


def list_webhook_deliveries(
    webhook: str,
    /,
    *,
    size: int | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
    state: Literal["delivered", "failed", "waiting"] | UnsetType = UNSET,
) -> Pages[WebhookDelivery]:
    """What is on its way to an endpoint, what was given up, and the last that came through,
    the newest first."""
    return Pages(
        call(
            "GET",
            f"/v1/webhooks/{quote(webhook, safe='')}/deliveries",
            Page[WebhookDelivery],
            query={"size": size, "after": after, "state": state},
        )
    )


def list_webhook_events(
    webhook: str, /, *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[WebhookEvent]:
    """The events that an endpoint was told, or will be told next, in order. Whoever missed
    some finds them here: `after` is the number of the last one that came, which is in the
    header `webhook-sequence`."""
    return Pages(
        call(
            "GET",
            f"/v1/webhooks/{quote(webhook, safe='')}/events",
            Page[WebhookEvent],
            query={"size": size, "after": after},
        )
    )


def list_webhooks(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[WebhookStanding]:
    """Endpoints by key, with how far each has come and what is wrong."""
    return Pages(
        call("GET", "/v1/webhooks", Page[WebhookStanding], query={"size": size, "after": after})
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


def pause_collection(run: str, /, *, idempotency_key: str | None = None) -> Call[Collection]:
    """Begins nothing new of a run. What is under way comes to its end; another run may
    charge the same invoices."""
    return call(
        "POST",
        f"/v1/collections/{quote(run, safe='')}/pause",
        Collection,
        idempotency_key=idempotency_key,
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
    *, yaml: str | UnsetType | None = UNSET, catalog: dict[str, Any] | UnsetType | None = UNSET
) -> Call[CatalogChanges]:
    """Tells what applying a catalogue would change, field by field. Changes nothing."""
    return call("POST", "/v1/catalog/plan", CatalogChanges, body={"yaml": yaml, "catalog": catalog})


def plan_dunning(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET, as_of: str | UnsetType = UNSET
) -> Pages[PlannedStep]:
    """What a run would do, without doing it."""
    return Pages(
        call(
            "GET",
            "/v1/dunning/plan",
            Page[PlannedStep],
            query={"size": size, "after": after, "as_of": as_of},
        )
    )


def post_usage(records: Any, *, atomic: bool | UnsetType = UNSET) -> Call[TakenIn]:
    """Stores usage records and answers when they are durable: in the database, or in the
    spool while it is away, if there is one. A record that was sent before is a duplicate,
    and does no harm. Records are plain JSON, one or an array, or a line each; or
    CloudEvents 1.0 in structured, batched or binary mode (with headers `ce-…`, the body is
    the event's data)."""
    return call("POST", "/v1/usage", TakenIn, query={"atomic": atomic}, body=records)


def preview_backfill_records(
    *,
    records: list[SaidRecord],
    from_: str,
    to: str,
    subjects: list[str],
    meters: list[str],
    source: str | None,
    reason: str,
    zone: str | UnsetType = UNSET,
) -> Call[CorrectionEffect]:
    """What making a span of time say this would change on which invoice. Changes
    nothing."""
    return call(
        "POST",
        "/v1/usage/corrections/backfill/preview",
        CorrectionEffect,
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
    )


def preview_documents(
    customer: str,
    /,
    *,
    as_of: str | UnsetType | None = UNSET,
    zone: str | UnsetType | None = UNSET,
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
) -> Call[Previewed]:
    """The next documents of a customer, by the very code that would write them, as they are
    or as a change of a contract would make them. Nothing is written. What a billing run
    would refuse is refused."""
    return call(
        "POST",
        f"/v1/customers/{quote(customer, safe='')}/preview",
        Previewed,
        body={"as_of": as_of, "zone": zone, "payment_days": payment_days, "change": change},
    )


def preview_replace_records(*, records: list[SaidRecord], reason: str) -> Call[CorrectionEffect]:
    """What putting these records in the place of others would change on which invoice.
    Changes nothing."""
    return call(
        "POST",
        "/v1/usage/corrections/replace/preview",
        CorrectionEffect,
        body={"records": records, "reason": reason},
    )


def preview_undo_correction(correction: str, /, *, reason: str) -> Call[CorrectionEffect]:
    """What undoing a correction would change on which invoice. Changes nothing."""
    return call(
        "POST",
        f"/v1/usage/corrections/{quote(correction, safe='')}/undo/preview",
        CorrectionEffect,
        body={"reason": reason},
    )


def preview_void_records(*, source: str, ids: list[str], reason: str) -> Call[CorrectionEffect]:
    """What taking these records out of the count would change on which invoice. Changes
    nothing."""
    return call(
        "POST",
        "/v1/usage/corrections/void/preview",
        CorrectionEffect,
        body={"source": source, "ids": ids, "reason": reason},
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
    )


def record_payment(
    *,
    customer: str,
    amount: str,
    reference: str,
    currency: str | UnsetType | None = UNSET,
    way: Literal["cash", "debit", "other", "transfer"] | UnsetType = UNSET,
    account: str | UnsetType = UNSET,
    received_on: str | UnsetType | None = UNSET,
    invoices: list[InvoiceShare] | UnsetType = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Applied]:
    """Books money that came in from a customer, once by its reference at the account. What
    a provider takes is booked when the provider says so, and not here."""
    return call(
        "POST",
        "/v1/payments",
        Applied,
        query={"plan": plan},
        body={
            "customer": customer,
            "amount": amount,
            "reference": reference,
            "currency": currency,
            "way": way,
            "account": account,
            "received_on": received_on,
            "invoices": invoices,
        },
        idempotency_key=idempotency_key,
    )


def plan_record_payment(
    *,
    customer: str,
    amount: str,
    reference: str,
    currency: str | UnsetType | None = UNSET,
    way: Literal["cash", "debit", "other", "transfer"] | UnsetType = UNSET,
    account: str | UnsetType = UNSET,
    received_on: str | UnsetType | None = UNSET,
    invoices: list[InvoiceShare] | UnsetType = UNSET,
) -> Call[Plan]:
    """The exact effect that `record_payment` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/payments",
        Plan,
        query={"plan": "show"},
        body={
            "customer": customer,
            "amount": amount,
            "reference": reference,
            "currency": currency,
            "way": way,
            "account": account,
            "received_on": received_on,
            "invoices": invoices,
        },
    )


def refund_payment(
    payment: str,
    /,
    *,
    reason: str,
    amount: str | UnsetType | None = UNSET,
    reopen: bool | UnsetType = UNSET,
    of_lines: RefundLines | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Refunded]:
    """Gives a payment back: all that is left of it, an amount, or what lines come to. What
    a provider charged goes back through the provider, once; what came another way you pay
    out, and is booked here."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/refund",
        Refunded,
        query={"plan": plan},
        body={"reason": reason, "amount": amount, "reopen": reopen, "of_lines": of_lines},
        idempotency_key=idempotency_key,
    )


def plan_refund_payment(
    payment: str,
    /,
    *,
    reason: str,
    amount: str | UnsetType | None = UNSET,
    reopen: bool | UnsetType = UNSET,
    of_lines: RefundLines | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `refund_payment` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/refund",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "amount": amount, "reopen": reopen, "of_lines": of_lines},
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


def remove_member(member: str, /, *, idempotency_key: str | None = None) -> Call[Member]:
    """Removes a member: within a second the person's tokens open nothing here. Twice is
    once. API keys that the person has made stay, and are revoked one by one."""
    return call(
        "POST",
        f"/v1/members/{quote(member, safe='')}/remove",
        Member,
        idempotency_key=idempotency_key,
    )


def remove_payment_method(
    method: str, /, *, reason: str | UnsetType = UNSET, idempotency_key: str | None = None
) -> Call[PaymentMethod]:
    """Takes a payment method away: it is not charged any more."""
    return call(
        "POST",
        f"/v1/payment-methods/{quote(method, safe='')}/remove",
        PaymentMethod,
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


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


def remove_top_up_rule(wallet: str, /, *, idempotency_key: str | None = None) -> Call[Wallet]:
    """Makes no automatic top-ups any more. One that is due stays so."""
    return call(
        "DELETE",
        f"/v1/wallets/{quote(wallet, safe='')}/top-up-rule",
        Wallet,
        idempotency_key=idempotency_key,
    )


def replace_records(
    *,
    records: list[SaidRecord],
    reason: str,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CorrectionEffect]:
    """Puts each record in the place of the one with its source and id. All of them or
    none."""
    return call(
        "POST",
        "/v1/usage/corrections/replace",
        CorrectionEffect,
        query={"plan": plan},
        body={"records": records, "reason": reason},
        idempotency_key=idempotency_key,
    )


def plan_replace_records(*, records: list[SaidRecord], reason: str) -> Call[Plan]:
    """The exact effect that `replace_records` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/usage/corrections/replace",
        Plan,
        query={"plan": "show"},
        body={"records": records, "reason": reason},
    )


def replay_webhook(
    webhook: str,
    /,
    *,
    from_: int | UnsetType | None = UNSET,
    to: int | UnsetType | None = UNSET,
    delivery: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Replayed]:
    """Sends events to an endpoint again, under the ids that they had and in their order."""
    return call(
        "POST",
        f"/v1/webhooks/{quote(webhook, safe='')}/replay",
        Replayed,
        body={"from": from_, "to": to, "delivery": delivery},
        idempotency_key=idempotency_key,
    )


def requeue_erp_document(
    document: str, /, *, reason: str, idempotency_key: str | None = None
) -> Call[NamedErpDocument]:
    """Hands a document over anew, which the ERP has refused or which was tried too often.
    What is on its way again is refused with `erp.not_stuck`."""
    return call(
        "POST",
        f"/v1/erp/documents/{quote(document, safe='')}/requeue",
        NamedErpDocument,
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def requeue_invoice(invoice: str, /, *, idempotency_key: str | None = None) -> Call[QueueState]:
    """Puts an invoice in the queue. It is charged as if nothing had been tried, due or
    not."""
    return call(
        "POST",
        f"/v1/invoices/{quote(invoice, safe='')}/requeue",
        QueueState,
        idempotency_key=idempotency_key,
    )


def resolve_alarm(alarm: str, /, *, reason: str, idempotency_key: str | None = None) -> Call[Alarm]:
    """Says that it is right again, and why. Where it is not, the alarm is raised anew."""
    return call(
        "POST",
        f"/v1/alarms/{quote(alarm, safe='')}/resolve",
        Alarm,
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def resolve_attempt(
    attempt: str,
    /,
    *,
    reason: str,
    charged: str | UnsetType | None = UNSET,
    not_charged: bool | UnsetType = UNSET,
    amount: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[AttemptState]:
    """Says what became of an attempt, when nobody else can. Look it up in the provider's
    own books first: what is said is booked at once, and "not charged" makes way for another
    attempt."""
    return call(
        "POST",
        f"/v1/payment-attempts/{quote(attempt, safe='')}/resolve",
        AttemptState,
        query={"plan": plan},
        body={"reason": reason, "charged": charged, "not_charged": not_charged, "amount": amount},
        idempotency_key=idempotency_key,
    )


def plan_resolve_attempt(
    attempt: str,
    /,
    *,
    reason: str,
    charged: str | UnsetType | None = UNSET,
    not_charged: bool | UnsetType = UNSET,
    amount: str | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `resolve_attempt` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/payment-attempts/{quote(attempt, safe='')}/resolve",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "charged": charged, "not_charged": not_charged, "amount": amount},
    )


def resume_collection(run: str, /, *, idempotency_key: str | None = None) -> Call[Collection]:
    """Lets a run that was paused go on."""
    return call(
        "POST",
        f"/v1/collections/{quote(run, safe='')}/resume",
        Collection,
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


def retry_message(message: str, /, *, idempotency_key: str | None = None) -> Call[Message]:
    """Sends a message anew that was given up, or now one that waits. What was delivered is
    not sent again: it is refused with `message.delivered`."""
    return call(
        "POST",
        f"/v1/messages/{quote(message, safe='')}/retry",
        Message,
        idempotency_key=idempotency_key,
    )


def revoke_key(key: str, /, *, idempotency_key: str | None = None) -> Call[RevokedKey]:
    """Revokes an API key: within a second it opens nothing any more. Twice is once. Nobody
    revokes one that may do more than they may."""
    return call(
        "POST",
        f"/v1/keys/{quote(key, safe='')}/revoke",
        RevokedKey,
        idempotency_key=idempotency_key,
    )


def roll_back_report_config(
    *, reason: str | UnsetType = UNSET, idempotency_key: str | None = None
) -> Call[ActivatedConfig]:
    """The version that held before holds again."""
    return call(
        "POST",
        "/v1/report-configs/rollback",
        ActivatedConfig,
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def rotate_webhook(
    webhook: str, /, *, overlap_hours: int | UnsetType = UNSET, idempotency_key: str | None = None
) -> Call[WebhookMade]:
    """Gives an endpoint another secret, shown here once. The one before it signs too for
    some hours, so that the receiver can take the new one up without losing anything."""
    return call(
        "POST",
        f"/v1/webhooks/{quote(webhook, safe='')}/rotate",
        WebhookMade,
        body={"overlap_hours": overlap_hours},
        idempotency_key=idempotency_key,
    )


def run_dunning(
    *, as_of: str | UnsetType | None = UNSET, idempotency_key: str | None = None
) -> Call[DunningDone]:
    """Takes the steps of campaigns that are due, each once, however often it is asked
    for."""
    return call(
        "POST",
        "/v1/dunning/run",
        DunningDone,
        body={"as_of": as_of},
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


def send_webhook_test(webhook: str, /, *, idempotency_key: str | None = None) -> Call[WebhookTest]:
    """Sends `webhook.test` to an endpoint now, whether it is enabled or not, and says what
    it answers. It is outside the sequence, and is not tried again."""
    return call(
        "POST",
        f"/v1/webhooks/{quote(webhook, safe='')}/test",
        WebhookTest,
        idempotency_key=idempotency_key,
    )


def set_caps(
    wallet: str,
    /,
    *,
    soft: str | UnsetType | None = UNSET,
    hard: str | UnsetType | None = UNSET,
    at: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Wallet]:
    """Sets both spend caps of a wallet."""
    return call(
        "PUT",
        f"/v1/wallets/{quote(wallet, safe='')}/caps",
        Wallet,
        body={"soft": soft, "hard": hard, "at": at},
        idempotency_key=idempotency_key,
    )


def set_exchange_rates(
    *,
    rates: list[NewRate],
    source: str,
    correction: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[ToldRates]:
    """Tells exchange rates. What is known already is passed over; another rate for the same
    pair and day is refused, unless a `correction` says why. What was billed by the one
    before stays as it is."""
    return call(
        "POST",
        "/v1/exchange/rates",
        ToldRates,
        body={"rates": rates, "source": source, "correction": correction},
        idempotency_key=idempotency_key,
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


def set_top_up_rule(
    wallet: str,
    /,
    *,
    below: str,
    amount: str,
    at: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[Wallet]:
    """Tops a wallet up automatically: sets the rule, or sets it anew."""
    return call(
        "PUT",
        f"/v1/wallets/{quote(wallet, safe='')}/top-up-rule",
        Wallet,
        body={"below": below, "amount": amount, "at": at},
        idempotency_key=idempotency_key,
    )


def simulate_catalog(
    *,
    from_: str,
    to: str,
    yaml: str | UnsetType | None = UNSET,
    catalog: dict[str, Any] | UnsetType | None = UNSET,
    customers: list[str] | UnsetType = UNSET,
) -> Call[Simulated]:
    """What billed periods would have come to under another catalogue, by the code that
    bills: who pays less, who pays more, and the revenue. Nets, before coupons; nothing is
    written. It is for samples: what takes a server long is refused with
    `simulate.too_much`, and `everycent simulate` takes all of it."""
    return call(
        "POST",
        "/v1/simulate",
        Simulated,
        body={"yaml": yaml, "catalog": catalog, "from": from_, "to": to, "customers": customers},
    )


def split_payment(
    payment: str,
    /,
    *,
    file: str,
    reason: str,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[SplitDebits]:
    """Says that a payment in suspense is what the bank booked in one sum for a file of
    direct debits, or for one of its blocks. Each debit pays its invoice, and the sum is
    gone."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/split",
        SplitDebits,
        query={"plan": plan},
        body={"file": file, "reason": reason},
        idempotency_key=idempotency_key,
    )


def plan_split_payment(payment: str, /, *, file: str, reason: str) -> Call[Plan]:
    """The exact effect that `split_payment` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/split",
        Plan,
        query={"plan": "show"},
        body={"file": file, "reason": reason},
    )


def start_billing_run(
    *,
    as_of: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
    payment_days: int | UnsetType = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[StartedBillingRun]:
    """Opens a billing run, or finds the one that is open. `everycent work` and `everycent
    bill run` work on it, and ask for it to see how far it is; nothing is ever billed twice.
    One that is open keeps what it was begun with, and is not taken for one that is asked
    for as of another time. Invoices are recorded as made by whoever works on it, and
    counted again before they are issued where the tenant's policies say so. An `as_of` that
    has not come is refused: dates of documents never go back, and nothing could be billed
    before it afterwards. As planned it is done at once, all of it or nothing, for up to
    1,000 customers; with what waits for it, which has a run of its own otherwise.
    `everycent bill run` bills more of them faster."""
    return call(
        "POST",
        "/v1/runs",
        StartedBillingRun,
        query={"plan": plan},
        body={"as_of": as_of, "zone": zone, "payment_days": payment_days},
        idempotency_key=idempotency_key,
    )


def plan_start_billing_run(
    *,
    as_of: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
    payment_days: int | UnsetType = UNSET,
) -> Call[Plan]:
    """The exact effect that `start_billing_run` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/runs",
        Plan,
        query={"plan": "show"},
        body={"as_of": as_of, "zone": zone, "payment_days": payment_days},
    )


def start_collection(
    *,
    due_by: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
    invoices: list[str] | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[OpenedCollection]:
    """Opens a run of all that is due, or of some invoices alone. `everycent work` charges
    what is on its list; nothing is charged twice, however many runs there are."""
    return call(
        "POST",
        "/v1/collections",
        OpenedCollection,
        query={"plan": plan},
        body={"due_by": due_by, "zone": zone, "invoices": invoices},
        idempotency_key=idempotency_key,
    )


def plan_start_collection(
    *,
    due_by: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
    invoices: list[str] | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `start_collection` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/collections",
        Plan,
        query={"plan": "show"},
        body={"due_by": due_by, "zone": zone, "invoices": invoices},
    )


def stop_invoice(
    invoice: str, /, *, reason: str, idempotency_key: str | None = None
) -> Call[QueueState]:
    """Charges nothing for an invoice until it is put in the queue again."""
    return call(
        "POST",
        f"/v1/invoices/{quote(invoice, safe='')}/stop",
        QueueState,
        body={"reason": reason},
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


def top_up_wallet(
    wallet: str,
    /,
    *,
    reference: str,
    amount: str | UnsetType | None = UNSET,
    owed: bool | UnsetType = UNSET,
    effective: str | UnsetType | None = UNSET,
    expires: str | UnsetType | None = UNSET,
    priority: int | UnsetType = UNSET,
    products: list[str] | UnsetType = UNSET,
    prices: list[str] | UnsetType = UNSET,
    at: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CreditGrant]:
    """Puts credit that was paid for into a wallet: an amount, or the top-up that is due."""
    return call(
        "POST",
        f"/v1/wallets/{quote(wallet, safe='')}/top-ups",
        CreditGrant,
        query={"plan": plan},
        body={
            "reference": reference,
            "amount": amount,
            "owed": owed,
            "effective": effective,
            "expires": expires,
            "priority": priority,
            "products": products,
            "prices": prices,
            "at": at,
        },
        idempotency_key=idempotency_key,
    )


def plan_top_up_wallet(
    wallet: str,
    /,
    *,
    reference: str,
    amount: str | UnsetType | None = UNSET,
    owed: bool | UnsetType = UNSET,
    effective: str | UnsetType | None = UNSET,
    expires: str | UnsetType | None = UNSET,
    priority: int | UnsetType = UNSET,
    products: list[str] | UnsetType = UNSET,
    prices: list[str] | UnsetType = UNSET,
    at: str | UnsetType | None = UNSET,
) -> Call[Plan]:
    """The exact effect that `top_up_wallet` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/wallets/{quote(wallet, safe='')}/top-ups",
        Plan,
        query={"plan": "show"},
        body={
            "reference": reference,
            "amount": amount,
            "owed": owed,
            "effective": effective,
            "expires": expires,
            "priority": priority,
            "products": products,
            "prices": prices,
            "at": at,
        },
    )


def try_credit(
    *,
    grants: list[TriedGrant],
    uses: list[TriedUse],
    until: str,
    order: Order | UnsetType = UNSET,
    carry_overage: CarryOverage | UnsetType = UNSET,
    time_zone: str | UnsetType = UNSET,
    resets: list[str] | UnsetType = UNSET,
) -> Call[TrialAnswer]:
    """Draws grants down that lie in no wallet: what would be left, and why. Nothing is
    stored."""
    return call(
        "POST",
        "/v1/wallets/try",
        TrialAnswer,
        body={
            "grants": grants,
            "uses": uses,
            "until": until,
            "order": order,
            "carry_overage": carry_overage,
            "time_zone": time_zone,
            "resets": resets,
        },
    )


def unapply_payment(
    payment: str,
    /,
    *,
    reason: str,
    invoice: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[Applied]:
    """Takes a payment off what it pays. That is open again, and not charged until it is
    requeued."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/unapply",
        Applied,
        query={"plan": plan},
        body={"reason": reason, "invoice": invoice},
        idempotency_key=idempotency_key,
    )


def plan_unapply_payment(
    payment: str, /, *, reason: str, invoice: str | UnsetType | None = UNSET
) -> Call[Plan]:
    """The exact effect that `unapply_payment` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/payments/{quote(payment, safe='')}/unapply",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "invoice": invoice},
    )


def undo_correction(
    correction: str,
    /,
    *,
    reason: str,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CorrectionEffect]:
    """Takes back what a correction added and puts back what it took. That is a correction
    too."""
    return call(
        "POST",
        f"/v1/usage/corrections/{quote(correction, safe='')}/undo",
        CorrectionEffect,
        query={"plan": plan},
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def plan_undo_correction(correction: str, /, *, reason: str) -> Call[Plan]:
    """The exact effect that `undo_correction` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/usage/corrections/{quote(correction, safe='')}/undo",
        Plan,
        query={"plan": "show"},
        body={"reason": reason},
    )


def undo_write_off(
    invoice: str,
    /,
    *,
    reason: str,
    at: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[WrittenOff]:
    """Opens an invoice again by all that was written off of it."""
    return call(
        "POST",
        f"/v1/invoices/{quote(invoice, safe='')}/undo-write-off",
        WrittenOff,
        query={"plan": plan},
        body={"reason": reason, "at": at},
        idempotency_key=idempotency_key,
    )


def plan_undo_write_off(
    invoice: str, /, *, reason: str, at: str | UnsetType | None = UNSET
) -> Call[Plan]:
    """The exact effect that `undo_write_off` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/invoices/{quote(invoice, safe='')}/undo-write-off",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "at": at},
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


def update_webhook(
    webhook: str,
    /,
    *,
    url: str | UnsetType | None = UNSET,
    types: list[str] | UnsetType | None = UNSET,
    payload: bool | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[WebhookMade]:
    """Changes an endpoint. Another URL is another receiver: it gets a secret of its own,
    shown here once, and the one before it signs nothing any more."""
    return call(
        "PATCH",
        f"/v1/webhooks/{quote(webhook, safe='')}",
        WebhookMade,
        body={"url": url, "types": types, "payload": payload},
        idempotency_key=idempotency_key,
    )


def verify(
    *,
    promises: list[str] | UnsetType | None = UNSET,
    replay: bool | UnsetType = UNSET,
    recount_percent: int | UnsetType = UNSET,
    seconds: int | UnsetType = UNSET,
) -> Call[Verified]:
    """Proves that journal = books = invoices = usage, as of one instant, and names whatever
    violates a promise. Nothing is changed. It takes a minute for a few hundred thousand
    invoices, and is given `seconds`: `left` is what it did not come to, to be asked for by
    itself with `promises`. Files of the archive are not read (`everycent verify --archives`
    does), and only one proof is made at a time."""
    return call(
        "POST",
        "/v1/verify",
        Verified,
        body={
            "promises": promises,
            "replay": replay,
            "recount_percent": recount_percent,
            "seconds": seconds,
        },
    )


def void_grant(
    wallet: str,
    number: str,
    /,
    *,
    reason: str,
    at: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[VoidedGrant]:
    """Takes away what is left of a grant. One that comes again does so no more."""
    return call(
        "POST",
        f"/v1/wallets/{quote(wallet, safe='')}/grants/{quote(number, safe='')}/void",
        VoidedGrant,
        query={"plan": plan},
        body={"reason": reason, "at": at},
        idempotency_key=idempotency_key,
    )


def plan_void_grant(
    wallet: str, number: str, /, *, reason: str, at: str | UnsetType | None = UNSET
) -> Call[Plan]:
    """The exact effect that `void_grant` would have now, and the token to do just that."""
    return call(
        "POST",
        f"/v1/wallets/{quote(wallet, safe='')}/grants/{quote(number, safe='')}/void",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "at": at},
    )


def void_records(
    *,
    source: str,
    ids: list[str],
    reason: str,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[CorrectionEffect]:
    """Takes records out of the count. They stay stored, and can be put back. Of a record
    that was replaced, its id takes back whatever counts of it now."""
    return call(
        "POST",
        "/v1/usage/corrections/void",
        CorrectionEffect,
        query={"plan": plan},
        body={"source": source, "ids": ids, "reason": reason},
        idempotency_key=idempotency_key,
    )


def plan_void_records(*, source: str, ids: list[str], reason: str) -> Call[Plan]:
    """The exact effect that `void_records` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/usage/corrections/void",
        Plan,
        query={"plan": "show"},
        body={"source": source, "ids": ids, "reason": reason},
    )


def withdraw_debit_file(
    file: str, /, *, reason: str, plan: str | UnsetType = UNSET, idempotency_key: str | None = None
) -> Call[WithdrawnFile]:
    """Says that a file never reached the bank. Its invoices can be collected again at
    once."""
    return call(
        "POST",
        f"/v1/debit-files/{quote(file, safe='')}/withdraw",
        WithdrawnFile,
        query={"plan": plan},
        body={"reason": reason},
        idempotency_key=idempotency_key,
    )


def plan_withdraw_debit_file(file: str, /, *, reason: str) -> Call[Plan]:
    """The exact effect that `withdraw_debit_file` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/debit-files/{quote(file, safe='')}/withdraw",
        Plan,
        query={"plan": "show"},
        body={"reason": reason},
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


def withdraw_top_up(
    wallet: str,
    /,
    *,
    reason: str,
    at: str | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[WithdrawnTopUp]:
    """Says that the top-up that is due will not be paid. Its rule rests until it is set
    anew."""
    return call(
        "POST",
        f"/v1/wallets/{quote(wallet, safe='')}/withdraw-top-up",
        WithdrawnTopUp,
        body={"reason": reason, "at": at},
        idempotency_key=idempotency_key,
    )


def write_debit_file(
    *,
    account: str,
    due_by: str | UnsetType | None = UNSET,
    collect_on: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[WrittenDebits]:
    """Writes a file of all that is due and paid by mandates for an account, once. From then
    on the debits count as being in the bank's hands. Its content is got by itself, the same
    to the last byte."""
    return call(
        "POST",
        "/v1/debit-files",
        WrittenDebits,
        query={"plan": plan},
        body={"account": account, "due_by": due_by, "collect_on": collect_on, "zone": zone},
        idempotency_key=idempotency_key,
    )


def plan_write_debit_file(
    *,
    account: str,
    due_by: str | UnsetType | None = UNSET,
    collect_on: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
) -> Call[Plan]:
    """The exact effect that `write_debit_file` would have now, and the token to do just
    that."""
    return call(
        "POST",
        "/v1/debit-files",
        Plan,
        query={"plan": "show"},
        body={"account": account, "due_by": due_by, "collect_on": collect_on, "zone": zone},
    )


def write_off_invoice(
    invoice: str,
    /,
    *,
    reason: str,
    at: str | UnsetType | None = UNSET,
    plan: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Call[WrittenOff]:
    """Gives up what is open of an invoice as uncollectable. It is a bad debt, for which
    nobody is charged any more; the invoice itself stays as it was issued."""
    return call(
        "POST",
        f"/v1/invoices/{quote(invoice, safe='')}/write-off",
        WrittenOff,
        query={"plan": plan},
        body={"reason": reason, "at": at},
        idempotency_key=idempotency_key,
    )


def plan_write_off_invoice(
    invoice: str, /, *, reason: str, at: str | UnsetType | None = UNSET
) -> Call[Plan]:
    """The exact effect that `write_off_invoice` would have now, and the token to do just
    that."""
    return call(
        "POST",
        f"/v1/invoices/{quote(invoice, safe='')}/write-off",
        Plan,
        query={"plan": "show"},
        body={"reason": reason, "at": at},
    )
