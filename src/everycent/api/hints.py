"""Hints as they are told over HTTP: where one names a command, the operation that does the same."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"`(?:everycent )?((?:[a-z]+ )*[a-z]+)((?: [^`]*)?)`")
OPERATIONS = {
    "alarm list": "GET /v1/alarms",
    "bill history": "GET /v1/runs",
    "bill run": "POST /v1/runs",
    "catalog show meter": "GET /v1/meters",
    "collect history": "GET /v1/collections",
    "collect run": "POST /v1/collections",
    "config list": "GET /v1/report-configs",
    "coupon list": "GET /v1/coupons",
    "coupon remove": "POST /v1/coupons/{coupon}/remove",
    "customer list": "GET /v1/customers",
    "customer payer": "POST /v1/customers/{customer}/payers",
    "customer update": "PATCH /v1/customers/{customer}",
    "exchange set": "POST /v1/exchange/rates",
    "invoice credit": "POST /v1/invoices/{invoice}/credit-notes",
    "invoice list": "GET /v1/invoices",
    "key list": "GET /v1/keys",
    "measurement list": "GET /v1/measurements",
    "member list": "GET /v1/members",
    "message list": "GET /v1/messages",
    "payment assign": "POST /v1/payments/{payment}/assign",
    "payment debits list": "GET /v1/debit-files",
    "payment debits show": "GET /v1/debit-files/{file}",
    "payment debits split": "POST /v1/payments/{payment}/split",
    "payment resolve": "POST /v1/payment-attempts/{attempt}/resolve",
    "payment show": "GET /v1/payments/{payment}",
    "payment trail": "GET /v1/invoices/{invoice}/trail",
    "payment unapply": "POST /v1/payments/{payment}/unapply",
    "rate": "POST /v1/rate",
    "report list": "GET /v1/reports",
    "report show": "GET /v1/reports/{period}/lines",
    "report trail": "GET /v1/reports/{period}/trail",
    "subscription add": "POST /v1/subscriptions/{subscription}/add-ons",
    "subscription list": "GET /v1/subscriptions",
    "subscription show": "GET /v1/subscriptions/{subscription}/changes",
    "subscription start": "POST /v1/subscriptions",
    "tenant create": "POST /v1/tenants",
    "tenant list": "GET /v1/tenants",
    "usage archives": "GET /v1/usage/archives",
    "usage backfill": "POST /v1/usage/corrections/backfill",
    "usage corrections": "GET /v1/usage/corrections",
    "usage corrections show": "GET /v1/usage/corrections/{correction}/records",
    "usage find": "GET /v1/usage/records",
    "usage gaps": "GET /v1/usage/gaps",
    "usage replace": "POST /v1/usage/corrections/replace",
    "usage threshold list": "GET /v1/usage/thresholds",
    "usage undo": "POST /v1/usage/corrections/{correction}/undo",
    "verify": "POST /v1/verify",
    "wallet check": "POST /v1/wallets/check",
    "wallet grant": "POST /v1/wallets/{wallet}/grants",
    "wallet list": "GET /v1/wallets",
    "wallet show": "GET /v1/wallets/{wallet}",
    "webhook events": "GET /v1/webhooks/{webhook}/deliveries",
    "webhook list": "GET /v1/webhooks",
    "webhook update": "PATCH /v1/webhooks/{webhook}",
}
"""Which operation does what a command does. Commands that are for the server alone have none."""
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)( [A-Z]+)?")


def over_http(hint: str) -> str:
    """The hint for whoever asks over HTTP: `GET /v1/customers` in the place of `everycent customer list`,
    and `rest` in that of --rest."""
    told = _COMMAND.sub(_operation, hint)
    parts = told.split("`")  # what stands between backticks is a command that has no operation
    return "`".join(
        part if number % 2 else _OPTION.sub(_field, part) for number, part in enumerate(parts)
    )


def _operation(found: re.Match[str]) -> str:
    words = found[1].split(" ")
    for count in range(len(words), 0, -1):
        operation = OPERATIONS.get(" ".join(words[:count]))
        if operation is not None:
            options = [
                f"`{name.replace('-', '_')}`" for name in re.findall(r" --([a-z-]+)", found[2])
            ]
            return f"`{operation}`" + (f" with {' and '.join(options)}" if options else "")
    return found[0]


def _field(found: re.Match[str]) -> str:
    return f"`{found[1].replace('-', '_')}`"
