"""base64url without padding (RFC 7515 section 2), strict: the one home of this encoding.

Rules: decoded, encoded again and compared. Whatever a lenient decoder would pass over (padding, line
breaks, the other alphabet, set trailing bits) is refused by that comparison, so that one value has one text.
This module does not know what the bytes mean.
"""

from __future__ import annotations

import base64

from exchange.errors import Invalid


def encode(data: bytes) -> str:
    """The text of `data`."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: object, field: str) -> bytes:
    """The bytes of `text` (str, or ASCII bytes); raises `Invalid` (`base64url`) naming `field`."""
    if isinstance(text, str) and text.isascii():
        raw = text.encode("ascii")
    elif isinstance(text, bytes):
        raw = text
    else:
        raw = b"="
    try:
        data = base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    except ValueError:
        data = b""
    if base64.urlsafe_b64encode(data).rstrip(b"=") != raw:
        raise Invalid("base64url", f"{field}: not strict base64url without padding")
    return data


def encoded_size(length: int) -> int:
    """Characters of the text of `length` bytes."""
    return (length * 4 + 2) // 3
