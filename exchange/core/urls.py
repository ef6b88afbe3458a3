"""What a reported URL means to a browser, decided without fetching or resolving anything.

Rules:

* the WHATWG parser (ada-url) alone says which host a URL has: `urllib.parse` and `yarl` see another one
  than browsers do in `http://example.com\\@evil.example/`, and leave 2130706433, 0x7f000001 and 127.1 as
  names;
* http, https and ftp only, at most `URL_CHARS` characters, no credentials, no control characters;
* an onion host has the 56 characters of version 3;
* two URLs are the same when their normal forms are, with scheme, default port and fragment folded out; what
  is stored is an HMAC of that, because a URL can itself name a person.

`defang` is for every place where a person sees a reported URL: no program takes its result for a link.
`refang` undoes what analysts, feeds and mail programs do to URLs before pasting, and decides nothing: its
result goes through `parse_url`. It undoes dots where a host can stand; only `[.]`, which no URL holds,
everywhere.

Messages never quote a URL. This module never speaks of countries and never makes a link.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address
from typing import Final

from ada_url import HostType
from ada_url import parse_url as whatwg_parse

from exchange.core.addresses import unwrap
from exchange.core.limits import URL_CHARS
from exchange.errors import Invalid


class UrlKind(StrEnum):
    CLEAR_NET = "clear_net"
    ONION = "onion"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    OTHER = "other"
    """A name that the public DNS does not answer for: one label, or a top level kept for private use."""


@dataclass(frozen=True, slots=True)
class Url:
    """`given` as it came, `normal` as WHATWG serialises it, `host` without brackets and closing dot."""

    given: str
    normal: str
    host: str
    kind: UrlKind


_SCHEMES: Final = ("http://", "https://", "ftp://")
_HOST_CHARS: Final = 253
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HOST_FORM = re.compile(r"[^.]{1,63}(?:\.[^.]{1,63})*")
_ONION_V3 = re.compile(r"(?:[^.]+\.)*[a-z2-7]{56}\.onion")
_NOT_IN_DNS: Final = frozenset({"local", "localhost", "internal", "lan", "home", "arpa", "i2p", "onion"})
_ATTRIBUTES: Final = ("href", "hostname", "host_type")
_IP_KINDS: Final = {HostType.IPV4: UrlKind.IPV4, HostType.IPV6: UrlKind.IPV6}

_WRITTEN_SCHEME = re.compile(r"(?i)^(h(?:tt|xx)ps?|f(?:t|x)p)\s*(?:\[:\]//|\[://\]|:\[//\]|:\\?/\\?/|://)")
_PLAIN: Final = {"hxxp": "http", "hxxps": "https", "fxp": "ftp"}
_SAFE: Final = {"http": "hxxp", "https": "hxxps", "ftp": "fxp"}
_DOT = re.compile(r"(?i)\s?[\[({](?:\.|dot)[\])}]\s?")
_END_OF_HOST = re.compile(r"[/?#\\]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_PAIRS: Final = {
    "'": "'",
    '"': '"',
    "<": ">",
    "(": ")",
    "[": "]",
    "{": "}",
    "«": "»",
    "“": "”",
    "‘": "’",
    "`": "`",
}


def parse_url(text: object, field: str) -> Url:
    """The URL `text`; raises `Invalid` naming `field`.

    Codes: `url-length`, `url-malformed`, `url-scheme`, `url-credentials`.
    """
    if not isinstance(text, str):
        raise Invalid("url-malformed", f"{field}: not a URL")
    if len(text) > URL_CHARS:
        raise Invalid("url-length", f"{field}: longer than {URL_CHARS} characters")
    if _CONTROL.search(text) or text != text.strip():
        raise Invalid("url-malformed", f"{field}: a control character, or a blank at an end")
    try:
        found = whatwg_parse(text, _ATTRIBUTES)
    except ValueError:
        raise Invalid(
            "url-malformed", f"{field}: not a URL that a browser would open", hint="give it with its http://"
        ) from None
    normal = found["href"]
    if not normal.startswith(_SCHEMES):
        raise Invalid("url-scheme", f"{field}: not http, https or ftp")
    if "@" in _authority(normal):
        raise Invalid("url-credentials", f"{field}: holds a user name or a password")
    host = found["hostname"].strip("[]").removesuffix(".")
    return Url(text, normal, host, _kind(host, found["host_type"], field))


def address_of(url: Url) -> str | None:
    """The IP literal that is the host, plain and unwrapped (mapped, NAT64, 6to4, Teredo), or None."""
    if url.kind is UrlKind.IPV4:
        return url.host
    return str(unwrap(IPv6Address(url.host))) if url.kind is UrlKind.IPV6 else None


def sameness(key: bytes, url: Url) -> bytes:
    """HMAC-SHA256 (32 bytes) under `key` of the normal form without scheme, default port and fragment."""
    _, _, rest = url.normal.partition("://")
    return hmac.digest(key, rest.partition("#")[0].encode(), hashlib.sha256)


def defang(text: str) -> str:
    """`text` so that no program takes it for a link; a URL is shown in its normal form."""
    try:
        text = parse_url(text, "url").normal
    except Invalid:
        return text.replace("://", "[://]").replace(".", "[.]")
    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return f"{_SAFE[scheme]}://{host.replace('.', '[.]')}{slash}{path}"


def refang(text: str) -> str:
    """`text` with hxxp, `[.]`, `(.)`, `[dot]`, zero-width characters, quotes and brackets around it
    undone."""
    text = _bare(_INVISIBLE.sub("", text))
    found = _WRITTEN_SCHEME.match(text)
    scheme, rest = "", text
    if found is not None:
        name = found[1].lower()
        scheme, rest = f"{_PLAIN.get(name, name)}://", text[found.end() :]
    end = _END_OF_HOST.search(rest)
    cut = end.start() if end else len(rest)
    return scheme + _DOT.sub(".", rest[:cut]) + rest[cut:].replace("[.]", ".")


def _authority(normal: str) -> str:
    """Of a serialised special URL: what stands between `//` and the next slash, which is always there."""
    return normal.partition("://")[2].partition("/")[0]


def _kind(host: str, host_type: HostType, field: str) -> UrlKind:
    if host_type != HostType.DEFAULT:
        return _IP_KINDS[host_type]
    if len(host) > _HOST_CHARS or _HOST_FORM.fullmatch(host) is None:
        raise Invalid("url-malformed", f"{field}: the host is not a name that can exist")
    _, dot, top = host.rpartition(".")
    if top == "onion" and dot:
        if _ONION_V3.fullmatch(host) is None:
            raise Invalid("url-malformed", f"{field}: not an onion address of version 3")
        return UrlKind.ONION
    return UrlKind.CLEAR_NET if dot and top not in _NOT_IN_DNS else UrlKind.OTHER


def _bare(text: str) -> str:
    while True:
        text = text.strip()
        if len(text) < 2 or _PAIRS.get(text[0]) != text[-1]:
            return text
        text = text[1:-1]
