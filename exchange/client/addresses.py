"""Which network addresses we may connect to. Pure: an address in, a reason or None out.

Rules: only globally routable unicast. Private, loopback, link-local, shared, documentation and multicast
ranges are refused, and so is an IPv4 address in an IPv6 coat (mapped, NAT64, 6to4, Teredo): `is_global` says
yes to NAT64 and 6to4 forms of 127.0.0.1. `allow` lists networks that the configuration permits all the
same; a permitted coat still needs a permitted address inside. In development loopback is permitted. What this
module refuses to know: names, ports, who asks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from exchange.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
"""The only IPv6 space that is assigned for global unicast (RFC 4291 section 2.4)."""

NEVER: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocol assignments, RFC 6890
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays, RFC 7526
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments, RFC 2928: Teredo, ORCHID, benchmarks
    ipaddress.IPv6Network("3fff::/20"),  # documentation, RFC 9637
)
"""Ranges that the `is_global` of some Python version lets through."""

COATS: Final[tuple[tuple[str, ipaddress.IPv6Network], ...]] = (
    ("mapped", ipaddress.IPv6Network("::ffff:0:0/96")),
    ("nat64", ipaddress.IPv6Network("64:ff9b::/96")),
    ("nat64", ipaddress.IPv6Network("64:ff9b:1::/48")),
    ("6to4", ipaddress.IPv6Network("2002::/16")),
    ("teredo", ipaddress.IPv6Network("2001::/32")),
)
"""IPv6 ranges that carry an IPv4 address."""

_LOOPBACK: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("127.0.0.0/8"),
    ipaddress.IPv6Network("::1/128"),
)


def is_loopback(address: str) -> bool:
    """Whether `address` is a plain loopback address; False for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _LOOPBACK)


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Decides by the list of permitted networks."""

    allow: tuple[Network, ...] = ()

    @classmethod
    def of(cls, allow: Iterable[str], *, development: bool = False) -> Self:
        """A guard that permits the networks `allow` (CIDR), and loopback in development; raises `Invalid`."""
        try:
            networks = tuple(ipaddress.ip_network(text) for text in allow)
        except ValueError:
            raise Invalid(
                "outbound-network", "[outbound] allow: not a network", hint="write 10.1.0.0/16"
            ) from None
        return cls(networks + (_LOOPBACK if development else ()))

    def refusal(self, address: str) -> str | None:
        """Why `address` (an IP literal) may not be connected to, as a word, or None."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return "malformed"
        return self._refusal(parsed)

    def _refusal(self, address: Address) -> str | None:
        allowed = any(address in network for network in self.allow)
        coat = _coat(address)
        if coat is not None:
            name, inside = coat
            return self._refusal(inside) if allowed else name
        if allowed or _is_public(address):
            return None
        return "loopback" if address.is_loopback else "private"


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global or any(address in network for network in NEVER):
        return False
    return isinstance(address, ipaddress.IPv4Address) or address in GLOBAL_V6


def _coat(address: Address) -> tuple[str, ipaddress.IPv4Address] | None:
    """The kind of coat and the IPv4 address inside."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    for name, network in COATS:
        if address in network:
            return name, _inside(name, int(address))
    return None


def _inside(name: str, bits: int) -> ipaddress.IPv4Address:
    if name == "6to4":
        return ipaddress.IPv4Address(bits >> 80 & 0xFFFFFFFF)
    if name == "teredo":
        return ipaddress.IPv4Address(~bits & 0xFFFFFFFF)
    return ipaddress.IPv4Address(bits & 0xFFFFFFFF)
