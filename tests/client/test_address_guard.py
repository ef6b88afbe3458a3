"""No address of ours, in whatever coat, is reached on a stranger's word."""

from __future__ import annotations

import pytest

from exchange.client.address_guard import AddressGuard, is_loopback
from exchange.errors import Invalid

REFUSED = [
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("::1", "loopback"),
    ("0.0.0.0", "private"),
    ("::", "private"),
    ("10.0.0.1", "private"),
    ("172.16.0.1", "private"),
    ("192.168.1.1", "private"),
    ("100.64.0.1", "private"),
    ("169.254.169.254", "private"),
    ("192.0.0.9", "private"),
    ("192.0.2.1", "private"),
    ("192.88.99.1", "private"),
    ("198.18.0.1", "private"),
    ("224.0.0.1", "private"),
    ("240.0.0.1", "private"),
    ("255.255.255.255", "private"),
    ("fe80::1", "private"),
    ("fe80::1%eth0", "private"),
    ("fec0::1", "private"),
    ("fc00::1", "private"),
    ("fd12:3456::1", "private"),
    ("ff02::1", "private"),
    ("2001:db8::1", "private"),
    ("3fff::1", "private"),
    ("2001:2::1", "private"),
    ("100::1", "private"),
    ("5f00::1", "private"),
    ("::7f00:1", "wrapped"),
    ("::ffff:127.0.0.1", "wrapped"),
    ("::ffff:9.9.9.9", "wrapped"),
    ("64:ff9b::7f00:1", "wrapped"),
    ("64:ff9b::909:909", "wrapped"),
    ("64:ff9b:1::7f00:1", "wrapped"),
    ("2002:7f00:1::", "wrapped"),
    ("2002:909:909::1", "wrapped"),
    ("2001:0:4136:e378:8000:63bf:80ff:fffe", "wrapped"),
    ("2130706433", "malformed"),
    ("0x7f000001", "malformed"),
    ("127.1", "malformed"),
    ("0177.0.0.1", "malformed"),
    ("mx.example", "malformed"),
    ("", "malformed"),
]


@pytest.mark.parametrize(("address", "reason"), REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str, reason: str) -> None:
    assert AddressGuard.of(()).refusal(address) == reason


@pytest.mark.parametrize("address", ["9.9.9.9", "193.0.6.139", "2620:fe::fe", "2a00:1450:4001::1"])
def test_a_public_address_passes(address: str) -> None:
    assert AddressGuard.of(()).refusal(address) is None


ALLOWED = [
    (["10.1.0.0/16"], "10.1.2.3", None),
    (["10.1.0.0/16"], "10.2.2.3", "private"),
    (["fd00::/8"], "fd12::1", None),
    (["64:ff9b::/96"], "64:ff9b::909:909", None),
    (["64:ff9b::/96"], "64:ff9b::7f00:1", "loopback"),
    (["64:ff9b::/96", "127.0.0.0/8"], "64:ff9b::7f00:1", None),
    (["2002::/16"], "2002:a00:1::", "private"),
    (["2001::/32"], "2001:0:0:0:0:0:f6f6:f6f6", None),
    (["2001::/32"], "2001:0:0:0:0:0:80ff:fffe", "loopback"),
]


@pytest.mark.parametrize(("allow", "address", "reason"), ALLOWED)
def test_the_allow_list_permits_networks_and_never_what_a_coat_hides(
    allow: list[str], address: str, reason: str | None
) -> None:
    assert AddressGuard.of(allow).refusal(address) == reason


def test_development_permits_plain_loopback_only() -> None:
    guard = AddressGuard.of((), development=True)
    assert guard.refusal("127.0.0.1") is None
    assert guard.refusal("::1") is None
    assert guard.refusal("::ffff:127.0.0.1") == "wrapped"
    assert guard.refusal("10.0.0.1") == "private"


def test_a_mistake_in_the_allow_list_is_said() -> None:
    with pytest.raises(Invalid) as error:
        AddressGuard.of(["10.1.2.3/16"])
    assert error.value.code == "outbound-network"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", False), ("9.9.9.9", False), ("mx", False)],
)
def test_loopback_is_known_by_its_plain_form(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback
