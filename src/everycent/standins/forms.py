"""Forms of the stand-ins' pages: their fields, and numbers out of them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from everycent.kernel.errors import Invalid


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that was sent."""
    content = await request.body()
    return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))


def number(told: dict[str, str], name: str) -> Any:
    """A number out of a form; None where nothing was typed. Raises Invalid `fake.bad_number`."""
    if not told.get(name):
        return None
    try:
        return json.loads(told[name], parse_float=Decimal)
    except ValueError as error:
        raise Invalid("fake.bad_number", f"{name} is no number", field=name) from error
