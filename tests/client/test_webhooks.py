"""A webhook is believed when it is signed, whole and fresh."""

from __future__ import annotations

import base64

import pytest

from everycent.integrations import webhook_out
from everycent_client import UnverifiedError, verify

OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 24).decode()
BODY = b'{"type": "invoice.issued"}'
NOW = 1_800_000_000


def signed(secrets: str, body: bytes = BODY, at: int = NOW) -> dict[str, str]:
    signature = webhook_out.signature(webhook_out.secrets_of(secrets), "msg_1", at, body)
    return {
        "Webhook-Id": "msg_1", "Webhook-Timestamp": str(at), "Webhook-Signature": signature,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("signers", "known"),
    [(NEW, NEW), (f"{OLD} {NEW}", NEW), (f"{OLD} {NEW}", OLD), (NEW, [OLD, NEW])],
)
def test_what_we_sign_is_believed_while_secrets_change(signers, known):
    assert verify(known, signed(signers), BODY, now=NOW) == {"type": "invoice.issued"}


@pytest.mark.parametrize(
    ("headers", "body", "now"),
    [
        (signed(OLD), BODY, NOW),
        (signed(NEW), BODY + b" ", NOW),
        (signed(NEW), BODY, NOW + 301),
        (signed(NEW), BODY, NOW - 301),
        (signed(NEW) | {"Webhook-Id": "msg_2"}, BODY, NOW),
        (signed(NEW) | {"Webhook-Timestamp": str(NOW + 1)}, BODY, NOW),
        (signed(NEW) | {"Webhook-Timestamp": "now"}, BODY, NOW),
        (signed(NEW) | {"Webhook-Signature": ""}, BODY, NOW),
        (signed(NEW) | {"Webhook-Signature": "v1,é"}, BODY, NOW),
        ({}, BODY, NOW),
    ],
)
def test_what_is_not_signed_whole_and_fresh_is_not_believed(headers, body, now):
    with pytest.raises(UnverifiedError):
        verify(NEW, headers, body, now=now)
