"""Names of people and companies as banks tell them: compared loosely, and written for SEPA.

Banks drop accents, capitals, legal forms and the order of first and last name. Two names that are the
same here are a reason to ask a person, never to book.
"""

from __future__ import annotations

import re
import unicodedata

_FORMS = """
    AB AG APS AS ASA BV BVBA CO COMPANY CORP CORPORATION DD DOO EG EK EOOD EURL EV GBR GMBH INC JDOO KFT KG
    KGAA LIMITED LLC LLP LP LTD MBH NV OHG OOD OU OY OYJ PLC PTY SA SARL SAS SE SL SNC SPA SPRL SRL SRO UAB
    UG ZOO
"""
_LEGAL_FORMS = frozenset(_FORMS.split())
_INITIALS = re.compile(r"\b(\w)[.\s]\s?(?=\w\b)")
_WORD = re.compile(r"[A-Z0-9]+", re.ASCII)

_SIGNS = """
Æ AE æ ae Ø O ø o Œ OE œ oe ß ss ẞ SS Đ D đ d Ð D ð d Þ TH þ th Ł L ł l Ħ H ħ h ı i Ŋ N ŋ n Ŧ T ŧ t
& + € EUR № No @ (at) ‘ ' ’ ' “ ' ” ' " ' ` ' ´ ' – - — - _ - ; , [ ( ] ) { ( } )
"""
_LATIN = dict(zip(_SIGNS.split()[::2], _SIGNS.split()[1::2], strict=True))
_GREEK = "A V G D E Z I TH I K L M N X O P R S T Y F CH PS O"
_BULGARIAN = "A B V G D E ZH Z I Y K L M N O P R S T U F H TS CH SH SHT A Y YU YA"
_CAPITALS = dict(
    zip(
        "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЬЮЯ",
        f"{_GREEK} {_BULGARIAN}".split(),
        strict=True,
    )
)
_NOT_SEPA = re.compile(r"[^A-Za-z0-9/?:().,'+ -]", re.ASCII)


def latin(text: str) -> str:
    """The text in the characters that every bank in SEPA takes: a-z A-Z 0-9 / - ? : ( ) . , ' + and blanks.

    Accents fall off; letters of their own, Greek and Bulgarian ones become one or more Latin ones; what is
    left becomes a full stop. After EPC217-08, best practices on the character set.
    """
    plain = "".join(_latin_sign(sign) for sign in unicodedata.normalize("NFC", text))
    return " ".join(_NOT_SEPA.sub(".", " ".join(plain.split())).split())


def _latin_sign(sign: str) -> str:
    if sign.isascii() and sign not in _LATIN:
        return sign
    if sign in _LATIN:
        return _LATIN[sign]
    base = "".join(
        part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part)
    )
    if sign in "йЙ":  # a letter of its own, which would lose its mark
        base = sign
    capital = _CAPITALS.get(base.upper())
    if capital is not None:
        return capital if base.isupper() else capital.lower()
    return base


def words_of(name: str) -> tuple[str, ...]:
    """What identifies a name, in alphabetical order: its words without accents, capitals and legal forms.

    Only legal forms are left when there is nothing else.
    """
    joined = _INITIALS.sub(r"\1", name)
    words = _WORD.findall(latin(joined).upper())
    return tuple(sorted(word for word in words if word not in _LEGAL_FORMS)) or tuple(sorted(words))


def are_same(left: str, right: str) -> bool:
    """Whether two names may be of the same party. An empty one is nobody's."""
    words = words_of(left)
    return bool(words) and words == words_of(right)
