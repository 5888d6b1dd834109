"""The body of a request that changes something: why it is done, told as {"reason": "…"}."""

from __future__ import annotations

import msgspec
from starlette.requests import Request

from everycent.api.bodies import body_of
from everycent.api.service import service_of
from everycent.kernel.errors import Invalid

_LONGEST = 500


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    reason: str


async def reason_of(request: Request) -> str:
    """Why something is done: 1 to 500 characters. Raises Invalid `request.bad_body`,
    `request.bad_reason`, and as `body_of`."""
    async with body_of(request, service_of(request).budget) as body:
        try:
            told = msgspec.json.decode(body, type=_Body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Invalid(
                "request.bad_body",
                f"the body can't be read: {error}"[:300],
                hint='send JSON such as {"reason": "the period was opened again"}',
            ) from error
    reason = told.reason.strip()
    if not reason or len(reason) > _LONGEST or not reason.isprintable():
        raise Invalid(
            "request.bad_reason",
            f"a reason has 1 to {_LONGEST} characters that can be printed",
            field="reason",
            value=reason[:60],
        )
    return reason
