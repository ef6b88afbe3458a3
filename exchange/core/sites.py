"""Which site a URL belongs to, so that desks of one country can share sites and each stays with one desk.

Rules: of a name, its registrable domain (one label more than a public suffix); of an address literal, the
address; of an onion address, the service without its subdomains; a name that has no registrable domain is a
site by itself. Of the Public Suffix List the ICANN part counts and the private part does not
(docs/decisions/0011): all of one file host is one site. The list travels with its package, is read once,
when the first site is asked for, and is never fetched. This module knows no members and no countries.
"""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList

from exchange.core.urls import Url, UrlKind, address_of


def site_of(url: Url) -> str:
    """The site of `url`: a domain in lower case and A-labels, an address, or an onion service."""
    if url.kind is UrlKind.CLEAR_NET:
        return _suffixes().privatesuffix(url.host) or url.host
    if url.kind is UrlKind.ONION:
        return ".".join(url.host.split(".")[-2:])
    return address_of(url) or url.host


@cache
def _suffixes() -> PublicSuffixList:
    """Some 30 ms, once in a process."""
    return PublicSuffixList(only_icann=True)
