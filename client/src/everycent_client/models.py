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
ChangeDay = Literal["both", "new", "old"]
Conversion = Literal["converted", "refused"]
Credit = Literal["difference", "paid_part", "unused_part"]
DayCount = Literal["30", "30/360", "365/366", "actual"]
Decrease = Literal["credit", "keep"]
Denominator = Literal["calendar", "cycle", "plan"]
EndDay = Literal["billed", "not_billed"]
Granularity = Literal["day", "second"]
Kind = Literal["grade", "limit", "metered", "switch"]
Leaving = Literal["any_time", "end_of_term"]
Level = Literal["changes", "sets"]
Limit = Literal["maximum", "minimum"]
Minimum = Literal["each_part", "last_part"]
Reason = Literal[
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
Reset = Literal["day", "month", "never", "period", "week", "year"]
Rounding = Literal["ceiling", "down", "floor", "half_down", "half_even", "half_up", "up"]
Severity = Literal["critical", "warning"]
Sign = Literal["end", "notice", "reminder"]
State = Literal["ended", "paused", "planned", "running", "trial"]
TakesEffect = Literal["now", "period_end"]
TaxStatus = Literal["exempt", "reverse_charge", "taxed"]
Then = Literal["cancelled", "ends", "goes on", "renews"]
TimeUnit = Literal["days", "hours", "intervals", "minutes", "seconds"]
TrialChange = Literal["end", "from_start", "keep", "restart"]
TrialMode = Literal["days_off_first_period", "own_phase"]
TrialUsage = Literal["billed", "free"]
Unit = Literal["day", "millisecond", "minute", "none", "second"]
Unused = Literal["credit", "nothing", "same_item"]
Verb = Literal["change", "create", "keep"]


class Agree(msgspec.Struct, kw_only=True, omit_defaults=True, tag="agree"):
    """From now on another quantity of a price is agreed."""

    price_key: str
    quantity: str
    track: str | UnsetType = UNSET


class Agreed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A quantity that is agreed and not metered, such as seats: so many of `unit`. In a
    plan `quantity` is     what a contract has that says nothing else (None: each says it);
    it is from `least` to `most`."""

    unit: str
    quantity: str | UnsetType | None = UNSET
    least: str | UnsetType = UNSET
    most: str | UnsetType | None = UNSET


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


class BandRule(msgspec.Struct, kw_only=True, omit_defaults=True):
    """On these kinds of days (0 is Monday, 7 a holiday) the minutes from `start` up to
    `end` belong to     `band`."""

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


class Begin(msgspec.Struct, kw_only=True, omit_defaults=True, tag="begin"):
    """From now on a track is on these terms: the plan at the start, another plan, or an
    add-on. A term that     runs goes on, unless there is to be a `new_term`. With `goes_on`
    they are another version of the plan     that runs; one that `is_move` was not asked for
    by the contract and gives way to what is."""

    terms: Terms
    track: str | UnsetType = UNSET
    new_term: bool | UnsetType = UNSET
    goes_on: bool | UnsetType = UNSET
    is_move: bool | UnsetType = UNSET


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
    a begun     block counts whole."""

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


class Cancel(msgspec.Struct, kw_only=True, omit_defaults=True, tag="cancel"):
    """The whole contract ends."""


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
    docs/catalog.md tells of its     kind, with what it stands on in it; plans and meters
    have addresses where all of them are typed."""

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
    agreed.      Time that was paid in advance and that a change cuts off is given back,
    unless it `keeps_paid`. With     `breaks_term` it was agreed although a term that runs
    would not allow it."""

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


class Charge(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`amount` is the exact sum of the steps; `net` (minor units) is what
    `price.amount_rounding` makes of     it once, or of the `limit` that stands in its
    place.      `share` is the part of a full period as [days, days of the full period],
    told where it plays a part:     the amount of a flat price, or of a quantity that is
    agreed, is multiplied by it, and so are limits     that are prorated. It was counted by
    the `proration`, told where that is another one than the     default; its units need not
    be days.     `is_open` says that the minimum is left to a later part of the same period.
    With an `exchange` the price, the steps and their sum are in the plan's currency, and
    what is owed is     converted before it is rounded: `net` is in the contract's."""

    product: Product
    price: Price
    steps: list[Step]
    amount: str
    net: int
    quantity: Quantity | UnsetType | None = UNSET
    share: tuple[int, int] | UnsetType | None = UNSET
    limit: Limit | UnsetType | None = UNSET
    proration: Proration | UnsetType | None = UNSET
    is_open: bool | UnsetType = UNSET
    exchange: Exchange | UnsetType | None = UNSET


class Commitment(msgspec.Struct, kw_only=True, omit_defaults=True, tag="commitment"):
    """What is missing to a `minimum` of everything that a contract is charged for the
    period, or, as a     negative amount, what is beyond a `maximum`. Of these `prices`, by
    key; none: of all but commitments.      What is billed in arrears counts where its
    period ends, everything else where it begins."""

    minimum: str | UnsetType | None = UNSET
    maximum: str | UnsetType | None = UNSET
    prices: list[str] | UnsetType = UNSET


class CommitmentShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A minimum or a maximum of what a contract is charged for a period."""

    minimum: str | UnsetType | None = UNSET
    maximum: str | UnsetType | None = UNSET
    prices: list[str] | UnsetType = UNSET


class ContractChange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A change, from when on, and what becomes of what is paid in advance beyond."""

    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET
    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET


class Correction(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a line takes the place of: line `line_no` of invoice `invoice`, with which the
    period was     billed, and what was `charged` for it (minor units) up to `ends_at` when
    this was said. `step` counts     the corrections of a line from 1. `given_back` is what
    the plan's rule gives back, where that is     not the difference between what was
    charged and what is right now. `prepaid` is what credit stood for     of the charge
    then, paid before taxes. `credited` is what credit notes took off lines of the period
    before: no more is given back than the rest."""

    invoice: str
    invoice_id: str
    line_no: int
    step: int
    charged: int
    ends_at: str
    given_back: int | UnsetType | None = UNSET
    prepaid: int | UnsetType = UNSET
    credited: int | UnsetType = UNSET


class Coupon(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Takes `percent` off, or `amount` (major units) of a `currency`: one of the two.
    It reaches the lines of these plans, products and prices: each list that is not empty
    must hold the     line's. `times` is on how many invoices, `lasts` how long from the day
    it is applied for (None: no     bound). It may be applied for days from `valid_from` on
    and before `valid_until`, and `limit` times     in all. A lower `priority` comes first.
    One that is not `combinable` stands alone."""

    key: str
    name: str
    percent: str | UnsetType | None = UNSET
    amount: str | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    times: int | UnsetType | None = UNSET
    lasts: str | UnsetType | None = UNSET
    valid_from: str | UnsetType | None = UNSET
    valid_until: str | UnsetType | None = UNSET
    limit: int | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET
    combinable: bool | UnsetType = UNSET
    plans: list[str] | UnsetType = UNSET
    products: list[str] | UnsetType = UNSET
    prices: list[str] | UnsetType = UNSET


class CouponEnd(msgspec.Struct, kw_only=True, omit_defaults=True):
    """When a coupon ends, and why."""

    on: str | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET


class Course(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A price whose course is not that of its plan: a quantity is agreed, its periods have
    another length,     or it is sold once and lasts a day.      `quantity` is what is
    agreed with the terms; None leaves it at what runs (the same price of the plan
    before), and where there is none at `usual`. It is from `least` to `most`."""

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


class CustomerChanges(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The fields that are to be other ones from now on; null takes away what a customer may
    do without.     Key and currency stay."""

    name: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    address: str | UnsetType | None = UNSET
    tax_id: str | UnsetType | None = UNSET
    tax_status: TaxStatus | UnsetType = UNSET
    tax_reason: str | UnsetType | None = UNSET
    group: str | UnsetType | None = UNSET


class Discount(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a coupon took off an invoice, as prices are told (with taxes where they include
    them): `amount`     of the `base` that the coupons before it had left of its lines.
    Minor units.      `available` is what a fixed coupon could take, and `rest` what of it
    goes to the next invoice. It is use     `use_no` of the application `name`, and counts
    as redemption `redemption_no` of the coupon."""

    application_id: str
    name: str
    coupon: Coupon
    version: int
    use_no: int
    redemption_no: int
    base: str
    amount: int
    shares: list[Share]
    available: int | UnsetType | None = UNSET
    rest: int | UnsetType = UNSET


class Draw(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`amount` (minor units; negative: given back) out of a grant of `granted`, of which
    `left` is there     afterwards. Draws of one grant are numbered from 1. One before taxes
    tells the `lines` of its document     that it paid, or was given back for, as (number,
    amount)."""

    wallet_id: str
    wallet: str
    grant_id: str
    draw_no: int
    amount: int
    left: int
    granted: int
    basis: Basis
    lines: list[tuple[int, int]] | UnsetType = UNSET


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
    then: Then
    renews_until: str | None


class Entitlement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whether a feature may be used, what is left of it, and why; the first of the reasons
    decides. `limit`     is null where there is none (`unlimited`), and for what has
    none."""

    customer: str
    feature: str
    name: str
    kind: Kind
    at: str
    amount: str | None
    allowed: bool
    code: Reason
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

    code: Reason
    message: str
    subscription: str | UnsetType | None = UNSET
    plan: str | UnsetType | None = UNSET
    plan_version: int | UnsetType | None = UNSET
    phase: int | UnsetType | None = UNSET
    state: State | UnsetType | None = UNSET


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


class EventShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that was used: how much, when, and in which dimensions."""

    value: str | UnsetType = UNSET
    at: str | UnsetType | None = UNSET
    id: str | UnsetType | None = UNSET
    prorated: str | UnsetType | None = UNSET
    dimensions: dict[str, str] | UnsetType = UNSET


class Exchange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How an amount `of` one currency becomes one `into` another: by the quotes one after
    the other, each     forwards (×) or backwards (÷). `day` is the day for which a rate was
    asked; the quotes may be older."""

    of: str
    into: str
    day: str
    quotes: list[Quote]


class Failure(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why the interval that begins at `starts_at` is not measured yet: the last refusal,
    since when it     fails and how often it was tried."""

    starts_at: str
    code: str
    message: str
    since: str
    last_at: str
    attempts: int


class Feature(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A feature. `measure` (the meter), `reset` and `after_switch` belong to METERED,
    `grades`, in     ascending order, to GRADE."""

    key: str
    name: str
    kind: Kind
    measure: Series | Formula | UnsetType | None = UNSET
    reset: Reset | UnsetType = UNSET
    after_switch: AfterSwitch | UnsetType = UNSET
    grades: list[str] | UnsetType = UNSET


class Flat(msgspec.Struct, kw_only=True, omit_defaults=True, tag="flat"):
    """A fixed amount per period."""

    amount: str


class FlatShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A fixed amount for each period."""

    amount: str


class Formula(msgspec.Struct, kw_only=True, omit_defaults=True, tag="formula"):
    """A quantity computed from others; `inputs` are the names that the expression uses."""

    unit: str
    expression: str
    inputs: dict[str, Series | Formula]


class Graduated(msgspec.Struct, kw_only=True, omit_defaults=True, tag="graduated"):
    """Each tier's units at that tier's price; a tier's flat amount is due once it is
    entered."""

    tiers: list[Tier]


class Header(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A header of a request: a plain `value`, or `prefix` and the value of the environment
    variable     `env`, which is read when it is needed and stored nowhere."""

    value: str | UnsetType | None = UNSET
    env: str | UnsetType | None = UNSET
    prefix: str | UnsetType = UNSET


class Health(msgspec.Struct, kw_only=True, omit_defaults=True):
    """It works."""

    status: str


class Holidays(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A holiday calendar: single `dates`, days of every year as `MM-DD` (`yearly`; 02-29
    comes in leap     years only), and `easter`: days after Easter Sunday, so 0 is Easter
    Sunday and -2 Good Friday."""

    key: str
    dates: list[str] | UnsetType = UNSET
    yearly: list[str] | UnsetType = UNSET
    easter: list[int] | UnsetType = UNSET


class Home(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The document in the seller's home currency (Directive 2006/112/EC, article 230).
    Minor units of     `currency`, which has `places` decimals; each is rounded once, by
    `mode`, from the document's amount.      A line that corrects another document keeps the
    rate of that one, so there may be several parts. `tax`     is the sum of the taxes;
    `rounding` is what net and tax miss the gross by."""

    currency: str
    places: int
    mode: Rounding
    parts: list[HomePart]
    taxes: list[HomeTax]
    net: int
    tax: int
    gross: int
    rounding: int | UnsetType = UNSET


class HomePart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Lines with the rate at which they are told in the home currency: those of these
    numbers, or all."""

    exchange: Exchange
    lines: list[int] | UnsetType = UNSET


class HomeTax(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A tax in the home currency: that of the same category, percentage, and whether it is
    included."""

    category: str
    percent: str
    is_included: bool
    base: int
    amount: int


class Http(msgspec.Struct, kw_only=True, omit_defaults=True, tag="http"):
    """A GET of `url` with {start} and {end} filled in. `records` is the dotted path of the
    array in the     JSON answer, None when the answer is the array."""

    url: str
    headers: dict[str, Header] | UnsetType = UNSET
    records: str | UnsetType | None = UNSET
    timeout_seconds: int | UnsetType = UNSET
    max_bytes: int | UnsetType = UNSET
    max_rows: int | UnsetType = UNSET
    history: bool | UnsetType = UNSET


class Included(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A feature as a version of a plan includes it. `limit` (plain decimal text; None: no
    limit) belongs     to LIMIT and METERED, `is_soft` to METERED: beyond the limit use goes
    on. `grade` belongs to GRADE."""

    feature: Feature
    limit: str | UnsetType | None = UNSET
    is_soft: bool | UnsetType = UNSET
    grade: str | UnsetType | None = UNSET


class InnerFormula(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A formula that is an input of another one."""

    unit: str
    expression: str


class InvoiceLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One charge for one period of one item of a subscription. `tax_percent` is None
    untaxed, and of     several taxes joined as the product's `tax_category` is ('4+2.5').
    The price's amount contains `tax_included` where it includes taxes; `discount` is what
    coupons take off     its net. Both are minor units. `waived_percent` is what a price
    includes of a customer who is not taxed.     A line that corrects another one is reached
    by no coupon: `kept` is the part, as [part, whole], that was     taken off the other
    one.      A line that `corrects` another one holds the charge as it is right; what was
    charged for the period     before is taken off. `prepaid` is what credit paid of its net
    after discounts, before taxes; below     nothing what is credit again
    (`credit_back`)."""

    line_no: int
    subscription_id: str
    subscription: str
    item_no: int
    starts_at: str
    ends_at: str
    tax_percent: str | None
    charge: Charge
    corrects: Correction | UnsetType | None = UNSET
    discount: int | UnsetType = UNSET
    tax_included: int | UnsetType = UNSET
    waived_percent: str | UnsetType | None = UNSET
    kept: tuple[int, int] | UnsetType | None = UNSET
    prepaid: int | UnsetType = UNSET


class InvoicedCustomer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A customer as a document has it. Its id is told as the document keeps it."""

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


class Item(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One price of a plan; `measure` gives its quantity, or it is `agreed`; without either
    it is 1."""

    price: Price
    product: Product
    measure: Series | Formula | UnsetType | None = UNSET
    agreed: Agreed | UnsetType | None = UNSET


class Key(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An API key without its text, which nobody keeps."""

    key_id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    used_at: str | None


class LeftAlone(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A contract that can't go over, and why."""

    subscription: str
    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET


class MadeKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new key. Its text is shown here and never again: it is null when the request is
    repeated."""

    key_id: str
    name: str
    scopes: list[str]
    expires_at: str | None
    key: str | None


class Matrix(msgspec.Struct, kw_only=True, omit_defaults=True, tag="matrix"):
    """A unit amount by the values of one or two dimensions; `default` is for all other
    records.      In a plan it becomes a price per unit for each cell, over the records of
    that cell."""

    dimensions: list[str]
    cells: list[Cell]
    default: str


class MatrixShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Unit amounts by the values of dimensions."""

    dimensions: list[str]
    cells: list[CellShape]
    default: str


class Measurement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Every `every` on the clock of `time_zone` from `starts_at` on, records of the raw
    meter `meter`     are written for the interval that has ended, `delay_seconds` after its
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
    failure: Failure | None
    definition: Measurement
    defined_at: str
    intervals: list[CoveredInterval]


class MeasurementState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How far a measurement has come: up to where time is covered, when the next interval
    is due, what all     intervals came to, and what is wrong."""

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
    failure: Failure | None


class MeterEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version of a meter, and what it says in words."""

    kind: Literal["meter"]
    key: str
    version: int
    at: str
    content: Series | Formula
    told: dict[str, str]


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


class NewKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key that is wanted."""

    name: str
    scopes: list[str]
    expires_at: str | UnsetType | None = UNSET


class NewPayer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who is to pay from a day on; null: the customer itself does again."""

    payer: str | None
    from_: str = msgspec.field(name="from")
    reason: str | UnsetType | None = UNSET


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


class OtherQuantities(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Other quantities of prices."""

    reason: str | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET
    on: str | UnsetType | None = UNSET
    keep_paid: bool | UnsetType = UNSET
    break_term: bool | UnsetType = UNSET
    quantities: dict[str, str]
    add_on: str | UnsetType | None = UNSET


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
    theirs; empty:     there is none."""

    payer: str
    from_: str = msgspec.field(name="from")
    until: str
    reason: str


class Payers(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All who ever pay for a customer, in order of time; nobody but itself where there is
    nothing."""

    items: list[PayerSpan]


class PerUnit(msgspec.Struct, kw_only=True, omit_defaults=True, tag="per_unit"):
    """quantity × unit_amount; the first `included` units are free."""

    unit_amount: str
    included: str | UnsetType = UNSET


class PerUnitShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An amount for each unit; those that are included are free."""

    unit_amount: str
    included: str | UnsetType = UNSET


class Percentage(msgspec.Struct, kw_only=True, omit_defaults=True, tag="percentage"):
    """`percent` of a quantity that is money in major units.      The others are per event:
    `fixed_amount` on top of each that pays; `minimum` and `maximum` of what     one that
    pays costs, the fixed amount included. The first events are free, as long as fewer than
    `free_events` were and the running total is within `free_total`; the one that exceeds
    the total pays     for the part beyond it."""

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
    about, or of one     of its prices that has a course of its own (on a track such as
    '#seats'). Periods are counted from     `anchor`. A phase that ends where it starts does
    not take place. What was paid in     advance beyond its end is given back, but for the
    items that it `keeps`."""

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
    for several     versions; `differences` tells what the newest has otherwise than
    each."""

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
    currency: str
    gross: str
    prepaid: str


class PlannedPosting(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What would be posted to an account; debits are positive."""

    account: str
    customer: str
    currency: str
    amount: str


class PreviewWanted(msgspec.Struct, kw_only=True, omit_defaults=True):
    """As of when, and with which change; as they are due next when nothing is told."""

    as_of: str | UnsetType | None = UNSET
    zone: str | UnsetType = UNSET
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
    much more is to     be paid with it."""

    customer: str
    as_of: str
    paid_by: list[PaidBySpan]
    documents: list[PreviewedDocument]
    without: list[PreviewedDocument] | None
    effect: str | None
    currency: str


class PreviewedDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A document as it would be issued, without what numbering adds. Amounts are minor
    units."""

    series: str
    customer: InvoicedCustomer
    currency: str
    places: int
    issued_on: str
    due_on: str
    lines: list[InvoiceLine]
    taxes: list[TaxAmount]
    net: int
    tax: int
    gross: int
    run_id: str | UnsetType | None = UNSET
    discounts: list[Discount] | UnsetType = UNSET
    discount: int | UnsetType = UNSET
    draws: list[Draw] | UnsetType = UNSET
    prepaid: int | UnsetType = UNSET
    home: Home | UnsetType | None = UNSET
    policy_date: str | UnsetType | None = UNSET
    policies: dict[str, str] | UnsetType = UNSET


class Price(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`in_advance` prices are due when a period begins, the others when it has ended.
    `amount_rounding` is how the line's exact amount becomes money. `minimum` and `maximum`
    (major     units) limit that exact amount; with `prorate_limits` a part of a period has
    that part of them. A     `proration` of its own stands in place of the plan's.     With
    `includes_tax` the product's taxes are in all of the amounts. A price that `is_once` is
    due when     it is agreed, and not again; another `interval` stands in place of the
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

    steps: list[Step]
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


class Proration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a part of a period is counted and paid for.      With `complement` the last part
    of a period is what the parts before it leave. `round_per_line`     rounds credit and
    charge of a change each for itself, else their sum is rounded once.
    `round_daily_rate` rounds the price of one unit of time before it is multiplied."""

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


class Quantity(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A quantity and where it comes from: parts, the formula over them if any, the rounding
    if any.      What is agreed and not metered has no parts. `inner` are the formulas
    within the formula, by the path     of names under which they are known.     `exact` is
    before the rounding, in `exact_unit` where the rounding converts to another `unit`."""

    exact: str
    value: str
    unit: str
    parts: list[UsagePart]
    expression: str | UnsetType | None = UNSET
    rounding: QuantityRounding | UnsetType | None = UNSET
    inner: dict[str, InnerFormula] | UnsetType = UNSET
    exact_unit: str | UnsetType | None = UNSET


class QuantityRounding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The exact quantity, divided by `divide_by`, is rounded once to `places` decimals
    before it is     priced; -2 is to hundreds. `unit` is that of the outcome (None: the
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


class Quote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A rate of the table: 1 `base` = `rate` `quote` on a day, and the number under which
    it was told."""

    base: str
    quote: str
    on: str
    rate: str
    source: str
    number: int


class RatedPrice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The amount of a price with all that leads to it. What plays no part is null."""

    steps: list[Step]
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


class Reading(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a register showed. `register` is the device's serial number, '' when records
    carry none.      `role` is 'removed' for the last reading of a device taken out,
    'installed' for the first of one     put in, else ''."""

    at: str
    value: str
    register: str | UnsetType = UNSET
    is_estimate: bool | UnsetType = UNSET
    role: str | UnsetType = UNSET


class RegisterStretch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Consumption of one register between two readings."""

    opening: Reading
    closing: Reading
    consumption: str
    rolled_over: bool | UnsetType = UNSET


class RequestShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A price as in a catalogue file, its currency, and what was used: a quantity or
    events. `before` is     what was used in the same period already, and `billed` what was
    charged for it; `share` is a part of a     period, such as 15/30."""

    price: RatedPriceShape
    currency: str
    quantity: str | UnsetType | None = UNSET
    events: list[str | EventShape] | UnsetType | None = UNSET
    before: str | list[str | EventShape] | UnsetType | None = UNSET
    billed: str | UnsetType | None = UNSET
    share: str | UnsetType | None = UNSET
    is_last: bool | UnsetType = UNSET


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
    `bands`,     `segment` to those whose dimensions fall into that segment of `segments`.
    `window_minutes` belongs to PEAK, WINDOWED and PERCENTILE; `each` (COUNT, SUM, MIN, MAX,
    AVERAGE or     LATEST) to windows; `then` (SUM, MIN, MAX or AVERAGE) to WINDOWED;
    `percentile` (plain decimal text     above 0 and up to 100) to PERCENTILE. `distinct` (a
    dimension) belongs to UNIQUE and UNITS.     `granularity` belongs to UNITS (without one
    each unit that was there at any time counts 1) and to     WEIGHTED_SUM, which has one
    always. `level` and `carries` (whether the level of before counts)     belong to
    WEIGHTED_SUM. `digits` (of the register, for roll-over) belongs to COUNTER."""

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


class Share(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a coupon took off a line: minor units, exact, as a whole number or a fraction
    ('11500/17')."""

    line_no: int
    amount: str


class SoldPlan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A plan with all that is needed to bill it: its prices with their meters and products,
    how parts of     periods are counted, its term and its features."""

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


class Sql(msgspec.Struct, kw_only=True, omit_defaults=True, tag="sql"):
    """A SELECT with %(start)s and %(end)s on the PostgreSQL whose connection string stands
    in the     environment variable `connection_env`."""

    query: str
    connection_env: str
    timeout_seconds: int | UnsetType = UNSET
    max_rows: int | UnsetType = UNSET
    history: bool | UnsetType = UNSET


class Step(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One product of the calculation: `quantity` × `unit_amount` + `flat_amount` =
    `amount`, or with     `percent` in place of the unit amount."""

    what: str
    amount: str
    quantity: str | UnsetType | None = UNSET
    unit_amount: str | UnsetType | None = UNSET
    flat_amount: str | UnsetType | None = UNSET
    percent: str | UnsetType | None = UNSET


class SubscribedItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One price of a phase's plan. `item_no` counts through all phases of the contract; it
    is item     `plan_item_no` of the plan version. What a trial gives away costs nothing
    before `opens_at` (None:     the start of the phase). Parts of periods are counted by
    `proration` (None: the default). `quantity`     is what is agreed of it, and `price`
    what the contract has in place of the plan's. What `is_commitment`     counts what the
    others come to."""

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
    order in which     they were agreed, those that are planned too. A phase that ends where
    it starts does not take place."""

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


class SubscriptionChanges(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The changes of a contract that hold, in the order in which they take effect."""

    items: list[ToldChange]


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


class TaxAmount(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`amount` is `percent` of `base`, the sum of the lines with this category and rate
    after discounts and     what credit paid before taxes: rounded once (EN 16931, BR-
    CO-17), unless the invoice's policies say     otherwise. Minor units.      `since` is
    when the rate came into force. `is_included` tells lines apart whose prices include the
    tax.     The amount is a multiple of `step`, and less than `within` from the exact
    percentage. `reason` says why     the customer is not taxed."""

    category: str
    percent: str
    since: str
    rounding: Rounding
    base: int
    amount: int
    is_included: bool | UnsetType = UNSET
    step: int | UnsetType = UNSET
    within: int | UnsetType = UNSET
    reason: str | UnsetType | None = UNSET


class Term(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A term of one `length`, after which others of the length `renews` follow (None: the
    contract ends).      Who wants to leave must say so before the `notice` begins, which
    ends with the contract; `reminder` is     so long before that. `leave`, `downgrade` and
    `decrease` say when the contract may be ended, when it     may go over to a cheaper
    plan, and when less may be agreed than as the term began."""

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
    when it is a     trial (None: it is none). `courses` are of prices that do not go with
    the plan, and `prices` those that     were agreed in the place of the plan's, by key;
    `term` is how long it is agreed for (None: as long as     nobody ends it)."""

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


class Tier(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Units up to and including `up_to` (counted from zero; None is without end).      A
    tier with `percent` takes that part of a quantity which is money, in place of a unit
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
    `of_plan`, as     long as they run."""

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


class Trial(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Time at the start that costs nothing: so many local `days`, or `until` the start of a
    day."""

    days: int | UnsetType | None = UNSET
    until: str | UnsetType | None = UNSET
    mode: TrialMode | UnsetType = UNSET
    usage: TrialUsage | UnsetType = UNSET
    change: TrialChange | UnsetType = UNSET


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


class UsagePart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One series behind a quantity, sealed: which records (subject, series, span, and
    everything folded     up to `fold_id`), how many, their sum, the digest over them, and
    the value they gave.      `input` is the name under which a formula knows the value;
    `exact` is the value as a fraction     ('1/3') where its decimals do not end and `value`
    is cut after 18. Counters count records in     (start, end] of a contract that began at
    `since`. What is weighed by time is weighed against `whole`,     from the start to the
    end of the full period where this is a part of one, on the clock of `zone`.
    `counted` windows, records or units were there where the value is made of such;
    `opening_level` is     the level, or the number of units, at the start."""

    subject: str
    series: Series
    subject_id: int
    meter_id: int
    starts_at: str
    ends_at: str
    fold_id: int
    records: int
    total: str
    digest: str
    value: str
    input: str | UnsetType = UNSET
    peak_at: str | UnsetType | None = UNSET
    stretches: list[RegisterStretch] | UnsetType = UNSET
    opening: Reading | UnsetType | None = UNSET
    closing: Reading | UnsetType | None = UNSET
    counted: int | UnsetType | None = UNSET
    opening_level: str | UnsetType | None = UNSET
    exact: str | UnsetType | None = UNSET
    since: str | UnsetType | None = UNSET
    whole: tuple[str, str] | UnsetType | None = UNSET
    zone: str | UnsetType = UNSET


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


class Volume(msgspec.Struct, kw_only=True, omit_defaults=True, tag="volume"):
    """All units at the price of the tier in which the whole quantity ends."""

    tiers: list[Tier]


class Why(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why it is done."""

    reason: str | UnsetType | None = UNSET
