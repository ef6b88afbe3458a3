"""Which network addresses we may connect to. Pure: an address in, a reason or None out.

Rules: only public addresses (core/addresses); an IPv4 address in an IPv6 coat (mapped, NAT64, 6to4, Teredo)
is refused for its coat. `allow` lists networks that the configuration permits all the same; a permitted coat
still needs a permitted address inside. In development loopback is permitted. What this module refuses to
know: names, ports, who asks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from exchange.core.addresses import IPAddress, is_public, unwrap
from exchange.errors import Invalid

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOOPBACK: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("127.0.0.0/8"),
    ipaddress.IPv6Network("::1/128"),
)
_NEVER: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("192.0.2.0/24"),
    ipaddress.IPv4Network("198.51.100.0/24"),
    ipaddress.IPv4Network("203.0.113.0/24"),
    ipaddress.IPv6Network("2001:db8::/32"),
    ipaddress.IPv6Network("3fff::/20"),
)
"""Documentation: a document may name them, but nobody who means well answers there."""


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

    def _refusal(self, address: IPAddress) -> str | None:
        allowed = any(address in network for network in self.allow)
        inside = unwrap(address)
        if inside is not address:
            return self._refusal(inside) if allowed else "wrapped"
        if allowed or (is_public(address) and not any(address in network for network in _NEVER)):
            return None
        return "loopback" if address.is_loopback else "private"
