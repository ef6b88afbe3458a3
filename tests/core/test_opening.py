"""Opening a message: every step refuses what it is there for, under its own code, and in its order."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.keys import EXP, NBF, NOW, member, member_keys, registry_view, signing_record
from support.messages import (
    DE,
    FR,
    GB,
    b64,
    claims,
    compact,
    document,
    forged_envelope,
    forged_jws,
    forged_text,
    new_id,
    sealed,
)

from exchange.core import jws, key_card, opening
from exchange.core.envelope import EnvelopeCode, open_envelope
from exchange.core.names import MemberId
from exchange.core.opening import OpenedMessage, OpeningCode, open_message
from exchange.core.registry_view import MemberStatus, Revocation
from exchange.errors import Refused

DOCUMENTS = [document(n) for n in range(3)]
ONE = [document(0)]
SECOND = member_keys(DE, "2").signing
REGISTRY = registry_view(member(DE), member(GB), member(FR))
LIFE = 30 * 86400


def opened(data: bytes, **changes: Any) -> OpenedMessage:
    """Open as GB what DE deposited, now; `changes` replace arguments."""
    arguments: dict[str, Any] = {
        "me": MemberId(GB),
        "depositor": MemberId(DE),
        "registry": REGISTRY,
        "seed_for": member_keys(GB).seed_for,
        "now": NOW,
    }
    return open_message(data, **(arguments | changes))


def code_of(data: bytes, **changes: Any) -> str:
    with pytest.raises(Refused) as error:
        opened(data, **changes)
    assert error.value.code in set(OpeningCode)
    return error.value.code


def registry_with(**changes: Any) -> dict[str, Any]:
    """The argument for a registry in which DE is changed."""
    return {"registry": registry_view(member(DE, **changes), member(GB), member(FR))}


@pytest.mark.parametrize("count", [1, 3, 100])
def test_an_honest_message_opens_and_its_bytes_are_kept_as_they_came(count: int) -> None:
    documents = [document(n) for n in range(count)]
    got = opened(sealed(documents))
    assert (got.sender, got.lines, got.jti) == (DE, tuple(documents), new_id("message"))
    assert [e.sha256 for e in got.manifest.documents] == [hashlib.sha256(d).hexdigest() for d in documents]
    assert jws.verify(got.jws, jws.Typ.MANIFEST, member(DE).signing).payload == compact(claims(documents))


def test_a_forger_who_changes_nothing_is_believed() -> None:
    assert opened(forged_envelope(forged_text(DOCUMENTS, claims(DOCUMENTS)))).lines == tuple(DOCUMENTS)


def said(**changes: Any) -> bytes:
    """An envelope whose manifest is honestly signed and says something else."""
    return forged_envelope(forged_text(DOCUMENTS, claims(DOCUMENTS, **changes)))


def signed(spoil: Callable[[dict[str, Any]], Any]) -> bytes:
    """An envelope whose manifest's JWS was spoilt."""
    value = forged_jws(compact(claims(ONE)), member_keys(DE).signing.halves)
    return forged_envelope(b"\n".join((compact(spoil(value)), *ONE)))


