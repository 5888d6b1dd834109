"""Webhooks go to the public internet: whatever spelling, name or address leads elsewhere is refused."""

from __future__ import annotations

import ipaddress

import pytest

from everycent.kernel.errors import Invalid
from everycent.webhooks.target import allowed_of, is_public, refusal, target_of

LETTERS = [
    # this machine, in many spellings
    "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/",
    "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://017700000001/",
    "https://127.0.0.1./", "https://0/", "https://0.0.0.0/", "https://[::1]/", "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/", "https://localhost/", "https://LOCALHOST/", "https://localhost./",
    "https://a.localhost/", "https://１２７.０.０.１/", "https://127。0。0。1/", "https://①②⑦.0.0.1/",
    "https://127.0.0.1%2f@example.com/", "https://ⓛocalhost/",
    # what a cloud tells its machines, and networks inside
    "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://2852039166/",
    "https://[::ffff:169.254.169.254]/", "https://0xa9fea9fe/", "https://metadata/",
    "https://metadata.google.internal/", "https://instance-data/", "https://168.63.129.16/",
    "https://100.100.100.200/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/",
    "https://[fe80::1%25eth0]/", "https://[fe80::1]/", "https://[64:ff9b::a00:1]/",
    "https://[2002:7f00:1::]/", "https://printer.local/", "https://db.corp/", "https://router.lan/",
    "https://1.0.0.127.in-addr.arpa/",
    # addresses at all: a receiver has a name
    "https://8.8.8.8/", "https://[2606:4700:4700::1111]/", "https://134744072/",
    # not https, or another port
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
    "//example.com/", "https:example.com", "https:///", "javascript:alert(1)", "", "https://",
    "https://example.com:22/", "https://example.com:0/", "https://example.com:65536/",
    "https://example.com:80/", "https://example.com:443443/", "https://example.com:-1/",
    # somebody in front of the host, or a host that is two
    "https://user@example.com/", "https://user:secret@example.com/", "https://example.com@127.0.0.1/",
    "https://example.com\\@127.0.0.1/", "https://example.com#@127.0.0.1/", "https://example.com\t/",
    "https://example.com\r\nHost: x/", "https://example.com/\r\nx: y", "https://exa mple.com/",
    "https://example.com/a b", "https://example.com/ä", "https://example.com/#x",
    "https://example.com/\x00", "https://example..com/", "https://-example.com/", "https://.com/",
    "https://example.com./", "https://ex_ample.com/", "https://münchen.example/", "https://example/",
    f"https://{'a' * 64}.com/", f"https://{'a.' * 130}com/", "https://example.com/" + "a" * 1001,
]  # fmt: skip


@pytest.mark.parametrize("url", LETTERS)
def test_a_url_that_leads_elsewhere_is_refused_by_its_letters(url):
    with pytest.raises(Invalid) as refused:
        target_of(url)
    assert refused.value.code == "webhook.bad_url"


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("https://Hooks.Example.com/a?b=c", "hooks.example.com", 443, "/a?b=c"),
        ("https://example.com:8443/", "example.com", 8443, "/"),
        ("https://example.com?x=%00", "example.com", 443, "/?x=%00"),
        ("https://xn--mnchen-3ya.example.com/", "xn--mnchen-3ya.example.com", 443, "/"),
        ("https://127.0.0.1.example.com/", "127.0.0.1.example.com", 443, "/"),
        ("https://3com.com/", "3com.com", 443, "/"),
    ],
)
def test_a_name_on_the_internet_is_good(url, host, port, path):
    target = target_of(url)
    assert (target.host, target.port, target.path, target.is_tls) == (host, port, path, True)


