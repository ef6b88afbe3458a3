"""The forms of single settings: a function takes what TOML gave and returns a value, or says what is wanted.

Rules: a function raises `Wrong` with the end of a sentence that begins with the name of the key; the sentence
never repeats what stood there. A base URL is `http(s)://host[:port][/path]` and nothing else: no user, query,
fragment, percent sign or trailing slash. This module knows neither files nor which keys there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Final, TypeVar

from exchange.config.values import Listen, Network
from exchange.core.names import MemberId
from exchange.errors import Invalid

T = TypeVar("T")
HIGHEST_PORT: Final = 65535
DEFAULT_PORT: Final = {"http": 80, "https": 443}

_HOST = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]"
_AUTHORITY = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?")
_BASE_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<authority>(?:{_HOST})(?::[0-9]{{1,5}})?)(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?"
)


class Wrong(Exception):
    """What is wanted instead, as the end of a sentence: "must be ..."."""


def text(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise Wrong("must be a text in quotes")
    return given


def flag(given: object) -> bool:
    if not isinstance(given, bool):
        raise Wrong("must be true or false")
    return given


def one_of(*choices: str) -> Callable[[object], str]:
    def parse(given: object) -> str:
        if given not in choices:
            raise Wrong("must be one of " + ", ".join(f'"{choice}"' for choice in choices))
        return str(given)

    return parse


def many(parse: Callable[[object], T], *, least: int = 0) -> Callable[[object], tuple[T, ...]]:
    """A list without repetitions, with at least `least` entries."""

    def parse_all(given: object) -> tuple[T, ...]:
        if not isinstance(given, list) or len(given) < least:
            raise Wrong("must be a list in square brackets" + (", with an entry" if least else ""))
        found: list[T] = []
        for number, entry in enumerate(given, 1):
            try:
                found.append(parse(entry))
            except Wrong as wrong:
                raise Wrong(f"(entry {number}) {wrong}") from None
        if len(set(found)) != len(found):
            raise Wrong("must not name anything twice")
        return tuple(found)

    return parse_all


def member_id(given: object) -> MemberId:
    try:
        return MemberId.parse(given, "")
    except Invalid:
        raise Wrong(
            'must be a member id such as "gb-example": a country, a hyphen, then a-z, 0-9, hyphens'
        ) from None


def listen(given: object) -> Listen:
    """`host:port`; the host is an address, in brackets when it is IPv6. Port 0: any that is free."""
    host, colon, port = text(given).rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ip_address("127.0.0.1" if bare == "localhost" else bare)
        number = int(port) if re.fullmatch("[0-9]{1,5}", port) else HIGHEST_PORT + 1
    except ValueError:
        number = HIGHEST_PORT + 1
    if not colon or number > HIGHEST_PORT or (":" in bare) != (bare != host):
        raise Wrong('must be an address and a port, such as "127.0.0.1:8443" or "[::1]:8443"')
    return Listen(str(address), number)


def network(given: object) -> Network:
    try:
        return ip_network(text(given))
    except ValueError:
        raise Wrong('must be a network such as "10.20.0.0/16"; bits after the mask must be zero') from None


def authority(given: object) -> str:
    """`host[:port]` in lower case, as a signature covers it (RFC 9421 section 2.2.3)."""
    match = _AUTHORITY.fullmatch(text(given))
    if match is None or int(match["port"] or 0) > HIGHEST_PORT:
        raise Wrong(
            'must be a host in lower case and perhaps a port, such as "mx.example" or "mx.example:8443"'
        )
    return match[0]


def base_url(given: object) -> str:
    """A base URL; returned without a trailing slash and without the scheme's own port."""
    match = _BASE_URL.fullmatch(text(given))
    if match is None:
        raise Wrong(
            'must be a base URL such as "https://mx.example" (lower-case host; no user, query or fragment)'
        )
    name = without_default_port(match["scheme"], authority(match["authority"]))
    return f"{match['scheme']}://{name}{match['path']}"


def without_default_port(scheme: str, name: str) -> str:
    return name.removesuffix(f":{DEFAULT_PORT[scheme]}")


def scheme_of(url: str) -> str:
    return url.partition(":")[0]


def authority_of(url: str) -> str:
    return url.split("/")[2]


def path_of(url: str) -> str:
    """The path of a base URL; empty when there is none."""
    return "/".join(url.split("/")[3:])


def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses; `host` may carry a port, and brackets when it is IPv6."""
    match = _AUTHORITY.fullmatch(host)
    bare = (match["host"] if match else host).strip("[]")
    try:
        return bare == "localhost" or ip_address(bare).is_loopback
    except ValueError:
        return False
