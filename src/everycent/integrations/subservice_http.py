"""A sub-service over HTTP: the adapter for the contract of docs/sub-services.md.

Calls go over the wire that money goes over: one deadline, no redirect, nothing compressed, nothing endless.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from everycent.integrations import wire
from everycent.integrations.wire_connection import End
from everycent.integrations.wire_connection import Reply as Answer
from everycent.kernel.strict_json import shown
from everycent.reports.contract import Call
from everycent.reports.port import Reply, Trouble

_ENDS = {
    End.NOT_SENT: Trouble.UNREACHABLE,
    End.SENT_AND_LOST: Trouble.BROKEN,
    End.TIMED_OUT: Trouble.TIMED_OUT,
    End.TOO_LARGE: Trouble.BROKEN,
    End.GARBLED: Trouble.MALFORMED,
}
_NOT_NOW = frozenset({429, 502, 503, 504})


class HttpSubService:
    """A sub-service that speaks the contract."""

    def __init__(self, *, name: str, url: str, key: str) -> None:
        """`url` is what stands before `/report`; `key` what is sent as a bearer. Raises Invalid
        `payment.bad_provider_url`."""
        self.name = name
        self._origin = wire.origin_of(url)
        self._key = key

    def __repr__(self) -> str:
        return f"HttpSubService({self.name!r}, {self._origin.host!r})"

    def get(self, call: Call, parameters: Mapping[str, str], deadline: timedelta) -> Reply:
        """Asks one thing."""
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        request = wire.Request("GET", f"/{call}?{urlencode(parameters)}", headers)
        answer = wire.once(self._origin, request, deadline)
        return _reply_of(answer, answer.body.replace(self._key.encode(), b"***"))


def _reply_of(answer: Answer, raw: bytes) -> Reply:
    """What an answer is, before its body is looked into."""
    if answer.end is not End.ANSWERED:
        return Reply(raw, answer.status, _ENDS[answer.end], answer.why or str(answer.end))
    status = answer.status or 0
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if status != 200:
        trouble = Trouble.REFUSED
        if status in _NOT_NOW:
            trouble = Trouble.UNAVAILABLE
        elif status >= 500:
            trouble = Trouble.THREW
        said = shown(raw[:400].decode("utf-8", "replace"))
        return Reply(raw, status, trouble, f"it answered {status}: {said}")
    if kind != "application/json":
        said = f"the answer is {kind or 'of no kind'}, not JSON"
        return Reply(raw, status, Trouble.MALFORMED, said)
    return Reply(raw, status)
