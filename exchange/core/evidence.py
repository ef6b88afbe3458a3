"""The evidence file: one document with all that proves who said it, and who received it.

JSON lines: the first is a JWS (typ `hx-evidence+json`) over a statement by the member that made the file;
each further line is one part, `{"name", "data"}`, in its order. Every line ends with a line break.

Rules: what is read serialises back to the same bytes, so that no byte of a file is without meaning. Each part
has the digest that the statement names. Whatever differs is a `Fault` with the name of the part; when the
statement's own signature does not verify, the statement is to blame. Lines are counted before any is read.
Whether its keys may be trusted, and what the parts prove, is decided by others: this module only says that
the file is as it was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType

from exchange.core import base64url, evidence_parts, jws, strict_json
from exchange.core.evidence_statement import Statement, read_statement, to_payload
from exchange.core.keys import SigningKeys
from exchange.core.limits import EVIDENCE_BYTES, EVIDENCE_PARTS
from exchange.core.names import Digest
from exchange.core.registry_documents import member_from_json, read_target
from exchange.core.registry_view import Member
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Refused


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not as it was made."""

    part: str
    says: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that is as it was made. `signed` is its first line, whose signature is to be verified."""

    statement: Statement
    signed: bytes
    parts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Opened:
    """Either the evidence, or what is wrong with the file."""

    evidence: Evidence | None
    faults: tuple[Fault, ...]


def build(statement: Statement, parts: Sequence[tuple[str, bytes]], keys: SigningKeys) -> bytes:
    """The file; `parts` are those of the statement, in its order."""
    signed = jws.sign(to_payload(statement), keys, jws.Typ.EVIDENCE)
    lines = [strict_json.dump({"name": name, "data": base64url.encode(data)}) for name, data in parts]
    return b"".join(line + b"\n" for line in (signed, *lines))


def open_file(schemas: Schemas, data: bytes) -> Opened:
    """What is in a file; raises nothing."""
    if len(data) > EVIDENCE_BYTES:
        return _broken(Fault("file", "it is larger than an evidence file may be"))
    if data.count(b"\n") > EVIDENCE_PARTS + 1:
        return _broken(Fault("file", "it has more lines than an evidence file may have"))
    first, *lines = data.split(b"\n")
    cut = not lines or lines.pop() != b""
    try:
        statement = _statement(schemas, first)
    except (Invalid, Refused) as error:
        return _broken(Fault(evidence_parts.STATEMENT, error.message))
    if cut:
        lines = data.split(b"\n")[1:]
    names = [name for name, _ in statement.parts]
    parts, faults = _parts(statement, lines)
    if cut and not faults:
        faults = [Fault(names[-1], "its line does not end: the file was cut off")]
    if _refuted(schemas, statement, first, lines):
        faults = [Fault(evidence_parts.STATEMENT, "it is not signed by the keys of its maker in the file")]
    if faults:
        return _broken(*faults)
    return Opened(Evidence(statement, first, MappingProxyType(parts)), ())


def signer_of(evidence: Evidence, entries: Member) -> jws.Verified:
    """Payload and entry of the statement's signature; raises `Refused`."""
    return jws.verify(evidence.signed, jws.Typ.EVIDENCE, entries.signing)


def member_of(schemas: Schemas, member_id: str, data: bytes) -> Member:
    """The member of a registry file; raises `Invalid`."""
    return member_from_json(read_target(schemas, evidence_parts.path_of(member_id), data))


def _broken(*faults: Fault) -> Opened:
    return Opened(None, faults)


def _statement(schemas: Schemas, line: bytes) -> Statement:
    unverified = jws.read(line)
    if strict_json.dump(strict_json.parse(line, limit=EVIDENCE_BYTES)) != line:
        raise Invalid("evidence-form", "statement: not written as it has to be")
    return read_statement(schemas, unverified.payload)


def _parts(statement: Statement, lines: Sequence[bytes]) -> tuple[dict[str, bytes], list[Fault]]:
    parts: dict[str, bytes] = {}
    faults: list[Fault] = []
    for number, (name, digest) in enumerate(statement.parts):
        try:
            parts[name] = _part(lines[number] if number < len(lines) else None, name, digest)
        except Invalid as error:
            faults.append(Fault(name, error.message))
    if len(lines) > len(statement.parts):
        faults.append(Fault(f"line {len(statement.parts) + 2}", "the statement names no such part"))
    return parts, faults


def _part(line: bytes | None, name: str, digest: Digest) -> bytes:
    if line is None:
        raise Invalid("evidence-part", "it is missing: the file was cut off")
    value = strict_json.parse_object(line, limit=EVIDENCE_BYTES, what="its line")
    if list(value) != ["name", "data"] or strict_json.dump(value) != line:
        raise Invalid("evidence-part", "its line is not written as it has to be")
    if value["name"] != name:
        raise Invalid("evidence-part", "another name stands in its place")
    data = base64url.decode(value["data"], "its data")
    if Digest.of(data) != digest:
        raise Invalid("evidence-part", "its digest is not the one that the statement names")
    return data


def _refuted(schemas: Schemas, statement: Statement, signed: bytes, lines: Sequence[bytes]) -> bool:
    """Whether every file of the maker's keys can be read here and none of them has signed the statement."""
    for data in _files_of_maker(statement, lines):
        try:
            maker = member_of(schemas, statement.member, data)
        except Invalid:
            return False
        try:
            jws.verify(signed, jws.Typ.EVIDENCE, maker.signing)
        except Refused:
            continue
        return False
    return True


def _files_of_maker(statement: Statement, lines: Sequence[bytes]) -> Iterator[bytes]:
    """The maker's registry files, by the statement's names and by the lines' own, whatever their digests; b""
    for one that cannot be read.
    """
    for part, line in zip_longest(statement.parts, lines):
        value = _leniently(line or b"")
        names = {"" if part is None else part[0], str(value.get("name"))}
        if any(evidence_parts.is_member(one, statement.member) for one in names):
            try:
                yield base64url.decode(value.get("data"), "data")
            except Invalid:
                yield b""


def _leniently(line: bytes) -> JsonObject:
    try:
        return strict_json.parse_object(line, limit=EVIDENCE_BYTES)
    except Invalid:
        return {}
