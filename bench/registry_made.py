"""A registry as large as the network may become: every country, and 300 members that changed their keys once.

Rules: real keys, real signatures, written with the TUF library and not with the administrators' tools: what
is measured is the reader. Private keys are thrown away.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from exchange.core import countries
from exchange.core.keys import HttpKey, SigningKeys
from exchange.core.names import MemberId
from exchange.core.registry_documents import country_to_json, member_to_json, network_to_json
from exchange.core.registry_view import (
    Basis,
    Destination,
    HttpRecord,
    Member,
    MemberStatus,
    Network,
    SigningRecord,
)

DAY: Final = 86400
CODES: Final = sorted(countries.ALL)
ACCEPTS: Final = ("referral/1", "outcome/1", "withdrawal/1", "receipt/1", "resync/1")
HASHES: Final = ["sha256"]


def make(mirror: Path, members: int) -> tuple[bytes, int]:
    """Write a signed registry of `members` into `mirror`; its first root, and the number of its files."""
    now = int(time.time())
    files = dict(_files(members, now))
    infos = {path: TargetFile.from_data(path, data, HASHES) for path, data in files.items()}
    for path, data in files.items():
        folder, _, name = path.rpartition("/")
        place = mirror / "targets" / folder / f"{infos[path].hashes['sha256']}.{name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return _sign(mirror / "metadata", infos, datetime.now(UTC) + timedelta(days=10)), len(files)


def _files(count: int, now: int) -> Iterator[tuple[str, bytes]]:
    members = [_member(number, now) for number in range(count)]
    yield "network.json", _text(network_to_json(Network("Bench", {}, frozenset(), ("deputy",))))
    for one in members:
        yield f"members/{one.id}.json", _text(member_to_json(one))
    for number, code in enumerate(CODES):
        to = Destination(members[number % count].id, Basis.HOTLINE, 0)
        yield f"countries/{code}.json", _text(country_to_json(code, [to]))


def _member(number: int, now: int) -> Member:
    country = CODES[number % len(CODES)]
    name = f"{country.lower()}-bench{number}"
    period = (now - DAY, now + 700 * DAY, None)
    return Member(
        id=MemberId(name),
        kind="hotline",
        country=country,
        name=f"Hotline number {number}",
        site=f"https://{name}.example",
        status=MemberStatus.ACTIVE,
        mailbox=f"https://mx.{name}.example",
        card=f"https://mx.{name}.example/v1/members/{name}/card",
        min_card=0,
        signing=tuple(SigningRecord(*SigningKeys.generate().entry, *period) for _ in range(2)),
        http=tuple(HttpRecord(HttpKey.generate().jwk, *period) for _ in range(2)),
        accepts=ACCEPTS,
        deputy=None,
        languages=("en",),
        office_hours=None,
    )


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2).encode()


def _sign(metadata: Path, infos: dict[str, TargetFile], expires: datetime) -> bytes:
    metadata.mkdir(parents=True)
    offline = [CryptoSigner.generate_ed25519() for _ in range(5)]
    daily = [CryptoSigner.generate_ed25519() for _ in range(5)]
    root = Root(version=1, expires=expires, consistent_snapshot=True)
    for signers, roles in ((offline, (Root.type, Targets.type)), (daily, (Snapshot.type, Timestamp.type))):
        for signer in signers:
            for role in roles:
                root.add_key(signer.public_key, role)
    root.roles[Root.type].threshold, root.roles[Targets.type].threshold = 3, 2

    def write(name: str, signed: Any, signers: list[CryptoSigner]) -> bytes:
        file: Metadata[Any] = Metadata(signed)
        for signer in signers:
            file.sign(signer, append=True)
        data = file.to_bytes()
        (metadata / name).write_bytes(data)
        return data

    listed = write("1.targets.json", Targets(version=1, expires=expires, targets=infos), offline[:2])
    meta = {"targets.json": MetaFile.from_data(1, listed, HASHES)}
    snapshot = write("1.snapshot.json", Snapshot(version=1, expires=expires, meta=meta), daily[:1])
    lead = Timestamp(version=1, expires=expires, snapshot_meta=MetaFile.from_data(1, snapshot, HASHES))
    write("timestamp.json", lead, daily[:1])
    return write("1.root.json", root, offline[:3])
