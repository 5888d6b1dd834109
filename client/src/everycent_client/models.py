"""What the API takes and answers. Written by scripts/client.py out of the operations."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

Basis = Literal["paid", "promotional"]
CarryOverage = Literal["never", "over_resets", "to_next_grant"]
Effect = Literal["booked", "cancelled_out", "contradicted", "failed", "person", "taken_back"]
Failure = Literal[
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
Follows = Literal["answer", "look_up", "nothing", "retry", "somebody"]
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
Reason = Literal["hard_cap", "no_cap", "soft_cap", "within"]
RunKind = Literal["demand", "retry", "schedule"]
Sequence = Literal["FNAL", "FRST", "OOFF", "RCUR"]
Severity = Literal["critical", "warning"]
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
Then = Literal["ask_customer", "ask_operator", "nothing", "other_method", "retry"]
Way = Literal["cash", "charge", "debit", "other", "transfer"]
Why = Literal["settled", "withdrawn", "written_off"]


class AgreedPart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of an invoice, and the day from which on it is charged."""

    due_on: str
    amount: str


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


class AppliedTerms(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which version holds, and whether it is new."""

    version: int
    is_new: bool


class ApplyPayment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is left of a payment pays these, in this order."""

    invoices: list[InvoiceShare]


class AssignPayment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whose money in suspense is, and what it pays."""

    customer: str
    invoices: list[InvoiceShare] | UnsetType = UNSET


class AttemptEvidence(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was said about an attempt, as it came. Its amount is null in a currency that
    nobody has."""

    source: Source
    outcome: Outcome
    failure: Failure | None
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
    failure: Failure | None
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
    failure: Failure | None
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


class BankStatement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A bank statement or notice (camt.053, camt.054) as the bank made it, in UTF-8."""

    content: str


class CapMet(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A wallet whose cap is met."""

    wallet: str
    reason: Reason
    balance: str


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


class CorrectedLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The line that another one corrects or takes back."""

    invoice: str
    line: int


class CostRefusal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why the running cost of a wallet can't be worked out."""

    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET


class CountedRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A usage record that a line counted; `local` is its time on the customer's clock."""

    record_id: str
    source: str
    at: str
    local: str
    value: str
    dimensions: str


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


class CustomerAllowance(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The same of all wallets of a customer together."""

    is_allowed: bool
    reason: Reason
    left: str | None
    customer: str


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


class DueButLeft(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice that is due and not in the file, and why."""

    invoice: str
    why: str


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
    steps: list[Step]
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


class Ended(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why an alarm is over."""

    reason: str


class EndedEpisode(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The end of an episode."""

    customer: str
    currency: str
    why: Why
    resumed: list[str]
    left_out: dict[str, str]


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


class Explained(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A step of an explanation: what it is, the value it gives, and what that comes
    from."""

    kind: str
    what: str
    value: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    facts: dict[str, str] | UnsetType = UNSET
    children: list[Explained] | UnsetType = UNSET


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
    failure: Failure
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


class Health(msgspec.Struct, kw_only=True, omit_defaults=True):
    """It works."""

    status: str


class HomeSums(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The sums in the seller's home currency."""

    currency: str
    net: str
    tax: str
    gross: str
    rounding: str


class InSuspense(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Money of which nobody knows whose it is."""

    payment: str
    left: str
    currency: str
    received_on: str
    account: str
    reference: str


class Instalments(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was agreed about an invoice."""

    invoice: str
    currency: str
    parts: list[AgreedPart]


class Invoice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice or a credit note as it was issued, and what is open of it now."""

    number: str
    kind: Literal["credit_note", "invoice"]
    invoice_id: str
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
    open: str
    credits: str | None
    reason: str | None
    credited_by: str | None
    line_notes: list[LineNoteNamed]
    lines: list[InvoiceLine]
    taxes: list[InvoiceTax]
    discounts: list[InvoiceDiscount]
    credit: list[CreditUsed]
    home: HomeSums | None
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
    corrects: CorrectedLine | None


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


class Key(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An API key without its text, which nobody keeps."""

    key_id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    used_at: str | None


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
    due_on: str
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
    ended: Why | None
    ended_on: str | None


class MadeKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new key. Its text is shown here and never again: it is null when the request is
    repeated."""

    key_id: str
    name: str
    scopes: list[str]
    expires_at: str | None
    key: str | None


class MandateShown(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The mandate of a direct debit."""

    id: str
    signed_on: str
    holder: str
    iban: str
    bic: str | None


class Money(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An amount of money: a decimal number as text, with as many places as the currency
    has."""

    amount: str
    currency: str


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


class NewCreditNote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be taken back: all of the invoice where neither `lines` nor `rest` are
    told."""

    reason: str
    lines: list[LineOff] | UnsetType | None = UNSET
    rest: bool | UnsetType = UNSET
    at: str | UnsetType | None = UNSET
    zone: str | UnsetType = UNSET


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


class NewMandate(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The mandate that the customer signed for direct debits."""

    id: str
    signed_on: str
    holder: str | UnsetType | None = UNSET
    bic: str | UnsetType | None = UNSET
    used: bool | UnsetType = UNSET


class NewMethod(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A way in which a customer can be charged. For direct debits the provider is our
    account that     collects, the token the customer's IBAN, and there is a mandate."""

    token: str
    provider: str
    payer: str | UnsetType | None = UNSET
    label: str | UnsetType = UNSET
    expires_on: str | UnsetType | None = UNSET
    mandate: NewMandate | UnsetType | None = UNSET


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


class NewRefund(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What goes back: an amount, what lines come to, or all that is left."""

    reason: str
    amount: str | UnsetType | None = UNSET
    reopen: bool | UnsetType = UNSET
    of_lines: RefundLines | UnsetType | None = UNSET


class NewRule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """When the real-time balance falls below this, a top-up of so much is due."""

    below: str
    amount: str
    at: str | UnsetType | None = UNSET


class NewTerms(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The terms as YAML, as the command line takes them."""

    text: str


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


class OpenedCollection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run that was opened, and what of the invoices that were asked for it leaves out."""

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
    left_out: list[LeftOut]


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


class Plan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The exact effect that a change would have now."""

    plan: str
    events: dict[str, int]
    documents: list[PlannedDocument]
    postings: list[PlannedPosting]


class PlannedDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A document that would be issued."""

    kind: str
    customer: str
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
    why: Why | None


class ProposedShare(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What money might pay: somebody has to say so."""

    invoice: str
    amount: str


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
    with the credit     note, where it is a refund of lines."""

    payment: str
    currency: str
    settled: list[Settled]
    left: str
    back: str
    refunded: str
    attempt: str | None
    note: Invoice | None


class RefusedWallet(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A wallet of which the running cost can't be worked out, and why."""

    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET
    wallet: str


class RemovedMethod(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why it goes."""

    reason: str | UnsetType = UNSET


class Resolution(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of an attempt: the provider's id of the charge, or that it was not
    charged."""

    reason: str
    charged: str | UnsetType | None = UNSET
    not_charged: bool | UnsetType = UNSET
    amount: str | UnsetType | None = UNSET


class RevokedKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key that opens nothing any more; `is_new` where it did until now."""

    key_id: str
    is_new: bool


class Rule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What follows a kind of failure. Attempt n + 1 is made `delays[n - 1]` seconds after
    attempt n failed,     the last delay again for all further ones; after `most` attempts
    `finally_` follows."""

    then: Then
    delays: list[int] | UnsetType = UNSET
    most: int | UnsetType = UNSET
    finally_: Then | UnsetType = UNSET


class Schedule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A cron line on the clock of `time_zone`."""

    cron: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET


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


class SilentFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file of direct debits of which nothing is heard."""

    message_id: str
    account: str
    pending: int
    first_on: str


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


class StatementLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An entry, and what is owed after it."""

    entry: str
    at: str
    recorded_at: str
    kind: str
    document: str | None
    amount: str
    balance: str


class Step(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A step of a campaign, by its `key`, which no other one has. It is taken `after_due`
    days after the     oldest open invoice fell due, or `after_step` days after the step
    before: one of the two is told.      What it does: send the customer the letter `mail`,
    tell `webhook` (an address), `charge` what is open     again, `pause` the customer's
    contracts, write off what is open as `uncollectable`."""

    key: str
    after_due: int | UnsetType | None = UNSET
    after_step: int | UnsetType | None = UNSET
    mail: str | UnsetType | None = UNSET
    webhook: str | UnsetType | None = UNSET
    charge: bool | UnsetType = UNSET
    pause: bool | UnsetType = UNSET
    uncollectable: bool | UnsetType = UNSET


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


class TrialAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is left of each grant, what of each use is not paid, and everything that
    happens."""

    left: dict[str, str]
    overage: dict[str, str]
    movements: list[TriedMovement]


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


class UnapplyPayment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a payment pays is open again: of one invoice, or of all."""

    reason: str
    invoice: str | UnsetType | None = UNSET


class VoidedGrant(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was taken away of a grant."""

    wallet: str
    number: int
    voided: str
    currency: str


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
    reason: Reason
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
