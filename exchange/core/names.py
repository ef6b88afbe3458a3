"""Names and identifiers: types that parse or refuse.

Rules: a member id is `<country>-<name>`, lower case (`gb-iwf`); a document id is a UUID of version 7
(RFC 9562 section 5.7), lower case with hyphens; a digest is SHA-256 in lower-case hex, 64 characters. Each
type is
a `str`, so that it costs nothing to store or compare. This module knows no registry: a well-formed id may
belong to nobody.
"""

from __future__ import annotations

import hashlib
import re
from typing import Self

from exchange.errors import Invalid

_MEMBER = re.compile(r"[a-z]{2}-[a-z0-9][a-z0-9-]{0,39}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
UUID7_RANDOM_BYTES = 10


class _Name(str):
    __slots__ = ()
    _pattern: re.Pattern[str]
    _code: str
    _wanted: str

    @classmethod
    def parse(cls, text: object, field: str) -> Self:
        """Return `text` as this type, or raise `Invalid` naming `field`."""
        if not isinstance(text, str) or cls._pattern.fullmatch(text) is None:
            raise Invalid(cls._code, f"{field}: {cls._wanted}")
        return cls(text)


class MemberId(_Name):
    """Id of a member organisation, such as `gb-iwf`."""

    __slots__ = ()
    _pattern = _MEMBER
    _code = "member-id"
    _wanted = "not a member id (two letters of a country, a hyphen, then a-z, 0-9 and hyphens)"


class DocumentId(_Name):
    """UUIDv7 of a document or message."""

    __slots__ = ()
    _pattern = _UUID7
    _code = "document-id"
    _wanted = "not a UUID of version 7 in lower case"


class AnyUuid(_Name):
    """UUID of any version, such as a group or a journal log."""

    __slots__ = ()
    _pattern = _UUID
    _code = "uuid"
    _wanted = "not a UUID in lower case"


class Digest(_Name):
    """SHA-256 in lower-case hexadecimal."""

    __slots__ = ()
    _pattern = _DIGEST
    _code = "digest"
    _wanted = "not a SHA-256 digest in lower-case hexadecimal"

    @classmethod
    def of(cls, data: bytes) -> Digest:
        return cls(hashlib.sha256(data).hexdigest())


def uuid7(now: float, random: bytes) -> DocumentId:
    """UUIDv7 (RFC 9562 section 5.7) from `now` in unix seconds and 10 random bytes."""
    if len(random) != UUID7_RANDOM_BYTES:
        raise ValueError("uuid7 wants 10 random bytes")
    value = (int(now * 1000) & ((1 << 48) - 1)) << 80 | int.from_bytes(random, "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return DocumentId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
