"""The work that cannot be left out, in a plain loop: no HTTP, no tasks, no threads, each step by itself.

Rules: each step once, as the protocol needs it: a submission is read and checked, a referral made and hashed;
its message is signed, sealed, opened, verified; the referral is read and checked again, its URL keyed; a
receipt goes back in the same way; the rows of both sides are written by the product's own SQL (`plain_rows`).
What the nodes do beyond (HTTP, tasks, reading back, the member API) is what the share tells.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.network import RECIPIENT, SENDER, submission
from bench.plain_rows import write_rows
from bench.processes import Meter
from exchange import resources
from exchange.core import envelope, jws, limits, manifest, message, strict_json, urls
from exchange.core.documents import Document, DocumentType
from exchange.core.keys import EncryptionKey, SigningKeys
from exchange.core.manifest import Entry, JournalMark, Manifest, RegistryMark
from exchange.core.names import AnyUuid, Digest, DocumentId, MemberId, uuid7
from exchange.core.referral import referral_problems, submission_rule_problems
from exchange.core.registry_view import SigningRecord
from exchange.core.replies import receipt_problems
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.core.times import format_time
from exchange.errors import Problem

URL_KEY: Final = bytes(32)
RECEIPT_ENTRY: Final = {"kind": "document", "status": "received"}

Check = Callable[[Rules, JsonObject], tuple[Problem, ...]]


@dataclass(slots=True)
class Watch:
    """Seconds by step."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[step] += time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Tools:
    schemas: Schemas
    rules: Rules
    keys: SigningKeys
    record: SigningRecord
    reader: EncryptionKey
    watch: Watch


def plain(place: Path, count: int) -> dict[str, Any]:
    """Microseconds of each step for one of `count` referrals, their sum, and how many a second it allows."""
    keys, now = SigningKeys.generate(), int(time.time())
    record = SigningRecord(*keys.entry, nbf=now - 60, exp=now + 86400, revoked=None)
    schemas, rules = Schemas(resources.schema_documents()), Rules.of(resources.vocabularies())
    meter = Meter()
    tools = Tools(schemas, rules, keys, record, EncryptionKey.generate(), Watch())
    lines = [submission(f"plain-{number}") for number in range(count)]
    referrals = _sent(tools, lines, now)
    url_keys = []
    for start in range(0, count, limits.MESSAGE_DOCUMENTS):
        part = referrals[start : start + limits.MESSAGE_DOCUMENTS]
        url_keys += _taken(tools, _carried(tools, part, SENDER.id, RECIPIENT.id))
        receipt = _receipt(tools, part, now)
        _read(tools, _carried(tools, [receipt], RECIPIENT.id, SENDER.id), "receipt-1", receipt_problems)
    write_rows(place, referrals, url_keys, tools.watch)
    steps = {step: round(seconds / count * 1e6, 1) for step, seconds in tools.watch.seconds.items()}
    total = sum(tools.watch.seconds.values())
    return {
        "referrals": count,
        "steps_us": steps,
        "sum_us": round(total / count * 1e6, 1),
        "per_second": round(count / total),
        "others_share": meter.read()[1],
    }


def _sent(tools: Tools, lines: Sequence[bytes], now: int) -> list[Document]:
    """Submissions read, checked and made into referrals."""
    watch = tools.watch
    with watch("strict JSON"):
        bodies = [strict_json.parse_object(line, limit=limits.DOCUMENT_BYTES) for line in lines]
    with watch("schema"):
        accepted = [tools.schemas.accepts("submission-1", body) for body in bodies]
    with watch("rules"):
        problems = [submission_rule_problems(tools.rules, body, now) for body in bodies]
    if not all(accepted) or any(problems):
        raise RuntimeError("a submission of the bench is not valid")
    made = [_body(DocumentType.REFERRAL, SENDER.id, RECIPIENT.id, now, **body) for body in bodies]
    for body in made:
        body |= {"routing": {"basis": "hotline"}, "group": {"id": body["id"], "role": "single"}}
    return _documents(tools, made)


