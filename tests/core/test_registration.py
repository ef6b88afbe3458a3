"""Registrations: nobody enters a key that it does not hold, and a rotation forgets and revives nothing."""

import json
from typing import Any

import pytest
from support.documents import schemas
from support.keys import EXP, NBF, NOW, MemberKeys, member, member_keys
from support.messages import DE, GB, compact, forged_jws

from exchange.core import key_card, keys, registration
from exchange.core.keys import EncryptionKey
from exchange.errors import Refused

FIRST, SECOND = member_keys(DE), member_keys(DE, "2")
REVOKED = {"at": NOW, "reason": "stolen"}


def signing(of: MemberKeys, **changes: Any) -> dict[str, Any]:
    ed25519, ml_dsa_65 = of.signing.entry
    return {"ed25519": dict(ed25519), "ml_dsa_65": dict(ml_dsa_65), "nbf": NBF, "exp": EXP} | changes


def http(of: MemberKeys, **changes: Any) -> dict[str, Any]:
    return {"key": dict(of.http.jwk), "nbf": NBF, "exp": EXP} | changes


def file(*, entries: Any = None, https: Any = None, **changes: Any) -> dict[str, Any]:
    """A member's file as far as keys and cards go."""
    listed = {"signing": [signing(FIRST)] if entries is None else entries}
    listed["http"] = [http(FIRST)] if https is None else https
    return {"v": 1, "id": DE, "min_card": NOW, "keys": listed} | changes


def present(said: dict[str, Any]) -> dict[str, Any]:
    """The file as it stands in the registry already: with an older card."""
    return said | {"min_card": NOW - 1}


def all_of(*members: MemberKeys) -> list[keys.Signer]:
    return [signer for one in members for signer in (*one.signing.halves, one.http)]


def card(by: MemberKeys = FIRST) -> bytes:
    return key_card.issue(by.id, by.signing, by.encryption.jwk, serial=NOW, iat=NOW)


def asked(said: Any, signers: Any = None, old: Any = (), by: MemberKeys = FIRST) -> bytes:
    return registration.request(compact(said), card(by), all_of(FIRST) if signers is None else signers, old)


def test_a_member_registers() -> None:
    got = registration.check(asked(file()))
    assert got.data == compact(file())
    assert got.member == file()
    assert key_card.parse(got.card, FIRST.id, member(DE).signing).serial == NOW
    assert got.key == FIRST.encryption.jwk
    assert got.kids == {s.jwk["kid"] for s in all_of(FIRST)} | {FIRST.encryption.kid}
    assert got.fingerprint == keys.fingerprint(compact(file()))


def test_what_is_sent_has_the_form_of_its_schema() -> None:
    assert schemas().problems("registration-1", json.loads(asked(file()))) == ()


GROWN = file(entries=[signing(SECOND), signing(FIRST)], https=[http(SECOND), http(FIRST)])


def test_a_rotation_is_signed_by_old_and_new_keys() -> None:
    request = asked(GROWN, all_of(SECOND), all_of(FIRST), by=SECOND)
    assert registration.check(request, present(file())).key == SECOND.encryption.jwk


def test_a_lost_http_key_need_not_sign_once_administrators_have_revoked_it() -> None:
    lost = http(FIRST, revoked=REVOKED)
    said = file(https=[http(SECOND), lost])
    signers = [*FIRST.signing.halves, SECOND.http]
    assert registration.check(asked(said, signers), present(file(https=[lost]))).member == said


def test_a_key_whose_time_is_over_need_not_sign() -> None:
    said = file(entries=[signing(SECOND), signing(FIRST, exp=NOW - 1)])
    request = asked(said, [*SECOND.signing.halves, FIRST.http], by=SECOND)
    assert registration.check(request, present(said), NOW).member == said
    with pytest.raises(Refused):
        registration.check(request, present(said))


def test_a_card_of_the_second_entry_is_good_too() -> None:
    assert registration.check(asked(GROWN, all_of(FIRST, SECOND), by=SECOND)).kids


def spoilt(change: dict[str, Any]) -> bytes:
    return compact({name: v for name, v in (json.loads(asked(file())) | change).items() if v is not None})


