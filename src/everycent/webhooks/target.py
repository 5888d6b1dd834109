"""Target: where webhooks may go. Never to this machine, its network, or a provider's inside, unless the
operator says so.

A URL is judged twice: by its letters when it is told (`target_of`), and by the addresses that its name has
whenever something is sent (`refusal`). Addresses are numbers here; nobody is asked for them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

from everycent.kernel.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_URL = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?"
    r"((?:[/?][^\s\"<>\\^`{|}#\x00-\x20\x7f-\U0010ffff]{0,1000})?)",
    re.ASCII,
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INSIDE = frozenset({"localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa"})
_PORTS = frozenset({443, 8443})

_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # a public number that answers virtual machines of a cloud from its inside
    )
)  # fmt: skip
_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
"""All that is given out of IPv6. What stands outside is refused: mapped IPv4, NAT64, ULA, link-local,
multicast, loopback."""
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID and other purposes
        "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip


class Allowed(NamedTuple):
    """What an operator allows besides: a network, a port, or both. None: any."""

    network: _Network | None
    port: int | None


class Target(NamedTuple):
    """A URL in its parts. `path` is ready for the request line; `literal` is the host where it is an
    address."""

    is_tls: bool
    host: str
    port: int
    path: str
    literal: Address | None


def allowed_of(text: str) -> tuple[Allowed, ...]:
    """What EVERYCENT_WEBHOOK_ALLOW says: addresses, networks and ports, with blanks between, such as
    `127.0.0.1:9000 10.1.0.0/16 [fd00::]/8 :9443`. Raises Invalid `settings.bad_webhook_allow`."""
    return tuple(_allowed(part) for part in text.split())


def _allowed(part: str) -> Allowed:
    match = re.fullmatch(
        r"(?:(\[[0-9a-fA-F:.]+\](?:/[0-9]{1,3})?|[0-9.]+(?:/[0-9]{1,2})?))?(?::([0-9]{1,5}))?", part
    )
    try:
        if match is None or not any(match.groups()):
            raise ValueError(part)
        network, port = match.groups()
        plain = None if network is None else network.replace("[", "").replace("]", "")
        if port is not None and not 0 < int(port) < 65_536:
            raise ValueError(part)
        return Allowed(
            None if plain is None else ipaddress.ip_network(plain), (port and int(port)) or None
        )
    except ValueError:
        raise Invalid(
            "settings.bad_webhook_allow",
            f"EVERYCENT_WEBHOOK_ALLOW says {part[:60]!r}",
            field="EVERYCENT_WEBHOOK_ALLOW",
            value=part,
            hint="write addresses or networks, ports, or both: 127.0.0.1:9000 10.1.0.0/16 [fd00::]/8 :9443",
        ) from None


def target_of(url: str, allowed: Iterable[Allowed] = ()) -> Target:
    """The parts of a URL that webhooks may be sent to, as far as its letters tell. Raises Invalid
    `webhook.bad_url`."""
    allowed = tuple(allowed)
    match = _URL.fullmatch(url)
    if match is None:
        raise _bad(url, "is no address that webhooks can be sent to")
    scheme, host, port_text, path = match.groups()
    host = host.lower()
    is_tls = scheme == "https"
    port = int(port_text) if port_text else 443 if is_tls else 80
    literal = _literal(host)
    if not 0 < port < 65_536:
        raise _bad(url, "names a port that there is none of")
    if literal is None:
        _check_name(url, host, is_known=any(one.network is not None for one in allowed))
        if not is_tls and not any(one.network is not None for one in allowed):
            raise _bad(url, "is not encrypted")
    elif not _is_allowed(literal, port, allowed):
        raise _bad(url, "names an address instead of a host")
    if port not in _PORTS and not any(one.port in (None, port) for one in allowed):
        raise _bad(url, f"names port {port}")
    return Target(is_tls, host.strip("[]"), port, _path(path), literal)


def refusal(target: Target, addresses: Iterable[Address], allowed: Iterable[Allowed]) -> str | None:
    """Why nothing is sent to a target that has these addresses; None where it may be. One that may not be
    reached is enough: which of them a connection would take is chance."""
    allowed, found = tuple(allowed), tuple(addresses)
    if not found:
        return "its name has no address"
    for address in found:
        if _is_allowed(address, target.port, allowed):
            continue
        if not is_public(address):
            return "its address is not public"
        if not target.is_tls:
            return "it is not encrypted"
        if target.port not in _PORTS and Allowed(None, target.port) not in allowed:
            return f"port {target.port} is not open to webhooks"
    return None


def is_public(address: Address) -> bool:
    """Whether an address is one that anybody on the internet can reach, and nothing else."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in one for one in _REFUSED_V4)
    if address.scope_id is not None or address not in _UNICAST_V6:
        return False
    return address.is_global and not any(address in one for one in _REFUSED_V6)


def _is_allowed(address: Address, port: int, allowed: Iterable[Allowed]) -> bool:
    return any(
        one.network is not None and address in one.network and one.port in (None, port)
        for one in allowed
    )


def _literal(host: str) -> Address | None:
    """The host as an address, in the one spelling that is no name; other spellings are refused as names."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _check_name(url: str, host: str, *, is_known: bool) -> None:
    """Refuses names that are none on the internet. Where networks are allowed, names of theirs are."""
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or _NUMBER.fullmatch(labels[-1]):
        raise _bad(url, "names no host")
    if not is_known and (len(labels) < 2 or labels[-1] in _INSIDE):
        raise _bad(url, "names a host that is not on the internet")


def _path(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _bad(url: str, why: str) -> Invalid:
    return Invalid(
        "webhook.bad_url",
        f"{url[:60]!r} {why}",
        field="url",
        value=url,
        hint="https:// and the name of a host on the internet, port 443 or 8443, without a user; the"
        " operator can allow more by EVERYCENT_WEBHOOK_ALLOW",
    )
