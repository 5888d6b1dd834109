"""The OpenAPI document and its page: whole, from here, and what the official schema says that they are."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from everycent.api import described, server
from tests.api.asking import asking
from tests.conftest import Place

DOCUMENT = server.openapi()
PAGE = described.page(DOCUMENT)
KEPT = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if "$ref" in part else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_every_operation_is_in_the_document_and_on_the_page():
    told = {(m.upper(), p) for p, methods in DOCUMENT["paths"].items() for m in methods}
    assert told == {(one.method, re.sub(r":\w+\}", "}", one.path)) for one in server.OPERATIONS}
    for one in server.OPERATIONS:
        assert f'id="{one.name}"' in PAGE


def test_what_the_document_refers_to_is_there():
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) <= known


def test_the_document_that_is_kept_is_the_one_that_is_served():
    assert json.loads(KEPT.read_text("utf-8")) == DOCUMENT, "run `python scripts/client.py`"


def test_the_page_takes_nothing_from_elsewhere():
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(v or "" for n, v in attrs if n in ("src", "href"))
            assert tag not in ("script", "iframe", "link", "img")

    Reader().feed(PAGE)
    assert {one for one in found if not one.startswith("#")} == {"openapi.json"}
    assert "url(" not in PAGE
    assert "@import" not in PAGE


def test_document_and_page_are_served_without_a_key(place: Place):
    with asking(place) as api:
        told = api.client.get("/v1/openapi.json")
        assert told.json() == DOCUMENT
        page = api.client.get("/v1/docs", headers={"accept-encoding": "gzip"})
        assert page.text == PAGE
        assert page.headers["content-encoding"] == "gzip"
        assert "default-src 'none'" in page.headers["content-security-policy"]