def _body(kind: DocumentType, sender: MemberId, recipient: MemberId, now: int, **rest: Any) -> dict[str, Any]:
    head = {"type": kind.value, "id": _id(), "sender": sender, "recipient": recipient}
    return {**head, "created_at": format_time(now), **rest}


def _documents(tools: Tools, bodies: Sequence[dict[str, Any]]) -> list[Document]:
    with tools.watch("strict JSON"):
        written = [strict_json.dump(body) for body in bodies]
    with tools.watch("hash"):
        digests = [Digest.of(data) for data in written]
    return [
        Document(DocumentType(b["type"]), b["id"], b["sender"], b["recipient"], b, data, digest)
        for b, data, digest in zip(bodies, written, digests, strict=True)
    ]


def _carried(
    tools: Tools, documents: Sequence[Document], sender: MemberId, recipient: MemberId
) -> tuple[bytes, ...]:
    """One message, signed, sealed, opened and verified; its lines."""
    watch, now, jti = tools.watch, int(time.time()), _id()
    said = Manifest(
        jti=jti,
        iss=sender,
        aud=recipient,
        aud_kid=tools.reader.kid,
        iat=now,
        exp=now + limits.MESSAGE_LIFE_SECONDS,
        documents=tuple(Entry(document.type.value, document.id, document.digest) for document in documents),
        registry=RegistryMark(1, Digest.of(b"")),
        journal=JournalMark(AnyUuid(_id()), 1, Digest.of(b"")),
    )
    with watch("sign"):
        signed = jws.sign(manifest.to_payload(said), tools.keys, jws.Typ.MANIFEST)
    with watch("seal"):
        sealed = envelope.seal(b"\n".join((signed, *(d.data for d in documents))), tools.reader.jwk, jti)
    with watch("open"):
        opened = envelope.open_envelope(sealed, lambda _: tools.reader.seed)
        first, lines = message.split(opened.message)
    with watch("verify"):
        verified = jws.verify(first, jws.Typ.MANIFEST, [tools.record])
        entries = manifest.parse(verified.payload, limit=limits.ENVELOPE_BYTES).documents
    with watch("hash"):
        digests = [Digest.of(line) for line in lines]
    if [entry.sha256 for entry in entries] != digests:
        raise RuntimeError("a message of the bench did not arrive as it was sent")
    return lines


def _taken(tools: Tools, lines: Sequence[bytes]) -> list[bytes]:
    """Referrals read and checked at the recipient; the keys of their URLs."""
    bodies: Any = _read(tools, lines, "referral-1", referral_problems)
    with tools.watch("URL key"):
        found = [urls.parse_url(body["resource"]["url"], "resource.url") for body in bodies]
        return [urls.sameness(URL_KEY, url) for url in found]


def _read(tools: Tools, lines: Sequence[bytes], schema: str, check: Check) -> list[JsonObject]:
    watch = tools.watch
    with watch("strict JSON"):
        bodies = [strict_json.parse_object(line, limit=limits.DOCUMENT_BYTES) for line in lines]
    with watch("schema"):
        accepted = [tools.schemas.accepts(schema, body) for body in bodies]
    with watch("rules"):
        problems = [check(tools.rules, body) for body in bodies]
    if not all(accepted) or any(problems):
        raise RuntimeError(f"a {schema} of the bench is not valid")
    return bodies


def _receipt(tools: Tools, documents: Sequence[Document], now: int) -> Document:
    entries = [{**RECEIPT_ENTRY, "id": d.id, "sha256": d.digest} for d in documents]
    body = _body(
        DocumentType.RECEIPT, RECIPIENT.id, SENDER.id, now, received_at=format_time(now), entries=entries
    )
    return _documents(tools, [body])[0]


def _id() -> DocumentId:
    return uuid7(time.time(), os.urandom(10))
