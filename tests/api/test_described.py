"""The OpenAPI document and its page: whole, from here, and what the official schema says that they are."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

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


def shown(name: str) -> str:
    """What the page shows of an operation, without marks."""
    own = PAGE.partition(f'<article id="{name}">')[2].partition("</article>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", own)).split())


READ = [
    # operation, what a reader finds there
    ("create_subscription", "prices TermsShape by name What stands in place"),
    ("create_subscription", "flat FlatShape or null amount needed string"),
    ("create_subscription", "graduated TiersShape or null tiers needed list of TierShape up_to"),
    ("create_credit_note", "zone string Whose date it carries. UTC when left out."),
    ("create_credit_note", "Answers Invoice kind credit_note | invoice"),
    ("get_invoice", "lines list of InvoiceLine line integer product string"),
    ("preview_documents", "TrySwitch Another plan. type needed switch"),
    ("list_invoices", "Answers page of ListedInvoice number string"),
    ("apply_catalog", """--json '{"catalog": {"meters": {"calls":"""),
    ("update_customer", """-X PATCH \\ --json '{"time_zone": "Europe/Zagreb"}'"""),
    ("set_caps", """-X PUT \\ --json '{"soft": "12.50"}'"""),
]


@pytest.mark.parametrize(("name", "text"), READ)
def test_the_page_tells_what_an_operation_takes_and_answers(name: str, text: str):
    assert text in shown(name)


def test_document_and_page_are_served_without_a_key(place: Place):
    with asking(place) as api:
        told = api.client.get("/v1/openapi.json")
        assert told.json() == DOCUMENT
        page = api.client.get("/v1/docs", headers={"accept-encoding": "gzip"})
        assert page.text == PAGE
        assert page.headers["content-encoding"] == "gzip"
        assert "default-src 'none'" in page.headers["content-security-policy"]


def is_list(told: Any, schemas: Any) -> bool:
    schema = told["responses"].get("200", {}).get("content", {}).get("application/json", {})
    name = schema.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return "items" in schemas.get(name, {}).get("properties", {}) and name != "DebitFileShown"


def test_every_list_comes_in_pages():
    document = server.openapi()
    schemas = document["components"]["schemas"]
    lists = [
        told
        for methods in document["paths"].values()
        for method, told in methods.items()
        if method == "get" and is_list(told, schemas)
    ]
    assert len(lists) > 40
    for told in lists:
        names = {one["name"] for one in told["parameters"]}
        assert {"size", "after"} <= names, told["operationId"]


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [("/v1/runs", "post", False), ("/v1/customers", "post", True), ("/v1/usage", "post", True)],
)
def test_a_body_has_to_be_sent_where_a_field_of_it_has_to(path: str, method: str, expected: bool):
    body = server.openapi()["paths"][path][method]["requestBody"]
    assert body.get("required", False) is expected
