"""How a story's wallets are topped up, capped and emptied, and how they stand."""

from __future__ import annotations

from collections.abc import Mapping

from everycent.catalog.document_refusals import Strict
from everycent.credits import grant as grants
from everycent.credits import operations as wallets
from everycent.credits import queries
from everycent.credits.allowance import Reason
from everycent.credits.wallet import Caps, TopUpRule, Wallet
from everycent.customers import queries as customers
from everycent.flows import wallets as standing
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.expected import Difference, amounts, check_amount
from everycent.flows.stories.times import wrong
from everycent.flows.stories.world import Action, Came, World
from everycent.kernel.money import Money, plain


class _Rule(Strict):
    wallet: str
    below: str | None = None
    amount: str | None = None


def _read_rule(given: _Rule, _: Moment) -> _Rule:
    if (given.below is None) != (given.amount is None):
        field = "amount" if given.amount is None else "below"
        raise wrong("a rule has a bound and an amount; without both there is none", field=field)
    return given


def _rule(world: World, given: _Rule) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        found = queries.wallet(tx, given.wallet)
        wanted = None
        if given.below is not None and given.amount is not None:
            amount = grants.worth(given.amount, found.unit, found.currency)
            below = grants.minor_of(given.below, found.unit, found.currency, "below")
            wanted = TopUpRule(below, amount)
        made = wallets.set_rule(tx, found.key, wanted, world.writing)
    return Came({"wallet": made.key, "has_rule": made.top_up is not None})


class _Cap(Strict):
    wallet: str
    soft: str | None = None
    hard: str | None = None


def _cap(world: World, given: _Cap) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        found = queries.wallet(tx, given.wallet)
        caps = Caps(_minor(found, given.soft, "soft"), _minor(found, given.hard, "hard"))
        wallets.set_caps(tx, found.key, caps, world.writing)
    return Came({"wallet": found.key})


def _minor(found: Wallet, text: str | None, field: str) -> int | None:
    return None if text is None else grants.minor_of(text, found.unit, found.currency, field)


class _WithdrawTopUp(Strict):
    wallet: str
    reason: str = ""


def _withdraw_top_up(world: World, given: _WithdrawTopUp) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        due = wallets.withdraw_top_up(tx, given.wallet, given.reason, world.writing)
    return Came({"wallet": given.wallet, "due": due.due_no})


class _VoidGrant(Strict):
    wallet: str
    number: int
    reason: str = ""


def _void_grant(world: World, given: _VoidGrant) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        taken = wallets.void(tx, given.wallet, given.number, given.reason, world.writing)
    amount = Money(sum(draw.amount for draw in taken.draws), taken.currency)
    return Came({"wallet": given.wallet, "number": given.number, "voided": plain(amount)})


def _read_balances(given: dict[str, str], _: Moment) -> dict[str, str]:
    for name, text in given.items():
        check_amount(text, name)
    return given


def _balance(world: World, given: Mapping[str, str]) -> Came:
    with world.database.snapshot(world.tenant_id) as tx:
        owners = {queries.wallet(tx, key).customer_id for key in given}
        who = customers.by_ids(tx, sorted(owners))
        stands = standing.standings(tx, list(who.values()), world.at)
    for one in stands:
        if one.refusal is not None and one.wallet.key in given:
            raise one.refusal
    found = {one.wallet.key: plain(Money(one.balance, one.wallet.currency)) for one in stands}
    return Came(found, amounts("balance", given, found))


def _allowance(world: World, given: Mapping[str, Reason]) -> Came:
    with world.database.snapshot(world.tenant_id) as tx:
        found = {
            key: standing.may_use(tx, customers.by_name(tx, key), world.at).reason.value
            for key in given
        }
    differs = [
        Difference("allowance", key, wanted.value, found[key])
        for key, wanted in given.items()
        if wanted.value != found[key]
    ]
    return Came(found, differs)


WALLETS: dict[str, Action] = {
    "rule": Action(_rule, Form(_Rule, read=_read_rule)),
    "cap": Action(_cap, Form(_Cap)),
    "withdraw_topup": Action(_withdraw_top_up, Form(_WithdrawTopUp, short="wallet")),
    "void_grant": Action(_void_grant, Form(_VoidGrant)),
    "balance": Action(_balance, Form(dict[str, str], read=_read_balances)),
    "allowance": Action(_allowance, Form(dict[str, Reason])),
}
"""These actions by name."""
