"""Mandate: what a customer signed so that we may collect from its account by SEPA direct debit."""

from __future__ import annotations

from datetime import date

import msgspec

from everycent.kernel.errors import Invalid
from everycent.payments import direct_debit, identifiers


class Mandate(msgspec.Struct, frozen=True, omit_defaults=True):
    """`mandate_id` is our name for it, at most 35 signs, `signed_on` the day of the signature. It lets us
    debit `iban`, whose owner is `holder`; `bic` is for banks that still want one. `is_used`: somebody has
    collected by it before us."""

    mandate_id: str
    signed_on: date
    holder: str
    iban: str
    bic: str | None = None
    is_used: bool = False


def checked(mandate: Mandate, today: date) -> Mandate:
    """The mandate as it will be written into files: identifiers compact, the holder in SEPA's characters.

    Raises Invalid `bank.identifier`, `bank.iban`, `bank.bic`, `bank.text`, `bank.mandate_date`.
    """
    direct_debit.check_mandate_id(mandate.mandate_id)
    if mandate.signed_on > today:
        raise Invalid(
            "bank.mandate_date",
            f"the mandate is signed on {mandate.signed_on}, which has not come yet",
            field="signed_on",
            value=mandate.signed_on,
        )
    return Mandate(
        mandate.mandate_id,
        mandate.signed_on,
        direct_debit.written("holder", mandate.holder, direct_debit.MAX_NAME),
        identifiers.sepa_iban(mandate.iban, "iban"),
        None if mandate.bic is None else identifiers.bic(mandate.bic, "bic"),
        mandate.is_used,
    )
