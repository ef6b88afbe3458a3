"""Keys that are over, revoked, not yet known or gone: what an evidence file is worth then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from support.evidence import DE, NL
from support.keys import EXP, NBF, NOW, member, member_keys, signing_record
from support.messages import forged_jws, honest
from support.registry import schemas

from exchange.core import evidence_checks, evidence_members, evidence_parts, jws, manifest
from exchange.core.evidence import Evidence
from exchange.core.evidence_checks import Signed, standing_of
from exchange.core.evidence_report import StepName, Verdict
from exchange.core.evidence_statement import Seen, Statement, Subject, to_payload
from exchange.core.names import Digest, MemberId
from exchange.core.registry_documents import member_to_json
from exchange.core.registry_view import Member, Revocation, SigningRecord

DOCUMENT = b'{"type":"referral/1"}'
CONTENT = honest([DOCUMENT], DE, NL)
SUBJECT = Subject(CONTENT.iss, CONTENT.aud, CONTENT.documents[0].id, "referral/1", Digest.of(DOCUMENT))
BY = MemberId(NL)


def record(revoked: Revocation | None = None, **changes: Any) -> SigningRecord:
    return signing_record(member_keys(DE).signing, revoked=revoked, **changes)


def of(maker: str, seen: Seen, **parts: bytes) -> Evidence:
    """Evidence of the manifest above, made by `maker` at NOW + 100."""
    given = {evidence_parts.MANIFEST: signed_manifest(), **parts}
    named = tuple((name, Digest.of(data)) for name, data in given.items())
    statement = Statement(MemberId(maker), NOW + 100, SUBJECT, named, seen)
    signed = jws.sign(to_payload(statement), member_keys(maker).signing, jws.Typ.EVIDENCE)
    return Evidence(statement, signed, given)


def signed_manifest() -> bytes:
    line = forged_jws(manifest.to_payload(CONTENT), member_keys(DE).signing.halves)
    return json.dumps(line, separators=(",", ":")).encode()


def members(*records: SigningRecord) -> Mapping[MemberId, Member]:
    sender = member(DE, signing=records or (record(),))
    return {sender.id: sender, BY: member(NL)}


STANDING = [
    (None, NOW + 50, Verdict.OK),
    (None, None, Verdict.OK),
    (None, NOW - 61, Verdict.DOUBTFUL),
    (Revocation(NOW + 90, "stolen", NOW + 60), NOW + 60, Verdict.OK),
    (Revocation(NOW + 90, "stolen", NOW + 60), NOW + 61, Verdict.DOUBTFUL),
    (Revocation(NOW + 90, "stolen", NOW + 60), NOW + 90, Verdict.DOUBTFUL),
    (Revocation(NOW + 90, "stolen", NOW + 60), NOW + 91, Verdict.BROKEN),
    (Revocation(NOW + 90, "stolen", NOW + 60), None, Verdict.DOUBTFUL),
    (Revocation(NOW + 90, "lost", None), NOW + 60, Verdict.DOUBTFUL),
    (Revocation(NOW + 90, "lost", None), NOW + 91, Verdict.BROKEN),
]


@pytest.mark.parametrize(("revoked", "seen", "verdict"), STANDING)
def test_around_a_revocation(revoked: Revocation | None, seen: int | None, verdict: Verdict) -> None:
    """Seen by then, sound; until the revocation, doubtful; later, worth nothing."""
    found, says = standing_of(Signed(CONTENT, record(revoked)), seen, BY)
    assert found is verdict
    assert (says == "") == (revoked is None and verdict is Verdict.OK)
    step = evidence_checks.signature(of(NL, Seen(received_at=seen)), members(record(revoked)), {}, None)
    assert step.verdict is verdict
    assert (step.parts == ()) == (verdict is Verdict.OK)


def test_a_sender_s_own_word_does_not_date_its_signature() -> None:
    """Whoever stole the key could say so too; the recipient's receipt dates it."""
    revoked = record(Revocation(NOW + 90, "stolen", NOW + 60))
    alone = of(DE, Seen(sent_at=NOW))
    assert evidence_checks.signature(alone, members(revoked), {}, None).verdict is Verdict.DOUBTFUL
    received = evidence_checks.Receipted(Signed(CONTENT, record()), NOW + 10, "received", None)
    assert evidence_checks.signature(alone, members(revoked), {}, received).verdict is Verdict.OK


