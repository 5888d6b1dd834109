"""Mutations of the bytes that are sent, and of how the last page comes."""

from __future__ import annotations

import json
import re

from everycent.subservices.contract import SCHEMA, encoded
from everycent.subservices.draft import Change, Draft, at_last, in_bytes

_ERROR = {"schema": SCHEMA, "error": {"code": "unavailable", "message": "no"}}
_DEEP = b"[" * 100_000 + b"]" * 100_000


def _latin(draft: Draft) -> None:
    text = json.dumps(draft.last | {"service": "größe"}, ensure_ascii=False)
    draft.pages[-1] = text.encode("latin-1", "replace")


def _row_key_twice(body: bytes) -> bytes:
    """A key doubled in the first row, or in the head where there are none."""
    doubled = re.sub(rb'\[\{("[a-z]+"):', rb"[{\1:0,\1:", body, count=1)
    return doubled if doubled != body else _head_key_twice(body)


def _head_key_twice(body: bytes) -> bytes:
    return body.replace(b'"schema":', b'"schema":"","schema":', 1)


def _surrogate(body: bytes) -> bytes:
    return re.sub(rb'"service":"[^"]*"', rb'"service":"\\ud800"', body, count=1)


BYTES: dict[str, tuple[str, Change]] = {
    "row_key_twice": ("a field twice in one row", in_bytes(_row_key_twice)),
    "head_key_twice": ("a field twice in the head", in_bytes(_head_key_twice)),
    "latin_1": ("an ö in Latin-1", _latin),
    "utf_16": ("UTF-16", in_bytes(lambda body: body.decode().encode("utf-16"))),
    "byte_order_mark": ("a byte order mark before it", in_bytes(b"\xef\xbb\xbf".__add__)),
    "lone_surrogate": ("half a character, escaped", in_bytes(_surrogate)),
    "trailing_garbage": ("a bracket after it", in_bytes(lambda body: body + b"}")),
    "two_answers": ("the answer twice", in_bytes(lambda body: body + b"\n" + body)),
    "half_json": ("half the JSON, with a length that fits", in_bytes(lambda b: b[: len(b) // 2])),
    "trailing_comma": ("a comma before the last bracket", in_bytes(lambda b: b[:-1] + b",}")),
    "single_quotes": ("apostrophes for quotes", in_bytes(lambda b: b.replace(b'"', b"'"))),
    "comment": ("a comment before it", in_bytes(b"/* ok */ ".__add__)),
    "deep_nesting": ("100,000 brackets in one another", in_bytes(lambda _: _DEEP)),
    "deep_field": (
        "100,000 brackets in one another, in a field too many",
        in_bytes(lambda b: b[:-1] + b',"x":' + _DEEP + b"}"),
    ),
    "in_list": ("the answer in a list", in_bytes(lambda body: b"[" + body + b"]")),
    "in_text": ("the answer in a text", in_bytes(lambda body: encoded(body.decode()))),
    "json_null": ("null", in_bytes(lambda _: b"null")),
    "no_body": ("nothing", in_bytes(lambda _: b"")),
    "blanks": ("blanks", in_bytes(lambda _: b" \n\t ")),
    "html_as_json": (
        "a page that says it is JSON",
        in_bytes(lambda _: b"<!doctype html><title>ok</title>"),
    ),
    "error_in_200": ("an error with the status of a success", in_bytes(lambda _: encoded(_ERROR))),
    "last_page_error": ("the last page is a 500", at_last("error_500")),
    "last_page_gone": ("the last page is a 409, the snapshot is gone", at_last("snapshot_gone")),
    "last_page_hangs": ("the last page never comes", at_last("hang")),
    "last_page_cut": ("the last page breaks off in the middle", at_last("cut")),
    "last_page_html": ("the last page is HTML", at_last("html")),
    "last_page_closed": ("the connection closes in place of the last page", at_last("close")),
}
