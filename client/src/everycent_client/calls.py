"""One function for each operation of the API: what is asked, as a Call. Written by scripts/client.py."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from msgspec import UNSET, UnsetType

from everycent_client.core import Call, Page, Pages, call
from everycent_client.models import (
    AgreedPart,
    Alarm,
    Applied,
    AppliedTerms,
    AttemptStage,
    AttemptState,
    Attention,
    CarryOverage,
    Collection,
    CountedRecord,
    CreditGrant,
    CustomerAllowance,
    CustomerStatement,
    DebitFileContent,
    DebitFileListed,
    DebitFileShown,
    DunningDone,
    DunningTerms,
    Entry,
    Explained,
    Instalments,
    InSuspense,
    Invoice,
    InvoiceShare,
    Key,
    LineOff,
    ListedInvoice,
    ListedPayment,
    ListedStep,
    MadeKey,
    NewMandate,
    OpenedCollection,
    Order,
    Owing,
    OwingWhy,
    PaymentMethod,
    PaymentShown,
    Plan,
    PlannedStep,
    QueueState,
    Refunded,
    RefundLines,
    RevokedKey,
    SplitDebits,
    TakenEntries,
    TrialAnswer,
    TriedGrant,
    TriedUse,
    VoidedGrant,
    Wallet,
    WalletsChecked,
    WalletShown,
    WalletStanding,
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


def acknowledge_alarm(alarm: str, /, *, idempotency_key: str | None = None) -> Call[Alarm]:
    """Says that somebody has seen an alarm. Twice is once."""
    return call(
        "POST",
        f"/v1/alarms/{quote(alarm, safe='')}/acknowledge",
        Alarm,
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


def get_answer(answer: str, /) -> Call[Any]:
    """What the ERP said, word for word."""
    return call("GET", f"/v1/erp/answers/{quote(answer, safe='')}", Any)


def get_attempt(attempt: str, /) -> Call[AttemptState]:
    """One attempt as it stands."""
    return call("GET", f"/v1/payment-attempts/{quote(attempt, safe='')}", AttemptState)


def get_attempt_trail(attempt: str, /) -> Pages[AttemptStage]:
    """Every stage of one attempt, in order of time."""
    return Pages(
        call("GET", f"/v1/payment-attempts/{quote(attempt, safe='')}/trail", Page[AttemptStage])
    )


def get_attention() -> Call[Attention]:
    """What is open or wrong about payments: unknown outcomes, mismatches, contradictions,
    invoices that are stopped, money of which nobody knows whose it is, direct debits of
    which nothing is heard."""
    return call("GET", "/v1/payments/attention", Attention)


def get_batches() -> Call[Any]:
    """Batches, the newest first: a page of `size`, of those `after` (below) a number."""
    return call("GET", "/v1/erp/batches", Any)


def get_chart() -> Call[Any]:
    """Usage by hour, day or month: `subject`, `meter`, `by`, `from`, `to`, and as wanted
    `dimension` and `zone`. A picture for whoever accepts image/svg+xml, numbers for
    everybody else."""
    return call("GET", "/v1/usage/chart", Any)


def get_collection(run: str, /) -> Call[Collection]:
    """One run, and how far it is."""
    return call("GET", f"/v1/collections/{quote(run, safe='')}", Collection)


def get_debit_file(file: str, /) -> Call[DebitFileShown]:
    """One file, what became of each debit and what statements said."""
    return call("GET", f"/v1/debit-files/{quote(file, safe='')}", DebitFileShown)


def get_debit_file_content(file: str, /) -> Call[DebitFileContent]:
    """The file itself, as it was written, for the bank."""
    return call("GET", f"/v1/debit-files/{quote(file, safe='')}/content", DebitFileContent)


def get_document(document: str, /) -> Call[Any]:
    """One document with its trail: everything that happened on its way, the oldest
    first."""
    return call("GET", f"/v1/erp/documents/{quote(document, safe='')}", Any)


def get_documents() -> Call[Any]:
    """Documents in order of their batches: a page of `size`, of those `after` a place; in a
    `state`."""
    return call("GET", "/v1/erp/documents", Any)


def get_dunning_terms() -> Call[DunningTerms]:
    """The terms that hold: the schedule, what follows failures, campaigns and letters."""
    return call("GET", "/v1/dunning/terms", DunningTerms)


def get_entitlements() -> Call[Any]:
    """One `feature` of a `customer`, with `amount` whether so much (more) would be allowed;
    or all features. As wanted by one `subscription` only, and `at` an instant or a date."""
    return call("GET", "/v1/entitlements", Any)


def get_gaps() -> Call[Any]:
    """The gaps that are open, as `usage watch` or `usage gaps` noticed them; with `all`
    closed ones too."""
    return call("GET", "/v1/usage/gaps", Any)


def get_invoice(invoice: str, /) -> Call[Invoice]:
    """One invoice or credit note, by number or id."""
    return call("GET", f"/v1/invoices/{quote(invoice, safe='')}", Invoice)


def get_invoice_trail(invoice: str, /) -> Pages[AttemptStage]:
    """Every stage of every attempt to charge an invoice, in order of time."""
    return Pages(call("GET", f"/v1/invoices/{quote(invoice, safe='')}/trail", Page[AttemptStage]))


def get_owed(
    customer: str,
    /,
    *,
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
            query={"as_of": as_of, "known_at": known_at, "zone": zone},
        )
    )


def get_payment(payment: str, /) -> Call[PaymentShown]:
    """One payment, and everything that became of it."""
    return call("GET", f"/v1/payments/{quote(payment, safe='')}", PaymentShown)


def get_payment_trail(payment: str, /) -> Pages[AttemptStage]:
    """Every stage of every attempt to give a payment back, in order of time."""
    return Pages(call("GET", f"/v1/payments/{quote(payment, safe='')}/trail", Page[AttemptStage]))


def get_reasons() -> Call[Any]:
    """Every record by the reason why it is billed or not."""
    return call("GET", "/v1/usage/reasons", Any)


def get_running() -> Call[Any]:
    """Current usage and running cost: `customer`, and as wanted `subscription` and `at`."""
    return call("GET", "/v1/usage/running", Any)


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


def get_thresholds() -> Call[Any]:
    """What is watched, and when it was crossed, the newest crossings first."""
    return call("GET", "/v1/usage/thresholds", Any)


def get_totals() -> Call[Any]:
    """What was used from `from` to `to` by meter: of all, or of the `subject` and `meter`
    that are named; or what both name by the values of `dimension`. Days begin on the clock
    of `zone`."""
    return call("GET", "/v1/usage/totals", Any)


def get_wallet(wallet: str, /, *, as_of: str | UnsetType = UNSET) -> Call[WalletShown]:
    """One wallet: its balance, every grant, and every draw."""
    return call("GET", f"/v1/wallets/{quote(wallet, safe='')}", WalletShown, query={"as_of": as_of})


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


def list_debit_files(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[DebitFileListed]:
    """Files of direct debits, the newest first, and what became of their debits."""
    return Pages(
        call("GET", "/v1/debit-files", Page[DebitFileListed], query={"size": size, "after": after})
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


def list_keys() -> Pages[Key]:
    """All API keys, the revoked ones too, the oldest first."""
    return Pages(call("GET", "/v1/keys", Page[Key]))


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


def list_payment_methods(customer: str, /) -> Pages[PaymentMethod]:
    """The payment methods of a customer. The first active one is charged."""
    return Pages(
        call(
            "GET", f"/v1/customers/{quote(customer, safe='')}/payment-methods", Page[PaymentMethod]
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


def list_suspense(
    *, size: int | UnsetType = UNSET, after: str | UnsetType = UNSET
) -> Pages[InSuspense]:
    """Money of which nobody knows whose it is, oldest first."""
    return Pages(
        call("GET", "/v1/payments/suspense", Page[InSuspense], query={"size": size, "after": after})
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


def pause_collection(run: str, /, *, idempotency_key: str | None = None) -> Call[Collection]:
    """Begins nothing new of a run. What is under way comes to its end; another run may
    charge the same invoices."""
    return call(
        "POST",
        f"/v1/collections/{quote(run, safe='')}/pause",
        Collection,
        idempotency_key=idempotency_key,
    )


def plan_dunning(*, as_of: str | UnsetType = UNSET) -> Pages[PlannedStep]:
    """What a run would do, without doing it."""
    return Pages(call("GET", "/v1/dunning/plan", Page[PlannedStep], query={"as_of": as_of}))


def post_usage(records: Any) -> Call[Any]:
    """Stores the offered records and answers when they are durable: in the database, or in
    the spool while it is away, if there is one."""
    return call("POST", "/v1/usage", Any, body=records)


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


def remove_top_up_rule(wallet: str, /, *, idempotency_key: str | None = None) -> Call[Wallet]:
    """Makes no automatic top-ups any more. One that is due stays so."""
    return call(
        "DELETE",
        f"/v1/wallets/{quote(wallet, safe='')}/top-up-rule",
        Wallet,
        idempotency_key=idempotency_key,
    )


def requeue_document(document: str, /) -> Call[Any]:
    """Hands a document over anew, which the ERP has refused or which was tried too often.
    Twice is once: what is on its way again is refused with `erp.not_stuck`."""
    return call("POST", f"/v1/erp/documents/{quote(document, safe='')}/requeue", Any)


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


def revoke_key(key: str, /, *, idempotency_key: str | None = None) -> Call[RevokedKey]:
    """Revokes an API key: within a second it opens nothing any more. Twice is once."""
    return call(
        "POST",
        f"/v1/keys/{quote(key, safe='')}/revoke",
        RevokedKey,
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


def start_collection(
    *,
    due_by: str | UnsetType | None = UNSET,
    zone: str | UnsetType = UNSET,
    invoices: list[str] | UnsetType | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[OpenedCollection]:
    """Opens a run of all that is due, or of some invoices alone. `everycent work` charges
    what is on its list; nothing is charged twice, however many runs there are."""
    return call(
        "POST",
        "/v1/collections",
        OpenedCollection,
        body={"due_by": due_by, "zone": zone, "invoices": invoices},
        idempotency_key=idempotency_key,
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
    idempotency_key: str | None = None,
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
        idempotency_key=idempotency_key,
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
