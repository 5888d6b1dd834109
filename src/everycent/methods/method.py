"""Payment method: a way in which a customer can be charged, known by the provider's token alone."""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.errors import Invalid
from everycent.methods.mandate import Mandate
from everycent.payments.payment import Way

PREFIX = "pm"
ACTIVE, FAILED, REMOVED = "active", "failed", "removed"

_TOKEN = re.compile(r"[!-~]{1,200}")
_NUMBER = re.compile(r"[0-9][0-9 -]{10,24}[0-9]")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Method(msgspec.Struct, frozen=True, omit_defaults=True):
    """`token` is the provider's name for the method and `payer` its name for the customer. The active one
    with the lowest `rank` is charged. `label` is shown to people ('Visa, ends in 4242').
    With a `mandate` the `provider` is an account of ours, and the `token` the customer's IBAN."""

    method_id: UUID
    customer_id: UUID
    provider: str
    payer: str
    token: str
    label: str
    rank: int
    state: str = ACTIVE
    expires_on: date | None = None
    why: str = ""
    mandate: Mandate | None = None

    @property
    def way(self) -> Way:
        """How its money comes: charged by a provider, or collected by our bank."""
        return Way.CHARGE if self.mandate is None else Way.DEBIT


ADDED = EventType("payment_method.added", 1, Method)
CHANGED = EventType("payment_method.changed", 1, Method)


def stream(method_id: UUID) -> str:
    """The stream of one method."""
    return f"payment_method:{ids.show(PREFIX, method_id)}"


def checked(method: Method) -> Method:
    """The method when its data are sound. Raises Invalid `payment_method.bad_token`,
    `payment_method.card_number`, `payment_method.bad_provider`, `payment_method.bad_label`."""
    for field in ("token", "payer"):
        text = getattr(method, field)
        if _NUMBER.fullmatch(text):
            raise Invalid(
                "payment_method.card_number",
                f"the {field} looks like the number of a card or an account, which must not come here",
                field=field,
                hint="give the provider's token for it",
            )
        if not _TOKEN.fullmatch(text):
            raise Invalid(
                "payment_method.bad_token",
                f"a {field} has 1 to 200 visible ASCII characters and no spaces",
                field=field,
                value=text,
            )
    if not _NAME.fullmatch(method.provider):
        raise Invalid(
            "payment_method.bad_provider",
            "a provider's name has 1 to 40 small letters, digits, - and _",
            field="provider",
            value=method.provider,
        )
    if len(method.label) > 100 or not method.label.isprintable() or _NUMBER.search(method.label):
        raise Invalid(
            "payment_method.bad_label",
            "a label has at most 100 visible characters, and no card number in it",
            field="label",
        )
    return method


_DECODER = msgspec.json.Decoder(Method)


def decode(told: str) -> Method:
    """A method as it is stored."""
    return _DECODER.decode(told)
