"""Makes schemas/vectors/*.json out of the attack tables of tests/core, for implementers of other programs.

Run from the checkout: PYTHONPATH=tests:tests/core .venv/bin/python -m support.make_vectors

Keys, documents, times and ids come out the same every time; ML-DSA signatures and envelopes draw chance, so a
new run changes their bytes. Run it when the protocol changes, never to make a test pass: the files are what
other implementations hold us to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import test_jws
import test_key_card
import test_opening
import test_request_signature
from support.keys import EXP, NBF, NOW, member_keys, published
from support.messages import DE, FR, GB, compact, document, new_id, sealed

from exchange.core import envelope, journal_chain
from exchange.core.jwk import ML_KEM_PUBLIC_BYTES, Algorithm, public_jwk

OUT = Path(__file__).parents[2] / "schemas" / "vectors"

OPENING = """
too large|one part|zip in the header|crit in the header|sealed to somebody else|sealed under another kid
only padding|an unprotected header|a claim twice|iss is unknown|iss is another member|one signature stripped
signatures swapped|half signed by a stranger|claims in a card|another payload|iat before the key|version 2
a claim more|an id twice|forwarded|aud_kid is another key|jti is another|iat in the future|expired
lives too long|a document removed|a document added|documents reordered|a document changed
padding that is no line break
"""
SIGNED = """
a member more|payload is padded|an unprotected header|protected with a name twice|no signature
the post-quantum one stripped|the classical one stripped|a third one|swapped|halves of two entries
half by a foreigner|crit in the header|alg EdDSA|another payload|the header respelt
"""
CARDS = """
by another member|half by another member|a manifest as card|of another member|version 2|a claim more
retired is no kid|its own key retired|a key under a foreign kid|a key that is none|lives too long
from before its signing key|from the future|expired|an older one
"""


def chosen(names: str) -> list[str]:
    return [name for line in names.strip().splitlines() for name in line.split("|")]


def keys() -> dict[str, Any]:
    return {
        "about": "Members of these vectors. Seeds are public: never use them for anything else.",
        "now": NOW,
        "nbf": NBF,
        "exp": EXP,
        "members": {name: published(name) for name in (DE, GB, FR)},
        "cases": jwks(),
    }


def jwks() -> list[dict[str, Any]]:
    ed25519, ml_dsa_65 = (dict(jwk) for jwk in member_keys(DE).signing.entry)
    encryption = dict(member_keys(DE).encryption.jwk)
    pub = encryption["pub"]
    bad = dict(public_jwk(Algorithm.X_WING, b"\xff" * ML_KEM_PUBLIC_BYTES + bytes(32)))
    short = dict(public_jwk(Algorithm.ED25519, bytes(31)))
    table = [
        ("an Ed25519 key", "Ed25519", ed25519, "accept"),
        ("an ML-DSA-65 key", "ML-DSA-65", ml_dsa_65, "accept"),
        ("an encryption key", "HPKE-9-KE", encryption, "accept"),
        ("a key of another kind", "Ed25519", ml_dsa_65, "jwk"),
        ("a foreign kid", "Ed25519", ed25519 | {"kid": ml_dsa_65["kid"]}, "jwk"),
        ("a member more", "Ed25519", ed25519 | {"use": "sig"}, "jwk"),
        ("a private key", "Ed25519", ed25519 | {"d": ed25519["x"]}, "jwk"),
        ("alg EdDSA", "Ed25519", ed25519 | {"alg": "EdDSA"}, "jwk"),
        ("no kid", "Ed25519", {n: v for n, v in ed25519.items() if n != "kid"}, "jwk"),
        ("31 bytes", "Ed25519", short, "jwk"),
        ("padding", "HPKE-9-KE", encryption | {"pub": pub + "="}, "base64url"),
        ("no ML-KEM key", "HPKE-9-KE", bad, "jwk"),
    ]
    return [case(name, expect, alg=alg, jwk=jwk) for name, alg, jwk, expect in table]


def case(name: str, expect: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "expect": expect, **fields}


def manifests() -> dict[str, Any]:
    good = compact(test_jws.honest()).decode()
    cases = [case("honest", "accept", jws=good, payload=test_jws.PAYLOAD.decode())]
    cases += [
        case(n, test_jws.SPOILT[n][1], jws=compact(test_jws.SPOILT[n][0]).decode()) for n in chosen(SIGNED)
    ]
    return {"about": "JWS of typ hx-manifest+json by de-a; the payload is not a manifest.", "cases": cases}


def envelopes() -> dict[str, Any]:
    cases = [
        opened("one document", [document(0)]),
        opened("three documents", [document(n) for n in range(3)]),
    ]
    cases[0]["documents"] = [document(0).decode()]
    cases[1]["documents"] = [document(n).decode() for n in range(3)]
    honest = cases[0]["envelope"]
    cases += [
        case("signed by a revoked key", "key-revoked", envelope=honest, sender={"revoked": NOW + 99}),
        case("from a suspended member", "sender-suspended", envelope=honest, sender={"status": "suspended"}),
        case("from a pending member", "sender-pending", envelope=honest, sender={"status": "pending"}),
        case("a test of a pending member", "accept", envelope=trial(), sender={"status": "pending"}),
        case("from a member who left", "sender", envelope=honest, sender={"status": "left"}),
        case("deposited by another member", "sender", envelope=honest, depositor=FR),
        case("sixty seconds early", "accept", envelope=honest, now=NOW - 60),
        case("sixty-one seconds early", "time", envelope=honest, now=NOW - 61),
        case("in its last second", "accept", envelope=honest, now=NOW + 30 * 86400),
    ]
    for name in chosen(OPENING):
        data, code = test_opening.ATTACKS[name]
        made = {"repeat": ["x", len(data)]} if len(data) > 1024 * 1024 else {"envelope": data.decode()}
        cases.append(case(name, code, **made))
    return {
        "about": "Collected by gb-b at `now` of keys.json; deposited by de-a unless the case says otherwise.",
        "recipient": GB,
        "depositor": DE,
        "padme": [[n, envelope.padme(n)] for n in (1, 9, 1000, 1025, 7900, 65537, 770_048)],
        "sealed_size": [[n, envelope.sealed_size(n)] for n in (1, 1000, 7900, 770_048)],
        "cases": cases,
    }


def trial() -> str:
    return test_opening.of_types("test/1").decode()


def opened(name: str, documents: list[bytes]) -> dict[str, Any]:
    return case(name, "accept", jti=new_id("message"), envelope=sealed(documents).decode())


def cards() -> dict[str, Any]:
    cases = [case("honest", "accept", card=test_key_card.CARD.decode(), key=member_keys(DE).encryption.kid)]
    for name in chosen(CARDS):
        data, code = test_key_card.ATTACKS[name]
        cases.append(case(name, code, card=data.decode()))
    cases.append(case("below min_card", "card-rollback", card=test_key_card.CARD.decode(), min_card=NOW + 1))
    return {
        "about": "Cards of de-a, read at `now` of keys.json with highest serial `now`.",
        "member": DE,
        "cases": cases,
    }


def requests() -> dict[str, Any]:
    table = test_request_signature
    base = {
        "method": "PUT",
        "authority": table.AUTHORITY,
        "path": table.PATH,
        "query": table.QUERY,
        "body": table.BODY.decode(),
    }
    honest = list(table.signed().items())
    cases = [case("honest", "accept", headers=honest, base=table.checked(honest).base.decode())]
    bare = list(table.signed(None).items())
    cases.append(case("without a body", "accept", headers=bare, method="GET", body=None))
    cases.append(case("another label and order", "accept", headers=table.resigned(label="sig1")))
    cases += [case(n, code, headers=lines) for n, (lines, code) in table.FORMS.items()]
    names = {"raw_path": "path", "raw_query": "query"}
    for name, (changes, code) in table.CHANGED.items():
        if "has_body" not in changes:
            said = {names.get(key, key): as_text(value) for key, value in changes.items()}
            cases.append(case(name, code, headers=honest, **said))
    return {
        "about": "Requests by the http key of de-a, at `now` of keys.json; cases replace parts of `request`.",
        "request": base,
        "cases": cases,
    }


def as_text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def journal() -> dict[str, Any]:
    entries, previous, rows = ["", '{"at":1,"what":"sent"}', "three"], journal_chain.GENESIS, []
    for n, entry in enumerate(entries, start=1):
        leaf = journal_chain.leaf(entry.encode())
        previous = journal_chain.link(n, previous, leaf)
        rows.append({"n": n, "entry": entry, "leaf": leaf.hex(), "link": previous.hex()})
    return {"about": "One log from its first entry.", "genesis": journal_chain.GENESIS.hex(), "rows": rows}


def write(name: str, value: dict[str, Any]) -> None:
    (OUT / f"{name}.json").write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    made: Iterable[tuple[str, Any]] = (
        ("keys", keys),
        ("manifests", manifests),
        ("envelopes", envelopes),
        ("cards", cards),
        ("request-signatures", requests),
        ("journal", journal),
    )
    for name, make in made:
        write(name, make())


if __name__ == "__main__":
    main()
