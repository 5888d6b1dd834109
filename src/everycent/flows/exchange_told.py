"""Exchange rates explained: what was multiplied and divided, by which rates of which days."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from everycent.exchange.rate import Exchange, factor, formula
from everycent.flows.saying import (
    Node,
    Setting,
    agree,
    day_text,
    exact_text,
    money,
    rounding_text,
)
from everycent.invoicing.home import at_home
from everycent.invoicing.invoice import Home, HomePart, Invoice
from everycent.kernel.currency import exponent
from everycent.rating.charge import Charge


def price_setting(charge: Charge, setting: Setting) -> Setting:
    """The setting of a charge's price and steps, which may be in another currency than the charge."""
    if charge.exchange is None:
        return setting
    return setting._replace(currency=charge.exchange.of, places=exponent(charge.exchange.of))


def exchange_nodes(exchange: Exchange | None, exact: Decimal | Fraction) -> list[Node]:
    """How an exact amount became one in the other currency; nothing where it was in that already."""
    if exchange is None:
        return []
    owed = Fraction(exact) * factor(exchange)
    return [
        Node(
            "exchange",
            f"Converted from {exchange.of} into {exchange.into}",
            f"{exact_text(owed)} {exchange.into}",
            f"{exact_text(exact)} {exchange.of} {formula(exchange)}; {rates_text(exchange)}",
            _facts(exchange),
        )
    ]


def rates_text(exchange: Exchange) -> str:
    """'1 EUR = 1.0842 USD of 27 Feb 2026 (ECB), asked for 1 Mar 2026'."""
    told = ", ".join(
        f"{quote} of {day_text(quote.on)} ({quote.source})" for quote in exchange.quotes
    )
    if any(quote.on != exchange.day for quote in exchange.quotes):
        told += f", asked for {day_text(exchange.day)}"
    return told


def _facts(exchange: Exchange) -> dict[str, str]:
    return {
        "rate": formula(exchange),
        "day": exchange.day.isoformat(),
        "of": ", ".join(quote.on.isoformat() for quote in exchange.quotes),
        "source": ", ".join(dict.fromkeys(quote.source for quote in exchange.quotes)),
        "number": ", ".join(str(quote.number) for quote in exchange.quotes),
    }


def home_nodes(invoice: Invoice) -> list[Node]:
    """The document in the home currency, worked out again; nothing where it is not told in one."""
    home = invoice.home
    if home is None:
        return []
    again = at_home(invoice, home.parts, home.currency, home.mode)
    agree(f"{invoice.name}, the sums in {home.currency}", home, again)
    setting = Setting(home.currency, home.places, invoice.customer.time_zone)
    children = [
        *(_part_node(part, home, invoice) for part in home.parts),
        Node("home_net", "Net", money(home.net, setting)),
        *(
            Node(
                "home_tax",
                f"Tax {tax.category} {tax.percent} %",
                money(tax.amount, setting),
                f"of {money(tax.base, setting)}",
            )
            for tax in home.taxes
        ),
    ]
    if home.rounding:
        children.append(
            Node(
                "home_rounding",
                "Rounding",
                money(home.rounding, setting),
                "what net and taxes, each rounded for itself, miss the gross by",
            )
        )
    rule = rounding_text(home.mode, home.places, home.currency)
    return [
        Node(
            "home",
            f"In {home.currency}",
            money(home.gross, setting),
            f"each amount converted exactly and {rule}",
            {},
            (*children, Node("home_gross", "Gross", money(home.gross, setting))),
        )
    ]


def _part_node(part: HomePart, home: Home, invoice: Invoice) -> Node:
    exchange = part.exchange
    what = "Exchange rate"
    if len(home.parts) > 1:
        what += f" of {_lines_text(part.lines)}, {_why(part.lines, invoice)}"
    return Node("rate", what, formula(exchange), rates_text(exchange), _facts(exchange))


def _lines_text(numbers: Sequence[int]) -> str:
    return f"line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _why(numbers: Sequence[int], invoice: Invoice) -> str:
    """Whose rate it is: that of the documents that the lines correct, or the document's own."""
    lines = [line for line in invoice.lines if line.line_no in numbers]
    names = {line.corrects.invoice for line in lines if line.corrects is not None}
    is_corrected = names and all(line.corrects is not None for line in lines)
    return f"that of {', '.join(sorted(names))}" if is_corrected else "the document's own"
