"""Currencies: ISO 4217 codes with their minor-unit exponents, dated.

Source: ISO 4217 list one as published by its maintenance agency, edition of 2026-01-01 (codes and
exponents are public facts). Codes that have no minor unit (metals, test codes, funds' units of
account) are left out: nobody can be billed in them.
"""

from __future__ import annotations

from datetime import date

from everycent.kernel.errors import Invalid

EDITION = date(2026, 1, 1)

_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
        CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
        GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD
        LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB
        PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
        SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW
        ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

_WITHDRAWN = {
    "ANG": (2, date(2025, 7, 1)),
    "BGN": (2, date(2026, 1, 1)),
    "CYP": (2, date(2008, 1, 1)),
    "EEK": (2, date(2011, 1, 1)),
    "HRK": (2, date(2023, 1, 1)),
    "LTL": (2, date(2015, 1, 1)),
    "LVL": (2, date(2014, 1, 1)),
    "MTL": (2, date(2008, 1, 1)),
    "SIT": (2, date(2007, 1, 1)),
    "SKK": (2, date(2009, 1, 1)),
}
"""Exponent and the day on which another currency took its place."""

_EXPONENTS = {code: places for places, codes in _BY_EXPONENT.items() for code in codes.split()} | {
    code: places for code, (places, _) in _WITHDRAWN.items()
}


def exponent(code: str, field: str = "currency") -> int:
    """How many decimal places the currency's amounts have. Raises Invalid `currency.unknown`."""
    try:
        return _EXPONENTS[code]
    except KeyError:
        raise Invalid(
            "currency.unknown",
            f"{code[:20]!r} is not a currency of ISO 4217",
            field=field,
            value=code,
            hint="use a three-letter code such as EUR, in capitals",
        ) from None


def check_in_use(code: str, on: date) -> None:
    """Refuses a currency that did not exist (any more) on the day. Raises Invalid."""
    exponent(code)
    if code in _WITHDRAWN and on >= _WITHDRAWN[code][1]:
        raise Invalid(
            "currency.withdrawn",
            f"{code} was withdrawn on {_WITHDRAWN[code][1].isoformat()}",
            field="currency",
            value=code,
            hint="bill in the currency that replaced it",
        )


def codes() -> list[str]:
    """All codes known here, withdrawn ones included, in alphabetical order."""
    return sorted(_EXPONENTS)
