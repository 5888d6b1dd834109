"""Form-encoded parameters as Stripe's SDKs send them: names with brackets become nested objects."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decoded(text: str) -> dict[str, Any]:
    """The parameters of a body or a query: objects of texts. Raises ValueError for what is no such form."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)):
        whole = _NAME.fullmatch(name)
        if whole is None:
            raise ValueError(f"{name} is no name of a parameter")
        path = [whole[1], *_PART.findall(whole[2])]
        place = found
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ValueError(f"{name} is a value and an object at once")
        if path[-1] in place:
            raise ValueError(f"{name} stands twice")
        place[path[-1]] = value
    return found
