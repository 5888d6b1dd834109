"""What is said of an address that is not there: its methods, or which one may be meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute, Match, Route

from everycent.kernel.near import near

_MOST_PARTS = 10
_LONGEST = 80
_MEANT = {
    "": "/v1/docs", "v1": "/v1/docs", "docs": "/v1/docs", "swagger": "/v1/docs", "redoc": "/v1/docs",
    "openapi.json": "/v1/openapi.json", "openapi.yaml": "/v1/openapi.json",
    "swagger.json": "/v1/openapi.json", "v1/openapi": "/v1/openapi.json",
    "health": "/readyz", "healthz": "/readyz", "v1/health": "/readyz", "ready": "/readyz",
    "live": "/livez", "ping": "/livez",
}  # fmt: skip
_LIST = "GET /v1/docs shows all addresses, and GET /v1/openapi.json tells programs"


def methods_of(path: str, routes: Sequence[BaseRoute]) -> list[str]:
    """All methods that an address takes, whichever route does."""
    scope: dict[str, Any] = {"type": "http", "method": "", "path": path, "root_path": ""}
    found = {
        method
        for route in routes
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return sorted(found)


def hint_of(path: str, routes: Sequence[BaseRoute]) -> str:
    """Where all addresses are listed, and the one that may be meant."""
    asked = path.strip("/")
    known = [route.path for route in routes if isinstance(route, Route)]
    found = _MEANT.get(asked.lower()) or _meant(asked.split("/"), known)
    return f"did you mean {found}? {_LIST}" if found else _LIST


def _meant(parts: list[str], known: Sequence[str]) -> str | None:
    """The address that is the same but for one part, or for /v1 in front. Any name stands for itself."""
    if len(parts) > _MOST_PARTS:
        return None
    by_word: dict[str, dict[str, str]] = {}
    for one in known:
        wanted = one.strip("/").split("/")
        if wanted[0] == "v1" and len(wanted) == len(parts) + 1 and not _other(parts, wanted[1:]):
            return one
        other = _other(parts, wanted) if len(wanted) == len(parts) else []
        if len(other) == 1:
            (place,) = other
            by_word.setdefault(parts[place], {}).setdefault(wanted[place], one)
    for typed, addresses in by_word.items():
        best = near(typed, addresses) if len(typed) <= _LONGEST else []
        if best:
            return addresses[best[0]]
    return None


def _other(parts: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """The places at which an address says something else."""
    return [
        place
        for place, (one, word) in enumerate(zip(parts, wanted, strict=True))
        if one != word and not word.startswith("{")
    ]
