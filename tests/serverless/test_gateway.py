"""Events of gateways become ASGI and answers go back, whatever is sent twice, compressed or no text."""

from __future__ import annotations

import base64
import gzip

import pytest

from everycent.kernel.errors import Invalid
from everycent.serverless import gateway
from everycent.serverless.gateway import Answer
from tests.serverless import events

JSON = (b"content-type", b"application/json")
PNG = bytes(range(256))

PACKED = gzip.compress(b"{}", mtime=0)  # the same in every process


@pytest.mark.parametrize("of", [events.http_api, events.rest_api])
@pytest.mark.parametrize(
    ("path", "query", "expected_path", "expected_query"),
    [
        ("/", "", "/", b""),
        ("/v1/usage", "atomic=true", "/v1/usage", b"atomic=true"),
        ("/v1/list", "id=1&id=2&to=a%26b", "/v1/list", b"id=1&id=2&to=a%26b"),
        ("/v1/customers/%C5%A1", "q=%C5%A1+x", "/v1/customers/š", b"q=%C5%A1+x"),
        ("/v1/list", "empty=", "/v1/list", b"empty="),
    ],
)
def test_a_path_and_a_query_come_as_they_were_sent(of, path, query, expected_path, expected_query):
    scope = gateway.scope_of(of("GET", path, query))
    assert (scope["method"], scope["path"], scope["query_string"]) == (
        "GET", expected_path, expected_query,
    )  # fmt: skip
    assert (scope["scheme"], scope["client"], scope["server"]) == (
        "https", ("192.0.2.7", 0), (events.HOST, 443),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("of", "expected"),
    [(events.http_api, [b"a,b"]), (events.rest_api, [b"a", b"b"])],
)
def test_a_header_that_came_twice_is_not_hidden_where_the_gateway_tells_it(of, expected):
    event = of("GET", "/", headers=[("X-Twice", "a"), ("X-Twice", "b")], cookies=["k=1", "l=2"])
    headers = gateway.scope_of(event)["headers"]
    assert [text for name, text in headers if name == b"x-twice"] == expected
    assert [text for name, text in headers if name == b"cookie"] == [b"k=1; l=2"]


def test_a_header_that_stands_only_beside_those_that_may_come_twice_is_read():
    event = events.rest_api("GET", "/") | {"multiValueHeaders": None}
    assert (b"host", events.HOST.encode()) in gateway.scope_of(event)["headers"]


@pytest.mark.parametrize("of", [events.http_api, events.rest_api])
@pytest.mark.parametrize(
    ("body", "in_base64"),
    [
        (b"", False),
        ('{"č": 1}'.encode(), False),
        (b'{"a": 1}', True),
        (gzip.compress(b"{}", mtime=0), True),
    ],
)
def test_a_body_comes_byte_by_byte(of, body, in_base64):
    assert gateway.body_of(of("POST", "/", body=body, in_base64=in_base64)) == body


@pytest.mark.parametrize("body", ["%", "abc", "é"])
def test_base64_that_is_none_is_refused(body):
    event = events.http_api("POST", "/") | {"body": body, "isBase64Encoded": True}
    with pytest.raises(Invalid) as refused:
        gateway.body_of(event)
    assert refused.value.code == "function.bad_body"


@pytest.mark.parametrize(
    "event", [{}, events.scheduled(), {"requestContext": {}}, {"requestContext": 1}]
)
def test_what_is_no_request_is_refused(event):
    with pytest.raises(Invalid) as refused:
        gateway.scope_of(event)
    assert refused.value.code == "function.no_request"


@pytest.mark.parametrize(
    ("headers", "body", "is_text"),
    [
        ([JSON], '{"č":1}'.encode(), True),
        ([(b"content-type", b"application/problem+json")], b"{}", True),
        ([(b"content-type", b"application/cloudevents+json; charset=utf-8")], b"{}", True),
        ([(b"content-type", b"text/html; charset=utf-8")], b"<p>", True),
        ([(b"content-type", b"application/x-ndjson")], b"{}\n", True),
        ([(b"content-type", b"text/html; charset=latin-1")], b"<p>", False),
        ([JSON, (b"Content-Encoding", b"gzip")], PACKED, False),
        ([(b"content-type", b"image/png")], PNG, False),
        ([JSON], PNG, False),
        ([], b"", False),
    ],
)
def test_an_answer_is_text_only_where_nothing_is_lost_by_it(headers, body, is_text):
    for event in (events.http_api("GET", "/"), events.rest_api("GET", "/")):
        told = gateway.told(event, Answer(200, headers, body))
        assert told["isBase64Encoded"] is not is_text
        came = told["body"].encode() if is_text else base64.b64decode(told["body"])
        assert (told["statusCode"], came) == (200, body)


def test_headers_of_an_answer_stay_several_where_they_are():
    headers = [
        (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"Link", b"<x>"), (b"link", b"<y>"),
        (b"content-length", b"2"), JSON,
    ]  # fmt: skip
    answer = Answer(200, headers, b"{}")
    two = gateway.told(events.http_api("GET", "/"), answer)
    assert two["cookies"] == ["a=1", "b=2"]
    assert two["headers"] == {"link": "<x>, <y>", "content-type": "application/json"}
    one = gateway.told(events.rest_api("GET", "/"), answer)
    assert one["multiValueHeaders"] == {
        "set-cookie": ["a=1", "b=2"], "link": ["<x>", "<y>"], "content-type": ["application/json"],
    }  # fmt: skip
