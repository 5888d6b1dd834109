"""The members of JSON objects, as bytes that nobody has looked into; each key stands once.

The decoder takes the last of several members with one key and says nothing. Two readers of such an
object may see two different records, so it is refused. What gives them away cheaply are colons: outside
of texts an object has one for each of its members.
"""

from __future__ import annotations

import json

import msgspec

from everycent.kernel.errors import Invalid

UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What the decoder raises over bytes that are not the JSON that was asked for."""

RECORD = "record"
"""What a record as a whole is called."""

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PAIRS = json.JSONDecoder(object_pairs_hook=list, parse_int=str, parse_float=str)
_ESCAPED_COLONS = (b"\\u003a", b"\\u003A")


def members_of(raw: bytes, field: str) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, of `RECORD` or of a part that is named as `field`. Raises Invalid
    `file.bad_json` for a record and `usage.bad_json` for a part, `usage.no_object`, `usage.key_twice`."""
    try:
        members = _MEMBERS.decode(raw)
        # Each member has its own colon and those inside its value; there are more of them where a key
        # has some, or where a member was thrown away because another one has its key.
        colons = raw.count(b":") - len(members)
        is_odd = colons and colons != sum(bytes(value).count(b":") for value in members.values())
        twice = _stands_twice(raw) if is_odd else None
    except (ValueError, *UNREADABLE) as error:
        raise _no_object(raw, field, error) from error
    if twice is not None:
        raise Invalid(
            "usage.key_twice",
            f"the key {twice[:60]!r} stands twice in {field}",
            field=twice[:60],
            hint="tell each member once",
        )
    return members


def colons_of(body: bytes) -> int | None:
    """How many colons a text of JSON has, those inside texts included; None where some are escaped, so
    that they can't be counted."""
    if b"\\" in body and any(escaped in body for escaped in _ESCAPED_COLONS):
        return None
    return body.count(b":")


def _no_object(raw: bytes, field: str, error: Exception) -> Invalid:
    """What a text is that is no object. Only a line can be a record and not JSON: every other body was
    read as JSON before it was cut into records."""
    wrong = _wrong_json(raw, error)
    shown = raw[:60].decode("utf-8", "replace")
    hint = 'an object looks like {"name": "value"}'
    if wrong and field == RECORD:
        return Invalid("file.bad_json", f"the line is not JSON: {wrong}", field=field, value=shown)
    if wrong:
        return Invalid(
            "usage.bad_json", f"{field} is not JSON: {wrong}", field=field, value=shown, hint=hint
        )
    told = f"{field} is JSON, and not an object"
    return Invalid("usage.no_object", told, field=field, value=shown, hint=hint)


def _wrong_json(raw: bytes, error: Exception) -> str:
    """What keeps a text from being JSON, and where; '' when it is some, of another kind than asked for."""
    told = "" if isinstance(error, msgspec.ValidationError) else str(error)
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except UNREADABLE as exact:
        told = str(exact)
    if told:
        try:
            _PAIRS.decode(raw.decode())
        except json.JSONDecodeError as placed:  # it alone says where
            told = placed_text(placed)
        except (ValueError, RecursionError):
            pass
    return told


def placed_text(error: json.JSONDecodeError) -> str:
    """What is wrong with a text that is not JSON, and where: lines are told where there are some."""
    line = f"line {error.lineno}, " if error.lineno > 1 else ""
    return f"{error.msg} at {line}column {error.colno}"


def _stands_twice(raw: bytes) -> str | None:
    names: set[str] = set()
    for name, _ in _PAIRS.decode(raw.decode().strip()):
        if name in names:
            return str(name)
        names.add(name)
    return None