ED, ML = FIRST.signing.halves
ALL = all_of(FIRST)
TWICE = file(https=[http(FIRST), {**http(FIRST), "key": dict(FIRST.signing.entry[0])}])
FOREIGN_CARD = json.loads(card(member_keys(GB)))
ATTACKS: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"x", "form"),
    "a list": (b"[]", "form"),
    "a member more": (spoilt({"note": 1}), "form"),
    "no card": (spoilt({"card": None}), "form"),
    "version 2": (spoilt({"v": 2}), "form"),
    "version true": (spoilt({"v": True}), "form"),
    "the file is a list": (asked([]), "form"),
    "no member id": (asked(file(id="Nobody")), "form"),
    "no keys": (asked(file(keys=[])), "form"),
    "no lowest serial": (asked(file(min_card=None)), "form"),
    "a lowest serial that is true": (asked(file(min_card=True)), "form"),
    "no signing keys": (asked(file(entries=[])), "form"),
    "signing is an object": (asked(file(entries={})), "form"),
    "an entry is text": (asked(file(entries=["x"])), "form"),
    "half an entry": (asked(file(entries=[signing(FIRST, ml_dsa_65=None)])), "form"),
    "halves exchanged": (
        asked(file(entries=[signing(FIRST, ed25519=dict(ML.jwk), ml_dsa_65=dict(ED.jwk))])),
        "form",
    ),
    "a key under a foreign kid": (
        asked(file(https=[{**http(FIRST), "key": {**FIRST.http.jwk, "kid": "k" * 43}}])),
        "form",
    ),
    "no period": (asked(file(entries=[signing(FIRST, exp=NBF)])), "form"),
    "a period of text": (asked(file(https=[http(FIRST, nbf="now")])), "form"),
    "a key in two roles": (asked(TWICE), "key-twice"),
    "http key did not sign": (asked(file(), [ED, ML]), "unsigned"),
    "post-quantum half did not sign": (asked(file(), [ED, FIRST.http]), "unsigned"),
    "nobody signed": (asked(file(), []), "unsigned"),
    "signed by a key that is not in it": (asked(file(), [*ALL, SECOND.http]), "signature"),
    "signed twice by one": (asked(file(), [*ALL, ED]), "signature"),
    "somebody else's keys": (asked(file(entries=[signing(SECOND)])), "signature"),
    "signed as something else": (
        spoilt({"registration": forged_jws(compact(file()), ALL, typ="hx-manifest+json")}),
        "signature",
    ),
    "a card by somebody else": (spoilt({"card": FOREIGN_CARD}), "card"),
    "a card by a key that is not in it": (asked(file(), by=SECOND), "card"),
    "a card of another member": (asked(file(id=GB)), "card"),
    "a card that is text": (spoilt({"card": "x"}), "card"),
    "a card below the serial that it asks for": (asked(file(min_card=NOW + 1)), "card"),
}


@pytest.mark.parametrize(("data", "code"), ATTACKS.values(), ids=ATTACKS.keys())
def test_a_registration_without_proof_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as error:
        registration.check(data)
    assert error.value.code == f"registration-{code}"


OLD_REVOKED = file(entries=[signing(SECOND), signing(FIRST, revoked=REVOKED)])
ROTATIONS: dict[str, tuple[dict[str, Any], dict[str, Any], list[keys.Signer], str]] = {
    "of another member": (file(id=GB), file(), ALL, "member"),
    "an old entry gone": (
        file(),
        file(entries=[signing(SECOND)]),
        [*SECOND.signing.halves, FIRST.http],
        "history",
    ),
    "an old http key gone": (file(), file(https=[http(SECOND)]), [ED, ML, SECOND.http], "history"),
    "an old entry revived": (
        OLD_REVOKED,
        file(entries=[signing(SECOND), signing(FIRST)]),
        [*SECOND.signing.halves, *ALL],
        "history",
    ),
    "an old entry said to have ended before it signed": (
        file(),
        file(entries=[signing(SECOND), signing(FIRST, exp=NBF + 10)]),
        [*SECOND.signing.halves, *ALL],
        "history",
    ),
    "an old entry said to have begun later": (
        file(),
        file(entries=[signing(FIRST, nbf=NOW)]),
        ALL,
        "history",
    ),
    "an old http key with a longer life": (file(), file(https=[http(FIRST, exp=EXP + 1)]), ALL, "history"),
    "an old entry revoked by its member": (
        file(),
        file(entries=[signing(SECOND), signing(FIRST, revoked={**REVOKED, "invalid_after": NBF})]),
        [*SECOND.signing.halves, *ALL],
        "revocation",
    ),
    "a lost http key revoked by its member": (
        file(),
        file(https=[http(SECOND), http(FIRST, revoked=REVOKED)]),
        [ED, ML, SECOND.http],
        "revocation",
    ),
    "a new key that is over and that nobody holds": (
        file(),
        file(https=[http(FIRST), http(SECOND, exp=NBF + 1)]),
        ALL,
        "unsigned",
    ),
    "a new key that is over and signs": (
        file(),
        file(https=[http(FIRST), http(SECOND, exp=NOW - 1)]),
        [*ALL, SECOND.http],
        "over",
    ),
    "a new key that is revoked and that nobody holds": (
        file(),
        file(https=[http(FIRST), http(SECOND, revoked=REVOKED)]),
        ALL,
        "revocation",
    ),
    "halves paired anew": (
        GROWN,
        file(
            entries=[
                signing(FIRST, ml_dsa_65=dict(SECOND.signing.entry[1])),
                signing(SECOND, ml_dsa_65=dict(FIRST.signing.entry[1])),
            ],
            https=GROWN["keys"]["http"],
        ),
        all_of(FIRST, SECOND),
        "history",
    ),
    "an http key becomes a signing key": (
        file(),
        file(entries=[signing(FIRST), signing(SECOND, ed25519=dict(FIRST.http.jwk))], https=[http(SECOND)]),
        [ED, ML, FIRST.http, SECOND.signing.ml_dsa_65, SECOND.http],
        "history",
    ),
    "old keys did not sign": (file(), GROWN, all_of(SECOND), "rotation"),
    "old keys revoked by whoever asks": (
        file(),
        file(
            entries=[signing(SECOND), signing(FIRST, revoked=REVOKED)],
            https=[http(SECOND), http(FIRST, revoked=REVOKED)],
        ),
        all_of(SECOND),
        "revocation",
    ),
    "without the key that is left": (
        GROWN,
        file(
            entries=[signing(member_keys(DE, "3")), *GROWN["keys"]["signing"]],
            https=GROWN["keys"]["http"],
        ),
        [*member_keys(DE, "3").signing.halves, *ALL, SECOND.http],
        "unsigned",
    ),
}


