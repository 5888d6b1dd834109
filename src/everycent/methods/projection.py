"""Payment methods as rows."""

from __future__ import annotations

from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table
from everycent.methods.method import Method

METHOD = table(
    "payment_method",
    "tenant_id int4, method_id uuid, customer_id uuid, provider text, payer text, token text,"
    " label text, rank int4, state text, mandate_id text, told text",
    key="tenant_id, method_id",
)


def method(event: Event, rows: Rows, tenant_id: int) -> None:
    """A method as it is from now on."""
    m: Method = event.payload
    rows.put(
        METHOD, tenant_id, m.method_id, m.customer_id, m.provider, m.payer, m.token, m.label, m.rank,
        m.state, None if m.mandate is None else m.mandate.mandate_id, encode(m).decode(),
    )  # fmt: skip
