"""Another implementation, in another language, from other libraries: what one seals the other opens.

`node/interop.mjs` is written from the protocol's text on Node, jose, hpke and noble. The packages are
installed once, by name and pinned version, into the user's cache.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.keys import NOW, member, member_keys, published, registry_view
from support.messages import DE, GB, claims, document, new_id, sealed
from support.node_packages import installed

from exchange.core import envelope, jws, key_card
from exchange.core.limits import CARD_LIFE_SECONDS
from exchange.core.names import MemberId
from exchange.core.opening import open_message
from exchange.errors import Refused

pytestmark = pytest.mark.long
ENTRY = [dict(jwk) for jwk in member_keys(DE).signing.entry]


@pytest.fixture(scope="module")
def node() -> Path:
    """The folder in which interop.mjs runs beside its packages."""
    return installed("interop.mjs")


def ask(node: Path, call: str, **request: Any) -> dict[str, Any]:
    done = subprocess.run(
        ["node", "interop.mjs"],
        cwd=node,
        input=json.dumps({"call": call} | request),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("count", [1, 100])
def test_node_opens_what_we_seal(node: Path, count: int) -> None:
    documents = [document(n) for n in range(count)]
    data = sealed(documents)
    seed = member_keys(GB).encryption.seed.hex()
    got = ask(node, "open", envelope=data.decode(), seed=seed, entry=ENTRY)
    assert got["fields"] == {
        "alg": "HPKE-9-KE",
        "enc": "A256GCM",
        "kid": member_keys(GB).encryption.kid,
        "typ": "hx-envelope+jwe",
        "cty": "hx-message",
        "jti": new_id("message"),
    }
    assert [line.encode() for line in got["lines"]] == documents
    assert json.loads(got["verified"]["payload"]) == claims(documents)
    assert [header["kid"] for header in got["verified"]["headers"]] == [key["kid"] for key in ENTRY]
    assert got["length"] == envelope.padme(len(got["jws"]) + sum(len(d) + 1 for d in documents))


@pytest.mark.parametrize("count", [1, 100])
def test_we_open_what_node_seals(node: Path, count: int) -> None:
    documents = [document(n) for n in range(count)]
    said = claims(documents)
    got = ask(
        node,
        "seal",
        claims=said,
        documents=[data.decode() for data in documents],
        sender=published(DE),
        recipient=dict(member_keys(GB).encryption.jwk),
    )
    data = got["envelope"].encode()
    opened = open_message(
        data,
        me=MemberId(GB),
        depositor=MemberId(DE),
        registry=registry_view(member(DE), member(GB)),
        seed_for=member_keys(GB).seed_for,
        now=NOW,
    )
    assert opened.lines == tuple(documents)
    with pytest.raises(Refused):
        open_message(
            data,
            me=MemberId(GB),
            depositor=MemberId(DE),
            registry=registry_view(member(DE, signing=member("fr-c").signing), member(GB)),
            seed_for=member_keys(GB).seed_for,
            now=NOW,
        )


def test_node_does_not_verify_a_spoilt_manifest(node: Path) -> None:
    value = json.loads(jws.sign(b'{"a":1}', member_keys(DE).signing, jws.Typ.MANIFEST))
    assert ask(node, "verify", jws=json.dumps(value), entry=ENTRY)["verified"]["payload"] == '{"a":1}'
    value["signatures"][1]["signature"] = "A" * len(value["signatures"][1]["signature"])
    assert ask(node, "verify", jws=json.dumps(value), entry=ENTRY)["verified"] is None


def test_cards_are_read_on_both_sides(node: Path) -> None:
    keys = member_keys(DE)
    card = key_card.issue(keys.id, keys.signing, keys.encryption.jwk, serial=NOW, iat=NOW)
    verified = ask(node, "verify", jws=card.decode(), entry=ENTRY)["verified"]
    assert {header["typ"] for header in verified["headers"]} == {"hx-key-card+json"}
    said = json.loads(verified["payload"])
    assert said["exp"] - said["iat"] == CARD_LIFE_SECONDS
    theirs = ask(node, "card", claims=said, sender=published(DE))["card"].encode()
    assert key_card.read(theirs, member(DE), NOW, NOW).key == keys.encryption.jwk


def test_both_name_keys_alike_and_pad_alike(node: Path) -> None:
    jwks = [*ENTRY, dict(member_keys(GB).encryption.jwk)]
    got = ask(node, "keys", seed=member_keys(GB).encryption.seed.hex(), jwks=jwks)
    assert got == {"kids": [jwk["kid"] for jwk in jwks], "loaded": True}
    lengths = [9, 1000, 1024, 1025, 7900, 65537, 200_000, 770_048]
    assert ask(node, "padme", lengths=lengths)["padded"] == [envelope.padme(n) for n in lengths]
