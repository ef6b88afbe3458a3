"""Keys that are over, revoked, not yet known or gone: what an evidence file is worth then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from support.evidence import DE, FR, NL
from support.keys import EXP, NBF, NOW, member, member_keys, signing_record
from support.messages import forged_jws, honest
from support.registry import schemas

from exchange.core import evidence_checks, evidence_members, evidence_parts, jws, manifest
from exchange.core.evidence import Evidence
from exchange.core.evidence_report import StepName, Verdict
from exchange.core.evidence_signed import Known, Receipted, Signed
from exchange.core.evidence_standing import Bound, standing_of
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


def members(*records: SigningRecord, then: Mapping[MemberId, Member] | None = None) -> Known:
    sender = member(DE, signing=records or (record(),))
    return Known({sender.id: sender, BY: member(NL)}, then or {})


STOLEN = Revocation(NOW + 90, "stolen", NOW + 60)
LOST = Revocation(NOW + 90, "lost", None)
THIRD = MemberId(FR)
# The key, what the maker of the file says of when it saw the signature, what a third signed for, the verdict.
STANDING = [
    (None, NOW + 50, None, Verdict.OK),
    (None, None, None, Verdict.OK),
    (None, NOW - 61, None, Verdict.OK),
    (STOLEN, NOW + 60, NOW + 60, Verdict.OK),
    (STOLEN, None, NOW + 60, Verdict.OK),
    (STOLEN, NOW + 99, NOW + 60, Verdict.OK),
    (STOLEN, NOW + 60, None, Verdict.DOUBTFUL),
    (STOLEN, NOW + 60, NOW + 61, Verdict.DOUBTFUL),
    (STOLEN, NOW + 60, NOW - 61, Verdict.DOUBTFUL),
    (STOLEN, NOW - 61, None, Verdict.DOUBTFUL),
    (STOLEN, NOW + 61, None, Verdict.DOUBTFUL),
    (STOLEN, NOW + 90, None, Verdict.DOUBTFUL),
    (STOLEN, NOW + 91, None, Verdict.BROKEN),
    (STOLEN, None, None, Verdict.DOUBTFUL),
    (LOST, NOW + 60, NOW + 60, Verdict.DOUBTFUL),
    (LOST, NOW + 91, None, Verdict.BROKEN),
]


@pytest.mark.parametrize(("revoked", "seen", "third", "verdict"), STANDING)
def test_around_a_revocation(
    revoked: Revocation | None, seen: int | None, third: int | None, verdict: Verdict
) -> None:
    """Signed for by a third while the key was in the right hands, sound; at best doubtful without it."""
    first = None if seen is None else Bound(BY, seen)
    witness = None if third is None else Bound(THIRD, third)
    found, says = standing_of(Signed(CONTENT, record(revoked)), first, () if witness is None else (witness,))
    assert found is verdict
    assert (says == "") == (revoked is None and seen != NOW - 61)
    made = of(NL, Seen(received_at=seen))
    step = evidence_checks.signature(made, members(record(revoked)), anchored=witness)
    assert step.verdict is verdict
    assert (step.parts == ()) == (verdict is Verdict.OK)


def test_a_sender_s_own_word_does_not_date_its_signature() -> None:
    """Whoever stole the key could say so too; the recipient's receipt dates it."""
    revoked = members(record(STOLEN))
    alone = of(DE, Seen(sent_at=NOW))
    assert evidence_checks.signature(alone, revoked).verdict is Verdict.DOUBTFUL
    received = Receipted(Signed(CONTENT, record()), NOW + 10, "received", None)
    assert evidence_checks.signature(alone, revoked, received).verdict is Verdict.OK
    late = replace(received, at=NOW + 91)
    assert evidence_checks.signature(alone, revoked, late).verdict is Verdict.BROKEN
    assert evidence_checks.signature(alone, revoked, late, Bound(THIRD, NOW + 10)).verdict is Verdict.OK


def test_neither_the_maker_of_a_file_nor_the_key_s_owner_is_a_witness() -> None:
    """Who holds a stolen key can date everything that it signs; who makes the file says what it likes."""
    for maker, by, verdict in (
        (NL, NL, Verdict.DOUBTFUL),
        (NL, DE, Verdict.DOUBTFUL),
        (NL, FR, Verdict.OK),
        (DE, DE, Verdict.DOUBTFUL),
        (DE, NL, Verdict.OK),
        (DE, FR, Verdict.OK),
    ):
        made = of(maker, Seen(received_at=NOW + 10) if maker == NL else Seen(sent_at=NOW))
        bound = Bound(MemberId(by), NOW + 10)
        step = evidence_checks.signature(made, members(record(STOLEN)), anchored=bound)
        assert step.verdict is verdict, (maker, by)


