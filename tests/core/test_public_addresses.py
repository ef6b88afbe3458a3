"""An address is what it seems, in one spelling, or refused."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from exchange.core.addresses import is_public, parse_public_address, unwrap
from exchange.errors import Invalid

PUBLIC = [
    "192.0.2.1",
    "198.51.100.7",
    "203.0.113.9",
    "8.8.8.8",
    "223.255.255.255",
    "2001:db8::1",
    "2a00::1",
    "3fff::1",
]
REFUSED = [
    ("ip-not-public", "0.0.0.0"),
    ("ip-not-public", "10.1.2.3"),
    ("ip-not-public", "100.64.0.1"),
    ("ip-not-public", "127.0.0.1"),
    ("ip-not-public", "169.254.169.254"),
    ("ip-not-public", "172.31.255.255"),
    ("ip-not-public", "192.0.0.8"),
    ("ip-not-public", "192.88.99.1"),
    ("ip-not-public", "192.168.0.1"),
    ("ip-not-public", "198.19.0.1"),
    ("ip-not-public", "224.0.0.1"),
    ("ip-not-public", "255.255.255.255"),
    ("ip-not-public", "::"),
    ("ip-not-public", "::1"),
    ("ip-not-public", "fe80::1"),
    ("ip-not-public", "fd00::1"),
    ("ip-not-public", "ff02::1"),
    ("ip-not-public", "2001:2::1"),
    ("ip-wrapped", "::ffff:808:808"),
    ("ip-wrapped", "::808:808"),
    ("ip-wrapped", "64:ff9b::808:808"),
    ("ip-wrapped", "64:ff9b:1::808:808"),
    ("ip-wrapped", "2002:808:808::"),
    ("ip-wrapped", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ("ip-form", "2001:DB8::1"),
    ("ip-form", "2001:db8:0::1"),
    ("ip-form", "fe80::1%eth0"),
    ("ip-form", "192.0.2.01"),
    ("ip-form", "192.0.2"),
    ("ip-form", "192.0.2.1/32"),
    ("ip-form", " 192.0.2.1"),
    ("ip-form", "3221225985"),
    ("ip-form", ""),
    ("ip-form", None),
    ("ip-form", 3221225985),
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str) -> None:
    assert str(parse_public_address(text, "ip")) == text


@pytest.mark.parametrize(("code", "text"), REFUSED)
def test_refused(code: str, text: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_public_address(text, "hosting.0.ip")
    assert caught.value.code == code
    assert caught.value.message.startswith("hosting.0.ip: ")


@pytest.mark.parametrize("text", ["::ffff:7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::", "::7f00:1"])
def test_a_coat_of_loopback_is_loopback(text: str) -> None:
    assert str(unwrap(ip_address(text))) == "127.0.0.1"
    assert not is_public(ip_address(text))
