"""Packing: from documents that wait for a peer to one sealed envelope.

Rules: a message is made afresh at every attempt from what waits, for the peer's key of this moment; nothing
sealed is kept. All that fits goes under one signature, at most 100 documents. The manifest names the
registry version that we went by and the head of our journal, so that peers can hold both against us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.core import envelope, limits, message
from exchange.core.key_card import KeyCard
from exchange.core.manifest import Entry, JournalMark, Manifest, RegistryMark
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.registry_view import RegistryView
from exchange.flow.identity import Identity
from exchange.flow.world import World


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One document that waits."""

    id: DocumentId
    type: str
    digest: Digest
    data: bytes


@dataclass(frozen=True, slots=True)
class Packed:
    """A sealed envelope, and what its sender keeps of it; `more` when it does not hold all that waited."""

    jti: DocumentId
    envelope: bytes
    digest: Digest
    manifest: bytes
    documents: tuple[DocumentId, ...]
    more: bool


def pack(
    world: World,
    identity: Identity,
    recipient: MemberId,
    card: KeyCard,
    waiting: Sequence[Outgoing],
    view: RegistryView,
    mark: JournalMark,
) -> Packed:
    """Sign and seal as many of the waiting documents as fit, from the first on."""
    chosen = waiting[: message.fitting([len(document.data) for document in waiting])]
    jti = world.new_id()
    now = int(world.now())
    manifest = Manifest(
        jti=jti,
        iss=identity.member,
        aud=recipient,
        aud_kid=card.key["kid"],
        iat=now,
        exp=now + limits.MESSAGE_LIFE_SECONDS,
        documents=tuple(Entry(document.type, document.id, document.digest) for document in chosen),
        registry=RegistryMark(view.version, Digest(view.digest)),
        journal=mark,
    )
    built = message.build(manifest, identity.signing, [document.data for document in chosen])
    sealed = envelope.seal(built.text, card.key, jti)
    ids = tuple(document.id for document in chosen)
    return Packed(jti, sealed, Digest.of(sealed), built.jws, ids, len(chosen) < len(waiting))
