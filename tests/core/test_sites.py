"""A site is what one desk should see whole, and every sender sees the same one."""

from __future__ import annotations

import pytest

from exchange.core.sites import site_of
from exchange.core.urls import parse_url

ONION = "a" * 56 + ".onion"
SITES = {
    "a registrable domain": ("https://example.com/a/b?c=d", "example.com"),
    "its subdomain": ("https://img7.cdn.example.com/x", "example.com"),
    "another port and scheme": ("ftp://www.EXAMPLE.com:2121/", "example.com"),
    "a public suffix of two labels": ("http://a.b.example.co.uk/", "example.co.uk"),
    "a wildcard of the list": ("http://www.shop.example.ck/", "shop.example.ck"),
    "an exception of the list": ("http://a.www.ck/", "www.ck"),
    "a name in another script": ("http://www.bücher.example.de/", "example.de"),
    "a domain in another script": ("http://bilder.bücher.de/", "xn--bcher-kva.de"),
    "a suffix in another script": ("http://a.b.個人.hk/", "b.xn--gmqw5a.hk"),
    "a closing dot": ("http://www.example.com./", "example.com"),
    "a file host whose customers the private part lists": ("https://someone.github.io/x", "github.io"),
    "the same file host": ("https://other.github.io/y", "github.io"),
    "a bucket": ("https://bucket.s3.amazonaws.com/x", "amazonaws.com"),
    "a top level that nobody knows": ("http://a.b.example.zzzz/", "example.zzzz"),
    "a public suffix itself": ("http://co.uk/", "co.uk"),
    "an address": ("http://192.0.2.7:8080/x", "192.0.2.7"),
    "an address written otherwise": ("http://0xC0000207/", "192.0.2.7"),
    "an address of version 6": ("http://[2001:DB8:0:0::1]/", "2001:db8::1"),
    "an address in an address": ("http://[::ffff:192.0.2.7]/", "192.0.2.7"),
    "an onion service": (f"http://{ONION}/x", ONION),
    "its onion subdomain": (f"http://www.{ONION}/x", ONION),
    "a name of no public network": ("http://files.intranet.local/", "files.intranet.local"),
    "one label": ("http://localhost/", "localhost"),
}


@pytest.mark.parametrize(("url", "site"), SITES.values(), ids=SITES.keys())
def test_a_url_belongs_to_this_site(url: str, site: str) -> None:
    assert site_of(parse_url(url, "url")) == site
