"""The statement of an evidence file: what the member that made it says of it, under its signature.

Rules: exactly the form of the schema `evidence-1`, serialised back to the same bytes; every part named once,
by a name that is known (evidence_parts). What is said of times is the maker's word; what can be proved with
it is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from exchange.core import evidence_parts, strict_json
from exchange.core.limits import ENVELOPE_BYTES
from exchange.core.names import AnyUuid, Digest, DocumentId, MemberId
from exchange.core.schema import Schemas
from exchange.errors import Invalid

VERSION: Final = 1


class Journalled(StrEnum):
    """How far the document's journal entry got."""

    ANCHORED = "anchored"
    """A peer has a head above it, and has signed for the message that told it."""
    CARRIED = "carried"
    """A message told a peer a head above it; there is no receipt for that message."""
    UNANCHORED = "unanchored"
    """No message of the maker's has told a head above it yet."""
    ERASED = "erased"
    """The entry's text was erased."""
    ABSENT = "absent"
    """No entry was found, or it has no number yet."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The document that the file is about."""

    sender: MemberId
    recipient: MemberId
    id: DocumentId
    type: str
    sha256: Digest


@dataclass(frozen=True, slots=True)
class Position:
    """Where an entry stands: its log, its number, and the link before it."""

    log: AnyUuid
    n: int
    before: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """When, by the maker's clock (unix seconds); None where there is nothing to tell."""

    sent_at: int | None = None
    received_at: int | None = None
    receipted_at: int | None = None
    anchored_at: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """`parts` are the names and digests of the further lines, in their order."""

    member: MemberId
    made_at: int
    subject: Subject
    parts: tuple[tuple[str, Digest], ...]
    seen: Seen = field(default_factory=Seen)
    journalled: Journalled = Journalled.ABSENT
    position: Position | None = None


def to_payload(statement: Statement) -> bytes:
    """The bytes to be signed."""
    subject, seen, position = statement.subject, statement.seen, statement.position
    times = {name: getattr(seen, name) for name in Seen.__slots__}
    journal: dict[str, str | int] = {"state": statement.journalled.value}
    if position is not None:
        journal |= {"log": position.log, "n": position.n, "before": position.before.hex()}
    return strict_json.dump(
        {
            "v": VERSION,
            "member": statement.member,
            "made_at": statement.made_at,
            "subject": {
                "sender": subject.sender,
                "recipient": subject.recipient,
                "id": subject.id,
                "type": subject.type,
                "sha256": subject.sha256,
            },
            "parts": [{"name": name, "sha256": digest} for name, digest in statement.parts],
            "seen": {name: moment for name, moment in times.items() if moment is not None},
            "journal": journal,
        }
    )


def read_statement(schemas: Schemas, payload: bytes) -> Statement:
    """The statement of payload bytes; raises `Invalid` (`json-...`, `evidence-statement`)."""
    value: Any = strict_json.parse_object(payload, limit=ENVELOPE_BYTES, what="statement")
    if not schemas.accepts("evidence-1", value):
        raise Invalid("evidence-statement", "statement: not of its form")
    subject, journal = value["subject"], value["journal"]
    parts = tuple((part["name"], Digest(part["sha256"])) for part in value["parts"])
    names = {name for name, _ in parts}
    if len(names) != len(parts) or not all(map(evidence_parts.is_known, names)):
        raise Invalid("evidence-statement", "statement.parts: a name that is not known, or one twice")
    statement = Statement(
        member=MemberId(value["member"]),
        made_at=value["made_at"],
        subject=Subject(
            MemberId(subject["sender"]),
            MemberId(subject["recipient"]),
            DocumentId(subject["id"]),
            subject["type"],
            Digest(subject["sha256"]),
        ),
        parts=parts,
        seen=Seen(**value["seen"]),
        journalled=Journalled(journal["state"]),
        position=_position(journal),
    )
    if to_payload(statement) != payload:
        raise Invalid("evidence-statement", "statement: not written as it has to be")
    return statement


def _position(journal: Mapping[str, Any]) -> Position | None:
    if not {"log", "n", "before"} <= journal.keys():
        return None
    return Position(AnyUuid(journal["log"]), journal["n"], bytes.fromhex(journal["before"]))
