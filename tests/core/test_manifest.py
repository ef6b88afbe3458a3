"""The manifest: exactly its claims, each in its form, and written as it is read."""

from typing import Any

import pytest
from support.messages import claims, compact, document, honest, new_id

from exchange.core import manifest
from exchange.errors import Invalid

DOCUMENTS = [document(1), document(2)]
LIMIT = 1024 * 1024


def test_a_manifest_is_read_as_it_was_written() -> None:
    content = honest(DOCUMENTS)
    payload = manifest.to_payload(content)
    assert manifest.parse(payload, limit=LIMIT) == content
    assert payload == compact(claims(DOCUMENTS))


def entry(**changes: Any) -> list[dict[str, Any]]:
    """The documents claim with its first entry changed; a change to None takes the member away."""
    first, *others = claims(DOCUMENTS)["documents"]
    return [{n: v for n, v in (first | changes).items() if v is not None}, *others]


SPOILT: dict[str, Any] = {
    "v of another version": claims(DOCUMENTS, v=2),
    "v is true": claims(DOCUMENTS, v=True),
    "a claim more": claims(DOCUMENTS, extra=1),
    "jti missing": claims(DOCUMENTS, jti=None),
    "jti is a UUID of version 4": claims(DOCUMENTS, jti="0b5a1c5e-1111-4111-8111-111111111111"),
    "jti in capitals": claims(DOCUMENTS, jti=new_id("x").upper()),
    "iss is no member id": claims(DOCUMENTS, iss="DE-a"),
    "aud is a list": claims(DOCUMENTS, aud=["gb-b"]),
    "aud_kid is short": claims(DOCUMENTS, aud_kid="abc"),
    "aud_kid is a number": claims(DOCUMENTS, aud_kid=5),
    "iat is text": claims(DOCUMENTS, iat="1770000000"),
    "iat is true": claims(DOCUMENTS, iat=True),
    "exp is negative": claims(DOCUMENTS, exp=-1),
    "no documents": claims(DOCUMENTS, documents=[]),
    "documents is an object": claims(DOCUMENTS, documents={}),
    "101 documents": claims([document(n) for n in range(101)]),
    "an entry is text": claims(DOCUMENTS, documents=["x"]),
    "an entry with a member more": claims(DOCUMENTS, documents=entry(size=5)),
    "an entry without digest": claims(DOCUMENTS, documents=entry(sha256=None)),
    "an entry's type is free text": claims(DOCUMENTS, documents=entry(type="hello world")),
    "an entry's type without version": claims(DOCUMENTS, documents=entry(type="referral")),
    "an entry's type with a line break": claims(DOCUMENTS, documents=entry(type="referral/1x")),
    "an entry's digest in capitals": claims(DOCUMENTS, documents=entry(sha256="A" * 64)),
    "an id twice": claims(DOCUMENTS, documents=entry() + entry()),
    "registry is null": {**claims(DOCUMENTS), "registry": None},
    "registry without digest": claims(DOCUMENTS, registry={"version": 1}),
    "registry of a negative version": claims(DOCUMENTS, registry={"version": -1, "sha256": "0" * 64}),
    "journal with a member more": claims(DOCUMENTS, journal={**claims(DOCUMENTS)["journal"], "x": 1}),
    "journal's head is short": claims(DOCUMENTS, journal={**claims(DOCUMENTS)["journal"], "head": "00"}),
    "journal's log is no UUID": claims(DOCUMENTS, journal={**claims(DOCUMENTS)["journal"], "log": "log"}),
    "not an object": [],
}


@pytest.mark.parametrize("value", SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_manifest_is_refused(value: Any) -> None:
    with pytest.raises(Invalid) as error:
        manifest.parse(compact(value), limit=LIMIT)
    assert "manifest" in error.value.message


def test_a_type_that_nobody_knows_yet_is_refused_later_and_not_with_its_neighbours() -> None:
    read = manifest.parse(compact(claims(DOCUMENTS, documents=entry(type="future/9"))), limit=LIMIT)
    assert read.documents[0].type == "future/9"
