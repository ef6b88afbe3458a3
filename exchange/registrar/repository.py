"""The signed registry on disk: a TUF repository (specification 1.0) of static files, made by administrators.

Rules: root and targets need a threshold of offline keys over the same bytes; snapshot and timestamp need one
daily key of any administrator. Distinct people are distinct key values. Expiry: see the constants. Consistent
snapshots, every meta with length and SHA-256. Where we die while publishing: the timestamp is written last,
so before it readers see the old registry, and the next run writes the same version afresh. Nothing here
reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from exchange.errors import Invalid
from exchange.registrar.admins import Admin, AdminPublic
from exchange.registrar.files import write_whole

ROOT_DAYS: Final = 400
"""Days a root is valid: one ceremony a year, and a month to be late."""
TARGETS_DAYS: Final = 120
"""Days the list of files is valid: a quorum meets every quarter, if nothing changes."""
DAILY_DAYS: Final = 14
"""Days snapshot and timestamp are valid: one administrator renews weekly and may miss a week."""
RENEW_TARGETS_DAYS: Final = 30
"""Days before the expiry of targets from which an unchanged list is signed anew, if a quorum is there."""

_Role = TypeVar("_Role", Root, Targets, Snapshot, Timestamp)


@dataclass(frozen=True, slots=True)
class Published:
    """Versions after a publish; `targets_changed` says whether a new list was signed."""

    targets_version: int
    timestamp_version: int
    targets_changed: bool


def create(
    directory: Path,
    admins: Sequence[AdminPublic],
    signers: Sequence[Admin],
    *,
    root_threshold: int,
    targets_threshold: int,
    now: int,
) -> bytes:
    """Make the first root and return its bytes: what every node pins.

    Raises `Invalid` (`exists`, `threshold`, `key-twice`, `signers`).
    """
    if (directory / "metadata").exists():
        raise Invalid("exists", "the directory holds a registry already")
    for name, threshold in (("root", root_threshold), ("targets", targets_threshold)):
        if not 1 <= threshold <= len(admins):
            raise Invalid("threshold", f"{name}: not between 1 and the number of administrators")
    _distinct([key for admin in admins for key in (admin.offline, admin.daily)])
    root = Root(version=1, expires=_days(now, ROOT_DAYS), consistent_snapshot=True)
    for admin in admins:
        for role in (Root.type, Targets.type):
            root.add_key(admin.offline, role)
        for role in (Snapshot.type, Timestamp.type):
            root.add_key(admin.daily, role)
    root.roles[Root.type].threshold = root_threshold
    root.roles[Targets.type].threshold = targets_threshold
    metadata = Metadata(root)
    _sign(metadata, root, Root.type, [admin.offline for admin in signers])
    data = metadata.to_bytes()
    write_whole(directory / "metadata" / "1.root.json", data)
    return data


def publish(
    directory: Path, targets: Mapping[str, bytes], signers: Sequence[Admin], *, now: int
) -> Published:
    """Bring the repository to `targets` (content by path), or renew snapshot and timestamp if nothing
    changed.

    Raises `Invalid` (`registry-missing`, `signers`, `registry-damaged`).
    """
    root = current_root(directory)
    before = _Current.load(directory)
    listed, changed = _listed(before.targets.signed, targets, _has_quorum(root, signers), now)
    if changed:
        # Before the timestamp below is there, nobody reads these files.
        for path, info in listed.signed.targets.items():
            folder, _, name = path.rpartition("/")
            write_whole(directory / "targets" / folder / f"{info.hashes['sha256']}.{name}", targets[path])
        _sign(listed, root, Targets.type, [admin.offline for admin in signers])
    data = listed.to_bytes() if changed else before.targets_data
    version = listed.signed.version
    if changed:
        write_whole(directory / "metadata" / f"{version}.targets.json", data)
    daily = [admin.daily for admin in signers[:1]]
    snapshot = Snapshot(
        version=before.snapshot_version + 1,
        expires=_days(now, DAILY_DAYS),
        meta={"targets.json": MetaFile.from_data(version, data, ["sha256"])},
    )
    snapshot_data = _signed(Metadata(snapshot), root, Snapshot.type, daily)
    write_whole(directory / "metadata" / f"{snapshot.version}.snapshot.json", snapshot_data)
    timestamp = Timestamp(
        version=before.timestamp_version + 1,
        expires=_days(now, DAILY_DAYS),
        snapshot_meta=MetaFile.from_data(snapshot.version, snapshot_data, ["sha256"]),
    )
    timestamp_data = _signed(Metadata(timestamp), root, Timestamp.type, daily)
    write_whole(directory / "metadata" / "timestamp.json", timestamp_data)
    return Published(version, timestamp.version, changed)


def current_root(directory: Path) -> Root:
    """The newest root; raises `Invalid` (`registry-missing`)."""
    paths = (directory / "metadata").glob("*.root.json")
    newest = max(paths, key=lambda path: int(path.name.partition(".")[0]), default=None)
    if newest is None:
        raise Invalid("registry-missing", "the directory holds no registry", hint="create it first")
    return _load(newest, Root)[0].signed


@dataclass(frozen=True, slots=True)
class _Current:
    """What readers see now; versions are 0 before the first publish."""

    targets: Metadata[Targets]
    targets_data: bytes
    snapshot_version: int
    timestamp_version: int

    @classmethod
    def load(cls, directory: Path) -> _Current:
        metadata = directory / "metadata"
        if not (metadata / "timestamp.json").exists():
            return cls(Metadata(Targets()), b"", 0, 0)
        timestamp = _load(metadata / "timestamp.json", Timestamp)[0].signed
        snapshot = _load(metadata / f"{timestamp.snapshot_meta.version}.snapshot.json", Snapshot)[0].signed
        number = snapshot.meta["targets.json"].version
        targets, data = _load(metadata / f"{number}.targets.json", Targets)
        return cls(targets, data, snapshot.version, timestamp.version)


def _listed(
    before: Targets, targets: Mapping[str, bytes], quorum: bool, now: int
) -> tuple[Metadata[Targets], bool]:
    """The list to go by, and whether it is a new one that has to be signed."""
    infos = {path: TargetFile.from_data(path, data, ["sha256"]) for path, data in sorted(targets.items())}
    first = not before.targets
    late = before.expires <= _days(now, RENEW_TARGETS_DAYS)
    if not first and infos == before.targets and not (late and quorum):
        return Metadata(before), False
    version = 1 if first else before.version + 1
    return Metadata(Targets(version=version, expires=_days(now, TARGETS_DAYS), targets=infos)), True


def _has_quorum(root: Root, signers: Sequence[Admin]) -> bool:
    role = root.roles[Targets.type]
    offline = {admin.offline.public_key.keyid for admin in signers if admin.offline is not None}
    return len(offline & set(role.keyids)) >= role.threshold


def _signed(
    metadata: Metadata[_Role], root: Root, role: str, signers: Sequence[CryptoSigner | None]
) -> bytes:
    _sign(metadata, root, role, signers)
    return metadata.to_bytes()


def _sign(metadata: Metadata[_Role], root: Root, role: str, signers: Sequence[CryptoSigner | None]) -> None:
    """Signatures of those signers who hold the role, over the same bytes; too few raise `Invalid`."""
    held = root.roles[role].keyids
    for signer in signers:
        if signer is not None and signer.public_key.keyid in held:
            metadata.sign(signer, append=True)
    if len(metadata.signatures) < root.roles[role].threshold:
        raise Invalid(
            "signers",
            f"{role}: {len(metadata.signatures)} of {root.roles[role].threshold} signatures",
            hint="more administrators have to sign, with the keys that the root names",
        )


def _distinct(keys: Sequence[Key]) -> None:
    values = {str(key.keyval["public"]) for key in keys}
    if len(values) != len(keys):
        raise Invalid("key-twice", "one key stands for two administrators or two purposes")


def _load(path: Path, role: type[_Role]) -> tuple[Metadata[_Role], bytes]:
    try:
        data = path.read_bytes()
        metadata: Metadata[_Role] = Metadata.from_bytes(data)
    except (OSError, RepositoryError):
        raise Invalid("registry-damaged", f"{path.name}: not readable as metadata") from None
    if metadata.signed.type != role.type:
        raise Invalid("registry-damaged", f"{path.name}: not metadata of {role.type}")
    return metadata, data


def _days(now: int, days: int) -> datetime:
    return datetime.fromtimestamp(now, UTC) + timedelta(days=days)
