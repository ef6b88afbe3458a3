"""An administrator's desk for tests: a real workspace, published by two of three administrators.

`Desk(tmp_path)` founds a registry; `publish()` drafts what stands in DIR/peers, has two sign it, and
publishes, through the same checks as the commands. `applicant("de-a")` is a member that asks to be entered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from support.documents import schemas
from support.keys import EXP, NBF, NOW, MemberKeys, member, member_keys
from support.messages import compact
from support.registry import NETWORK
from tuf.api.metadata import Metadata

from exchange.core import key_card, registration
from exchange.core.jwk import fingerprint
from exchange.core.keys import Signer
from exchange.core.names import MemberId
from exchange.core.registration_challenge import Proof, read_challenge, write_proof
from exchange.core.registry_documents import member_to_json, network_to_json
from exchange.core.registry_view import MemberStatus
from exchange.registrar import draft, draft_check, drafting, members, published, publishing, roots, sources
from exchange.registrar.admins import generate
from exchange.registrar.files import write_whole
from exchange.registrar.reviews import Review, review
from exchange.registrar.workspace import Workspace


class Desk:
    """`space` is the workspace, `now` the clock."""

    def __init__(self, place: Path, now: int = NOW) -> None:
        self.space = Workspace(place / "net")
        self.now = now
        self.admins = [generate(name) for name in ("anna", "bert", "cleo")]
        write_whole(self.space.peers / "network.json", members.text(network_to_json(NETWORK)))
        root = roots.first([one.public for one in self.admins], roots.Thresholds(2, 2), now)
        signed = Metadata(root)
        for one in self.admins[:2]:
            assert one.offline is not None
            signed.sign(one.offline, append=True)
        write_whole(self.space.root, signed.to_bytes())
        write_whole(self.space.repository / "metadata" / "1.root.json", signed.to_bytes())

    def publish(self) -> tuple[str, ...]:
        """Draft, sign, check and publish; the sentences of what changed."""
        known = published.load(self.space)
        made = drafting.targets_draft(
            self.space, known, sources.read_files(self.space.peers), schemas(), self.now
        )
        assert made is not None, "nothing changed"
        for one in self.admins[:2]:
            assert one.offline is not None
            made = draft.sign(made, one.offline)
        checked = draft_check.check(draft.read(made.to_bytes()), known, schemas(), self.now)
        daily = self.admins[2].daily
        assert daily is not None
        publishing.publish(self.space, checked, lambda: daily, self.now)
        return checked.changes

    def file(self, name: str) -> dict[str, Any]:
        """The file of a member as it stands in DIR/peers."""
        return dict(members.present(self.space, schemas(), name))


@dataclass(frozen=True)
class Applicant:
    """What a member asks for: `said` is its file, `signers` sign with all their keys, the first makes the
    card.
    """

    said: dict[str, Any]
    signers: Sequence[MemberKeys] = field(default=())

    @cached_property
    def request(self) -> bytes:
        by = self.signers[0]
        serial = self.said["min_card"]
        whose = MemberId(self.said["id"])
        card = key_card.issue(whose, by.signing, by.encryption.jwk, serial=serial, iat=serial)
        every: list[Signer] = [one for of in self.signers for one in (*of.signing.halves, of.http)]
        return registration.request(compact(self.said), card, every)

    @property
    def fingerprint(self) -> str:
        return fingerprint(compact(self.said))

    def prove(self, challenge: bytes) -> bytes:
        """As `hotline-exchange prove` answers."""
        asked = read_challenge(challenge)
        proof = registration.answer(asked.sealed, self.signers[0].encryption)
        return write_proof(Proof(asked.member, asked.kid, proof))


def entry(of: MemberKeys, **changes: Any) -> dict[str, Any]:
    """A signing entry of a member's file."""
    ed25519, ml_dsa_65 = of.signing.entry
    return {"ed25519": dict(ed25519), "ml_dsa_65": dict(ml_dsa_65), "nbf": NBF, "exp": EXP} | changes


def http(of: MemberKeys, **changes: Any) -> dict[str, Any]:
    return {"key": dict(of.http.jwk), "nbf": NBF, "exp": EXP} | changes


def file_of(name: str, **changes: Any) -> dict[str, Any]:
    """The file that a new member asks for."""
    own = member_keys(name)
    value = member_to_json(member(name, min_card=NOW))
    keys = {"signing": [entry(own)], "http": [http(own)]}
    return value | {"status": "pending", "keys": keys} | changes


def applicant(name: str, **changes: Any) -> Applicant:
    return Applicant(file_of(name, **changes), (member_keys(name),))


def step(
    desk: Desk, who: Applicant, *, proof: bytes | None = None, said: str | None = None, **options: Any
) -> Review:
    return review(desk.space, schemas(), who.request, desk.now, proof=proof, call=lambda _: said, **options)


def enter(desk: Desk, who: Applicant, **options: Any) -> Review:
    """A whole review."""
    first = step(desk, who, said=who.fingerprint, **options)
    if first.challenge is None:
        return first
    return step(desk, who, proof=who.prove(first.challenge), **options)


def joined(desk: Desk, name: str, status: MemberStatus = MemberStatus.ACTIVE, **changes: Any) -> Applicant:
    """A member that is published, and active."""
    who = applicant(name, **changes)
    assert enter(desk, who).entered
    desk.publish()
    if status is not MemberStatus.PENDING:
        members.set_status(desk.space, schemas(), name, MemberStatus.ACTIVE, desk.now)
        desk.publish()
    return who


def changed(who: Applicant, *signers: Any, **changes: Any) -> Applicant:
    said = {**who.said, "status": "active", "min_card": NOW + 60, **changes}
    return Applicant(said, signers or who.signers)
