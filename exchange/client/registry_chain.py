"""The signatures of the registry's past: a chain of roots from a pinned one, and lists of files under a root.

Rules: the first root is pinned; each next one has the version after it and the signatures that the one before
*and* it itself ask for (TUF specification 5.3.4); every one passes core/registry_root, because whoever got
past it once may have signed the next. What has expired is not refused: an old registry is evidence, and which
time counts is the caller's to say. Each list names the one before it (`x-hx-previous`) by its signed part, so
that two quorums who do not know of each other cannot both be followed; further signatures make no other list.
Bytes in, verdict out: this module knows no disk, mirror and clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Targets

from exchange.core.jwk import fingerprint
from exchange.core.names import Digest
from exchange.core.registry_root import RootKey, RootRole, check_root
from exchange.errors import Refused

PREVIOUS_FIELD: Final = "x-hx-previous"
"""Field of a list: SHA-256 of the signed part of the list before it, in hex; "" for the first."""
_ROOT: Final = "root.json"
_TARGETS: Final = "targets.json"

_Role = TypeVar("_Role", Root, Targets)


def root_fingerprint(data: bytes) -> str:
    """The fingerprint by which people know a root: of what its administrators sign, the same whoever's
    signatures are in the file. Raises `Refused`.
    """
    return fingerprint(signed_part(read_root(data)))


def verify_roots(roots: Sequence[bytes]) -> Metadata[Root]:
    """The last of `roots`, whose first is trusted as it was pinned.

    Raises `Refused`: `registry-malformed`, `registry-signature`, `registry-rollback` (not the next version),
    and what core/registry_root raises.
    """
    if not roots:
        raise Refused("registry-malformed", f"{_ROOT}: there is none")
    newest = read_root(roots[0])
    _signed_by(newest.signed, newest, _ROOT)
    for data in roots[1:]:
        following = read_root(data)
        if following.signed.version != newest.signed.version + 1:
            told = f"{_ROOT}: version {following.signed.version} where {newest.signed.version + 1} comes next"
            raise Refused("registry-rollback", told)
        _signed_by(newest.signed, following, _ROOT)
        _signed_by(following.signed, following, _ROOT)
        newest = following
    return newest


def read_root(data: bytes) -> Metadata[Root]:
    """A root whose signatures nobody has looked at: its keys are of the kinds that we know, so that none is
    verified in another way. Raises `Refused`.
    """
    metadata = _read(data, Root, _ROOT)
    check(metadata.signed)
    return metadata


def signed_part(metadata: Metadata[Root]) -> bytes:
    """What the signatures of a root are over: the same however the file is written, whoever has signed it.
    Raises `Refused`.
    """
    try:
        return metadata.signed_bytes
    except (RepositoryError, ValueError):
        raise Refused("registry-malformed", f"{_ROOT}: not in the form that is signed") from None


def is_signed_by(root: Root, other: Metadata[Root]) -> bool:
    """Whether a quorum of the administrators of `root` has signed the root `other`, of whatever version."""
    try:
        _signed_by(root, other, _ROOT)
    except Refused:
        return False
    return True


def verify_targets(root: Root, data: bytes) -> Metadata[Targets]:
    """The list of files in `data`, signed as `root` asks; raises `Refused` (`registry-malformed`,
    `registry-signature`).
    """
    metadata = _read(data, Targets, _TARGETS)
    _signed_by(root, metadata, _TARGETS)
    return metadata


def verify_past(roots: Sequence[Root], data: bytes, version: int) -> tuple[Root, Metadata[Targets]]:
    """The newest of the verified `roots` that stands behind the list `version`, and that list; raises
    `Refused` as `verify_targets`.
    """
    for root in reversed(roots):
        try:
            metadata = verify_targets(root, data)
        except Refused as error:
            if error.code != "registry-signature":
                raise
            continue
        if metadata.signed.version == version:
            return root, metadata
    raise Refused("registry-signature", f"{_TARGETS}: version {version} is not signed by any root's quorum")


def identity(targets: bytes) -> Digest:
    """SHA-256 of the signed part of a verified list: the same whoever has signed it."""
    return Digest.of(_read(targets, Targets, _TARGETS).signed_bytes)


def previous(targets: bytes) -> object:
    """What a verified list says of the one before it."""
    return _read(targets, Targets, _TARGETS).signed.unrecognized_fields.get(PREVIOUS_FIELD)


def follows(held: bytes, held_version: int, shown: bytes, shown_version: int) -> bool:
    """Whether the list `shown` may come where `held` is: False for another one of its version, and for a next
    one that was made upon another. What was skipped in between is not looked at.
    """
    if shown == held:
        return True
    if shown_version == held_version:
        return identity(shown) == identity(held)
    return shown_version != held_version + 1 or previous(shown) == identity(held)


def check(root: Root) -> None:
    """core/registry_root's check of a root as TUF reads it; raises `Refused`."""
    check_root(
        {keyid: RootKey(key.keytype, key.scheme, dict(key.keyval)) for keyid, key in root.keys.items()},
        {name: RootRole(tuple(role.keyids), role.threshold) for name, role in root.roles.items()},
    )


def _read(data: bytes, role: type[_Role], name: str) -> Metadata[_Role]:
    try:
        metadata: Metadata[_Role] = Metadata.from_bytes(data)
    except RepositoryError:
        raise Refused("registry-malformed", f"{name}: not metadata of the registry") from None
    if metadata.signed.type != role.type:
        raise Refused("registry-malformed", f"{name}: metadata of another role")
    return metadata


def _signed_by(root: Root, metadata: Metadata[_Role], name: str) -> None:
    try:
        root.verify_delegate(metadata.signed.type, metadata.signed_bytes, metadata.signatures)
    except UnsignedMetadataError:
        told = f"{name}: version {metadata.signed.version} lacks signatures that its root asks for"
        raise Refused("registry-signature", told) from None
    except (RepositoryError, ValueError):
        raise Refused("registry-malformed", f"{name}: not in the form that is signed") from None
