"""What a receipt that was taken here says of the message that it answers.

Rules: a receipt is read that passed its schema when it came; one of an older form names no message. Which of
our messages it shows is looked for by others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exchange.core import limits, strict_json
from exchange.core.names import Digest, DocumentId
from exchange.core.times import parse_time


@dataclass(frozen=True, slots=True)
class Message:
    """A message of ours, by its id and by the SHA-256 of its first line."""

    jti: DocumentId
    sha256: Digest


def receipted_message(data: bytes) -> Message | None:
    """The message that a receipt names."""
    told = _read(data).get("message")
    return None if told is None else Message(DocumentId(told["id"]), Digest(told["sha256"]))


def receipted_at(data: bytes) -> int:
    """The latest time (unix seconds) of a message that a receipt can be about, by its giver's clock."""
    return parse_time(_read(data)["received_at"], "received_at") + limits.CLOCK_SKEW_SECONDS


def _read(data: bytes) -> dict[str, Any]:
    return strict_json.parse_object(bytes(data), limit=limits.DOCUMENT_BYTES, what="receipt")