def test_a_key_that_has_expired_since_changes_nothing() -> None:
    over = record(nbf=NBF, exp=NOW + 1)
    step = evidence_checks.signature(of(NL, Seen(received_at=NOW + 50)), members(over), {}, None)
    assert step.verdict is Verdict.OK


@pytest.mark.parametrize("period", [{"nbf": NOW + 1, "exp": EXP}, {"nbf": NBF, "exp": NOW - 1}])
def test_a_signature_outside_the_key_s_period_is_none(period: dict[str, int]) -> None:
    step = evidence_checks.signature(of(NL, Seen()), members(record(**period)), {}, None)
    assert step.verdict is Verdict.BROKEN


def test_a_file_made_with_a_revoked_key_is_doubtful() -> None:
    made = of(DE, Seen())
    assert evidence_checks.statement(made, members()).verdict is Verdict.OK
    revoked = members(record(Revocation(NOW + 90, "stolen", NOW + 60)))
    assert evidence_checks.statement(made, revoked).verdict is Verdict.DOUBTFUL
    early = members(record(nbf=NOW + 101))
    assert evidence_checks.statement(made, early).verdict is Verdict.BROKEN


def test_a_file_that_its_maker_s_keys_did_not_sign_is_broken() -> None:
    other = signing_record(member_keys(DE, "2").signing)
    step = evidence_checks.statement(of(DE, Seen()), members(other))
    assert (step.name, step.verdict) == (StepName.STATEMENT, Verdict.BROKEN)


def test_a_key_that_the_list_in_force_does_not_have_yet_is_doubtful() -> None:
    before = {MemberId(DE): member(DE, signing=(signing_record(member_keys(DE, "2").signing),))}
    step = evidence_checks.signature(of(NL, Seen(received_at=NOW)), members(), before, None)
    assert step.verdict is Verdict.DOUBTFUL


def listed(*given: tuple[Member, bytes]) -> tuple[dict[str, bytes], dict[str, Digest | None]]:
    """Parts and list of members' files."""
    parts = {evidence_parts.member(one.id, Digest.of(data)): data for one, data in given}
    return parts, {evidence_parts.path_of(one.id): Digest.of(data) for one, data in given}


def file_of(one: Member) -> tuple[Member, bytes]:
    return one, json.dumps(member_to_json(one)).encode()


def test_a_key_never_leaves_the_registry() -> None:
    first, second = member_keys(DE).signing, member_keys(DE, "2").signing
    before = file_of(member(DE))
    rotated = file_of(member(DE, signing=(signing_record(first), signing_record(second))))
    gone = file_of(member(DE, signing=(signing_record(second),)))
    recipient = file_of(member(NL))
    for newest, verdict in ((rotated, Verdict.OK), (gone, Verdict.BROKEN)):
        then_parts, then = listed(before, recipient)
        now_parts, now = listed(newest, recipient)
        made = of(NL, Seen(), **(then_parts | now_parts))
        found = evidence_members.members(schemas(), made, now, then)
        assert found.step.verdict is verdict
        assert bool(found.newest) == (verdict is Verdict.OK)
    assert set(found.in_force) == set()


def test_a_file_that_administrators_signed_and_that_is_none_is_named() -> None:
    parts, list_of = listed(file_of(member(NL)), (member(DE), b"{}"))
    found = evidence_members.members(schemas(), of(NL, Seen(), **parts), list_of, {})
    assert found.step.verdict is Verdict.BROKEN
    assert found.step.parts == (evidence_parts.member(DE, Digest.of(b"{}")),)


def test_a_member_that_was_renamed_in_its_own_file_is_not_found() -> None:
    sender = replace(member(DE), id=MemberId("de-other"))
    parts, _ = listed((member(DE), file_of(sender)[1]), file_of(member(NL)))
    list_of = {evidence_parts.path_of(name.split(".")[1]): Digest.of(data) for name, data in parts.items()}
    found = evidence_members.members(schemas(), of(NL, Seen(), **parts), list_of, {})
    assert found.step.verdict is Verdict.BROKEN
