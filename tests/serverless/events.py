"""What AWS hands a function, field by field as it is published.

Payload 2.0 and 1.0 of HTTP APIs: docs.aws.amazon.com, API Gateway Developer Guide, "Create AWS Lambda proxy
integrations for HTTP APIs"; REST APIs: "Input format of a Lambda function for proxy integration". Both are
compared with `apigw-v2-request-no-authorizer.json` and `apigw-request.json` in `events/testdata` of
github.com/aws/aws-lambda-go. A clock's event: EventBridge User Guide, "Creating an Amazon EventBridge rule
that runs on a schedule".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

HOST = "aaaaaaaaaa.execute-api.eu-central-1.amazonaws.com"
Headers = Sequence[tuple[str, str]]


def _body(body: bytes, in_base64: bool) -> dict[str, Any]:
    """Gateways send what they hold for text as it is, and all else in base64."""
    if not body:
        return {"isBase64Encoded": False}
    text = base64.b64encode(body).decode() if in_base64 else body.decode()
    return {"body": text, "isBase64Encoded": in_base64}


def _sent(headers: Headers, body: bytes) -> list[tuple[str, str]]:
    return [
        *headers,
        ("host", HOST),
        ("content-length", str(len(body))),
        ("x-amzn-trace-id", "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ]


def http_api(
    method: str,
    path: str,
    query: str = "",
    headers: Headers = (),
    body: bytes = b"",
    *,
    in_base64: bool = False,
    cookies: Sequence[str] = (),
) -> dict[str, Any]:
    """Payload 2.0: headers and parameters that came twice are joined with commas."""
    joined: dict[str, str] = {}
    for name, text in _sent(headers, body):
        joined[name.lower()] = ",".join([*filter(None, [joined.get(name.lower())]), text])
    parameters: dict[str, str] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        parameters[name] = ",".join([*filter(None, [parameters.get(name)]), text])
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        **({"cookies": list(cookies)} if cookies else {}),
        "headers": joined,
        **({"queryStringParameters": parameters} if parameters else {}),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "aaaaaaaaaa",
            "domainName": HOST,
            "domainPrefix": "aaaaaaaaaa",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "LV7fzho-PHcEJPw=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "05/Jan/2026:12:00:00 +0000",
            "timeEpoch": 1767614400000,
        },
        **_body(body, in_base64),
    }


def rest_api(
    method: str,
    path: str,
    query: str = "",
    headers: Headers = (),
    body: bytes = b"",
    *,
    in_base64: bool = False,
    cookies: Sequence[str] = (),
) -> dict[str, Any]:
    """Payload 1.0: the last of several, and beside it all of them; null where there is nothing."""
    all_headers = [*_sent(headers, body), *(("cookie", "; ".join(cookies)) for _ in cookies[:1])]
    parameters = parse_qsl(query, keep_blank_values=True)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": dict(all_headers) or None,
        "multiValueHeaders": _several(all_headers) or None,
        "queryStringParameters": dict(parameters) or None,
        "multiValueQueryStringParameters": _several(parameters) or None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "aaaaaaaaaa",
            "domainName": HOST,
            "domainPrefix": "aaaaaaaaaa",
            "extendedRequestId": "request-id",
            "httpMethod": method,
            "identity": {"accessKey": None, "sourceIp": "192.0.2.7", "userAgent": "curl/8.5.0"},
            "path": f"/prod{path}",
            "protocol": "HTTP/1.1",
            "requestId": "id=",
            "requestTime": "05/Jan/2026:12:00:00 +0000",
            "requestTimeEpoch": 1767614400000,
            "resourceId": "roq9wj",
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        **({"body": None} if not body else {}),
        **_body(body, in_base64),
    }


def _several(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in pairs:
        found.setdefault(name, []).append(text)
    return found


def scheduled(detail: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a rule of EventBridge sends by its clock; with what the rule was told to send in its place."""
    return dict(
        detail
        or {
            "version": "0",
            "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": "2026-01-05T12:00:00Z",
            "region": "eu-central-1",
            "resources": ["arn:aws:events:eu-central-1:123456789012:rule/everycent-rounds"],
            "detail": {},
        }
    )