ADDRESSES = [
    # address                        is it public
    ("0.0.0.0", False), ("0.1.2.3", False), ("10.0.0.1", False), ("10.255.255.255", False),
    ("100.63.255.255", True), ("100.64.0.1", False), ("100.127.255.255", False), ("100.128.0.0", True),
    ("127.0.0.1", False), ("127.255.255.254", False), ("169.254.0.1", False), ("169.253.0.1", True),
    ("169.254.169.254", False), ("168.63.129.16", False), ("168.63.129.17", True),
    ("172.15.255.255", True), ("172.16.0.0", False), ("172.31.255.255", False), ("172.32.0.0", True),
    ("192.0.0.8", False), ("192.0.0.192", False), ("192.0.2.1", False), ("192.88.99.1", False),
    ("192.167.255.255", True), ("192.168.0.1", False), ("198.17.255.255", True), ("198.18.0.1", False),
    ("198.19.255.255", False), ("198.51.100.7", False), ("203.0.113.7", False), ("223.255.255.255", True),
    ("224.0.0.1", False), ("239.255.255.255", False), ("240.0.0.1", False), ("255.255.255.255", False),
    ("1.1.1.1", True), ("8.8.8.8", True),
    ("::", False), ("::1", False), ("::127.0.0.1", False), ("::8.8.8.8", False),
    ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False), ("::ffff:8.8.8.8", False),
    ("64:ff9b::7f00:1", False), ("64:ff9b::808:808", False), ("64:ff9b:1::1", False),
    ("100::1", False), ("2001::1", False), ("2001:0:7f00:1::", False), ("2001:db8::1", False),
    ("2001:10::1", False), ("2001:20::1", False), ("2002:7f00:1::", False), ("2002:808:808::", False),
    ("2002:a00:1::", False), ("3fff::1", False), ("5f00::1", False), ("4000::1", False),
    ("fc00::1", False), ("fd00:ec2::254", False), ("fe80::1", False), ("fe80::1%eth0", False),
    ("2606:4700::1%eth0", False), ("fec0::1", False), ("ff02::1", False), ("ff0e::1", False),
    ("2606:4700:4700::1111", True), ("2a00:1450:4001:80b::200e", True), ("2001:4860:4860::8888", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "public"), ADDRESSES)
def test_an_address_is_public_or_it_is_not(text, public):
    address = ipaddress.ip_address(text)
    assert is_public(address) is public
    target = target_of("https://example.com/")
    assert (refusal(target, [address], ()) is None) is public


RESOLVED = [
    # url                          allowed            addresses                        why not
    ("https://example.com/", "", ["8.8.8.8"], None),
    ("https://example.com/", "", ["8.8.8.8", "1.1.1.1", "2606:4700::1"], None),
    ("https://example.com/", "", ["8.8.8.8", "10.0.0.1"], "its address is not public"),
    ("https://example.com/", "", ["8.8.8.8", "::1"], "its address is not public"),
    ("https://example.com/", "", [], "its name has no address"),
    ("https://example.com/", "10.0.0.0/8", ["10.0.0.1"], None),
    ("https://example.com/", "10.0.0.0/8", ["10.0.0.1", "11.0.0.1"], None),
    ("https://example.com/", "10.0.0.0/8:9443", ["10.0.0.1"], "its address is not public"),
    ("https://example.com:9443/", "10.0.0.0/8:9443", ["10.0.0.1"], None),
    ("https://example.com:9443/", "10.0.0.0/8", ["11.0.0.1"], "port 9443 is not open to webhooks"),
    ("https://example.com:9443/", ":9443", ["11.0.0.1"], None),
    ("https://example.com:9443/", ":9443", ["127.0.0.1"], "its address is not public"),
    ("http://db.internal:80/", "10.0.0.0/8", ["10.0.0.1"], None),
    ("http://example.com:80/", "10.0.0.0/8", ["8.8.8.8"], "it is not encrypted"),
    ("https://127.0.0.1:9000/", "127.0.0.1:9000", ["127.0.0.1"], None),
    ("https://localhost:9000/", "[::1]:9000", ["::1"], None),
    ("https://localhost:9000/", "[::1]:9000", ["::1", "127.0.0.1"], "its address is not public"),
]


@pytest.mark.parametrize(("url", "allowed", "addresses", "why"), RESOLVED)
def test_what_a_name_stands_for_decides_and_one_bad_address_is_enough(url, allowed, addresses, why):
    told = allowed_of(allowed)
    found = [ipaddress.ip_address(address) for address in addresses]
    assert refusal(target_of(url, told), found, told) == why


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://127.0.0.1:9001/", "127.0.0.1:9000"), ("http://127.0.0.2:9000/", "127.0.0.1:9000"),
        ("https://127.0.0.1/", ":443"), ("http://example.com/", ":80"), ("https://[::1]/", "127.0.0.1"),
        ("https://2130706433/", "127.0.0.0/8"), ("https://0x7f.1/", "127.0.0.0/8"),
    ],
)  # fmt: skip
def test_what_is_allowed_is_allowed_as_it_is_spelled_and_no_more(url, allowed):
    with pytest.raises(Invalid):
        target_of(url, allowed_of(allowed))