def test_an_odd_time_is_told_and_decides_nothing_while_no_key_is_revoked() -> None:
    received = Receipted(Signed(CONTENT, record()), NOW - 3600, "received", None)
    step = evidence_checks.signature(of(DE, Seen(sent_at=NOW)), members(), received)
    assert step.verdict is Verdict.OK
    assert "a clock was wrong" in step.says


def test_a_key_that_has_expired_since_changes_nothing() -> None:
    over = record(nbf=NBF, exp=NOW + 1)
    step = evidence_checks.signature(of(NL, Seen(received_at=NOW + 50)), members(over))
    assert step.verdict is Verdict.OK


@pytest.mark.parametrize("period", [{"nbf": NOW + 1, "exp": EXP}, {"nbf": NBF, "exp": NOW - 1}])
def test_a_signature_outside_the_key_s_period_is_none(period: dict[str, int]) -> None:
    step = evidence_checks.signature(of(NL, Seen()), members(record(**period)))
    assert step.verdict is Verdict.BROKEN


def test_a_file_made_with_a_revoked_key_is_doubtful() -> None:
    made = of(DE, Seen())
    assert evidence_checks.statement(made, members()).verdict is Verdict.OK
    revoked = members(record(STOLEN))
    assert evidence_checks.statement(made, revoked).verdict is Verdict.DOUBTFUL
    early = members(record(nbf=NOW + 101))
    assert evidence_checks.statement(made, early).verdict is Verdict.BROKEN


def test_a_file_that_its_maker_s_keys_did_not_sign_is_broken() -> None:
    other = signing_record(member_keys(DE, "2").signing)
    step = evidence_checks.statement(of(DE, Seen()), members(other))
    assert (step.name, step.verdict) == (StepName.STATEMENT, Verdict.BROKEN)


def test_a_key_that_the_list_in_force_does_not_have_yet_is_doubtful() -> None:
    before = {MemberId(DE): member(DE, signing=(signing_record(member_keys(DE, "2").signing),))}
    step = evidence_checks.signature(of(NL, Seen(received_at=NOW)), members(then=before))
    assert step.verdict is Verdict.DOUBTFUL
    half = replace(record(), ml_dsa_65=member_keys(DE, "2").signing.entry[1])
    other = {MemberId(DE): member(DE, signing=(half,))}
    step = evidence_checks.signature(of(NL, Seen(received_at=NOW)), members(then=other))
    assert step.verdict is Verdict.DOUBTFUL


@pytest.mark.parametrize(
    ("newest", "then", "verdict"),
    [
        ({"exp": NOW - 1}, {}, Verdict.OK),
        ({"nbf": NOW + 1}, {}, Verdict.OK),
        ({}, {"exp": NOW - 1}, Verdict.BROKEN),
        ({}, {}, Verdict.OK),
    ],
)
def test_a_period_that_was_moved_later_does_not_undo_a_signature(
    newest: dict[str, int], then: dict[str, int], verdict: Verdict
) -> None:
    """The period of the list by which the sender went counts, and the file says so."""
    before = {MemberId(DE): member(DE, signing=(record(**then),))}
    made = of(NL, Seen(received_at=NOW))
    step = evidence_checks.signature(made, members(record(**newest), then=before))
    assert step.verdict is verdict
    assert ("period in the list in force" in step.says) == bool(newest)


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
        assert (found.known is not None) == (verdict is Verdict.OK)


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


def test_without_a_file_of_the_list_in_force_the_members_are_doubtful() -> None:
    """Else a key that was not there yet would pass by leaving out the file that shows it."""
    before, now = file_of(member(DE)), file_of(replace(member(DE), languages=("de", "en")))
    recipient = file_of(member(NL))
    now_parts, newest = listed(now, recipient)
    then_parts, then = listed(before, recipient)
    whole = evidence_members.members(schemas(), of(NL, Seen(), **(then_parts | now_parts)), newest, then)
    assert whole.step.verdict is Verdict.OK
    without = evidence_members.members(schemas(), of(NL, Seen(), **now_parts), newest, then)
    assert (without.step.verdict, without.step.parts) == (Verdict.DOUBTFUL, ("members",))
    assert without.known is not None
    assert set(without.known.in_force) == {NL}


def test_a_file_from_a_list_that_does_not_count_is_left_aside() -> None:
    before, now = file_of(member(DE)), file_of(replace(member(DE), languages=("de", "en")))
    now_parts, newest = listed(now, file_of(member(NL)))
    then_parts, _ = listed(before)
    made = of(NL, Seen(), **(then_parts | now_parts))
    assert evidence_members.members(schemas(), made, newest, {}).step.verdict is Verdict.BROKEN
    found = evidence_members.members(schemas(), made, newest, None)
    assert found.step.verdict is Verdict.OK
    assert "left aside" in found.step.says
    spoilt = {name: data + b" " for name, data in then_parts.items()}
    broken = evidence_members.members(schemas(), of(NL, Seen(), **(spoilt | now_parts)), newest, None)
    assert broken.step.verdict is Verdict.BROKEN
