"""A draft: what administrators sign, as one file that goes from one to the next until a quorum has signed.

Strict JSON {v, kind, metadata, files, registrations}: `metadata` is TUF metadata (root or targets) with the
signatures so far, `files` are the changed files by target path, `registrations` what members themselves
signed, by member. A root draft may have `targets` too: the list of files, to be signed again together with a
root under which its present signatures are too few.

Rules: one form only. The metadata is byte for byte what this module writes, no field is unknown at any depth,
signing changes nothing but the list of signatures. Copies that were signed in parallel are merged if they are
the same but for that. The `fingerprint` covers every signed byte: it is compared by voice. Whether a draft is
good is draft_check's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from securesystemslib.exceptions import Error
from securesystemslib.signer import Key, Signature, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from exchange.client.registry_chain import PREVIOUS_FIELD
from exchange.core import base64url, jwk, limits, strict_json
from exchange.errors import ExchangeError, Invalid, Refused

VERSION: Final = 1
NAME_FIELD: Final = "x-hx-name"
"""Field of a key in the root: the administrator's name."""
PART_FIELD: Final = "x-hx-part"
"""Field of a key in the root: offline or daily."""
_KEY_ID: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(r"(?:[0-9a-f]{2}){1,256}")
_FIELDS: Final = frozenset(("v", "kind", "metadata", "files", "registrations"))

_Role = TypeVar("_Role", Root, Targets)


class Kind(StrEnum):
    ROOT = "root"
    TARGETS = "targets"


@dataclass(frozen=True, slots=True)
class Draft:
    """`root` is None in a draft of targets; in a draft of a root, `targets` may be None."""

    root: Metadata[Root] | None = None
    targets: Metadata[Targets] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    registrations: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return Kind.TARGETS if self.root is None else Kind.ROOT

    @property
    def parts(self) -> tuple[Metadata[Any], ...]:
        """All that is to be signed; the first gives the draft its kind and version."""
        return tuple(part for part in (self.root, self.targets) if part is not None)

    @property
    def version(self) -> int:
        return int(self.parts[0].signed.version)

    @property
    def signed_bytes(self) -> bytes:
        """What every administrator signs, in its canonical form."""
        return b"".join(part.signed_bytes for part in self.parts)

    @property
    def fingerprint(self) -> str:
        return jwk.fingerprint(self.signed_bytes)

    @property
    def keyids(self) -> frozenset[str]:
        """The keys whose signatures are there, whether they count or not."""
        return frozenset(keyid for part in self.parts for keyid in part.signatures)

    def signed_by(self, keyid: str) -> bool:
        """Whether this key has signed all that is to be signed."""
        return all(keyid in part.signatures for part in self.parts)

    def to_bytes(self) -> bytes:
        """The file."""
        texts = [base64url.encode(part.to_bytes()) for part in self.parts]
        value: dict[str, object] = {
            "v": VERSION,
            "kind": self.kind.value,
            "metadata": texts[0],
            "files": {path: base64url.encode(data) for path, data in sorted(self.files.items())},
            "registrations": {name: data.decode() for name, data in sorted(self.registrations.items())},
        }
        return strict_json.dump(value | ({"targets": texts[1]} if len(texts) > 1 else {})) + b"\n"


def read(data: bytes) -> Draft:
    """The draft in `data`; raises `Refused` (`draft-form`)."""
    try:
        value = strict_json.parse_object(data, limit=limits.DRAFT_BYTES, what="draft")
        root = value.get("kind") == Kind.ROOT
        missing, unknown = _FIELDS - value.keys(), value.keys() - _FIELDS - ({"targets"} if root else set())
        if missing or unknown:
            raise Invalid("draft", "draft: a field is missing or unknown")
        if value["v"] is True or value["v"] != VERSION or value["kind"] not in tuple(Kind):
            raise Invalid("draft", "draft: not a root or targets draft of version 1")
        files = {
            path: base64url.decode(text, "draft.files") for path, text in _texts(value["files"], "files")
        }
        registrations = {
            name: text.encode() for name, text in _texts(value["registrations"], "registrations")
        }
        if not root:
            return Draft(None, _metadata(value["metadata"], Targets, "metadata"), files, registrations)
        if files or registrations:
            raise Invalid("draft", "draft: a root draft carries no files")
        again = _metadata(value["targets"], Targets, "targets") if "targets" in value else None
        return Draft(_metadata(value["metadata"], Root, "metadata"), again)
    except ExchangeError as error:
        raise Refused("draft-form", error.message, hint="have the file sent again, or draft again") from None


