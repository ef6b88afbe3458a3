"""Documents: bytes made once, read by everybody in the same way.

Rules, in this order, and each document by itself:

1. at most `DOCUMENT_BYTES`, one line, strict JSON, an object; 2. of a type that we know; 3. the type's
schema and its rules, all problems at once; then the head's own: nobody writes to themselves.

`make` reads back what it has made, so that a node cannot send what it would refuse. The digest is over the
bytes as they are; nothing is ever written again from the parsed body. This module knows neither signatures
nor who may say what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from exchange.core import strict_json
from exchange.core.limits import DOCUMENT_BYTES
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.outcome import outcome_problems, outcome_request_rule_problems
from exchange.core.referral import referral_problems, submission_rule_problems
from exchange.core.replies import receipt_problems, resync_problems, trial_problems, withdrawal_problems
from exchange.core.rules import Rules
from exchange.core.schema import Schemas, problem
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.errors import Invalid, Problem


class DocumentType(StrEnum):
    REFERRAL = "referral/1"
    OUTCOME = "outcome/1"
    WITHDRAWAL = "withdrawal/1"
    RECEIPT = "receipt/1"
    RESYNC = "resync/1"
    TEST = "test/1"


@dataclass(frozen=True, slots=True)
class Document:
    """`body` is the parsed `data`, to be read and not changed; `digest` is SHA-256 of `data`."""

    type: DocumentType
    id: DocumentId
    sender: MemberId
    recipient: MemberId
    body: JsonObject
    data: bytes
    digest: Digest


_Check = Callable[[Rules, JsonObject], tuple[Problem, ...]]
_READING: Final[Mapping[str, tuple[DocumentType, str, _Check]]] = MappingProxyType(
    {
        str(kind): (kind, kind.replace("/", "-"), check)
        for kind, check in {
            DocumentType.REFERRAL: referral_problems,
            DocumentType.OUTCOME: outcome_problems,
            DocumentType.WITHDRAWAL: withdrawal_problems,
            DocumentType.RECEIPT: receipt_problems,
            DocumentType.RESYNC: resync_problems,
            DocumentType.TEST: trial_problems,
        }.items()
    }
)
"""Type -> itself, its schema, its rules."""


def make(schemas: Schemas, rules: Rules, body: JsonObject) -> Document:
    """The document that says `body`; raises `Invalid` as `read` does."""
    return read(schemas, rules, strict_json.dump(body))


def read(schemas: Schemas, rules: Rules, data: bytes, *, explain: bool = True) -> Document:
    """The document in `data`.

    Raises `Invalid`: `json-...`, `document-lines`, `document-type`, or `document-invalid`, with all
    `problems` if it shall `explain`: that takes a thousand times as long as to refuse.
    """
    body = strict_json.parse_object(data, limit=DOCUMENT_BYTES)
    if b"\n" in data or b"\r" in data:
        raise Invalid("document-lines", "document: not one line")
    given = body.get("type")
    reading = _READING.get(given) if isinstance(given, str) else None
    if reading is None:
        raise Invalid("document-type", "document.type: not a type of document that is known here")
    kind, schema, check = reading
    accepted = schemas.accepts(schema, body)
    if not accepted and not explain:
        raise Invalid("document-invalid", f"document: not of the form of this {kind}")
    refused = () if accepted else schemas.problems(schema, body)
    found = _merged(refused, (*_head_problems(body), *check(rules, body)))
    if found:
        raise Invalid("document-invalid", f"document: {len(found)} problems with this {kind}", problems=found)
    return Document(
        kind,
        DocumentId(body["id"]),
        MemberId(body["sender"]),
        MemberId(body["recipient"]),
        body,
        data,
        Digest.of(data),
    )


def submission_problems(
    schemas: Schemas, rules: Rules, value: JsonValue, *, now: int | None = None
) -> tuple[Problem, ...]:
    """Everything that is wrong with a submission; with `now` (unix seconds) also times in the future."""
    return _problems(schemas, "submission-1", value, lambda body: submission_rule_problems(rules, body, now))


def outcome_request_problems(
    schemas: Schemas, rules: Rules, value: JsonValue, *, now: int | None = None
) -> tuple[Problem, ...]:
    """Everything that is wrong with an outcome request; with `now` also times in the future."""
    return _problems(
        schemas, "outcome-request-1", value, lambda body: outcome_request_rule_problems(rules, body, now)
    )


def withdrawal_request_problems(schemas: Schemas, value: JsonValue) -> tuple[Problem, ...]:
    """Everything that is wrong with a withdrawal request."""
    return schemas.problems("withdrawal-request-1", value)


def _problems(
    schemas: Schemas, schema: str, value: JsonValue, check: Callable[[JsonObject], tuple[Problem, ...]]
) -> tuple[Problem, ...]:
    refused = schemas.problems(schema, value)
    return _merged(refused, check(value) if isinstance(value, dict) else ())


def _head_problems(body: JsonObject) -> tuple[Problem, ...]:
    if "sender" in body and body["sender"] == body.get("recipient"):
        return (problem("/recipient", "self-addressed", "is the sender"),)
    return ()


def _merged(refused: tuple[Problem, ...], broken: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Problems of form first; those of rules unless the form of the same field was refused already."""
    pointers = {found.pointer for found in refused}
    return refused + tuple(found for found in broken if found.pointer not in pointers)
