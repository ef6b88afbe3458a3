"""The two files that travel between an administrator and an applicant: a sealed challenge, and its proof.

{v, member, kid, sealed}: a secret sealed to the encryption key `kid` of `member`; {v, member, kid, proof}:
what only the holder of that key can answer (core.registration: `challenge`, `answer`, `answered`).

Rules: exactly these members, the blobs in strict base64url. What is read here is form alone: who made either
file nobody knows, and an answer proves possession only to whoever kept the secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exchange.core import base64url, strict_json
from exchange.core.jwk import KID
from exchange.core.limits import CHALLENGE_BYTES
from exchange.core.names import MemberId
from exchange.errors import Invalid

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Challenge:
    """`sealed` is to be opened by the holder of the encryption key `kid`."""

    member: MemberId
    kid: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """`proof` answers the challenge that was sealed to `kid`."""

    member: MemberId
    kid: str
    proof: bytes


def read_challenge(data: bytes) -> Challenge:
    """The challenge in `data`; raises `Invalid` (`challenge-form`)."""
    return Challenge(*_read(data, "challenge", "sealed"))


def read_proof(data: bytes) -> Proof:
    """The proof in `data`; raises `Invalid` (`proof-form`)."""
    return Proof(*_read(data, "proof", "proof"))


def write_challenge(challenge: Challenge) -> bytes:
    return _write(challenge.member, challenge.kid, "sealed", challenge.sealed)


def write_proof(proof: Proof) -> bytes:
    return _write(proof.member, proof.kid, "proof", proof.proof)


def _read(data: bytes, what: str, blob: str) -> tuple[MemberId, str, bytes]:
    try:
        value = strict_json.parse_object(data, limit=CHALLENGE_BYTES, what=what)
        if value.keys() != {"v", "member", "kid", blob} or value["v"] is True or value["v"] != VERSION:
            raise Invalid(what, f"{what}: not exactly v, member, kid and {blob} of version 1")
        kid = value["kid"]
        if not isinstance(kid, str) or not KID.fullmatch(kid):
            raise Invalid(what, f"{what}.kid: not the name of a key")
        member = MemberId.parse(value["member"], f"{what}.member")
        return member, kid, base64url.decode(value[blob], f"{what}.{blob}")
    except Invalid as error:
        raise Invalid(f"{what}-form", error.message, hint=error.hint) from None


def _write(member: MemberId, kid: str, blob: str, data: bytes) -> bytes:
    return strict_json.dump({"v": VERSION, "member": member, "kid": kid, blob: base64url.encode(data)})
