"""Challenge and proof: two files of one form each, which say nothing but what they are for."""

import json
from typing import Any

import pytest
from support.documents import schemas
from support.keys import member_keys
from support.messages import DE, compact

from exchange.core import registration
from exchange.core.registration_challenge import (
    Challenge,
    Proof,
    read_challenge,
    read_proof,
    write_challenge,
    write_proof,
)
from exchange.errors import Invalid

KEYS = member_keys(DE)
SECRET = bytes(range(32))
CHALLENGE = Challenge(KEYS.id, KEYS.encryption.kid, registration.challenge(KEYS.encryption.jwk, SECRET))
PROOF = Proof(KEYS.id, KEYS.encryption.kid, registration.answer(CHALLENGE.sealed, KEYS.encryption))


def test_a_challenge_travels_there_and_its_proof_back() -> None:
    assert read_challenge(write_challenge(CHALLENGE)) == CHALLENGE
    assert read_proof(write_proof(PROOF)) == PROOF
    assert registration.answered(SECRET, KEYS.encryption.jwk, read_proof(write_proof(PROOF)).proof)


def test_both_have_the_form_of_their_schemas() -> None:
    for schema, data in (("challenge", write_challenge(CHALLENGE)), ("proof", write_proof(PROOF))):
        assert schemas().problems(f"registration-{schema}-1", json.loads(data)) == ()


CHANGES: dict[str, dict[str, Any]] = {
    "a field more": {"secret": "x"},
    "a field less": {"member": None},
    "version true": {"v": True},
    "version 2": {"v": 2},
    "no kid": {"kid": "k"},
    "a kid of a number": {"kid": 1},
    "nobody": {"member": "Nobody"},
    "padded": {"sealed": "QQ==", "proof": "QQ=="},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_another_form_is_refused(change: dict[str, Any]) -> None:
    for what, data, read in (
        ("challenge", write_challenge(CHALLENGE), read_challenge),
        ("proof", write_proof(PROOF), read_proof),
    ):
        value = json.loads(data)
        known = change if change.keys() == {"secret"} else {n: v for n, v in change.items() if n in value}
        spoilt = {name: part for name, part in (value | known).items() if part is not None}
        with pytest.raises(Invalid) as error:
            read(compact(spoilt))
        assert error.value.code == f"{what}-form"


def test_what_is_no_json_is_refused() -> None:
    for data in (b"", b"[]", b"x" * 5000):
        with pytest.raises(Invalid) as error:
            read_challenge(data)
        assert error.value.code == "challenge-form"
