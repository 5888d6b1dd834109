"""What is offered by a request: records in its body, read as its headers say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from urllib.parse import unquote

from everycent.kernel.errors import Invalid
from everycent.metering import wire
from everycent.metering.offered import Offered
from everycent.metering.wire import Form

_PREFIX = "ce-"
_KIND = "content-type"


def headers_of(told: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers of a request that say how its body is read. Raises Invalid `usage.key_twice`,
    `request.unsupported_type`."""
    found: dict[str, str] = {}
    twice = ""
    for name, value in told:
        if name != _KIND and not name.startswith(_PREFIX):
            continue
        if name in found and name != _KIND:
            twice = name.removeprefix(_PREFIX)[:60]
        found.setdefault(name, value)
    if _form(found) is None and twice:
        raise Invalid(
            "usage.key_twice",
            f"the header {twice!r} stands there twice",
            field=twice,
            hint="tell each attribute once",
        )
    return found


def read(headers: Mapping[str, str], body: bytes, meters: Collection[str]) -> list[Offered]:
    """The records of a body. Raises as `wire.read`."""
    form = _form(headers)
    if form is None:
        return wire.read_binary(_attributes(headers), body, meters)
    return wire.read(form, body, meters)


def _form(headers: Mapping[str, str]) -> Form | None:
    """How the records lie in the body; None for a CloudEvent in binary mode."""
    kind = headers.get(_KIND, "").partition(";")[0].strip().lower()
    if f"{_PREFIX}specversion" in headers and not kind.startswith("application/cloudevents"):
        return None
    try:
        return Form(kind)
    except ValueError:
        raise Invalid(
            "request.unsupported_type",
            f"the content type {kind[:60]!r} is not read",
            field=_KIND,
            value=kind,
            hint="send one of " + ", ".join(Form),
        ) from None


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    """The attributes of an event in binary mode, whose headers are percent-encoded."""
    told = {
        name.removeprefix(_PREFIX): unquote(value)
        for name, value in headers.items()
        if name != _KIND
    }
    if _KIND in headers:
        told["datacontenttype"] = headers[_KIND]
    return told
