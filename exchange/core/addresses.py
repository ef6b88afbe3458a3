"""Which internet addresses are what they seem.

Rules:

* an address that carries another one (IPv4-mapped, IPv4-compatible, NAT64, 6to4, Teredo) is unwrapped
  before anybody asks what it is: `ipaddress` calls the NAT64 form of 127.0.0.1 global;
* public means: outside of the special-purpose blocks listed here, which do not change with the version of
  Python, so that two nodes never differ on one document;
* the documentation blocks (RFC 5737, RFC 3849, RFC 9637) lead nowhere and count as public, because
  examples, tests and trainings need addresses too.

This module resolves nothing and knows no countries.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from exchange.errors import Invalid

IPAddress = IPv4Address | IPv6Address

_SPECIAL_4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
    )
)
_SPANS_4: Final = tuple((int(net.network_address), int(net.broadcast_address)) for net in _SPECIAL_4)
_GLOBAL_6: Final = IPv6Network("2000::/3")
_SPECIAL_6: Final = (IPv6Network("2001::/23"), IPv6Network("2002::/16"), IPv6Network("2620:4f:8000::/48"))
_COMPATIBLE: Final = IPv6Network("::/96")
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_LOW_32_BITS: Final = (1 << 32) - 1


def unwrap(address: IPAddress) -> IPAddress:
    """The IPv4 address inside a mapped, compatible, NAT64, 6to4 or Teredo form, else `address` itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    in_low_bits = any(address in net for net in _NAT64) or (address in _COMPATIBLE and int(address) > 1)
    return IPv4Address(int(address) & _LOW_32_BITS) if in_low_bits else address


def is_public(address: IPAddress) -> bool:
    """Whether `address`, unwrapped, is outside of every special-purpose block."""
    address = unwrap(address)
    if isinstance(address, IPv4Address):
        value = int(address)
        return not any(first <= value <= last for first, last in _SPANS_4)
    return address in _GLOBAL_6 and not any(address in net for net in _SPECIAL_6)


def parse_public_address(text: object, field: str) -> IPAddress:
    """A public address in its one canonical form (RFC 5952); raises `Invalid` naming `field`.

    Codes: `ip-form` (no address, or another spelling of one), `ip-wrapped` (an IPv4 address inside IPv6),
    `ip-not-public`."""
    try:
        address = ip_address(text) if isinstance(text, str) else None
    except ValueError:
        address = None
    if address is None or str(address) != text or (address.version == 6 and address.scope_id is not None):
        raise Invalid("ip-form", f"{field}: not an IP address in canonical form")
    if unwrap(address) is not address:
        raise Invalid(
            "ip-wrapped", f"{field}: an IPv4 address written as IPv6", hint="write the IPv4 address"
        )
    if not is_public(address):
        raise Invalid("ip-not-public", f"{field}: not an address of the public internet")
    return address
