"""What the API takes and answers. Written by scripts/client.py out of the operations."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

AfterSwitch = Literal["keep", "restart"]
Aggregation = Literal[
    "average",
    "count",
    "counter",
    "latest",
    "max",
    "min",
    "peak",
    "percentile",
    "sum",
    "unique",
    "units",
    "weighted_sum",
    "windowed",
]
Anchor = Literal["keep", "reset", "same_length"]
Basis = Literal["paid", "promotional"]
BlockMode = Literal["graduated", "top"]
CarryOverage = Literal["never", "over_resets", "to_next_grant"]
ChangeDay = Literal["both", "new", "old"]
ChargingThen = Literal["ask_customer", "ask_operator", "nothing", "other_method", "retry"]
Conversion = Literal["converted", "refused"]
Credit = Literal["difference", "paid_part", "unused_part"]
CreditsReason = Literal["hard_cap", "no_cap", "soft_cap", "within"]
DayCount = Literal["30", "30/360", "365/366", "actual"]
Decrease = Literal["credit", "keep"]
Denominator = Literal["calendar", "cycle", "plan"]
DunningWhy = Literal["settled", "withdrawn", "written_off"]
Effect = Literal["booked", "cancelled_out", "contradicted", "failed", "person", "taken_back"]
EndDay = Literal["billed", "not_billed"]
EntitlementsReason = Literal[
    "beyond_limit",
    "ended",
    "hard_cap",
    "included",
    "limit_reached",
    "no_contract",
    "not_included",
    "not_started",
    "over_soft_limit",
    "paused",
    "unlimited",
    "within_limit",
]
EntitlementsState = Literal["ended", "paused", "planned", "running", "trial"]
Every = Literal["day", "month"]
Follows = Literal["answer", "look_up", "nothing", "retry", "somebody"]
Granularity = Literal["day", "second"]
InvoicingState = Literal[
    "can't be priced",
    "new price",
    "other currency",
    "other interval",
    "plan is not in the file",
    "price is gone",
    "priced",
]
Kind = Literal["grade", "limit", "metered", "switch"]
Leaving = Literal["any_time", "end_of_term"]
Level = Literal["changes", "sets"]
Limit = Literal["maximum", "minimum"]
Minimum = Literal["each_part", "last_part"]
MoveKind = Literal[
    "applied",
    "assigned",
    "dispute",
    "dispute_won",
    "lost",
    "lost_returned",
    "received",
    "refund",
    "refund_failed",
    "refund_there",
    "unapplied",
]
Order = Literal["priority_then_expiry", "priority_then_received"]
Outcome = Literal["absent", "done", "failed", "pending", "unknown"]
PaymentStatus = Literal[
    "CREDITED",
    "FAILED",
    "MISMATCHED",
    "PAID",
    "PENDING",
    "STOPPED",
    "UNDER_WAY",
    "UNKNOWN",
    "WRITTEN_OFF",
]
PaymentsFailure = Literal[
    "amount_mismatch",
    "authentication_required",
    "cancelled",
    "connection_lost",
    "currency_mismatch",
    "currency_refused",
    "customer_unknown",
    "declined",
    "declined_for_good",
    "defect",
    "expired_method",
    "malformed",
    "no_method",
    "not_found",
    "provider_error",
    "rate_limited",
    "reference_mismatch",
    "refused",
    "stale",
    "timed_out",
    "unavailable",
    "unreachable",
    "worker_died",
]
Reset = Literal["day", "month", "never", "period", "week", "year"]
Rounding = Literal["ceiling", "down", "floor", "half_down", "half_even", "half_up", "up"]
RunKind = Literal["demand", "retry", "schedule"]
Sequence = Literal["FNAL", "FRST", "OOFF", "RCUR"]
Severity = Literal["critical", "warning"]
Sign = Literal["end", "notice", "reminder"]
Source = Literal["file", "look_up", "notice", "person", "response", "statement"]
Status = Literal[
    "answered",
    "cancelled",
    "claimed",
    "failed",
    "mismatched",
    "pending",
    "sending",
    "succeeded",
    "unknown",
]
Subject = Literal["customer", "resource"]
SubscriptionsThen = Literal["cancelled", "ends", "goes on", "renews"]
TakesEffect = Literal["now", "period_end"]
TaxStatus = Literal["exempt", "reverse_charge", "taxed"]
TimeUnit = Literal["days", "hours", "intervals", "minutes", "seconds"]
TrialChange = Literal["end", "from_start", "keep", "restart"]
TrialMode = Literal["days_off_first_period", "own_phase"]
TrialUsage = Literal["billed", "free"]
Trouble = Literal[
    "absent",
    "broken",
    "lost",
    "malformed",
    "mismatch",
    "refused",
    "threw",
    "timed_out",
    "twice",
    "unavailable",
    "unreachable",
]
Unit = Literal["day", "millisecond", "minute", "none", "second"]
Unused = Literal["credit", "nothing", "same_item"]
Verb = Literal["change", "create", "keep"]
Way = Literal["cash", "charge", "debit", "other", "transfer"]


class AcceptedGap(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A gap for which no records will come, and why."""

    subject: str
    meter: str
    starts_at: str
    reason: str