def lines(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """An envelope whose documents are not those that were signed."""
    return forged_envelope(forged_text(change(list(DOCUMENTS)), claims(DOCUMENTS)))


def by(*signers: Any) -> bytes:
    return forged_envelope(b"\n".join((compact(forged_jws(compact(claims(ONE)), signers)), *ONE)))


def card_as_manifest() -> bytes:
    keys = member_keys(DE)
    card = key_card.issue(keys.id, keys.signing, keys.encryption.jwk, serial=NOW, iat=NOW)
    return forged_envelope(card + b"\n" + ONE[0])


def claims_in_a_card() -> bytes:
    value = forged_jws(compact(claims(ONE)), member_keys(DE).signing.halves, typ="hx-key-card+json")
    return forged_envelope(b"\n".join((compact(value), *ONE)))


def forwarded(**changes: Any) -> bytes:
    """FR seals what DE signed for FR to GB: surreptitious forwarding."""
    text = open_envelope(sealed(ONE, DE, FR), member_keys(FR).seed_for).message
    return forged_envelope(text, GB, **changes)


def stripped(value: dict[str, Any], keep: list[int]) -> dict[str, Any]:
    return {**value, "signatures": [value["signatures"][i] for i in keep]}


def duplicate_claim() -> bytes:
    payload = compact(claims(ONE))[:-1] + b',"aud":"fr-c"}'
    value = forged_jws(payload, member_keys(DE).signing.halves)
    return forged_envelope(b"\n".join((compact(value), *ONE)))


ED, ML = member_keys(DE).signing.halves
ATTACKS: dict[str, tuple[bytes, str]] = {
    "too large": (b"x" * (1024 * 1024 + 1), "envelope-size"),
    "one part": (b"x", "envelope-parts"),
    "zip in the header": (forged_envelope(b"x", header={"zip": "DEF"}), "envelope-header"),
    "crit in the header": (forged_envelope(b"x", header={"crit": ["b64"]}), "envelope-header"),
    "sealed to somebody else": (sealed(ONE, DE, FR), "envelope-key"),
    "sealed under another kid": (
        forged_envelope(b"x", FR, header={"kid": member_keys(GB).encryption.kid}),
        "envelope-seal",
    ),
    "nothing": (forged_envelope(b""), "message-form"),
    "only padding": (forged_envelope(b"\n" * 64), "message-form"),
    "documents without manifest": (forged_envelope(ONE[0]), "message-form"),
    "a compact JWS": (forged_envelope(b"a.b.c\n{}"), "message-form"),
    "an unprotected header": (signed(lambda v: {**v, "header": {}}), "message-form"),
    "a claim twice": (duplicate_claim(), "message-form"),
    "claims are a list": (
        forged_envelope(compact(forged_jws(b"[]", (ED, ML))) + b"\n" + ONE[0]),
        "message-form",
    ),
    "claims are not UTF-8": (
        forged_envelope(compact(forged_jws(b'{"iss":"\xff"}', (ED, ML))) + b"\n" + ONE[0]),
        "message-form",
    ),
    "iss is unknown": (said(iss="xx-nobody"), "sender"),
    "iss is missing": (said(iss=None), "sender"),
    "iss is a list": (said(iss=[DE]), "sender"),
    "iss is another member": (said(iss=FR), "sender"),
    "one signature stripped": (signed(lambda v: stripped(v, [0])), "signature"),
    "the other stripped": (signed(lambda v: stripped(v, [1])), "signature"),
    "signatures swapped": (signed(lambda v: stripped(v, [1, 0])), "signature"),
    "one signature twice": (signed(lambda v: stripped(v, [0, 0])), "signature"),
    "a third signature": (signed(lambda v: stripped(v, [0, 1, 0])), "signature"),
    "signed by a stranger": (by(*member_keys(FR).signing.halves), "signature"),
    "half signed by a stranger": (by(ED, member_keys(FR).signing.ml_dsa_65), "signature"),
    "signed with the http key": (by(member_keys(DE).http, ML), "signature"),
    "a card as manifest": (card_as_manifest(), "sender"),
    "claims in a card": (claims_in_a_card(), "signature"),
    "another payload": (
        signed(lambda v: {**v, "payload": b64(compact(claims(ONE, exp=NOW + 9)))}),
        "signature",
    ),
    "iat before the key": (said(iat=NBF - 1, exp=NOW), "key-period"),
    "iat after the key": (said(iat=EXP + 1, exp=EXP + 9), "key-period"),
    "iat is text": (said(iat="now"), "key-period"),
    "iat is missing": (said(iat=None), "key-period"),
    "version 2": (said(v=2), "version"),
    "version true": (said(v=True), "version"),
    "no version": (said(v=None), "version"),
    "a claim more": (said(cc="fr-c"), "manifest"),
    "a claim missing": (said(journal=None), "manifest"),
    "an id twice": (said(documents=claims(ONE)["documents"] * 3), "manifest"),
    "forwarded": (forwarded(), "audience"),
    "aud is another member": (said(aud=FR), "audience"),
    "aud_kid is another key": (said(aud_kid=member_keys(FR).encryption.kid), "audience-key"),
    "jti is another": (said(jti=new_id("other")), "jti"),
    "iat in the future": (said(iat=NOW + 61, exp=NOW + 62), "time"),
    "expired": (said(iat=NOW - 10, exp=NOW - 1), "time"),
    "exp before iat": (said(iat=NOW + 10, exp=NOW + 5), "time"),
    "lives too long": (said(exp=NOW + LIFE + 1), "time"),
    "no document": (lines(lambda d: []), "documents"),
    "a document removed": (lines(lambda d: d[:2]), "documents"),
    "a document added": (lines(lambda d: [*d, document(9)]), "documents"),
    "documents without end": (lines(lambda d: d * 50), "documents"),
    "documents reordered": (lines(lambda d: d[::-1]), "documents"),
    "a document changed": (lines(lambda d: [d[0], d[1].replace(b"1", b"2"), d[2]]), "documents"),
    "a document twice": (lines(lambda d: [d[0], d[0], d[2]]), "documents"),
    "an empty line between": (lines(lambda d: [d[0], b"", d[2]]), "documents"),
    "a space after the last": (lines(lambda d: [d[0], d[1], d[2] + b" "]), "documents"),
    "carriage returns": (lines(lambda d: [one + b"\r" for one in d]), "documents"),
    "padding that is no line break": (lines(lambda d: [d[0], d[1], d[2] + b"\n\n \n"]), "documents"),
}


@pytest.mark.parametrize(("data", "code"), ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_stopped_by_the_step_that_is_there_for_it(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_every_step_has_an_attack_that_it_stops() -> None:
    elsewhere = {"sender-suspended", "sender-pending", "key-revoked"}
    assert {code for _, code in ATTACKS.values()} | elsewhere == set(OpeningCode)
    assert [code.value for code in OpeningCode][:5] == [code.value for code in EnvelopeCode]
    assert opening.__doc__ is not None
    for number, code in enumerate(OpeningCode, start=1):
        assert f"{number:>3} {code.value} " in opening.__doc__


def test_forwarding_with_the_recipient_swapped_breaks_the_signature() -> None:
    text = open_envelope(sealed(ONE, DE, FR), member_keys(FR).seed_for).message
    value = json.loads(text.split(b"\n")[0])
    payload = json.loads(base64.urlsafe_b64decode(value["payload"] + "=="))
    payload |= {"aud": GB, "aud_kid": member_keys(GB).encryption.kid}
    swapped = compact({**value, "payload": b64(compact(payload))})
    assert code_of(forged_envelope(swapped + b"\n" + ONE[0])) == OpeningCode.SIGNATURE


def test_a_message_of_another_depositor_is_refused() -> None:
    assert code_of(sealed(ONE), depositor=MemberId(FR)) == OpeningCode.SENDER
    assert code_of(forwarded(), depositor=MemberId(FR)) == OpeningCode.SENDER


def test_a_member_that_has_left_is_not_heard() -> None:
    left = registry_with(status=MemberStatus.LEFT)
    assert code_of(sealed(ONE), **left) == OpeningCode.SENDER
    assert code_of(sealed(ONE), released=True, **left) == OpeningCode.SENDER


def of_types(*types: str) -> bytes:
    """An envelope whose manifest is honestly signed and names documents of these types."""
    entries = zip(claims(DOCUMENTS[: len(types)])["documents"], types, strict=True)
    documents = [{**entry, "type": kind} for entry, kind in entries]
    lines = DOCUMENTS[: len(types)]
    return forged_envelope(forged_text(lines, claims(lines, documents=documents)))


PENDING = registry_with(status=MemberStatus.PENDING)


@pytest.mark.parametrize("types", [("test/1",), ("receipt/1",), ("test/1", "receipt/1", "test/1")])
def test_a_pending_member_is_heard_when_it_sends_tests_and_receipts(types: tuple[str, ...]) -> None:
    assert len(opened(of_types(*types), **PENDING).lines) == len(types)


@pytest.mark.parametrize(
    "types",
    [("referral/1",), ("outcome/1",), ("test/2",), ("test/1", "withdrawal/1"), ("receipt/1", "resync/1")],
)
def test_anything_else_of_a_pending_member_is_refused_as_a_whole(types: tuple[str, ...]) -> None:
    for released in (False, True):
        assert code_of(of_types(*types), released=released, **PENDING) == OpeningCode.PENDING
    assert len(opened(of_types(*types)).lines) == len(types)


def test_a_pending_member_is_told_apart_only_after_its_signature() -> None:
    assert code_of(by(ED, ED), **PENDING) == OpeningCode.SIGNATURE
    assert code_of(said(aud=FR), **PENDING) == OpeningCode.PENDING


def test_a_suspended_member_waits_in_quarantine_until_an_operator_lets_it_through() -> None:
    suspended = registry_with(status=MemberStatus.SUSPENDED)
    assert code_of(sealed(ONE), **suspended) == OpeningCode.SUSPENDED
    assert opened(sealed(ONE), released=True, **suspended).lines == tuple(ONE)
    assert code_of(by(ED, ED), released=True, **suspended) == OpeningCode.SIGNATURE


REVOKED = Revocation(NOW + 99, "stolen", None)


def test_a_revoked_key_is_refused_whatever_iat_says() -> None:
    (record,) = member(DE).signing
    for revoked in (REVOKED, Revocation(NOW - 99, "stolen", NOW + 10**6)):
        registry = registry_with(signing=(replace(record, revoked=revoked),))
        assert code_of(sealed(ONE), **registry) == OpeningCode.KEY_REVOKED
        assert code_of(sealed(ONE), released=True, **registry) == OpeningCode.KEY_REVOKED


def test_the_other_entry_of_a_member_still_speaks_after_one_is_revoked() -> None:
    (record,) = member(DE).signing
    registry = registry_with(signing=(replace(record, revoked=REVOKED), signing_record(SECOND)))
    assert opened(by(*SECOND.halves), **registry).lines == tuple(ONE)
    assert code_of(by(SECOND.ed25519, ML), **registry) == OpeningCode.SIGNATURE
    assert code_of(by(ED, SECOND.ml_dsa_65), **registry) == OpeningCode.SIGNATURE


@pytest.mark.parametrize("now", [NOW - 60, NOW, NOW + LIFE])
def test_a_message_opens_within_its_life_and_a_minute_of_skew(now: int) -> None:
    assert opened(sealed(ONE), now=now).lines == tuple(ONE)


@pytest.mark.parametrize("now", [NOW - 61, NOW + LIFE + 1])
def test_a_message_does_not_open_outside_its_life(now: int) -> None:
    assert code_of(sealed(ONE), now=now) == OpeningCode.TIME


def test_a_host_that_renames_an_envelope_is_found_out() -> None:
    renamed = forged_envelope(forged_text(ONE, claims(ONE)), header={"jti": new_id("renamed")})
    assert code_of(renamed) == OpeningCode.JTI


def test_a_sender_that_names_an_old_key_of_ours_is_refused() -> None:
    old = member_keys(GB, "0").encryption
    data = forged_envelope(forged_text(ONE, claims(ONE)), key=old.jwk)
    seeds = {old.kid: old.seed, member_keys(GB).encryption.kid: member_keys(GB).encryption.seed}
    assert code_of(data, seed_for=seeds.get) == OpeningCode.AUDIENCE_KEY


def test_a_key_of_ours_that_is_destroyed_opens_nothing() -> None:
    assert code_of(sealed(ONE), seed_for=lambda kid: None) == OpeningCode.KEY


SEALED = sealed(ONE)


def test_every_byte_of_an_envelope_flipped_is_refused() -> None:
    for index in range(len(SEALED)):
        flipped = bytearray(SEALED)
        flipped[index] ^= 1 << (index % 8)
        code_of(bytes(flipped))


def test_every_truncation_of_an_envelope_is_refused() -> None:
    for length in range(len(SEALED)):
        code_of(SEALED[:length])


def test_every_byte_of_a_message_flipped_before_it_was_sealed_is_refused() -> None:
    """A sender's or thief's change under a good seal: the signatures and digests alone must stop it."""
    text = open_envelope(SEALED, member_keys(GB).seed_for).message.rstrip(b"\n")
    for index in range(0, len(text), 7):
        flipped = bytearray(text)
        flipped[index] ^= 1
        code_of(forged_envelope(bytes(flipped)))


@pytest.mark.long
def test_every_bit_of_a_message_flipped_before_it_was_sealed_is_refused() -> None:
    text = open_envelope(SEALED, member_keys(GB).seed_for).message.rstrip(b"\n")
    for index in range(len(text) * 8):
        flipped = bytearray(text)
        flipped[index // 8] ^= 1 << (index % 8)
        code_of(forged_envelope(bytes(flipped)))


@pytest.mark.long
def test_every_bit_of_an_envelope_flipped_is_refused() -> None:
    for index in range(len(SEALED) * 8):
        flipped = bytearray(SEALED)
        flipped[index // 8] ^= 1 << (index % 8)
        code_of(bytes(flipped))


def test_no_refusal_quotes_what_it_refuses() -> None:
    canary = b"canary-7f3a"
    text = forged_text([canary], claims([b"other"], iss="xx-canary", aud="canary"))
    for data in (
        canary,
        forged_envelope(canary),
        forged_envelope(text),
        forged_envelope(canary + b"\n" + canary),
    ):
        with pytest.raises(Refused) as error:
            opened(data)
        assert "canary" not in f"{error.value.message} {error.value.hint}"
