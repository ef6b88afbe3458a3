"""The message: a signed manifest and the documents that it names, as lines of text.

The first line is the manifest's JWS, each further line one document in the manifest's order. Whoever has to
show one document shows it with the first line: its neighbours stay digests.

Rules: no document holds a line break or is empty. After the last document there is nothing but line breaks
(padding, which envelope.py adds). How many documents go into one message (`fitting`) is decided by the
size of the envelope after padding, with upper bounds for the JWS: known before anything is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exchange.core import base64url, jws, manifest
from exchange.core.envelope import sealed_size
from exchange.core.keys import SigningKeys
from exchange.core.limits import ENVELOPE_BYTES, MESSAGE_DOCUMENTS
from exchange.core.manifest import Manifest
from exchange.core.names import Digest
from exchange.errors import Broken

CLAIMS_BYTES: Final = 700
"""Upper bound of a manifest without its documents: two member ids of 43 characters, ids and digests."""

ENTRY_BYTES: Final = 160
"""Upper bound of one entry: a type of 24 characters, a UUID, a digest, and their names."""

SIGNATURES_BYTES: Final = 5200
"""Upper bound of a JWS without its payload: 3,309 and 64 bytes of signature in base64url, headers, names."""


@dataclass(frozen=True, slots=True)
class Message:
    """`jws` is the signed manifest (what the sender keeps per attempt), `text` the whole, not yet padded."""

    jws: bytes
    text: bytes


def build(content: Manifest, keys: SigningKeys, documents: Sequence[bytes]) -> Message:
    """The signed message of `documents`, which are those of the manifest, in its order.

    Raises `Broken` (`message-documents`) when they are not: our own fault, not a peer's.
    """
    expected = [entry.sha256 for entry in content.documents]
    if [Digest.of(document) for document in documents] != expected:
        raise Broken("message-documents", "documents: not those of the manifest")
    if any(b"\n" in document or not document for document in documents):
        raise Broken("message-documents", "documents: one is empty or holds a line break")
    signed = jws.sign(manifest.to_payload(content), keys, jws.Typ.MANIFEST)
    return Message(signed, b"\n".join((signed, *documents)))


def split(text: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """The first line and the further lines of a message, its trailing padding taken off."""
    first, *lines = text.rstrip(b"\n").split(b"\n", MESSAGE_DOCUMENTS + 1)
    return first, tuple(lines)


def fitting(sizes: Sequence[int]) -> int:
    """How many of the documents of these sizes (bytes), from the first on, fit one envelope after padding."""
    total = 0
    for count, size in enumerate(sizes[:MESSAGE_DOCUMENTS], start=1):
        total += size + 1
        if sealed_size(jws_bound(count) + total) > ENVELOPE_BYTES:
            return count - 1
    return min(len(sizes), MESSAGE_DOCUMENTS)


def jws_bound(count: int) -> int:
    """Upper bound in bytes of the JWS of a manifest of `count` documents."""
    return SIGNATURES_BYTES + base64url.encoded_size(CLAIMS_BYTES + count * ENTRY_BYTES)