class AccountBalance(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an account comes to in a currency."""

    account: str
    name: str
    kind: Literal["asset", "equity", "expense", "income", "liability"]
    currency: str
    debit: str
    credit: str
    balance: str


class AccountMovement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an entry did to the account, and what the account came to then."""

    entry: str
    kind: str
    at: str
    recorded_at: str
    document: str | None
    amount: str
    balance: str


class AccountStatement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An account over a time: `opening` + all amounts = `closing`, also over more than one
    page."""

    account: str
    currency: str
    customer: str | None
    from_: str | None = msgspec.field(name="from")
    to: str
    opening: str
    closing: str
    items: list[AccountMovement]
    next: str | None


class ActivatedConfig(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The version that holds from now on; `before` is the one that held until now."""

    name: str
    number: int
    before: str | None
    reason: str


class Agree(msgspec.Struct, kw_only=True, omit_defaults=True, tag="agree"):
    """From now on another quantity of a price is agreed."""

    price_key: str
    quantity: str
    track: str | UnsetType = UNSET


class Agreed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A quantity that is agreed and not metered, such as seats: so many of `unit`. In a
    plan `quantity` is what a contract has that says nothing else (None: each says it); it
    is from `least` to `most`."""

    unit: str
    quantity: str | UnsetType | None = UNSET
    least: str | UnsetType = UNSET
    most: str | UnsetType | None = UNSET


class AgreedPart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of an invoice, and the day from which on it is charged."""

    due_on: str
    amount: str


class AgreedShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A price's `agreed`: the quantity that contracts agree on."""

    unit: str
    quantity: str | UnsetType | None = UNSET
    least: str | UnsetType = UNSET
    most: str | UnsetType | None = UNSET


class Agreement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why something is agreed, and when it was; now when that is left out."""

    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET


class Alarm(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that is or was wrong, and what became of it."""

    alarm: str
    state: Literal["acknowledged", "raised", "resolved"]
    severity: Severity
    kind: str
    subject: str
    message: str
    source: str
    raised_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    resolved_at: str | None
    resolved_by: str | None
    reason: str


class Applied(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a payment."""

    payment: str
    currency: str
    settled: list[Settled]
    left: str
    back: str


class AppliedCoupon(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A coupon as a customer was given it. It takes off a percentage or an amount."""

    name: str
    coupon: str
    version: int
    customer: str
    subscription: str | None
    percent: str | None
    amount: str | None
    currency: str | None
    times: int | None
    starts_on: str
    ends_on: str | None


class AppliedFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A catalogue that is to hold from an instant on; from now on when that is left out."""

    yaml: str | UnsetType | None = UNSET
    catalog: dict[str, Any] | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET


class AppliedTerms(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which version holds, and whether it is new."""

    version: int
    is_new: bool


class ApplyPayment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is left of a payment pays these, in this order."""

    invoices: list[InvoiceShare]


class ArchivePart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of a month in a file of the archive."""

    month: str
    part: int
    file: str
    location: str
    bytes: int
    sha256: str
    records: int
    total: str
    digest: str
    archived_at: str
    place: Literal["file", "restored", "table"]


class ArchivedPart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file of the archive that holds records of a month."""

    month: str
    file: str
    location: str
    records: int
    archived_at: str


class AssignPayment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whose money in suspense is, and what it pays."""

    customer: str
    invoices: list[InvoiceShare] | UnsetType = UNSET


class AttemptEvidence(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was said about an attempt, as it came. Its amount is null in a currency that
    nobody has."""

    source: Source
    outcome: Outcome
    failure: PaymentsFailure | None
    provider_id: str | None
    amount: str | None
    currency: str | None
    code: str | None
    status: int | None
    milliseconds: int | None
    reason: str | None
    said_by: str | None
    raw: str
    digest: str


class AttemptStage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A stage of an attempt: when, by which worker, with what answer."""

    attempt: str
    version: int
    stage: str
    status: Status
    at: str
    recorded_at: str
    worker: str
    fence: int
    provider: str
    amount: str
    currency: str
    failure: PaymentsFailure | None
    why: str | None
    retry_at: str | None
    look_at: str | None
    evidence: AttemptEvidence | None


class AttemptState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An attempt as it stands."""

    attempt: str
    invoice: str | None
    amount: str
    currency: str
    status: Status
    is_contradicted: bool
    failure: PaymentsFailure | None
    since: str
    look_at: str | None
    why: str | None


class Attention(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that is open or wrong about payments."""

    attempts: list[AttemptState]
    notices: list[NoticeToFollow]
    silent_files: list[SilentFile]
    stopped: list[StoppedInvoice]
    in_suspense: list[InSuspense]


class BackfilledSpan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a span of time should say: all its records, of these subjects and meters. What
    is missing is added, what differs is replaced, what is not told is taken back."""

    records: list[SaidRecord]
    from_: str = msgspec.field(name="from")
    to: str
    zone: str | UnsetType = UNSET
    subjects: list[str]
    meters: list[str]
    source: str | None
    reason: str


class BandRule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """On these kinds of days (0 is Monday, 7 a holiday) the minutes from `start` up to
    `end` belong to `band`."""

    band: str
    days: list[int]
    start: int
    end: int


class Bands(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A set of bands on the clock of `time_zone` (an IANA zone or a fixed offset)."""

    key: str
    time_zone: str
    rules: list[BandRule]
    rest: str
    holidays: Holidays | UnsetType | None = UNSET


class BankStatement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A bank statement or notice (camt.053, camt.054) as the bank made it, in UTF-8."""

    content: str


class Begin(msgspec.Struct, kw_only=True, omit_defaults=True, tag="begin"):
    """From now on a track is on these terms: the plan at the start, another plan, or an
    add-on. A term that runs goes on, unless there is to be a `new_term`. With `goes_on`
    they are another version of the plan that runs; one that `is_move` was not asked for by
    the contract and gives way to what is."""

    terms: Terms
    track: str | UnsetType = UNSET
    new_term: bool | UnsetType = UNSET
    goes_on: bool | UnsetType = UNSET
    is_move: bool | UnsetType = UNSET


class BillingRun(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A billing run, and how far it is. Without `finished_at` it is open."""

    run_id: str
    as_of: str
    started_at: str
    finished_at: str | None
    customers: int
    chunks: int
    chunks_done: int
    invoices: int
    lines: int
    parked: int


class BlockTier(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Up to `max_blocks` (None is without end) blocks of `block_size` units at
    `block_amount` each."""

    block_size: str
    block_amount: str
    max_blocks: int | UnsetType | None = UNSET


class BlockTierShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """So many blocks of a size, at a price."""

    block_size: str
    block_amount: str
    max_blocks: int | UnsetType | None = UNSET


class BlockTiers(msgspec.Struct, kw_only=True, omit_defaults=True, tag="block_tiers"):
    """Tiers that hold so many blocks each; a tier begins where the one before is full, and
    a begun block counts whole."""

    tiers: list[BlockTier]
    mode: BlockMode | UnsetType = UNSET


class BlockTiersShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Tiers of blocks in order; the last is without end."""

    tiers: list[BlockTierShape]
    mode: BlockMode | UnsetType = UNSET


class Brought(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of customers that were wanted."""

    created: list[str]
    unchanged: int


class BuiltReport(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came of building: `built`, `there` (it was built before), `refused` with the
    problems, or `elsewhere` (somebody else pulls it now)."""

    period: str
    outcome: Literal["built", "elsewhere", "refused", "there"]
    problems: list[ReportProblem]
    report: Report | UnsetType = UNSET


class Cancel(msgspec.Struct, kw_only=True, omit_defaults=True, tag="cancel"):
    """The whole contract ends."""


class CapMet(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A wallet whose cap is met."""

    wallet: str
    reason: CreditsReason
    balance: str


class CatalogChange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What becomes of a thing, with the version that it will have, or has."""

    action: Verb
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
    key: str
    version: int
    differences: list[str]


class CatalogChanges(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What becomes of each thing that a file has. What it does not mention stays as it
    is."""

    items: list[CatalogChange]


class CatalogEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version of a thing of the catalogue. Its content has the fields that
    docs/catalog.md tells of its kind, with what it stands on in it; plans and meters have
    addresses where all of them are typed."""

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
    key: str
    version: int
    at: str
    content: dict[str, Any]


class CatalogFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A catalogue: the text of its YAML file, or the same as JSON; one of the two."""

    yaml: str | UnsetType | None = UNSET
    catalog: dict[str, Any] | UnsetType | None = UNSET


class Cell(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The unit amount of records that have these values in the matrix's dimensions, in
    their order."""

    name: str
    values: list[str]
    unit_amount: str


class CellShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A unit amount for values of the dimensions."""

    values: list[str]
    unit_amount: str
    name: str | UnsetType | None = UNSET


class Change(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A change of a contract, numbered from 0 (its start) in the order in which they were
    agreed. Time that was paid in advance and that a change cuts off is given back, unless
    it `keeps_paid`. With `breaks_term` it was agreed although a term that runs would not
    allow it."""

    change_no: int
    effective_at: str
    action: Begin | End | Agree | Cancel | Pause | Resume
    keeps_paid: bool | UnsetType = UNSET
    breaks_term: bool | UnsetType = UNSET


class ChangePolicy(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a change of the contract does with time that is paid for, with the plan that was
    left."""

    unused: Unused | UnsetType = UNSET
    unused_at_end: Unused | UnsetType = UNSET
    upgrade: TakesEffect | UnsetType = UNSET
    downgrade: TakesEffect | UnsetType = UNSET
    anchor: Anchor | UnsetType = UNSET
    decrease: Decrease | UnsetType = UNSET


class ChangedLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is said of an item of a resource: in the report, and now. Null where it has no
    line."""

    service: str
    customer: str
    resource: str
    item: str
    then: ToldLine | None
    now: ToldLine | None


class ChartPoint(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was used in a step of time that begins `at`."""

    at: str
    used: str


class ChartSeries(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The values of one row in every slot; null where there are no records."""

    kind: Literal["all", "none", "other", "value"]
    name: str
    values: list[str | None]


class ChartSlot(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A time of the chart."""

    label: str
    starts_at: str
    ends_at: str


class CheckedGaps(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many gaps were opened and closed by the look."""

    opened: int
    closed: int


class Checkpoint(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A seal on the journal up to a place: its digest is kept elsewhere, and shows that
    nothing before that place was changed since. `signature` is Ed25519 over `digest`, by
    the key `public_key`."""

    checkpoint_no: int
    recorded_at: str
    epoch: int
    xid: int
    seq: int
    streams: int
    events: int
    root: str
    previous: str | None
    digest: str
    public_key: str
    signature: str


class ClosedGap(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A gap that is closed for good."""

    subject: str
    meter: str
    starts_at: str
    outcome: Literal["accepted"]


class Collection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run that charges what is due, and how far it is."""

    run_id: str
    kind: RunKind
    due_by: str
    state: Literal["aborted", "finished", "open", "paused"]
    started_at: str
    finished_at: str | None
    invoices: int
    through: int
    states: dict[str, int]
    outcomes: dict[str, int]


class CollectionSum(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What some of its invoices come to: those that a provider charges, or that nothing is
    charged of now and why, in a word."""

    provider: str | None
    why: str | None
    currency: str
    invoices: int
    amount: str


class Commitment(msgspec.Struct, kw_only=True, omit_defaults=True, tag="commitment"):
    """What is missing to a `minimum` of everything that a contract is charged for the
    period, or, as a negative amount, what is beyond a `maximum`. Of these `prices`, by key;
    none: of all but commitments. What is billed in arrears counts where its period ends,
    everything else where it begins."""

    minimum: str | UnsetType | None = UNSET
    maximum: str | UnsetType | None = UNSET
    prices: list[str] | UnsetType = UNSET


class CommitmentShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A minimum or a maximum of what a contract is charged for a period."""

    minimum: str | UnsetType | None = UNSET
    maximum: str | UnsetType | None = UNSET
    prices: list[str] | UnsetType = UNSET


class ComparedReport(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a report is like when it is pulled again: the sub-services that say something
    else now."""

    name: str
    digest: str
    differing: list[str]
    problems: list[ReportProblem]
    lines: list[ChangedLine]


class ConfigActivation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Since when a version held."""

    number: int
    name: str
    name_before: str | None
    at: str
    actor: str
    reason: str


class ConfigDifference(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that differs between two versions; empty where one has nothing there."""

    place: str
    before: str
    after: str


class ConfigDifferences(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that differs but the name."""

    before: str
    after: str
    differences: list[ConfigDifference]


class ConfigItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a sub-service counts, and the meter that it goes to."""

    item: str
    unit: str
    meter: str
    to: str
    places: int | None
    subject: Subject


class ConfigService(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A sub-service. `key` names the variable of the environment that has its key."""

    name: str
    url: str
    key: str
    deadline: int
    items: list[ConfigItem]


class ContractChange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A change, from when on, and what becomes of what is paid in advance beyond."""

    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET
    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET


class CorrectedAmounts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What comes out differently."""

    net: str
    tax: str
    gross: str


class CorrectedInvoice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice that stands as it was issued, and what it would say now."""

    invoice: str
    customer: str
    currency: str
    difference: CorrectedAmounts
    lines: list[UsageCorrectedCorrectedLine]


class CorrectedPeriod(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A period that is not billed yet."""

    subscription: str
    what: str
    starts_at: str
    ends_at: str
    unit: str
    before: str | None
    after: str | None
    refusal: WhyNot | None


class CorrectedRecords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many records are taken back, put back, added, and are right already."""

    voided: int
    restored: int
    added: int
    unchanged: int


class CorrectionEffect(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a correction changes; `correction` is null for a preview."""

    correction: str | None
    is_preview: bool
    kind: Literal["backfill", "replace", "undo", "void"]
    reason: str
    records: CorrectedRecords
    invoices: list[CorrectedInvoice]
    lines_that_stay_the_same: int
    customers: list[CustomerDifferences]
    unbilled: list[CorrectedPeriod]
    notes: list[str]


class CostRefusal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why the running cost of a wallet can't be worked out."""

    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET


class CountedReason(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many records there are for a reason, and what to do about it."""

    reason: str
    records: int
    tone: Literal["good", "look", "waits"]
    sentence: str
    advice: str


class CountedRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A usage record that a line counted; `local` is its time on the customer's clock."""

    record_id: str
    source: str
    at: str
    local: str
    value: str
    dimensions: dict[str, str]


class CouponEnd(msgspec.Struct, kw_only=True, omit_defaults=True):
    """When a coupon ends, and why."""

    on: str | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET


class Course(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A price whose course is not that of its plan: a quantity is agreed, its periods have
    another length, or it is sold once and lasts a day. `quantity` is what is agreed with
    the terms; None leaves it at what runs (the same price of the plan before), and where
    there is none at `usual`. It is from `least` to `most`."""

    price_key: str
    interval_months: int
    interval_days: int
    is_once: bool | UnsetType = UNSET
    is_agreed: bool | UnsetType = UNSET
    quantity: str | UnsetType | None = UNSET
    usual: str | UnsetType | None = UNSET
    least: str | UnsetType = UNSET
    most: str | UnsetType | None = UNSET


class CoveredInterval(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An interval that is done: measured, or missed for a reason."""

    starts_at: str
    ends_at: str
    version: int
    outcome: Literal["missed", "taken"]
    records: int
    total: str
    conflicts: int
    reason: str | None
    event_id: str


class CreatedConfig(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version that is recorded; `is_new` where it was not before."""

    name: str
    digest: str
    is_new: bool
    is_active: bool


class CreditDraw(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a grant; below nothing what was given back."""

    at: str
    why: str
    document: str | None
    amount: str
    left: str


class CreditEnded(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why, and from when on."""

    reason: str
    at: str | UnsetType | None = UNSET


class CreditGrant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Credit that was paid for or given away."""

    number: int
    amount: str
    currency: str
    units: str | None
    unit: CreditUnit | None
    basis: Basis
    priority: int
    effective_at: str
    expires_at: str | None
    products: list[str]
    prices: list[str]
    renews: GrantRenews | None


class CreditTrial(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Grants and uses, up to an instant."""

    grants: list[TriedGrant]
    uses: list[TriedUse]
    until: str
    order: Order | UnsetType = UNSET
    carry_overage: CarryOverage | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    resets: list[str] | UnsetType = UNSET


class CreditUnit(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A unit of the seller's own, and what one costs in the wallet's currency."""

    name: str
    price: str


class CreditUsed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the customer's credit pays; below nothing what is credit again."""

    wallet: str
    basis: str
    amount: str


class Customer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who is billed. The time zone decides where the days of its billing periods begin."""

    customer_id: str
    key: str
    name: str
    currency: str
    time_zone: str
    email: str | UnsetType | None = UNSET
    address: str | UnsetType | None = UNSET
    tax_id: str | UnsetType | None = UNSET
    tax_status: TaxStatus | UnsetType = UNSET
    tax_reason: str | UnsetType | None = UNSET
    group: str | UnsetType | None = UNSET


class CustomerAllowance(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same of all wallets of a customer together."""

    is_allowed: bool
    reason: CreditsReason
    left: str | None
    customer: str


class CustomerChanges(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The fields that are to be other ones from now on; null takes away what a customer may
    do without. Key and currency stay."""

    name: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    address: str | UnsetType | None = UNSET
    tax_id: str | UnsetType | None = UNSET
    tax_status: TaxStatus | UnsetType = UNSET
    tax_reason: str | UnsetType | None = UNSET
    group: str | UnsetType | None = UNSET


class CustomerDifferences(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What comes out differently for a customer in a currency."""

    net: str
    tax: str
    gross: str
    customer: str
    currency: str


class CustomerStatement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of the account of a customer, with what was owed before the time asked for and
    after it."""

    customer: str
    name: str
    currency: str
    opening: str
    closing: str
    items: list[StatementLine]
    next: str | None


class DebitFileContent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The file itself, for the bank. It names accounts. A bank refuses a file that it has
    had."""

    message_id: str
    content: str
    sha256: str


class DebitFileListed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file, and how many of its debits stand where."""

    message_id: str
    account: str
    sent_on: str
    debits: int
    total: str
    currency: str
    sha256: str
    written_at: str
    withdrawn: str | None
    first_on: str
    last_on: str
    pending: int
    succeeded: int
    failed: int
    others: int
    returned: int


class DebitFileMade(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file for the bank. `sha256` is that of its content."""

    message_id: str
    account: str
    form: str
    created_at: str
    sent_on: str
    debits: int
    total: str
    currency: str
    sha256: str


class DebitFileShown(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file with its debits, and with what statements said about them."""

    message_id: str
    account: str
    sent_on: str
    debits: int
    total: str
    currency: str
    sha256: str
    written_at: str
    withdrawn: str | None
    first_on: str
    last_on: str
    pending: int
    succeeded: int
    failed: int
    others: int
    returned: int
    items: list[FileDebit]
    entries: list[FileEntry]


class DimensionTotal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All records that have a value of the dimension; `value` is empty for those without
    it."""

    value: str
    records: int
    total: str
    low: str
    high: str
    latest: str


class DueButLeft(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice that is due and not in the file, and why."""

    invoice: str
    why: str


class DueCustomer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A customer of whom something is due."""

    customer: str
    name: str


class DueTopUp(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A top-up that is due now."""

    wallet: str
    amount: str
    balance: str
    currency: str


class DunningCampaign(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is done about customers who owe too much for too long."""

    key: str
    thresholds: dict[str, str]
    steps: list[DunningTermsStep]
    customers: list[str]
    groups: list[str]
    language: str


class DunningDone(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was done: steps, episodes that ended, and how many messages are to be sent."""

    steps: list[DunningStep]
    ended: list[EndedEpisode]
    messages: int


class DunningRun(msgspec.Struct, kw_only=True, omit_defaults=True):
    """As of when; now when left out."""

    as_of: str | UnsetType | None = UNSET


class DunningStep(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A step that was taken, and what it did; what it could not do is left out, and why."""

    customer: str
    currency: str
    campaign: str
    episode: int
    number: int
    step: str
    on: str
    amount: str
    invoices: list[str]
    is_last: bool
    paused: list[str]
    charged: list[str]
    written_off: dict[str, str]
    messages: list[str]
    left_out: dict[str, str]


class DunningTerms(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The terms that hold. Version 0 are the product's own, before any are set."""

    version: int
    since: str | None
    next_collection: str | None
    schedule: Schedule
    failures: dict[str, Rule]
    groups: dict[str, dict[str, Rule]]
    campaigns: list[DunningCampaign]
    letters: dict[str, dict[str, Letter]]
    sender: str
    pay_link: str


class DunningTermsStep(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A step of a campaign, by its `key`, which no other one has. It is taken `after_due`
    days after the oldest open invoice fell due, or `after_step` days after the step before:
    one of the two is told. What it does: send the customer the letter `mail`, tell
    `webhook` (an address), `charge` what is open again, `pause` the customer's contracts,
    write off what is open as `uncollectable`."""

    key: str
    after_due: int | UnsetType | None = UNSET
    after_step: int | UnsetType | None = UNSET
    mail: str | UnsetType | None = UNSET
    webhook: str | UnsetType | None = UNSET
    charge: bool | UnsetType = UNSET
    pause: bool | UnsetType = UNSET
    uncollectable: bool | UnsetType = UNSET


class Dynamic(msgspec.Struct, kw_only=True, omit_defaults=True, tag="dynamic"):
    """The amount that each event carries in a dimension, in major units, × `multiplier`."""

    dimension: str | UnsetType = UNSET
    multiplier: str | UnsetType = UNSET


class DynamicShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The amount that each event carries in a dimension."""

    dimension: str | UnsetType = UNSET
    multiplier: str | UnsetType = UNSET


class End(msgspec.Struct, kw_only=True, omit_defaults=True, tag="end"):
    """From now on a track is on no terms: an add-on is dropped."""

    track: str


class Ended(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why an alarm is over."""

    reason: str


class EndedEpisode(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The end of an episode."""

    customer: str
    currency: str
    why: DunningWhy
    resumed: list[str]
    left_out: dict[str, str]


class EndingTerm(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A term that ends soon, or of which the reminder or the last day of notice comes
    up."""

    subscription: str
    add_on: str | None
    plan: str
    term_from: str
    term_until: str
    comes_up: Sign
    on: str
    notice_before: str | None
    then: SubscriptionsThen
    renews_until: str | None


class Entitlement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whether a feature may be used, what is left of it, and why; the first of the reasons
    decides. `limit` is null where there is none (`unlimited`), and for what has none."""

    customer: str
    feature: str
    name: str
    kind: Kind
    at: str
    amount: str | None
    allowed: bool
    code: EntitlementsReason
    unlimited: bool
    soft: bool
    limit: str | None
    used: str | None
    left: str | None
    over: str | None
    unit: str | None
    resets_at: str | None
    grade: str | None
    windows: list[EntitlementWindow]
    reasons: list[EntitlementReason]


class EntitlementReason(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A reason in words, and the phase of a contract that it is about, if it is about
    one."""

    code: EntitlementsReason
    message: str
    subscription: str | UnsetType | None = UNSET
    plan: str | UnsetType | None = UNSET
    plan_version: int | UnsetType | None = UNSET
    phase: int | UnsetType | None = UNSET
    state: EntitlementsState | UnsetType | None = UNSET


class EntitlementWindow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where use is counted: of which subject, from when to when."""

    subject: str
    starts_at: str
    ends_at: str | None
    limit: str | None
    used: str | None


class Entitlements(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All features of the catalogue, each with what a customer may use of it."""

    customer: str
    entitlements: list[Entitlement]


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One change that was asked for, or something that was asked for and not allowed."""

    entry: str
    at: str
    actor: str
    address: str
    agent: str
    operation: str
    path: str
    status: int
    code: str
    request_id: str


class ErpAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the ERP said, word for word."""

    answer: str
    what: str
    status: int | None
    at: str
    why: str
    raw: str


class ErpBatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A batch as it was made; `previous` is the digest of the one before."""

    batch: int
    documents: int
    totals: list[ErpTotal]
    digest: str
    previous: str | None
    at: str


class ErpComparison(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many documents are here and there, and what differs."""

    here: int
    there: int
    findings: list[ErpFinding]


class ErpDifference(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the ERP says of a field, and what it has to say."""

    field: str
    sent: str
    answered: str


class ErpDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A document on its way into the ERP, and where it stands."""

    reference: str
    customer: str
    issued_on: str
    currency: str
    gross: str
    batch: int
    place: int
    state: Literal["aborted", "acknowledged", "initiated", "parked", "registered"]
    tries: int
    next_at: str | None
    bill: str | None
    trouble: Trouble | None
    reason: str
    differences: list[ErpDifference]
    changed_at: str


class ErpFinding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that is not the same on both sides."""

    what: Literal["changed", "doubled", "late", "lost", "unknown"]
    reference: str
    document_id: str | UnsetType = UNSET
    differences: list[ErpDifference] | UnsetType = UNSET


class ErpStatus(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many documents stand where, and those that are in trouble, twenty at most."""

    erp: str
    documents: dict[str, int]
    in_trouble: list[ErpDocument]


class ErpStep(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that happened on a document's way, and where it stood then."""

    at: str
    event: str
    state: Literal["aborted", "acknowledged", "initiated", "parked", "registered"]
    bill: str | None
    trouble: Trouble | None
    reason: str
    differences: list[ErpDifference]
    answer: str | None
    actor: str


class ErpTotal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What documents in one currency come to."""

    currency: str
    documents: int
    net: str
    tax: str
    gross: str


class EventShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that was used: how much, when, and in which dimensions."""

    value: str | UnsetType = UNSET
    at: str | UnsetType | None = UNSET
    id: str | UnsetType | None = UNSET
    prorated: str | UnsetType | None = UNSET
    dimensions: dict[str, str] | UnsetType = UNSET


class EventsBehind(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The events behind lines of a report; they come to what the lines say was used."""

    used: str
    events_come_to: str
    differ: bool
    events: list[RawEvent]


class Exchange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How an amount of one currency becomes one of another."""

    of: str
    into: str
    day: str
    formula: str
    value: str
    quotes: list[RateQuote]


class ExchangeRate(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A rate that was told."""

    number: int
    pair: str
    on: str
    rate: str
    source: str
    correction: str | None
    recorded_at: str
    actor: str


class Explained(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A step of an explanation: what it is, the value it gives, and what that comes
    from."""

    kind: str
    what: str
    value: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    facts: dict[str, str] | UnsetType = UNSET
    children: list[Explained] | UnsetType = UNSET


class Feature(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A feature. `measure` (the meter), `reset` and `after_switch` belong to METERED,
    `grades`, in ascending order, to GRADE."""

    key: str
    name: str
    kind: Kind
    measure: Series | Formula | UnsetType | None = UNSET
    reset: Reset | UnsetType = UNSET
    after_switch: AfterSwitch | UnsetType = UNSET
    grades: list[str] | UnsetType = UNSET


class FileDebit(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A debit of a file, and where it stands."""

    attempt: str
    reference: str
    invoice: str
    amount: str
    mandate: str
    sequence: Sequence
    collect_on: str
    status: Status
    failure: str | None


class FileEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a statement said about a debit, and what that did."""

    account: str
    entry: str
    booked_on: str
    reference: str
    amount: str
    is_return: bool
    code: str | None
    charge: str
    effect: str


class Flat(msgspec.Struct, kw_only=True, omit_defaults=True, tag="flat"):
    """A fixed amount per period."""

    amount: str


class FlatShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A fixed amount for each period."""

    amount: str


class Followed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a notice led to, in words."""

    effects: list[str]


class Formula(msgspec.Struct, kw_only=True, omit_defaults=True, tag="formula"):
    """A quantity computed from others; `inputs` are the names that the expression uses."""

    unit: str
    expression: str
    inputs: dict[str, Series | Formula]


class FoundRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A stored record. What it says is null where it is in the archive and its file is not
    there."""

    source: str
    record_id: str
    subject: str | None
    meter: str | None
    at: str | None
    value: str | None
    dimensions: dict[str, str] | None
    recorded_at: str
    is_counted: bool
    changed_by: str | None
    kind: str | None
    reason: str | None
    archived: list[ArchivedPart]
    unread: str | None


class FoundRecords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Records in order of time. `archived` are files of the archive that were not looked
    at."""

    items: list[FoundRecord]
    next: str | None
    archived: list[ArchivedPart]


class FoundingCustomer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A customer."""

    id: str
    customer_id: str
    name: str
    currency: str
    time_zone: str


class FoundingCustomers(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of the customers."""

    customers: list[FoundingCustomer]
    next: str | None


class FoundingFailure(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An attempt that brought nothing, or of which nobody knows what it brought."""

    attempt: str
    try_: int = msgspec.field(name="try")
    claimed_at: str
    failed_at: str
    stage: Status
    failure: PaymentsFailure
    reason: str
    provider: str
    provider_code: str | None
    http_status: int | None
    amount: FoundingMoney
    status: Status
    follows: Follows
    follows_at: str | None


class FoundingFailures(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice, and why attempts to charge it brought nothing."""

    id: int | None
    name: str
    invoice_id: str
    customer: str
    issued_on: str
    due_on: str
    amount: FoundingMoney
    open: FoundingMoney
    status: PaymentStatus
    tries: int
    attempt: str | None
    attempted_at: str | None
    retry_at: str | None
    is_stopped: bool
    has_method: bool
    reason: str
    attempts: list[FoundingFailure]


class FoundingInvoice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice, and where it stands with its payment."""

    id: int | None
    name: str
    invoice_id: str
    customer: str
    issued_on: str
    due_on: str
    amount: FoundingMoney
    open: FoundingMoney
    status: PaymentStatus
    tries: int
    attempt: str | None
    attempted_at: str | None
    retry_at: str | None
    is_stopped: bool
    has_method: bool
    reason: str


class FoundingInvoices(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of the invoices."""

    invoices: list[FoundingInvoice]
    next: str | None


class FoundingMoney(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An amount of money: a decimal number as text."""

    value: str
    currency: str


class Graduated(msgspec.Struct, kw_only=True, omit_defaults=True, tag="graduated"):
    """Each tier's units at that tier's price; a tier's flat amount is due once it is
    entered."""

    tiers: list[Tier]


class GrantHistory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A grant with every draw on it."""

    number: int
    amount: str
    currency: str
    units: str | None
    unit: CreditUnit | None
    basis: Basis
    priority: int
    effective_at: str
    expires_at: str | None
    products: list[str]
    prices: list[str]
    renews: GrantRenews | None
    reference: str
    left: str
    draws: list[CreditDraw]


class GrantRenews(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a grant comes again, and what rolls over then; null for all."""

    every: str
    amount: str
    keep_least: str
    keep_most: str | None


class Header(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A header of a request: a plain `value`, or `prefix` and the value of the environment
    variable `env`, which is read when it is needed and stored nowhere."""

    value: str | UnsetType | None = UNSET
    env: str | UnsetType | None = UNSET
    prefix: str | UnsetType = UNSET


class Health(msgspec.Struct, kw_only=True, omit_defaults=True):
    """It works."""

    status: str


class Holidays(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A holiday calendar: single `dates`, days of every year as `MM-DD` (`yearly`; 02-29
    comes in leap years only), and `easter`: days after Easter Sunday, so 0 is Easter Sunday
    and -2 Good Friday."""

    key: str
    dates: list[str] | UnsetType = UNSET
    yearly: list[str] | UnsetType = UNSET
    easter: list[int] | UnsetType = UNSET


class HomeSums(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The sums in the seller's home currency."""

    currency: str
    net: str
    tax: str
    gross: str
    rounding: str


class Http(msgspec.Struct, kw_only=True, omit_defaults=True, tag="http"):
    """A GET of `url` with {start} and {end} filled in. `records` is the dotted path of the
    array in the JSON answer, None when the answer is the array."""

    url: str
    headers: dict[str, Header] | UnsetType = UNSET
    records: str | UnsetType | None = UNSET
    timeout_seconds: int | UnsetType = UNSET
    max_bytes: int | UnsetType = UNSET
    max_rows: int | UnsetType = UNSET
    history: bool | UnsetType = UNSET


class InSuspense(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Money of which nobody knows whose it is."""

    payment: str
    left: str
    currency: str
    received_on: str
    account: str
    reference: str


class Included(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A feature as a version of a plan includes it. `limit` (plain decimal text; None: no
    limit) belongs to LIMIT and METERED, `is_soft` to METERED: beyond the limit use goes on.
    `grade` belongs to GRADE."""

    feature: Feature
    limit: str | UnsetType | None = UNSET
    is_soft: bool | UnsetType = UNSET
    grade: str | UnsetType | None = UNSET


class Instalments(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was agreed about an invoice."""

    invoice: str
    currency: str
    parts: list[AgreedPart]


class InstanceSettings(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How the instance is set up that answers. Where something could hold a secret, it is
    only told whether it is there."""

    sends_mail: bool
    mail_from: str | None
    signs_webhooks: bool
    alarm_mail: str | None
    has_alarm_webhook: bool
    has_erp: bool
    has_payment_provider: bool
    keeps_usage_while_away: bool
    read_seconds: int


class Invoice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice or a credit note as it was issued, and what is open of it now."""

    kind: Literal["credit_note", "invoice"]
    customer: str
    name: str
    issued_on: str
    due_on: str | None
    currency: str
    net: str
    tax: str
    gross: str
    discount: str
    prepaid: str
    payable: str
    lines: list[InvoiceLine]
    taxes: list[InvoiceTax]
    discounts: list[InvoiceDiscount]
    credit: list[CreditUsed]
    home: HomeSums | None
    number: str
    invoice_id: str
    open: str
    credits: str | None
    reason: str | None
    credited_by: str | None
    line_notes: list[LineNoteNamed]
    run_id: str | None
    recorded_at: str
    actor: str


class InvoiceDiscount(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a coupon takes off."""

    coupon: str
    application: str
    amount: str


class InvoiceLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line. Its amount is as its price is told, with taxes where the price includes
    them."""

    line: int
    product: str
    price: str | None
    description: str
    subscription: str
    starts_at: str
    ends_at: str
    quantity: str | None
    unit: str | None
    tax_percent: str | None
    amount: str
    tax_included: str
    discount: str
    prepaid: str
    net: str
    corrects: InvoicesCorrectedLine | None


class InvoiceShare(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice, and how much of it is paid: all that is there for it when left out."""

    invoice: str
    amount: str | UnsetType | None = UNSET


class InvoiceTax(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A tax of all lines of one category and rate."""

    category: str
    percent: str
    is_included: bool
    base: str
    amount: str
    reason: str | None


class InvoicesCorrectedLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The line that another one corrects or takes back."""

    invoice: str
    line: int


class Item(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One price of a plan; `measure` gives its quantity, or it is `agreed`; without either
    it is 1."""

    price: Price
    product: Product
    measure: Series | Formula | UnsetType | None = UNSET
    agreed: Agreed | UnsetType | None = UNSET


class JournalEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that happened, as it was recorded."""

    event_id: str
    stream: str
    version: int
    type: str
    at: str
    recorded_at: str
    actor: str
    hash: str
    payload: dict[str, Any] | None


class JournalEvents(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of the journal."""

    items: list[JournalEvent]
    cursor: str
    next: str | None


class Key(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An API key without its text, which nobody keeps."""

    key_id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    networks: list[str]
    revoked_at: str | None
    used_at: str | None


class LedgerAccount(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An account of the chart."""

    account: str
    name: str
    kind: Literal["asset", "equity", "expense", "income", "liability"]


class LedgerEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An entry. Its id is that of the event which caused it."""

    entry: str
    kind: str
    at: str
    recorded_at: str
    document: str | None
    reverses: str | None
    postings: list[LedgerPosting]


class LedgerExport(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Entries as text; accounts and currencies are declared in it."""

    format: Literal["beancount", "hledger"]
    from_: str | None = msgspec.field(name="from")
    to: str
    entries: int
    text: str


class LedgerPosting(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an entry posts to an account."""

    account: str
    customer: str | None
    currency: str
    amount: str


class LeftAlone(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A contract that can't go over, and why."""

    subscription: str
    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET


class LeftOut(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice that was asked for and is not on a run's list, and why in a word."""

    invoice: str
    why: str


class Letter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A letter of the tenant's own in one language. See `letter` for what may stand in
    it."""

    subject: str
    text: str


class LineNoteNamed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A credit note over parts of lines."""

    number: str
    gross: str


class LineOff(msgspec.Struct, kw_only=True, omit_defaults=True):
    """So much of a line: an amount as its price is told, or a percentage; else all that is
    left."""

    line: int
    amount: str | UnsetType | None = UNSET
    percent: str | UnsetType | None = UNSET


class ListedInvoice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice or a credit note in a list. What a credit note gives back is below
    nothing."""

    number: str
    kind: Literal["credit_note", "invoice"]
    customer: str
    issued_on: str
    due_on: str | None
    currency: str
    net: str
    tax: str
    gross: str
    prepaid: str
    payable: str
    open: str
    credited: bool


class ListedPayment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Money that came in, what is left of it, and what went back."""

    payment: str
    customer: str | None
    amount: str
    currency: str
    way: Way
    provider: str
    external_id: str
    received_on: str
    reference: str
    fee: str
    left: str
    back: str


class ListedStep(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same, with why and when its episode ended, if it did."""

    customer: str
    currency: str
    campaign: str
    episode: int
    number: int
    step: str
    on: str
    amount: str
    invoices: list[str]
    is_last: bool
    paused: list[str]
    charged: list[str]
    written_off: dict[str, str]
    messages: list[str]
    left_out: dict[str, str]
    ended: DunningWhy | None
    ended_on: str | None


class MadeKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new key. Its text is shown here and never again: it is null when the request is
    repeated."""

    key_id: str
    name: str
    scopes: list[str]
    expires_at: str | None
    networks: list[str]
    key: str | None


class MadeTenant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new tenant with its first API key, whose text is shown here and never again."""

    tenant: str
    name: str
    created_at: str
    key: MadeKey


class MandateShown(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The mandate of a direct debit."""

    id: str
    signed_on: str
    holder: str
    iban: str
    bic: str | None


class Matrix(msgspec.Struct, kw_only=True, omit_defaults=True, tag="matrix"):
    """A unit amount by the values of one or two dimensions; `default` is for all other
    records. In a plan it becomes a price per unit for each cell, over the records of that
    cell."""

    dimensions: list[str]
    cells: list[Cell]
    default: str


class MatrixShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Unit amounts by the values of dimensions."""

    dimensions: list[str]
    cells: list[CellShape]
    default: str


class Me(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whoever asks."""

    actor: str
    tenant: str
    role: str | None
    scopes: list[str]
    expires_at: str | None


class Measurement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Every `every` on the clock of `time_zone` from `starts_at` on, records of the raw
    meter `meter` are written for the interval that has ended, `delay_seconds` after its
    end."""

    key: str
    meter: str
    every: str
    time_zone: str
    starts_at: str
    source: str
    kind: Time | Sample | Http | Sql
    ends_at: str | UnsetType | None = UNSET
    delay_seconds: int | UnsetType = UNSET
    dimensions: dict[str, str] | UnsetType = UNSET


class MeasurementChange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a definition, with its version and the fields that differ."""

    verb: Literal["change", "create", "keep"]
    key: str
    version: int
    fields: list[str]


class MeasurementChanges(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of each definition."""

    items: list[MeasurementChange]


class MeasurementFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Measurements: the text of their YAML file, or the same as JSON; one of the two."""

    yaml: str | UnsetType | None = UNSET
    measurements: dict[str, Any] | UnsetType | None = UNSET


class MeasurementInFull(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same with its definition, and the intervals that it covered last, the newest
    first."""

    key: str
    version: int
    meter: str
    every: str
    covered_until: str
    next_due_at: str | None
    is_paused: bool
    taken: int
    missed: int
    records: int
    conflicts: int
    total: str
    failure: MeasurementsFailure | None
    definition: Measurement
    defined_at: str
    intervals: list[CoveredInterval]


class MeasurementState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How far a measurement has come: up to where time is covered, when the next interval
    is due, what all intervals came to, and what is wrong."""

    key: str
    version: int
    meter: str
    every: str
    covered_until: str
    next_due_at: str | None
    is_paused: bool
    taken: int
    missed: int
    records: int
    conflicts: int
    total: str
    failure: MeasurementsFailure | None


class MeasurementsFailure(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why the interval that begins at `starts_at` is not measured yet: the last refusal,
    since when it fails and how often it was tried."""

    starts_at: str
    code: str
    message: str
    since: str
    last_at: str
    attempts: int


class Member(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A person who may do something here, or who was invited to."""

    member: str
    role: str
    email: str | None
    issuer: str | None
    subject: str | None
    added_at: str
    bound_at: str | None
    removed_at: str | None


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that is told somebody outside, until it is delivered."""

    message: str
    kind: Literal["mail", "webhook"]
    customer: str | None
    to: str
    subject: str
    occasion: str
    state: Literal["delivered", "failed", "waiting"]
    tries: int
    next_at: str | None
    reason: str
    at: str
    changed_at: str


class MeterEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version of a meter, and what it says in words."""

    kind: Literal["meter"]
    key: str
    version: int
    at: str
    content: Series | Formula
    told: dict[str, str]


class MeterTotal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All records of a meter, and the sum of their values."""

    meter: str
    subjects: int
    records: int
    total: str


class MissingReport(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A period that is over and has no report; `stands` is how far it is, null where nobody
    has tried."""

    period: str
    stands: ReportState | None


class Money(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An amount of money: a decimal number as text, with as many places as the currency
    has."""

    amount: str
    currency: str


class NamedErpDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same, with the ERP that it is handed over to."""

    reference: str
    customer: str
    issued_on: str
    currency: str
    gross: str
    batch: int
    place: int
    state: Literal["aborted", "acknowledged", "initiated", "parked", "registered"]
    tries: int
    next_at: str | None
    bill: str | None
    trouble: Trouble | None
    reason: str
    differences: list[ErpDifference]
    changed_at: str
    erp: str


class NewAddOn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A plan beside the contract's own."""

    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET
    plan: str
    name: str | UnsetType | None = UNSET
    on: str | UnsetType | None = UNSET
    quantities: dict[str, str] | UnsetType = UNSET
    prices: dict[str, TermsShape] | UnsetType = UNSET
    term: str | TermShape | UnsetType | None = UNSET
    plan_version: int | UnsetType | None = UNSET


class NewApplication(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who gets a coupon: a customer for all that it is billed, or one contract."""

    coupon: str
    customer: str | UnsetType | None = UNSET
    subscription: str | UnsetType | None = UNSET
    from_: str | UnsetType | None = msgspec.field(default=UNSET, name="from")


class NewBillingRun(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be billed."""

    as_of: str | UnsetType | None = UNSET
    zone: str | UnsetType = UNSET
    payment_days: int | UnsetType = UNSET


class NewCaps(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Both caps; one that is left out is none."""

    soft: str | UnsetType | None = UNSET
    hard: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET


class NewCollection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be charged."""

    due_by: str | UnsetType | None = UNSET
    zone: str | UnsetType = UNSET
    invoices: list[str] | UnsetType | None = UNSET


class NewConfig(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version, and whether it holds from now on."""

    configuration: NewConfigContent
    activate: bool | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class NewConfigContent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the file says."""

    name: str
    since: str
    services: dict[str, NewConfigService]
    schema: Literal["everycent-reports/1"]
    time_zone: str | UnsetType = UNSET
    every: Every | UnsetType = UNSET
    after: str | UnsetType = UNSET
    deadline: str | UnsetType = UNSET


class NewConfigItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """As in the file: docs/reports.md."""

    unit: str
    meter: str | UnsetType = UNSET
    to: str | UnsetType = UNSET
    round: str | UnsetType = UNSET
    subject: Subject | UnsetType = UNSET


class NewConfigService(msgspec.Struct, kw_only=True, omit_defaults=True):
    """As in the file."""

    url: str
    key: str
    items: dict[str, NewConfigItem]
    deadline: str | UnsetType = UNSET


class NewCreditNote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be taken back: all of the invoice where neither `lines` nor `rest` are
    told."""

    reason: str
    lines: list[LineOff] | UnsetType | None = UNSET
    rest: bool | UnsetType = UNSET
    at: str | UnsetType | None = UNSET
    zone: str | UnsetType = UNSET


class NewCustomer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A customer that is wanted."""

    key: str
    name: str
    currency: str
    time_zone: str
    email: str | UnsetType | None = UNSET
    address: str | UnsetType | None = UNSET
    tax_id: str | UnsetType | None = UNSET
    tax_status: TaxStatus | UnsetType = UNSET
    tax_reason: str | UnsetType | None = UNSET
    group: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET


class NewCustomers(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Customers that are wanted, all of them or none."""

    customers: list[NewCustomer]


class NewDebitFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be collected."""

    account: str
    due_by: str | UnsetType | None = UNSET
    collect_on: str | UnsetType | None = UNSET
    zone: str | UnsetType = UNSET


class NewGrant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Credit that is given away, once or again and again."""

    amount: str
    reason: str
    effective: str | UnsetType | None = UNSET
    expires: str | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET
    every: str | UnsetType | None = UNSET
    anchor: str | UnsetType | None = UNSET
    keep_least: str | UnsetType = UNSET
    keep_most: str | UnsetType | None = UNSET
    products: list[str] | UnsetType = UNSET
    prices: list[str] | UnsetType = UNSET
    at: str | UnsetType | None = UNSET


class NewInstalments(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Parts that come to what is open."""

    parts: list[AgreedPart]
    reason: str | UnsetType = UNSET


class NewKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key that is wanted."""

    name: str
    scopes: list[str]
    expires_at: str | UnsetType | None = UNSET
    networks: list[str] | UnsetType = UNSET


class NewMandate(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The mandate that the customer signed for direct debits."""

    id: str
    signed_on: str
    holder: str | UnsetType | None = UNSET
    bic: str | UnsetType | None = UNSET
    used: bool | UnsetType = UNSET


class NewMember(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Somebody who is invited by e-mail, or known by the subject of his tokens."""

    role: Literal["developer", "finance", "owner", "read-only", "support"]
    email: str | UnsetType | None = UNSET
    subject: str | UnsetType | None = UNSET
    issuer: str | UnsetType | None = UNSET


class NewMethod(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A way in which a customer can be charged. For direct debits the provider is our
    account that collects, the token the customer's IBAN, and there is a mandate."""

    token: str
    provider: str
    payer: str | UnsetType | None = UNSET
    label: str | UnsetType = UNSET
    expires_on: str | UnsetType | None = UNSET
    mandate: NewMandate | UnsetType | None = UNSET


class NewPayer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who is to pay from a day on; null: the customer itself does again."""

    payer: str | None
    from_: str = msgspec.field(name="from")
    reason: str | UnsetType | None = UNSET


class NewPayment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Money that came in: a transfer, cash, a cheque. What pays no invoice is left."""

    customer: str
    amount: str
    reference: str
    currency: str | UnsetType | None = UNSET
    way: Literal["cash", "debit", "other", "transfer"] | UnsetType = UNSET
    account: str | UnsetType = UNSET
    received_on: str | UnsetType | None = UNSET
    invoices: list[InvoiceShare] | UnsetType = UNSET


class NewRate(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A rate: with EUR/USD how many USD one EUR costs."""

    pair: str
    on: str
    rate: str


class NewRates(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Rates to be told, all or none of them."""

    rates: list[NewRate]
    source: str
    correction: str | UnsetType = UNSET


class NewRefund(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What goes back: an amount, what lines come to, or all that is left."""

    reason: str
    amount: str | UnsetType | None = UNSET
    reopen: bool | UnsetType = UNSET
    of_lines: RefundLines | UnsetType | None = UNSET


class NewRole(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Another role."""

    role: Literal["developer", "finance", "owner", "read-only", "support"]


class NewRule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """When the real-time balance falls below this, a top-up of so much is due."""

    below: str
    amount: str
    at: str | UnsetType | None = UNSET


class NewSubscription(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A contract that is wanted. The start may lie in the past."""

    customer: str
    plan: str
    starts_on: str
    ends_on: str | UnsetType | None = UNSET
    key: str | UnsetType | None = UNSET
    subject: str | UnsetType | None = UNSET
    anchor_day: int | UnsetType | None = UNSET
    quantities: dict[str, str] | UnsetType = UNSET
    prices: dict[str, TermsShape] | UnsetType = UNSET
    term: str | TermShape | UnsetType | None = UNSET
    plan_version: int | UnsetType | None = UNSET


class NewTenant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A tenant that is wanted."""

    tenant: str
    name: str | UnsetType | None = UNSET
    scopes: list[str] | UnsetType | None = UNSET


class NewTerms(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The terms as YAML, as the command line takes them."""

    text: str


class NewThreshold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be watched: of a customer or a subject, a meter or (without one) the
    running cost."""

    value: str
    customer: str | UnsetType | None = UNSET
    subject: str | UnsetType | None = UNSET
    meter: str | UnsetType | None = UNSET


class NewWallet(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An empty wallet for a customer, in its currency. `unit` and `unit_price` are told
    both or not."""

    customer: str
    key: str | UnsetType | None = UNSET
    unit: str | UnsetType | None = UNSET
    unit_price: str | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET
    order: Order | UnsetType | None = UNSET
    before_tax: bool | UnsetType | None = UNSET
    products: list[str] | UnsetType = UNSET
    prices: list[str] | UnsetType = UNSET


class NewWebhook(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An endpoint that is wanted."""

    key: str
    url: str
    types: list[str] | UnsetType = UNSET
    payload: bool | UnsetType = UNSET
    from_start: bool | UnsetType = UNSET


class NewWriteOff(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why an invoice is given up, or is not any more."""

    reason: str
    at: str | UnsetType | None = UNSET


class NoticeToFollow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a provider told and nobody could follow."""

    notice: str
    provider: str
    kind: str
    charge: str
    why: str


class OfferedData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The data of an event; further members are dimensions."""

    value: str | float | UnsetType = UNSET
    dimensions: dict[str, str | float | bool | None] | UnsetType = UNSET


class OfferedEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A CloudEvent 1.0. Extension attributes are not looked at."""

    specversion: str
    id: str
    source: str
    subject: str
    type: str
    time: str
    data: OfferedData | UnsetType | None = UNSET


class OfferedRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Somebody's use of something, once for ever: `id` is unique within `source`."""

    id: str
    source: str
    subject: str
    meter: str
    at: str
    value: str | float
    dimensions: dict[str, str | float | bool | None] | UnsetType = UNSET


class OfferedResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a record that was not accepted, by its position in the request."""

    position: int
    status: str
    id: str | UnsetType | None = UNSET
    code: str | UnsetType | None = UNSET
    message: str | UnsetType | None = UNSET
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET
    offered: StoredRecord | UnsetType | None = UNSET
    stored: StoredRecord | UnsetType | None = UNSET


class OpenedCollection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run that was opened, what it comes to, and what of the invoices that were asked for
    it leaves out."""

    run_id: str
    kind: RunKind
    due_by: str
    state: Literal["aborted", "finished", "open", "paused"]
    started_at: str
    finished_at: str | None
    invoices: int
    through: int
    states: dict[str, int]
    outcomes: dict[str, int]
    sums: list[CollectionSum]
    digest: str
    left_out: list[LeftOut]


class OtherQuantities(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Other quantities of prices."""

    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET
    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    quantities: dict[str, str]
    add_on: str | UnsetType | None = UNSET


class OwedReason(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An entry that changed what is owed, and what was owed after it."""

    at: str
    recorded_at: str
    kind: str
    document: str | None
    amount: Money
    balance: Money


class Owing(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a customer owes in one currency; below nothing where we owe it."""

    customer: str
    name: str
    owed: Money
    entries: int


class OwingWhy(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same with every entry that made it so."""

    customer: str
    name: str
    owed: Money
    entries: int
    reasons: list[OwedReason]


class Package(msgspec.Struct, kw_only=True, omit_defaults=True, tag="package"):
    """Every begun package of `size` units costs `amount`; the first `included` units are
    free."""

    size: str
    amount: str
    included: str | UnsetType = UNSET


class PackageShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An amount for each begun package of a size."""

    size: str
    amount: str
    included: str | UnsetType = UNSET


class PaidBySpan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who gets the invoices for what the customer has agreed to, and for which days."""

    payer: str
    since: str
    until: str | None


class ParkedCustomer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A customer who could not be billed, and why."""

    customer: str
    code: str
    message: str


class Pause(msgspec.Struct, kw_only=True, omit_defaults=True, tag="pause"):
    """Nothing is provided and nothing is billed from now on, until it is resumed."""


class Pausing(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A pause from a day on."""

    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET
    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET


class PayerSet(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who pays from a day on."""

    customer: str
    payer: str | None
    from_: str = msgspec.field(name="from")


class PayerSpan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who pays for a customer, and in which days. `until` is the first day that is not
    theirs; empty: there is none."""

    payer: str
    from_: str = msgspec.field(name="from")
    until: str
    reason: str


class PaymentMethod(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A way in which a customer can be charged. The active one with the lowest rank is."""

    method: str
    customer_id: str
    provider: str
    payer: str
    token: str
    label: str
    rank: int
    state: Literal["active", "failed", "removed"]
    expires_on: str | None
    mandate: MandateShown | None
    why: str | None


class PaymentMove(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing that became of a payment, and what was left and had gone back after it."""

    no: int
    kind: MoveKind
    amount: str
    left: str
    back: str
    invoice: str | None
    external_id: str | None
    at: str


class PaymentShown(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A payment with everything that became of it, in order."""

    payment: str
    customer: str | None
    amount: str
    currency: str
    way: Way
    provider: str
    external_id: str
    received_on: str
    reference: str
    fee: str
    left: str
    back: str
    moves: list[PaymentMove]
    refunds: list[Refund]


class PerUnit(msgspec.Struct, kw_only=True, omit_defaults=True, tag="per_unit"):
    """quantity × unit_amount; the first `included` units are free."""

    unit_amount: str
    included: str | UnsetType = UNSET


class PerUnitShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An amount for each unit; those that are included are free."""

    unit_amount: str
    included: str | UnsetType = UNSET


class Percentage(msgspec.Struct, kw_only=True, omit_defaults=True, tag="percentage"):
    """`percent` of a quantity that is money in major units. The others are per event:
    `fixed_amount` on top of each that pays; `minimum` and `maximum` of what one that pays
    costs, the fixed amount included. The first events are free, as long as fewer than
    `free_events` were and the running total is within `free_total`; the one that exceeds
    the total pays for the part beyond it."""

    percent: str
    fixed_amount: str | UnsetType = UNSET
    free_events: int | UnsetType | None = UNSET
    free_total: str | UnsetType | None = UNSET
    minimum: str | UnsetType | None = UNSET
    maximum: str | UnsetType | None = UNSET


class PercentageShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of a quantity that is money."""

    percent: str
    fixed_amount: str | UnsetType = UNSET
    free_events: int | UnsetType | None = UNSET
    free_total: str | UnsetType | None = UNSET
    minimum: str | UnsetType | None = UNSET
    maximum: str | UnsetType | None = UNSET


class Phase(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A stretch of time on one version of one plan, which the change `change_no` brought
    about, or of one of its prices that has a course of its own (on a track such as
    '#seats'). Periods are counted from `anchor`. A phase that ends where it starts does not
    take place. What was paid in advance beyond its end is given back, but for the items
    that it `keeps`."""

    phase_no: int
    change_no: int
    plan_key: str
    plan_version: int
    anchor: str
    interval_months: int
    interval_days: int
    starts_at: str
    items: list[SubscribedItem]
    track: str | UnsetType = UNSET
    ends_at: str | UnsetType | None = UNSET
    keeps: list[int] | UnsetType = UNSET


class Plan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The exact effect that a change would have now."""

    plan: str
    answer: Any
    events: dict[str, int]
    documents: list[PlannedDocument]
    postings: list[PlannedPosting]


class PlanEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version of a plan, and what it says in words."""

    kind: Literal["plan"]
    key: str
    version: int
    at: str
    content: SoldPlan
    told: dict[str, str]


class PlanMove(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which contracts are to go over to the newest version, and from when on."""

    from_version: int | UnsetType | None = UNSET
    on: str | UnsetType | None = UNSET
    subscriptions: list[str] | UnsetType | None = UNSET
    dry_run: bool | UnsetType = UNSET
    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET


class PlanMoved(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of the contracts, or would. A contract with add-ons of the plan may count
    for several versions; `differences` tells what the newest has otherwise than each."""

    plan: str
    version: int
    dry_run: bool
    moved: int
    from_versions: dict[str, int]
    unchanged: int
    left_alone: list[LeftAlone]
    differences: dict[str, list[str]]


class PlannedDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A document that would be issued."""

    kind: str
    customer: str
    starts_at: str
    ends_at: str
    currency: str
    gross: str
    prepaid: str


class PlannedPosting(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What would be posted to an account; debits are positive."""

    account: str
    customer: str
    currency: str
    amount: str


class PlannedStep(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What would be done about what a customer owes: a step is taken, or the episode
    ends."""

    customer: str
    currency: str
    does: Literal["end", "step"]
    campaign: str | None
    step: str | None
    amount: str | None
    why: DunningWhy | None


class PreviewWanted(msgspec.Struct, kw_only=True, omit_defaults=True):
    """As of when, and with which change; as they are due next when nothing is told."""

    as_of: str | UnsetType | None = UNSET
    zone: str | UnsetType | None = UNSET
    payment_days: int | UnsetType = UNSET
    change: (
        TrySwitch
        | TryAddOn
        | TryDrop
        | TryQuantities
        | TryCancel
        | TryPause
        | TryResume
        | UnsetType
        | None
    ) = UNSET


class Previewed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What would be issued; and `without` the change, where one is tried: `effect` is how
    much more is to be paid with it."""

    customer: str
    as_of: str
    paid_by: list[PaidBySpan]
    documents: list[PreviewedDocument]
    without: list[PreviewedDocument] | None
    effect: str | None
    currency: str


class PreviewedDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A document as it would be issued, without what numbering adds."""

    kind: Literal["credit_note", "invoice"]
    customer: str
    name: str
    issued_on: str
    due_on: str | None
    currency: str
    net: str
    tax: str
    gross: str
    discount: str
    prepaid: str
    payable: str
    lines: list[InvoiceLine]
    taxes: list[InvoiceTax]
    discounts: list[InvoiceDiscount]
    credit: list[CreditUsed]
    home: HomeSums | None


class Price(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`in_advance` prices are due when a period begins, the others when it has ended.
    `amount_rounding` is how the line's exact amount becomes money. `minimum` and `maximum`
    (major units) limit that exact amount; with `prorate_limits` a part of a period has that
    part of them. A `proration` of its own stands in place of the plan's. With
    `includes_tax` the product's taxes are in all of the amounts. A price that `is_once` is
    due when it is agreed, and not again; another `interval` stands in place of the
    plan's."""

    key: str
    scheme: (
        Flat
        | PerUnit
        | Graduated
        | Volume
        | Package
        | BlockTiers
        | Percentage
        | Dynamic
        | Matrix
        | Commitment
    )
    description: str
    amount_rounding: Rounding
    in_advance: bool | UnsetType = UNSET
    quantity_rounding: QuantityRounding | UnsetType | None = UNSET
    minimum: str | UnsetType | None = UNSET
    maximum: str | UnsetType | None = UNSET
    prorate_limits: bool | UnsetType = UNSET
    proration: Proration | UnsetType | None = UNSET
    includes_tax: bool | UnsetType = UNSET
    is_once: bool | UnsetType = UNSET
    interval: str | UnsetType | None = UNSET


class PricedUse(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What use comes to: the steps, their sum, and the exact amount once a limit is
    applied."""

    steps: list[RatingStep]
    sum: str
    limit: Limit | None
    exact: str


class PricesIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a plan costs in a further currency: a price for each of its items, in their
    order."""

    currency: str
    prices: list[Price]


class Product(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What stands on the invoice, and its tax category; of several taxes the keys joined:
    'state+city'."""

    key: str
    name: str
    tax_category: str


class PromiseCheck(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A promise that was checked. It holds where there are no violators."""

    area: str
    promise: str
    violators: list[str]
    figures: dict[str, int]
    milliseconds: int


class Promised(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that holds at all times; its text is its name."""

    area: str
    promise: str


class ProposedShare(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What money might pay: somebody has to say so."""

    invoice: str
    amount: str


class Proration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a part of a period is counted and paid for. With `complement` the last part of a
    period is what the parts before it leave. `round_per_line` rounds credit and charge of a
    change each for itself, else their sum is rounded once. `round_daily_rate` rounds the
    price of one unit of time before it is multiplied."""

    unit: Unit | UnsetType = UNSET
    day_count: DayCount | UnsetType = UNSET
    denominator: Denominator | UnsetType = UNSET
    end_day: EndDay | UnsetType = UNSET
    change_day: ChangeDay | UnsetType = UNSET
    complement: bool | UnsetType = UNSET
    round_per_line: bool | UnsetType = UNSET
    round_daily_rate: bool | UnsetType = UNSET
    minimum: Minimum | UnsetType = UNSET
    credit: Credit | UnsetType = UNSET


class QuantityRounding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The exact quantity, divided by `divide_by`, is rounded once to `places` decimals
    before it is priced; -2 is to hundreds. `unit` is that of the outcome (None: the
    measure's)."""

    places: int
    mode: Rounding
    divide_by: str | UnsetType | None = UNSET
    unit: str | UnsetType | None = UNSET


class QuantityRoundingShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How the quantity is rounded before it is priced."""

    places: int
    mode: Rounding | UnsetType = UNSET
    divide_by: str | UnsetType | None = UNSET
    unit: str | UnsetType | None = UNSET


class QueueState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where an invoice stands in the queue, and whether this changed it."""

    invoice: str
    status: PaymentStatus
    open: str
    currency: str
    retry_at: str | None
    is_stopped: bool
    has_method: bool
    reason: str
    changed: bool


class RateQuote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A rate that an exchange is made of."""

    pair: str
    on: str
    rate: str
    source: str
    number: int


class RatedLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a line says, or why it can't be rated."""

    quantity: str | UnsetType | None = UNSET
    net: str | UnsetType | None = UNSET
    refusal: WhyNot | UnsetType | None = UNSET


class RatedPrice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The amount of a price with all that leads to it. What plays no part is null."""

    steps: list[RatingStep]
    sum: str
    limit: Limit | None
    exact: str
    price: str
    currency: str
    amount: str
    minor: int
    measured: str | None
    events: int | None
    conversion: QuantityRounding | None
    quantity: str | None
    share: str | None
    rounding: Rounding
    total: str
    before: PricedUse | None
    billed: str


class RatedPriceShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A price as in a plan; what only a contract needs is read over."""

    flat: FlatShape | UnsetType | None = UNSET
    per_unit: PerUnitShape | UnsetType | None = UNSET
    graduated: TiersShape | UnsetType | None = UNSET
    volume: TiersShape | UnsetType | None = UNSET
    package: PackageShape | UnsetType | None = UNSET
    block_tiers: BlockTiersShape | UnsetType | None = UNSET
    percentage: PercentageShape | UnsetType | None = UNSET
    dynamic: DynamicShape | UnsetType | None = UNSET
    matrix: MatrixShape | UnsetType | None = UNSET
    commitment: CommitmentShape | UnsetType | None = UNSET
    quantity_rounding: QuantityRoundingShape | UnsetType | None = UNSET
    amount_rounding: Rounding | UnsetType = UNSET
    minimum: str | UnsetType | None = UNSET
    maximum: str | UnsetType | None = UNSET
    prorate_limits: bool | UnsetType = UNSET
    key: str | UnsetType = UNSET
    product: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    meter: str | UnsetType | None = UNSET
    timing: str | UnsetType = UNSET
    agreed: AgreedShape | UnsetType | None = UNSET
    interval: str | UnsetType | None = UNSET


class RatingStep(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One product of the calculation: `quantity` × `unit_amount` + `flat_amount` =
    `amount`, or with `percent` in place of the unit amount."""

    what: str
    amount: str
    quantity: str | UnsetType | None = UNSET
    unit_amount: str | UnsetType | None = UNSET
    flat_amount: str | UnsetType | None = UNSET
    percent: str | UnsetType | None = UNSET


class RawEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One of the events behind a line."""

    number: int
    event: str
    at: str
    customer: str
    resource: str
    item: str
    unit: str
    quantity: str


class Refund(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An attempt to give something back through a provider."""

    attempt: str
    amount: str
    status: Status


class RefundLines(msgspec.Struct, kw_only=True, omit_defaults=True):
    """So much of the lines of an invoice that the payment pays, with a credit note over
    it."""

    invoice: str
    lines: list[LineOff]
    zone: str | UnsetType = UNSET


class Refunded(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What goes back: with the attempt that sends it, null where it is paid out by hand;
    with the credit note, where it is a refund of lines."""

    payment: str
    currency: str
    settled: list[Settled]
    left: str
    back: str
    refunded: str
    attempt: str | None
    note: Invoice | None


class RefusedSubscription(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a subscription can't be worked out."""

    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET
    subscription: str


class RefusedWallet(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A wallet of which the running cost can't be worked out, and why."""

    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET
    wallet: str


class RejectedUsage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many records were rejected at a door with a code, from which day to which (in
    UTC)."""

    code: str
    door: str
    records: int
    first_day: str
    last_day: str


class RemovedMethod(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why it goes."""

    reason: str | UnsetType = UNSET


class RemovedThreshold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A threshold that is watched no longer."""

    key: str
    is_removed: bool


class ReplacedRecords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Records, each of which takes the place of the one with its source and id."""

    records: list[SaidRecord]
    reason: str


class Replay(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be sent again: numbers `from` to `to` (one, without `to`), or one
    `delivery`."""

    from_: int | UnsetType | None = msgspec.field(default=UNSET, name="from")
    to: int | UnsetType | None = UNSET
    delivery: str | UnsetType | None = UNSET


class Replayed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many events are sent again."""

    endpoint: str
    events: int


class Report(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What all sub-services of a configuration say was used in a period."""

    period: str
    starts_at: str
    ends_at: str
    configuration: str
    lines: int
    billed: int
    digest: str
    built_at: str
    parts: list[ReportPart]


class ReportAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a sub-service said, word for word."""

    service: str
    call: str
    status: int | None
    at: str
    raw: str


class ReportConfig(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version of the configuration."""

    name: str
    time_zone: str
    every: Every
    since: str
    after: int
    deadline: int
    services: list[ConfigService]


class ReportConfigVersion(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version, and whether it holds."""

    name: str
    state: Literal["active", "never active", "was active"]
    services: list[str]
    digest: str
    created_at: str
    actor: str


class ReportLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was used of a resource, and the usage that it becomes: `value` of `subject` on
    `meter`."""

    service: str
    line_no: int
    customer: str
    resource: str
    item: str
    unit: str
    at: str
    at_told: str
    used: str
    included: str
    billable: str
    events: int
    subject: str
    meter: str
    value: str


class ReportPart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a sub-service gave."""

    service: str
    snapshot: str
    resources: int
    resources_digest: str
    lines: int
    lines_digest: str
    sums: list[ReportSum]


class ReportProblem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was wrong with a sub-service; `evidence` is an answer that can be asked for."""

    service: str
    call: str
    trouble: str
    what: str
    page: int | UnsetType = UNSET
    evidence: str | UnsetType = UNSET


class ReportState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where the pulling of a period stands. Without a report `problems` say what is
    missing."""

    period: str
    state: Literal["built", "pulling", "refused"]
    configuration: str
    tries: int
    next_at: str | None
    problems: list[ReportProblem]
    changed_at: str
    lines: int | None
    digest: str | None


class ReportStep(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that happened on the way to a report; `told` is what the journal has of
    it."""

    at: str
    event: str
    actor: str
    told: dict[str, Any]


class ReportSum(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the lines of an item come to."""

    item: str
    unit: str
    used: str
    included: str
    billable: str


class RequestShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A price as in a catalogue file, its currency, and what was used: a quantity or
    events. `before` is what was used in the same period already, and `billed` what was
    charged for it; `share` is a part of a period, such as 15/30."""

    price: RatedPriceShape
    currency: str
    quantity: str | UnsetType | None = UNSET
    events: list[str | EventShape] | UnsetType | None = UNSET
    before: str | list[str | EventShape] | UnsetType | None = UNSET
    billed: str | UnsetType | None = UNSET
    share: str | UnsetType | None = UNSET
    is_last: bool | UnsetType = UNSET


class Resolution(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of an attempt: the provider's id of the charge, or that it was not
    charged."""

    reason: str
    charged: str | UnsetType | None = UNSET
    not_charged: bool | UnsetType = UNSET
    amount: str | UnsetType | None = UNSET


class Resume(msgspec.Struct, kw_only=True, omit_defaults=True, tag="resume"):
    """What was paused goes on, on the terms that hold by then and with the periods as they
    were cut."""


class Resuming(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The first day that is billed again."""

    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET
    on: str


class RevokedKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key that opens nothing any more; `is_new` where it did until now."""

    key_id: str
    is_new: bool


class Rotation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """For how long two secrets sign."""

    overlap_hours: int | UnsetType = UNSET


class Rule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What follows a kind of failure. Attempt n + 1 is made `delays[n - 1]` seconds after
    attempt n failed, the last delay again for all further ones; after `most` attempts
    `finally` follows."""

    then: ChargingThen
    delays: list[int] | UnsetType = UNSET
    most: int | UnsetType = UNSET
    finally_: ChargingThen | UnsetType = msgspec.field(default=UNSET, name="finally")


class RunningCost(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a customer has used and would owe. It is no invoice."""

    customer: str
    as_of: str
    lines: list[RunningLine]
    totals: list[RunningTotal]
    refused: list[RefusedSubscription]
    unseen: list[UnseenUsage]
    is_invoice: Literal[False]
    note: str


class RunningLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A price of a subscription in a period that is not billed yet."""

    subscription: str
    item_no: int
    price: str
    product: str
    state: Literal["billed", "due", "late", "running"]
    paid_by: str | None
    starts_at: str
    ends_at: str
    quantity: str | None
    unit: str | None
    records: int
    net: str
    currency: str


class RunningTotal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is not billed yet in a currency, net of taxes."""

    currency: str
    net: str


class SaidRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A record as it should be, in the plain form of POST /v1/usage; its value is a
    text."""

    source: str
    id: str
    subject: str
    meter: str
    at: str
    value: str
    dimensions: dict[str, str] | UnsetType = UNSET


class Sale(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is sold once."""

    customer: str
    plan: str
    on: str | UnsetType | None = UNSET
    key: str | UnsetType | None = UNSET
    quantities: dict[str, str] | UnsetType = UNSET
    prices: dict[str, TermsShape] | UnsetType = UNSET


class Sample(msgspec.Struct, kw_only=True, omit_defaults=True, tag="sample"):
    """A level carried on: the last value of `meter` before the interval's end, times the
    time."""

    meter: str
    unit: TimeUnit
    subjects: list[str] | UnsetType = UNSET
    of_plan: str | UnsetType | None = UNSET
    history: bool | UnsetType = UNSET


class Schedule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A cron line on the clock of `time_zone`."""

    cron: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET


class SegmentRule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Records belong to `segment` when each named dimension has one of the values told for
    it."""

    segment: str
    dimensions: list[tuple[str, list[str]]]


class Segments(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A set of segments; the order of the rules counts."""

    key: str
    rules: list[SegmentRule]
    rest: str


class Series(msgspec.Struct, kw_only=True, omit_defaults=True, tag="series"):
    """Records of one raw meter, aggregated. `band` limits them to a time-of-use band of
    `bands`, `segment` to those whose dimensions fall into that segment of `segments`.
    `window_minutes` belongs to PEAK, WINDOWED and PERCENTILE; `each` (COUNT, SUM, MIN, MAX,
    AVERAGE or LATEST) to windows; `then` (SUM, MIN, MAX or AVERAGE) to WINDOWED;
    `percentile` (plain decimal text above 0 and up to 100) to PERCENTILE. `distinct` (a
    dimension) belongs to UNIQUE and UNITS. `granularity` belongs to UNITS (without one each
    unit that was there at any time counts 1) and to WEIGHTED_SUM, which has one always.
    `level` and `carries` (whether the level of before counts) belong to WEIGHTED_SUM.
    `digits` (of the register, for roll-over) belongs to COUNTER."""

    meter: str
    unit: str
    aggregation: Aggregation
    bands: Bands | UnsetType | None = UNSET
    band: str | UnsetType | None = UNSET
    window_minutes: int | UnsetType | None = UNSET
    distinct: str | UnsetType | None = UNSET
    digits: int | UnsetType | None = UNSET
    segments: Segments | UnsetType | None = UNSET
    segment: str | UnsetType | None = UNSET
    each: Aggregation | UnsetType | None = UNSET
    then: Aggregation | UnsetType | None = UNSET
    percentile: str | UnsetType | None = UNSET
    granularity: Granularity | UnsetType | None = UNSET
    level: Level | UnsetType | None = UNSET
    carries: bool | UnsetType = UNSET


class ServiceChart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Use of an item over time."""

    schema: str
    service: str
    call: str
    item: str
    unit: str
    step: str
    from_: str = msgspec.field(name="from")
    to: str
    points: list[ChartPoint]


class ServiceResource(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that is used, and by whom."""

    number: int
    resource: str
    customer: str
    kind: str
    name: str
    since: str
    until: str | None


class ServiceResources(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Every resource that was there at some time of a period."""

    resources: list[ServiceResource]


class ServiceUsage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a customer has used of a sub-service in the month that runs."""

    schema: str
    service: str
    call: str
    customer: str
    at: str
    from_: str = msgspec.field(name="from")
    usage: list[UsedNow]


class Settled(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a payment pays of an invoice, or (below nothing) no longer pays."""

    invoice: str
    amount: str
    open: str


class SettledGrant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Credit that expired or came again."""

    wallet: str
    what: str
    number: int
    at: str
    amount: str


class SignIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The identity provider, and whom its tokens have to be for."""

    issuer: str
    client_ids: list[str]


class SilentFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file of direct debits of which nothing is heard."""

    message_id: str
    account: str
    pending: int
    first_on: str


class Simulated(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Periods under another catalogue. `left_out` can't be compared and counts nowhere;
    customers come from the one who saves most on."""

    from_: str = msgspec.field(name="from")
    to: str
    amounts: str
    totals: list[SimulatedTotals]
    months: list[SimulatedMonth]
    prices: list[SimulatedPrice]
    left_out: list[SimulatedPrice]
    customers: list[SimulatedCustomer]


class SimulatedCatalog(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A catalogue to price by, and which periods: those that lie between two local days,
    `to` not included."""

    yaml: str | UnsetType | None = UNSET
    catalog: dict[str, Any] | UnsetType | None = UNSET
    from_: str = msgspec.field(name="from")
    to: str
    customers: list[str] | UnsetType = UNSET


class SimulatedCustomer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a customer has paid and would pay."""

    lines: int
    old: str
    new: str
    difference: str
    currency: str
    customer: str
    name: str


class SimulatedMonth(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The periods that begin in a month."""

    lines: int
    old: str
    new: str
    difference: str
    currency: str
    month: str


class SimulatedPrice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A price of a plan, and whether it can be compared; `code` says why it can't be
    priced."""

    lines: int
    old: str
    new: str
    difference: str
    currency: str
    plan: str
    price: str
    state: InvoicingState
    code: str | None


class SimulatedTotals(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All of one currency, and how many customers would pay less, more or the same."""

    lines: int
    old: str
    new: str
    difference: str
    currency: str
    percent: str | None
    winners: int
    losers: int
    unchanged: int


class SoldPlan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A plan with all that is needed to bill it: its prices with their meters and products,
    how parts of periods are counted, its term and its features."""

    key: str
    name: str
    currency: str
    interval: str
    items: list[Item]
    anchor_day: int | UnsetType | None = UNSET
    proration: Proration | UnsetType = UNSET
    changes: ChangePolicy | UnsetType = UNSET
    trial: Trial | UnsetType | None = UNSET
    adds_to: list[str] | UnsetType = UNSET
    features: list[Included] | UnsetType = UNSET
    also: list[PricesIn] | UnsetType = UNSET
    conversion: Conversion | UnsetType | None = UNSET
    term: Term | UnsetType | None = UNSET


class SplitDebit(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A debit out of a sum, and what that did."""

    invoice: str
    reference: str
    amount: str
    effect: Effect


class SplitDebits(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The debits that a sum was."""

    debits: list[SplitDebit]


class SplitPayment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Of which file of direct debits a sum is."""

    file: str
    reason: str


class Spooled(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The database is away: so many records are durable on the server's disk, and are taken
    in when it is back. Those that can't be are told to the operator, not to whoever sent
    them."""

    spooled: int
    batch: str


class Sql(msgspec.Struct, kw_only=True, omit_defaults=True, tag="sql"):
    """A SELECT with %(start)s and %(end)s on the PostgreSQL whose connection string stands
    in the environment variable `connection_env`."""

    query: str
    connection_env: str
    timeout_seconds: int | UnsetType = UNSET
    max_rows: int | UnsetType = UNSET
    history: bool | UnsetType = UNSET


class StartedBillingRun(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run that is open; `was_resumed` where it was before."""

    run_id: str
    as_of: str
    started_at: str
    finished_at: str | None
    customers: int
    chunks: int
    chunks_done: int
    invoices: int
    lines: int
    parked: int
    was_resumed: bool
    parked_customers: list[ParkedCustomer]


class StatementLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An entry, and what is owed after it."""

    entry: str
    at: str
    recorded_at: str
    kind: str
    document: str | None
    amount: str
    balance: str


class StopReason(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why an invoice is not to be charged."""

    reason: str


class StoppedInvoice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An open invoice of which nothing is charged."""

    invoice: str
    customer: str
    open: str
    currency: str
    due_on: str
    why: str


class StoredRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A record in the plain form."""

    id: str
    source: str
    subject: str
    meter: str
    at: str
    value: str
    dimensions: dict[str, str]


class SubscribedItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One price of a phase's plan. `item_no` counts through all phases of the contract; it
    is item `plan_item_no` of the plan version. What a trial gives away costs nothing before
    `opens_at` (None: the start of the phase). Parts of periods are counted by `proration`
    (None: the default). `quantity` is what is agreed of it, and `price` what the contract
    has in place of the plan's. What `is_commitment` counts what the others come to."""

    item_no: int
    plan_item_no: int
    price_key: str
    in_advance: bool
    opens_at: str | UnsetType | None = UNSET
    proration: Proration | UnsetType | None = UNSET
    quantity: str | UnsetType | None = UNSET
    price: Price | UnsetType | None = UNSET
    is_commitment: bool | UnsetType = UNSET


class Subscription(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A contract. Its phases follow from the changes that hold; `changes` has them in the
    order in which they were agreed, those that are planned too. A phase that ends where it
    starts does not take place."""

    subscription_id: str
    customer_id: str
    key: str
    currency: str
    subject: str
    time_zone: str
    starts_on: str
    starts_at: str
    changes: list[Change]
    phases: list[Phase]
    changes_made: int
    ends_on: str | UnsetType | None = UNSET
    ends_at: str | UnsetType | None = UNSET


class Switch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Another plan, or another version of the same."""

    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET
    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    plan: str
    quantities: dict[str, str] | UnsetType = UNSET
    prices: dict[str, TermsShape] | UnsetType = UNSET
    term: str | TermShape | UnsetType | None = UNSET
    plan_version: int | UnsetType | None = UNSET


class Switched(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whether a measurement is paused, and up to where time is covered."""

    key: str
    is_paused: bool
    covered_until: str


class TakenEntries(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of the lines of a statement, in their order."""

    entries: list[TakenEntry]
    is_left: bool


class TakenEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a line of the account."""

    reference: str
    booked_on: str
    amount: str
    currency: str
    from_: str | None = msgspec.field(name="from")
    outcome: str
    payment: str | None
    debit: str | None
    charge: str
    reason: str
    proposed: list[ProposedShare]


class TakenIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of the records: all but the accepted ones are told in `results`."""

    accepted: int
    duplicates: int
    conflicts: int
    rejected: int
    results: list[OfferedResult]


class Tenant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A set of books."""

    tenant: str
    name: str
    created_at: str
    policies: dict[str, str]
    settings: InstanceSettings


class TenantEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A tenant: separate books in one database."""

    tenant: str
    name: str
    created_at: str


class Term(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A term of one `length`, after which others of the length `renews` follow (None: the
    contract ends). Who wants to leave must say so before the `notice` begins, which ends
    with the contract; `reminder` is so long before that. `leave`, `downgrade` and
    `decrease` say when the contract may be ended, when it may go over to a cheaper plan,
    and when less may be agreed than as the term began."""

    length: str
    renews: str | None
    notice: str | UnsetType | None = UNSET
    reminder: str | UnsetType | None = UNSET
    leave: Leaving | UnsetType = UNSET
    downgrade: Leaving | UnsetType = UNSET
    decrease: Leaving | UnsetType = UNSET


class TermShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A plan's `term`, or what a contract has in its place. What a contract leaves out is
    the plan's."""

    length: str | UnsetType | None = UNSET
    renews: str | UnsetType | None = UNSET
    notice: str | UnsetType | None = UNSET
    reminder: str | UnsetType | None = UNSET
    leave: Leaving | UnsetType | None = UNSET
    downgrade: Leaving | UnsetType | None = UNSET
    decrease: Leaving | UnsetType | None = UNSET


class Terms(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What holds during a phase: a version of a plan, where its periods are cut, and until
    when it is a trial (None: it is none). `courses` are of prices that do not go with the
    plan, and `prices` those that were agreed in the place of the plan's, by key; `term` is
    how long it is agreed for (None: as long as nobody ends it)."""

    plan_key: str
    plan_version: int
    anchor: str
    interval_months: int
    interval_days: int
    trial_until: str | UnsetType | None = UNSET
    courses: list[Course] | UnsetType = UNSET
    prices: dict[str, Price] | UnsetType = UNSET
    term: Term | UnsetType | None = UNSET


class TermsShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What decides the amount of a price."""

    flat: FlatShape | UnsetType | None = UNSET
    per_unit: PerUnitShape | UnsetType | None = UNSET
    graduated: TiersShape | UnsetType | None = UNSET
    volume: TiersShape | UnsetType | None = UNSET
    package: PackageShape | UnsetType | None = UNSET
    block_tiers: BlockTiersShape | UnsetType | None = UNSET
    percentage: PercentageShape | UnsetType | None = UNSET
    dynamic: DynamicShape | UnsetType | None = UNSET
    matrix: MatrixShape | UnsetType | None = UNSET
    commitment: CommitmentShape | UnsetType | None = UNSET
    quantity_rounding: QuantityRoundingShape | UnsetType | None = UNSET
    amount_rounding: Rounding | UnsetType = UNSET
    minimum: str | UnsetType | None = UNSET
    maximum: str | UnsetType | None = UNSET
    prorate_limits: bool | UnsetType = UNSET


class Threshold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A value of usage or cost that is told once in every billing period."""

    key: str
    version: int
    customer: str | None
    subject: str | None
    meter: str | None
    value: str


class ThresholdCrossing(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A threshold that was reached in a period: its `value`, and what was `reached` by
    then."""

    key: str
    version: int
    starts_at: str
    ends_at: str
    value: str
    reached: str
    unit: str
    as_of: str


class Tier(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Units up to and including `up_to` (counted from zero; None is without end). A tier
    with `percent` takes that part of a quantity which is money, in place of a unit
    amount."""

    up_to: str | UnsetType | None = UNSET
    unit_amount: str | UnsetType = UNSET
    flat_amount: str | UnsetType = UNSET
    percent: str | UnsetType | None = UNSET


class TierShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Units up to a bound, at a price."""

    up_to: str | UnsetType | None = UNSET
    unit_amount: str | UnsetType | None = UNSET
    flat_amount: str | UnsetType = UNSET
    percent: str | UnsetType | None = UNSET


class TiersShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Tiers in order; the last is without end."""

    tiers: list[TierShape]


class Time(msgspec.Struct, kw_only=True, omit_defaults=True, tag="time"):
    """The flow of time itself, for named `subjects` or for those of the subscriptions to
    `of_plan`, as long as they run."""

    unit: TimeUnit
    subjects: list[str] | UnsetType = UNSET
    of_plan: str | UnsetType | None = UNSET


class ToldChange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A change of a contract in words, and as data."""

    change_no: int
    what: str
    on: str
    is_planned: bool
    keeps_paid: bool
    breaks_term: bool
    action: Begin | End | Agree | Cancel | Pause | Resume


class ToldLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line as a sub-service tells it."""

    line: int
    customer: str
    resource: str
    item: str
    unit: str
    at: str
    used: str
    included: str
    billable: str
    events: int


class ToldRates(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many rates are new, how many stand in the place of others, and how many were
    known already."""

    added: int
    corrected: int
    unchanged: int


class TopUp(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Credit that was paid for. Without an amount it is the top-up that is due."""

    reference: str
    amount: str | UnsetType | None = UNSET
    owed: bool | UnsetType = UNSET
    effective: str | UnsetType | None = UNSET
    expires: str | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET
    products: list[str] | UnsetType = UNSET
    prices: list[str] | UnsetType = UNSET
    at: str | UnsetType | None = UNSET


class TopUpRule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """When the balance falls below this, a top-up of so much is due."""

    below: str
    amount: str


class TouchedRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A record that was taken back (`voided`), put back (`restored`) or added."""

    what: Literal["added", "restored", "voided"]
    source: str
    record_id: str
    subject: str
    meter: str
    at: str
    value: str
    dimensions: dict[str, str]


class TrailedErpDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same, with everything that happened, the oldest first."""

    reference: str
    customer: str
    issued_on: str
    currency: str
    gross: str
    batch: int
    place: int
    state: Literal["aborted", "acknowledged", "initiated", "parked", "registered"]
    tries: int
    next_at: str | None
    bill: str | None
    trouble: Trouble | None
    reason: str
    differences: list[ErpDifference]
    changed_at: str
    erp: str
    trail: list[ErpStep]


class Trial(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Time at the start that costs nothing: so many local `days`, or `until` the start of a
    day."""

    days: int | UnsetType | None = UNSET
    until: str | UnsetType | None = UNSET
    mode: TrialMode | UnsetType = UNSET
    usage: TrialUsage | UnsetType = UNSET
    change: TrialChange | UnsetType = UNSET


class TrialAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is left of each grant, what of each use is not paid, and everything that
    happens."""

    left: dict[str, str]
    overage: dict[str, str]
    movements: list[TriedMovement]


class TrialBalance(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The balances of all accounts that have postings; per currency they sum to zero."""

    as_of: str
    known_at: str | None
    accounts: list[AccountBalance]


class TriedGrant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A grant to be drawn; amounts are of any one unit. `keep_most` null rolls over
    everything."""

    id: str
    amount: str
    priority: int | UnsetType = UNSET
    effective_at: str | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
    left: str | UnsetType | None = UNSET
    products: list[str] | UnsetType = UNSET
    prices: list[str] | UnsetType = UNSET
    every: str | UnsetType | None = UNSET
    anchor: str | UnsetType | None = UNSET
    keep_least: str | UnsetType = UNSET
    keep_most: str | UnsetType | None = UNSET


class TriedMovement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that happens to a grant, and for which use."""

    at: str
    grant: str
    what: str
    amount: str
    use: str | None


class TriedUse(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is used of it."""

    at: str
    amount: str
    id: str | UnsetType = UNSET
    product: str | UnsetType = UNSET
    price: str | UnsetType = UNSET


class TryAddOn(msgspec.Struct, kw_only=True, omit_defaults=True, tag="add"):
    """An add-on."""

    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    subscription: str | UnsetType | None = UNSET
    plan: str
    name: str | UnsetType | None = UNSET
    quantities: dict[str, str] | UnsetType = UNSET
    prices: dict[str, TermsShape] | UnsetType = UNSET
    term: str | TermShape | UnsetType | None = UNSET
    plan_version: int | UnsetType | None = UNSET


class TryCancel(msgspec.Struct, kw_only=True, omit_defaults=True, tag="cancel"):
    """The end of the contract."""

    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    subscription: str | UnsetType | None = UNSET


class TryDrop(msgspec.Struct, kw_only=True, omit_defaults=True, tag="drop"):
    """The contract without an add-on."""

    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    subscription: str | UnsetType | None = UNSET
    add_on: str


class TryPause(msgspec.Struct, kw_only=True, omit_defaults=True, tag="pause"):
    """Nothing is billed from then on."""

    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    subscription: str | UnsetType | None = UNSET


class TryQuantities(msgspec.Struct, kw_only=True, omit_defaults=True, tag="quantities"):
    """Other quantities, of the plan's prices or of an add-on's."""

    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    subscription: str | UnsetType | None = UNSET
    quantities: dict[str, str]
    add_on: str | UnsetType | None = UNSET


class TryResume(msgspec.Struct, kw_only=True, omit_defaults=True, tag="resume"):
    """It goes on."""

    on: str
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    subscription: str | UnsetType | None = UNSET


class TrySwitch(msgspec.Struct, kw_only=True, omit_defaults=True, tag="switch"):
    """Another plan."""

    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    subscription: str | UnsetType | None = UNSET
    plan: str
    quantities: dict[str, str] | UnsetType = UNSET
    prices: dict[str, TermsShape] | UnsetType = UNSET
    term: str | TermShape | UnsetType | None = UNSET
    plan_version: int | UnsetType | None = UNSET


class UnapplyPayment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a payment pays is open again: of one invoice, or of all."""

    reason: str
    invoice: str | UnsetType | None = UNSET


class UndoneCorrection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a correction is taken back."""

    reason: str


class UnseenUsage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that was asked for and of which no usage was ever recorded: a typo, or
    still to come."""

    field: str
    value: str
    message: str
    near: list[str]


class UsageChart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was used in every slot."""

    subject: str
    meter: str
    what: str
    unit: str
    by: Literal["day", "hour", "month"]
    time_zone: str
    dimension: str | None
    total: str | None
    slots: list[ChartSlot]
    series: list[ChartSeries]
    unseen: list[UnseenUsage]


class UsageCorrectedCorrectedLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of an invoice that would come out differently."""

    line_no: int
    subscription: str | None
    what: str
    starts_at: str
    ends_at: str
    unit: str | None
    billed: RatedLine
    before: RatedLine
    after: RatedLine
    difference: str | None


class UsageCorrection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Records that were corrected together: how many were taken back, put back and
    added."""

    correction_id: str
    kind: Literal["backfill", "replace", "undo", "void"]
    reason: str
    undoes: str | None
    voided: int
    restored: int
    added: int
    batch_id: int
    recorded_at: str
    actor: str
    undone_by: str | None


class UsageCounts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many records are stored, in how many batches, and how many of them no roll-up
    counts yet."""

    records: int
    batches: int
    open_records: int
    open_batches: int


class UsageGap(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A time in which no records came, though the meter's policy and a contract ask for
    them."""

    subject: str
    meter: str
    starts_at: str
    noticed_at: str
    closed_at: str | None
    outcome: Literal["accepted", "begins_earlier", "filled", "not_expected", "open"]
    ends_at: str | None
    ends_by: str | None


class UsageMeter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A meter that takes records, and the bounds of each record (docs/catalog.md); null is
    none."""

    meter: str
    unit: str
    value_min: str | None
    value_max: str | None
    accept_days: int | None
    ahead_minutes: int | None
    required: list[str]
    allowed: list[str] | None
    after_invoice: Literal["next_invoice", "note", "review", "write_off"]
    every_minutes: int | None
    grace_minutes: int


class UsageNow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same of every sub-service."""

    services: list[ServiceUsage]


class UsageReasons(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Every stored record under exactly one reason; apart from them what was not stored."""

    records: int
    stored: list[CountedReason]
    offered: list[CountedReason]
    archived: list[CountedReason]
    rejected: list[RejectedUsage]


class UsageTotals(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Sums by meter, or by the values of a dimension when one is named."""

    meters: list[MeterTotal] | UnsetType | None = UNSET
    groups: list[DimensionTotal] | UnsetType | None = UNSET
    unseen: list[UnseenUsage]


class UsedCoupon(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same with what it took off so far. `rest` is what goes to the next invoice."""

    name: str
    coupon: str
    version: int
    customer: str
    subscription: str | None
    percent: str | None
    amount: str | None
    currency: str | None
    times: int | None
    starts_on: str
    ends_on: str | None
    invoices: int
    redemptions: int
    taken: str
    rest: str


class UsedNow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was used of a resource so far."""

    resource: str
    item: str
    unit: str
    used: str
    included: str
    billable: str


class Verified(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was checked; `holds` where nothing is violated, and `is_whole` where all was
    checked that was asked for."""

    holds: bool
    is_whole: bool
    checks: list[PromiseCheck]
    left: list[Promised]


class VoidedGrant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was taken away of a grant."""

    wallet: str
    number: int
    voided: str
    currency: str


class VoidedRecords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Records of a source that are to be taken back."""

    source: str
    ids: list[str]
    reason: str


class Volume(msgspec.Struct, kw_only=True, omit_defaults=True, tag="volume"):
    """All units at the price of the tier in which the whole quantity ends."""

    tiers: list[Tier]


class Wallet(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A wallet and the terms on which it is drawn."""

    wallet: str
    currency: str
    priority: int
    order: Order
    before_tax: bool
    products: list[str]
    prices: list[str]
    unit: CreditUnit | None
    caps: WalletCaps
    top_up: TopUpRule | None


class WalletAllowance(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whether more may be used, and how much down to the hard cap."""

    is_allowed: bool
    reason: CreditsReason
    left: str | None


class WalletCaps(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How low the real-time balance may fall: at `soft` somebody is told, at `hard` all
    ends."""

    soft: str | None
    hard: str | None


class WalletCheck(msgspec.Struct, kw_only=True, omit_defaults=True):
    """As of when to look; now when left out."""

    as_of: str | UnsetType | None = UNSET


class WalletShown(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A wallet with all its grants, and the top-up that is due."""

    wallet: str
    currency: str
    priority: int
    order: Order
    before_tax: bool
    products: list[str]
    prices: list[str]
    unit: CreditUnit | None
    caps: WalletCaps
    top_up: TopUpRule | None
    customer: str
    usable: str
    waiting: str
    reserved: str
    missing: str
    balance: str
    balance_units: str | None
    allowance: WalletAllowance
    refusal: CostRefusal | None
    grants: list[GrantHistory]
    due: str | None


class WalletStanding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A wallet and how it stands now. The balance is what is usable less the running
    cost."""

    wallet: str
    currency: str
    priority: int
    order: Order
    before_tax: bool
    products: list[str]
    prices: list[str]
    unit: CreditUnit | None
    caps: WalletCaps
    top_up: TopUpRule | None
    customer: str
    usable: str
    waiting: str
    reserved: str
    missing: str
    balance: str
    balance_units: str | None
    allowance: WalletAllowance
    refusal: CostRefusal | None


class WalletsChecked(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a look at all wallets found and wrote down."""

    wallets: int
    due: list[DueTopUp]
    settled: list[SettledGrant]
    caps_met: list[CapMet]
    refused: list[RefusedWallet]
    to_be_billed_first: list[str]


class WantedProof(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be checked: all promises, or some."""

    promises: list[str] | UnsetType | None = UNSET
    replay: bool | UnsetType = UNSET
    recount_percent: int | UnsetType = UNSET
    seconds: int | UnsetType = UNSET


class Webhook(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An endpoint: who is told what, and where."""

    endpoint: str
    key: str
    url: str
    types: list[str]
    payload: bool
    state: Literal["disabled", "enabled"]
    disabled: Literal["failing", "gone", "person"] | None
    reason: str
    secrets: list[WebhookSecret]


class WebhookChanges(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be different about an endpoint; the rest stays."""

    url: str | UnsetType | None = UNSET
    types: list[str] | UnsetType | None = UNSET
    payload: bool | UnsetType | None = UNSET


class WebhookDelivery(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An event on its way, given up, or through."""

    number: int
    webhook_id: str
    event: str
    type: str
    stream: str
    state: Literal["delivered", "failed", "waiting"]
    tries: int
    next_at: str | None
    answered: int | None
    reason: str
    tried_at: str | None


class WebhookEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An event as an endpoint is told it: `number` is its place among those that the
    endpoint wants."""

    number: int
    webhook_id: str
    event: str
    type: str
    stream: str
    version: int
    at: str


class WebhookMade(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An endpoint with its new secret, if it got one. The secret is shown here and never
    again: it is null when the request is repeated."""

    endpoint: str
    key: str
    url: str
    types: list[str]
    payload: bool
    state: Literal["disabled", "enabled"]
    disabled: Literal["failing", "gone", "person"] | None
    reason: str
    secrets: list[WebhookSecret]
    secret: str | None


class WebhookOff(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why it is told nothing."""

    reason: str | UnsetType | None = UNSET


class WebhookSecret(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What tells a secret from another one, and nothing of it."""

    fingerprint: str
    made_at: str
    until: str | None


class WebhookStanding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An endpoint and how it goes: `number` events were numbered for it, of which so many
    are `waiting` to be sent and `failed` (given up); `failures` in a row since
    `failing_since`."""

    endpoint: str
    key: str
    url: str
    types: list[str]
    payload: bool
    state: Literal["disabled", "enabled"]
    disabled: Literal["failing", "gone", "person"] | None
    reason: str
    secrets: list[WebhookSecret]
    number: int
    waiting: int
    failed: int
    failures: int
    failing_since: str | None
    rests_until: str | None
    succeeded_at: str | None
    is_troubled: bool


class WebhookTest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came of a test."""

    endpoint: str
    webhook_id: str
    taken: bool
    answered: int | None
    reason: str


class WhichChart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Of what, from when to when, and how fine."""

    service: str
    item: str
    from_: str = msgspec.field(name="from")
    to: str
    step: Literal["day", "hour", "month"] | UnsetType = UNSET
    customer: str | UnsetType | None = UNSET
    resource: str | UnsetType | None = UNSET


class WhichEvents(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Behind which lines."""

    service: str
    customer: str
    item: str


class WhichResources(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Of which sub-service."""

    service: str


class WholeMessage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message as it is sent."""

    message: str
    kind: Literal["mail", "webhook"]
    customer: str | None
    to: str
    subject: str
    occasion: str
    state: Literal["delivered", "failed", "waiting"]
    tries: int
    next_at: str | None
    reason: str
    at: str
    changed_at: str
    body: str
    html: str
    headers: dict[str, str]


class WholeReportState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same, with the report where there is one."""

    period: str
    state: Literal["built", "pulling", "refused"]
    configuration: str
    tries: int
    next_at: str | None
    problems: list[ReportProblem]
    changed_at: str
    lines: int | None
    digest: str | None
    report: Report | None


class WhoseUsage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Of whom."""

    customer: str


class Why(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why it is done."""

    reason: str | UnsetType | None = UNSET


class WhyActivated(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why it holds from now on."""

    reason: str | UnsetType = UNSET


class WhyAgain(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why it will go well this time."""

    reason: str


class WhyNot(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why something can't be worked out: a stable code, a sentence, and what to do."""

    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET


class WithdrawFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How you know that the bank never got the file."""

    reason: str


class WithdrawnFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file that never reached the bank, and how many debits will not come."""

    message_id: str
    withdrawn: int
    reason: str


class WithdrawnTopUp(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A top-up that will not be paid."""

    wallet: str
    due: int
    is_withdrawn: bool


class WrittenDebits(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file that was written, null where nothing is to be collected; and what was left out
    of it."""

    file: DebitFileMade | None
    left: list[DueButLeft]
    is_more: bool


class WrittenOff(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was written off, or is open again."""

    invoice: str
    currency: str
    amount: str
    open: str