def sign(draft: Draft, signer: Signer) -> Draft:
    """`draft` with the signature of `signer`, unchanged if it has signed already."""
    root, targets = draft.root, draft.targets
    return replace(draft, root=root and _signed(root, signer), targets=targets and _signed(targets, signer))


def alike(one: Draft, other: Draft) -> bool:
    """Whether two drafts change the same, whenever each was made and whoever has signed it."""
    return _said(one) == _said(other)


def merge(drafts: Sequence[Draft]) -> Draft:
    """One draft with the signatures of all copies; raises `Refused` (`draft-differs`) naming what differs."""
    first = drafts[0]
    for other in drafts[1:]:
        for name, same in (
            ("kind", first.kind is other.kind),
            ("version", first.version == other.version),
            ("files", first.files == other.files),
            ("registrations", first.registrations == other.registrations),
            ("metadata", first.signed_bytes == other.signed_bytes),
        ):
            if not same:
                raise Refused(
                    "draft-differs",
                    f"{name}: the drafts are not copies of one draft",
                    hint="compare the fingerprints that status shows, and sign one and the same file",
                )
    root, targets = first.root, first.targets
    return replace(
        first,
        root=root and _merged([one.root for one in drafts if one.root]),
        targets=targets and _merged([one.targets for one in drafts if one.targets]),
    )


def _said(one: Draft) -> tuple[object, ...]:
    signed = [{**part.signed.to_dict(), "expires": None} for part in one.parts]
    return one.kind, signed, dict(one.files), dict(one.registrations)


def _signed(metadata: Metadata[_Role], signer: Signer) -> Metadata[_Role]:
    if signer.public_key.keyid in metadata.signatures:
        return metadata
    made = signer.sign(metadata.signed_bytes)
    return _with(metadata, {**metadata.signatures, made.keyid: made})


def _merged(copies: Sequence[Metadata[_Role]]) -> Metadata[_Role]:
    return _with(copies[0], {keyid: made for copy in copies[::-1] for keyid, made in copy.signatures.items()})


def _with(metadata: Metadata[_Role], signatures: Mapping[str, Signature]) -> Metadata[_Role]:
    """Signatures in the order of their key ids, so that copies signed in another order are the same file."""
    return Metadata(metadata.signed, dict(sorted(signatures.items())))


def _texts(value: object, name: str) -> list[tuple[str, str]]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise Invalid("draft", f"draft.{name}: not an object of texts")
    return list(value.items())


def _metadata(text: object, role: type[_Role], name: str) -> Metadata[_Role]:
    """TUF metadata of `role` in its only form, which can be signed."""
    data = base64url.decode(text, f"draft.{name}")
    if len(data) > limits.REGISTRY_FILE_BYTES:
        raise Invalid("draft", f"draft.{name}: larger than is allowed")
    try:
        metadata: Metadata[_Role] = Metadata.from_bytes(data)
        same = metadata.signed.type == role.type and metadata.to_bytes() == data and metadata.signed_bytes
    except (RepositoryError, Error, ValueError):
        raise Invalid("draft", f"draft.{name}: not TUF metadata") from None
    if not same:
        raise Invalid("draft", f"draft.{name}: not {role.type} metadata in the form that this program writes")
    if type(metadata.signed.version) is not int or _unknown(metadata):
        raise Invalid("draft", f"draft.{name}: a field is unknown, or a version is no number")
    return metadata


def _unknown(metadata: Metadata[Any]) -> bool:
    """Whether anything in `metadata` is not of our form: TUF allows fields that it does not know."""
    signed = metadata.signed
    loose: list[Any] = [metadata, *metadata.signatures.values()]
    own = {PREVIOUS_FIELD} if isinstance(signed, Targets) else set()
    if set(signed.unrecognized_fields) != own or any(map(_odd_signature, metadata.signatures.values())):
        return True
    if isinstance(signed, Targets):
        loose += signed.targets.values()
        odd = signed.delegations is not None or any(map(_odd_target, signed.targets.values()))
    else:
        loose += signed.roles.values()
        odd = any(map(_odd_key, signed.keys.values()))
        odd = odd or any(type(role.threshold) is not int for role in signed.roles.values())
    return odd or any(part.unrecognized_fields for part in loose)


def _odd_signature(made: Signature) -> bool:
    texts = isinstance(made.keyid, str) and isinstance(made.signature, str)
    return not (texts and _KEY_ID.fullmatch(made.keyid) and _SIGNATURE.fullmatch(made.signature))


def _odd_target(info: TargetFile) -> bool:
    return set(info.hashes) != {"sha256"} or type(info.length) is not int


def _odd_key(key: Key) -> bool:
    return set(key.unrecognized_fields) != {NAME_FIELD, PART_FIELD}
