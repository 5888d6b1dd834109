"""Everything that can happen in a story.

An action is one entry in the table of its module, and nothing else needs to be touched: a shape (the
fields in the file), perhaps a way to understand them before anything is run, and a function that does it.
That calls the operation which the command of the same name calls, and tells what came of it as plain data,
with what differs from what the step expects. Its fields are documented in docs/stories.md.
"""

from __future__ import annotations

from everycent.flows.stories.contracts import CATALOG, CONTRACTS
from everycent.flows.stories.corrected import CORRECTED
from everycent.flows.stories.credit import CREDIT
from everycent.flows.stories.customers import CUSTOMERS
from everycent.flows.stories.document import Form
from everycent.flows.stories.forecast import FORECAST
from everycent.flows.stories.invoices import INVOICES
from everycent.flows.stories.rates import RATES
from everycent.flows.stories.runs import RUNS
from everycent.flows.stories.usage import USAGE
from everycent.flows.stories.wallets import WALLETS
from everycent.flows.stories.watched import WATCHED
from everycent.flows.stories.world import Action

ACTIONS: dict[str, Action] = {
    **CATALOG, **CUSTOMERS, **CONTRACTS, **CREDIT, **WALLETS, **RATES, **USAGE, **CORRECTED, **WATCHED,
    **RUNS, **FORECAST, **INVOICES,
}  # fmt: skip
"""Every action by the name that it has in a story, in the order in which the documentation tells them."""

FORMS: dict[str, Form] = {name: action.form for name, action in ACTIONS.items()}
"""How each is written, for the parser."""
