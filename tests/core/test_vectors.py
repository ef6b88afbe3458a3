"""The published vectors (schemas/vectors): what other implementations hold us to, and we them."""

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.keys import member, member_keys, registry_view

from exchange.core import envelope, journal_chain, jws, key_card
from exchange.core.jwk import Algorithm, check_jwk
from exchange.core.keys import Ed25519Key, EncryptionKey, MlDsaKey
from exchange.core.names import MemberId
from exchange.core.opening import open_message
from exchange.core.registry_view import MemberStatus, Revocation
from exchange.core.request_signature import check_digest, check_time, parse_signed, verify_signature
from exchange.core.schema import Schemas
from exchange.errors import ExchangeError
from exchange.resources import schema_documents

HERE = Path(__file__).parents[2] / "schemas" / "vectors"
SCHEMAS = Schemas(schema_documents())


def load(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return value


KEYS = load("keys")
NOW = KEYS["now"]


def cases(name: str) -> Any:
    listed = load(name)["cases"]
    return pytest.mark.parametrize("case", listed, ids=[case["name"] for case in listed])


def verdict(check: Any) -> tuple[str, Any]:
    try:
        return "accept", check()
    except ExchangeError as error:
        return error.code, None


@pytest.mark.parametrize("name", KEYS["members"])
def test_seeds_give_the_keys(name: str) -> None:
    makers = {
        "ed25519": Ed25519Key.from_seed,
        "ml_dsa_65": MlDsaKey.from_seed,
        "http": Ed25519Key.from_seed,
        "encryption": EncryptionKey.from_seed,
    }
    for role, made in KEYS["members"][name].items():
        assert makers[role](bytes.fromhex(made["seed"])).jwk == made["jwk"]
        assert SCHEMAS.accepts("jwk-1", made["jwk"])
    assert member_keys(name).http.jwk == KEYS["members"][name]["http"]["jwk"]


@cases("keys")
def test_keys(case: dict[str, Any]) -> None:
    assert verdict(lambda: check_jwk(case["jwk"], Algorithm(case["alg"]), "key"))[0] == case["expect"]


@cases("manifests")
def test_manifests(case: dict[str, Any]) -> None:
    entries = member("de-a").signing
    got, verified = verdict(lambda: jws.verify(case["jws"].encode(), jws.Typ.MANIFEST, entries))
    assert got == case["expect"]
    if verified is not None:
        assert verified.payload.decode() == case["payload"]


@cases("envelopes")
def test_envelopes(case: dict[str, Any]) -> None:
    file = load("envelopes")
    sender = member(file["depositor"])
    said = case.get("sender", {})
    if "revoked" in said:
        revoked = replace(sender.signing[0], revoked=Revocation(said["revoked"], "stolen", None))
        sender = replace(sender, signing=(revoked,))
    if "status" in said:
        sender = replace(sender, status=MemberStatus(said["status"]))
    text, count = case.get("repeat", ("", 0))
    data = (case.get("envelope") or text * count).encode()
    got, opened = verdict(
        lambda: open_message(
            data,
            me=MemberId(file["recipient"]),
            depositor=MemberId(case.get("depositor", file["depositor"])),
            registry=registry_view(sender, member("fr-c"), member(file["recipient"])),
            seed_for=member_keys(file["recipient"]).seed_for,
            now=case.get("now", NOW),
        )
    )
    assert got == case["expect"]
    if "documents" in case:
        assert [line.decode() for line in opened.lines] == case["documents"]
        assert opened.jti == case["jti"]
        payload = json.loads(jws.peek_payload(opened.jws))
        assert SCHEMAS.accepts("manifest-1", payload)
        assert SCHEMAS.accepts("jws-1", json.loads(opened.jws))


def test_sizes_of_envelopes() -> None:
    file = load("envelopes")
    assert [[n, envelope.padme(n)] for n, _ in file["padme"]] == file["padme"]
    assert [[n, envelope.sealed_size(n)] for n, _ in file["sealed_size"]] == file["sealed_size"]


@cases("cards")
def test_cards(case: dict[str, Any]) -> None:
    owner = member("de-a", min_card=case.get("min_card", 0))
    got, card = verdict(lambda: key_card.read(case["card"].encode(), owner, NOW, NOW))
    assert got == case["expect"]
    if card is not None:
        assert card.key["kid"] == case["key"]
        assert SCHEMAS.accepts("key-card-1", json.loads(jws.peek_payload(case["card"].encode())))


@cases("request-signatures")
def test_request_signatures(case: dict[str, Any]) -> None:
    said = load("request-signatures")["request"] | case
    body = None if said["body"] is None else said["body"].encode()

    def check() -> bytes:
        claims = parse_signed(
            [(name, value) for name, value in said["headers"]],
            said["method"],
            said["authority"],
            said["path"],
            said["query"],
            body is not None,
        )
        check_time(claims, said.get("now", NOW))
        verify_signature(claims, KEYS["members"]["de-a"]["http"]["jwk"])
        check_digest(claims, body or b"")
        return claims.base

    got, base = verdict(check)
    assert got == case["expect"]
    if "base" in case:
        assert base == case["base"].encode()


def test_the_journal() -> None:
    file = load("journal")
    rows = [
        journal_chain.Row(r["n"], r["entry"].encode(), bytes.fromhex(r["leaf"]), bytes.fromhex(r["link"]))
        for r in file["rows"]
    ]
    assert journal_chain.verify(rows).ok
    first = rows[0]
    assert first.leaf == hashlib.sha256(b"\0").digest()
    assert journal_chain.GENESIS.hex() == file["genesis"]


def test_every_file_of_vectors_is_run_by_a_test() -> None:
    run = {"keys", "manifests", "envelopes", "cards", "request-signatures", "journal"}
    assert {path.stem for path in HERE.glob("*.json")} == run
    readme = (HERE / "README.md").read_text()
    for name in run:
        assert f"{name}.json" in readme


def test_a_header_of_an_envelope_is_as_its_schema_says() -> None:
    first = load("envelopes")["cases"][0]["envelope"].split(".")[0]
    assert SCHEMAS.accepts("envelope-header-1", json.loads(base64.urlsafe_b64decode(first + "==")))