@pytest.mark.parametrize(("before", "said", "signers", "code"), ROTATIONS.values(), ids=ROTATIONS.keys())
def test_a_rotation_needs_the_keys_that_are_there(
    before: dict[str, Any], said: dict[str, Any], signers: list[keys.Signer], code: str
) -> None:
    with pytest.raises(Refused) as error:
        registration.check(asked(said, signers, by=SECOND), present(before), NOW)
    assert error.value.code == f"registration-{code}"


FOREIGN = {
    "revoked": (signing(SECOND, revoked=REVOKED), http(SECOND, revoked=REVOKED), "revocation"),
    "over": (signing(SECOND, exp=NBF + 1), http(SECOND, exp=NBF + 1), "unsigned"),
}


@pytest.mark.parametrize(("entry", "key", "code"), FOREIGN.values(), ids=FOREIGN.keys())
def test_nobody_registers_with_the_keys_of_another(
    entry: dict[str, Any], key: dict[str, Any], code: str
) -> None:
    """The other would find its keys taken when it comes to register."""
    said = file(entries=[signing(FIRST), entry], https=[http(FIRST), key])
    with pytest.raises(Refused) as error:
        registration.check(asked(said), None, NOW)
    assert error.value.code == f"registration-{code}"


def test_a_card_of_the_far_future_is_not_asked_for() -> None:
    """No later request could have a higher one."""
    with pytest.raises(Refused) as error:
        registration.check(asked(file()), None, NOW - 86_401)
    assert error.value.code == "registration-future"
    assert registration.check(asked(file()), None, NOW - 86_400).fresh


def test_a_registration_sent_again_later_is_no_new_one() -> None:
    request = asked(file())
    for serial in (NOW, NOW + 1):
        with pytest.raises(Refused) as error:
            registration.check(request, file(min_card=serial))
        assert error.value.code == "registration-replayed"


LOST = file(entries=[signing(SECOND), signing(FIRST, revoked=REVOKED)])
OVER = file(entries=[signing(SECOND), signing(FIRST, exp=NOW - 1)])


@pytest.mark.parametrize("said", [LOST, OVER], ids=["revoked", "over"])
def test_without_a_present_key_a_member_registers_afresh_and_forgets_nothing(said: dict[str, Any]) -> None:
    before = present(file(entries=said["keys"]["signing"][1:]))
    signers = [*SECOND.signing.halves, FIRST.http]
    assert registration.check(asked(said, signers, by=SECOND), before, NOW).fresh
    with pytest.raises(Refused) as error:
        registration.check(asked(file(entries=[signing(SECOND)]), signers, by=SECOND), before, NOW)
    assert error.value.code == "registration-history"


def test_a_first_registration_is_fresh_and_a_change_is_not() -> None:
    assert registration.check(asked(file())).fresh
    assert not registration.check(asked(file()), present(file())).fresh


def test_the_holder_of_an_encryption_key_answers_a_challenge_and_nobody_else() -> None:
    secret, key = bytes(range(32)), FIRST.encryption
    sealed = registration.challenge(key.jwk, secret)
    assert registration.answered(secret, key.jwk, registration.answer(sealed, key))
    assert not registration.answered(secret, key.jwk, bytes(32))
    assert not registration.answered(bytes(32), key.jwk, registration.answer(sealed, key))
    for other in (b"", sealed[:-1], registration.challenge(SECOND.encryption.jwk, secret)):
        with pytest.raises(Refused) as error:
            registration.answer(other, key)
        assert error.value.code == "challenge"
    assert isinstance(key, EncryptionKey)
