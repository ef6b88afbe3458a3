"""Country of an address, from data that the program carries: allocations of the five regional registries.

Rules: an answer is an officially assigned ISO 3166-1 alpha-2 code or None; what the registries use for
regions and for nothing (AP, EU, ZZ) is None. An IPv4 address in an IPv6 coat is unwrapped first. An
allocation says who was given the address, not where the machine stands: the claim's role is *unknown* and its
source is named, with the version of the data. Nothing is asked on the network.
"""

from __future__ import annotations

import ipaddress
from importlib import metadata
from typing import Final

import iptocc

from exchange.core import countries
from exchange.core.addresses import is_public, unwrap

SOURCE: Final = "rir-allocation"
ROLE: Final = "unknown"
_PACKAGE: Final = "iptocc"


def source_version() -> str:
    """Version of the package that carries the data; it is built nightly, and the version counts builds."""
    return metadata.version(_PACKAGE)


def country_of(address: str) -> str | None:
    """The country that `address` (an IP literal) is allocated to, or None."""
    try:
        inside = unwrap(ipaddress.ip_address(address))
    except ValueError:
        return None
    if not is_public(inside):
        return None
    code: str | None = iptocc.country_code(str(inside))
    return code if code in countries.ALL else None
