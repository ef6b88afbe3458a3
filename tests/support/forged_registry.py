"""A registry whose every version, date and signature the test chooses: for what honest tools refuse to make.

`Forge(mirror)` has people with an offline and a daily key each; `root`, `publish` and the single roles write
TUF files into `mirror`. Nothing here uses the administrators' tools.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from support.keys import NOW
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from exchange.client.registry_chain import PREVIOUS_FIELD, identity

Change = Callable[[Any], None]
"""Changes one role before it is signed."""


def unchanged(_: Any) -> None:
    pass


class Forge:
    """Three people at the start, and as many more as a test names; root and targets need two."""

    def __init__(self, mirror: Path, *, now: int = NOW, root: bool = True, threshold: int = 2) -> None:
        self.mirror = mirror
        self.metadata = mirror / "metadata"
        self.metadata.mkdir(parents=True)
        self.now = now
        self.threshold = threshold
        self.people = [(CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()) for _ in range(6)]
        self.pinned = self.root(1) if root else b""

    def offline(self, *who: int) -> list[CryptoSigner]:
        return [self.people[one][0] for one in who]

    def daily(self, *who: int) -> list[CryptoSigner]:
        return [self.people[one][1] for one in who]

    def root(
        self,
        version: int,
        people: Sequence[int] = (0, 1, 2),
        by: Sequence[int] = (0, 1),
        *,
        daily: Sequence[int] | None = None,
        days: int = 400,
        change: Change = unchanged,
    ) -> bytes:
        """Root `version` that names `people`, signed by `by`."""
        root = Root(version=version, expires=self._in(days), consistent_snapshot=True)
        for signers, roles in (
            (self.offline(*people), (Root.type, Targets.type)),
            (self.daily(*(people if daily is None else daily)), (Snapshot.type, Timestamp.type)),
        ):
            for signer in signers:
                for role in roles:
                    root.add_key(signer.public_key, role)
        root.roles[Root.type].threshold = root.roles[Targets.type].threshold = self.threshold
        change(root)
        return self.write(f"{version}.root.json", root, self.offline(*by))

    def publish(
        self,
        files: Mapping[str, bytes],
        version: int = 1,
        *,
        by: Sequence[int] = (0, 1),
        daily: int = 0,
        snapshot: int | None = None,
        timestamp: int | None = None,
        days: int = 14,
        hashed: bool = True,
        change: Change = unchanged,
    ) -> None:
        """A list of `files` and all that leads to it; snapshot and timestamp have its version if not said."""
        for path, data in files.items():
            info = TargetFile.from_data(path, data, ["sha256"])
            folder, _, name = path.rpartition("/")
            place = self.mirror / "targets" / folder.lstrip("/") / f"{info.hashes['sha256']}.{name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        self.targets(files, version, by=by, change=change)
        self.lead(version, snapshot=snapshot, timestamp=timestamp, daily=daily, days=days, hashed=hashed)

    def targets(
        self,
        files: Mapping[str, bytes],
        version: int,
        *,
        by: Sequence[int] = (0, 1),
        change: Change = unchanged,
    ) -> bytes:
        infos = {path: TargetFile.from_data(path, data, ["sha256"]) for path, data in files.items()}
        before = self.metadata / f"{version - 1}.targets.json"
        field = {PREVIOUS_FIELD: identity(before.read_bytes()) if before.exists() else ""}
        listed = Targets(version=version, expires=self._in(120), targets=infos, unrecognized_fields=field)
        change(listed)
        return self.write(f"{version}.targets.json", listed, self.offline(*by))

    def lead(
        self,
        version: int,
        *,
        snapshot: int | None = None,
        timestamp: int | None = None,
        daily: int = 0,
        days: int = 14,
        hashed: bool = True,
    ) -> None:
        """Snapshot and timestamp for the list of `version`: all that a daily key can make."""
        hashes = ["sha256"] if hashed else []
        number = snapshot or version
        data = (self.metadata / f"{version}.targets.json").read_bytes()
        meta = MetaFile.from_data(version, data, hashes) if hashed else MetaFile(version)
        signed = Snapshot(version=number, expires=self._in(days), meta={"targets.json": meta})
        data = self.write(f"{number}.snapshot.json", signed, self.daily(daily))
        self.timestamp(timestamp or number, number, data if hashed else None, daily=daily, days=days)

    def timestamp(
        self,
        version: int,
        snapshot: int,
        data: bytes | None = None,
        *,
        daily: int = 0,
        days: int = 14,
        change: Change = unchanged,
    ) -> bytes:
        meta = MetaFile(snapshot) if data is None else MetaFile.from_data(snapshot, data, ["sha256"])
        signed = Timestamp(version=version, expires=self._in(days), snapshot_meta=meta)
        change(signed)
        return self.write("timestamp.json", signed, self.daily(daily))

    def write(self, name: str, signed: Any, signers: Sequence[CryptoSigner]) -> bytes:
        metadata: Metadata[Any] = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        data = metadata.to_bytes()
        (self.metadata / name).write_bytes(data)
        return data

    def edit(self, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change one file as JSON, without signing it again."""
        value = json.loads((self.metadata / name).read_bytes())
        change(value)
        (self.metadata / name).write_text(json.dumps(value))

    def _in(self, days: int) -> datetime:
        return datetime.fromtimestamp(self.now, UTC) + timedelta(days=days)
