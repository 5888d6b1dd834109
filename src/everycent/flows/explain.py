"""Explain: an invoice taken apart, from the amount owed down to the usage records behind it.

Every number comes out of the event that issued the invoice, where it is frozen. Every calculation
that is shown is done again on the way; Broken `explain.mismatch` says which one gives another result
than the invoice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog import bands, queries as catalog
from everycent.catalog.meter import Aggregation, Series
from everycent.catalog.plan import Item
from everycent.db.connection import Tx
from everycent.flows.derivation import Node, agree, days_text, line_node, moment, money, rounding_text
from everycent.invoicing import postings, queries
from everycent.invoicing.invoice import Invoice, InvoiceLine, TaxAmount
from everycent.invoicing.queries import IssuedInvoice
