"""Webhooks: where they may go, and what they say."""

from __future__ import annotations

import re

from everycent.kernel.errors import Invalid

_LOOPBACK = r"(?:localhost|127\.0\.0\.1|\[::1\])"
_TARGET = re.compile(
    rf"(?:https://[A-Za-z0-9.-]{{1,253}}|http://{_LOOPBACK}|https://\[::1\])(?::[0-9]{{1,5}})?"
    r"(?:[/?][^\s\"<>\\^`{|}#]{0,1000})?",
    re.ASCII,
)


def check_target(url: str) -> str:
    """The address when a webhook may go there: https, or this very machine. No name and password stand in
    it. Raises Invalid `message.bad_target`."""
    if not _TARGET.fullmatch(url):
        raise Invalid(
            "message.bad_target",
            f"{url[:60]!r} can't be told anything",
            field="webhook",
            value=url,
            hint="an address that begins with https://, without a name and password; http:// on this"
            " machine only",
        )
    return url
