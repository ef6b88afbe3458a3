"""Canaries: values that must not be seen anywhere but where they belong, and a search for all their guises.

A guise is what a careless layer makes of a value: percent-encoding, base64 at any of its three alignments,
hex, JSON or HTML escapes, defanging, wide characters, turned round. Case is folded: layers do that too.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import quote

_SHORTEST: Final = 8
"""Bytes of the shortest guise that is looked for: shorter ones turn up by chance."""


def guises(text: str) -> dict[str, bytes]:
    """What `text` may look like, by name of the guise."""
    raw = text.encode()
    defanged = text.replace("http", "hxxp", 1).replace(".", "[.]")
    found = {
        "raw": raw,
        "reversed": raw[::-1],
        "defanged": defanged.encode(),
        "percent-encoded": quote(text, safe="").encode(),
        "percent-encoded whole": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "hex": raw.hex().encode(),
        "hex with colons": raw.hex(":").encode(),
        "json-escaped": "".join(f"\\u{ord(char):04x}" for char in text).encode(),
        "json slashes": text.replace("/", "\\/").encode(),
        "html-escaped": text.replace("&", "&amp;").replace("/", "&#x2f;").encode(),
        "utf-16": text.encode("utf-16-le"),
        "octets": ", ".join(map(str, raw)).encode(),
    }
    for shift in range(3):
        for name, encode in (("std", base64.b64encode), ("url", base64.urlsafe_b64encode)):
            found[f"base64 {name} +{shift}"] = _inner(encode, raw, shift)
    found["base32"] = base64.b32encode(raw)[: len(raw) * 8 // 5]
    return {name: guise.lower() for name, guise in found.items() if len(guise) >= _SHORTEST}


def _inner(encode: object, raw: bytes, shift: int) -> bytes:
    """What stays the same of the base64 of `raw` behind `shift` bytes (of 3), whatever surrounds it."""
    assert callable(encode)
    whole = encode(b"\0" * shift + raw)
    assert isinstance(whole, bytes)
    first = -(-shift * 8 // 6)
    return whole[first : (shift + len(raw)) * 8 // 6]


@dataclass(frozen=True)
class Canaries:
    """`url` holds `mark` in path, query and fragment, and an address of its own; `case` a mark of its own."""

    mark: str
    case: str
    host: str = "192.0.2.77"

    @property
    def url(self) -> str:
        return f"http://{self.host}/{self.mark}?q={self.mark}#{self.mark}"

    @cached_property
    def needles(self) -> Mapping[str, bytes]:
        """Every guise of every canary, by a name that does not tell it."""
        whole = {"url": self.url, "mark": self.mark, "host": self.host, "case": self.case}
        return {
            f"{what}, {guise}": needle
            for what, text in whole.items()
            for guise, needle in guises(text).items()
        }

    def found_in(self, data: bytes) -> list[str]:
        """The guises that stand in `data`."""
        folded = data.lower()
        return [name for name, needle in self.needles.items() if needle in folded]

    def found_under(self, place: Path) -> dict[str, list[str]]:
        """The guises in the names and the contents of all files of a directory, by file."""
        return {str(path): found for path in files(place) if (found := self._found_in_file(path))}

    def _found_in_file(self, path: Path) -> list[str]:
        return self.found_in(str(path).encode() + b"\n" + path.read_bytes())


def hatch() -> Canaries:
    """Canaries that nobody has seen before. Letters and digits in both cases."""
    return Canaries(f"Cn{secrets.token_hex(12)}Yz", f"Cs{secrets.token_hex(8)}Xy")


def files(place: Path) -> Iterator[Path]:
    """All regular files under `place`."""
    return (path for path in sorted(place.rglob("*")) if path.is_file())
