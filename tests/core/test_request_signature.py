"""Signed requests: exactly one form, against the configured authority; an independent library agrees."""

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver, algorithms
from support.keys import NOW, member_keys

from exchange.core import request_signature
from exchange.core.keys import HttpKey
from exchange.core.request_signature import (
    RequestCode,
    SignatureClaims,
    check_digest,
    check_time,
    parse_signed,
    sign_request,
    verify_signature,
)
from exchange.errors import Broken, Refused

KEY = member_keys("de-a").http
AUTHORITY, PATH, QUERY = "mx.gb-b.example", "/v1/mailboxes/gb-b/envelopes/x", "after=1.2&wait=25"
NONCE = bytes(range(16))
BODY = b"envelope"
TYPE = "application/jose"
Lines = list[tuple[str, str]]


def signed(body: bytes | None = BODY, query: str = QUERY, key: HttpKey = KEY) -> dict[str, str]:
    method = "GET" if body is None else "PUT"
    return sign_request(method, AUTHORITY, PATH, query, body, body and TYPE, key, NOW, NONCE)


def checked(headers: Lines, body: bytes | None = BODY, now: float = NOW, **changes: Any) -> SignatureClaims:
    """All checks in their order; `changes` replace arguments of parse_signed."""
    arguments: dict[str, Any] = {
        "method": "GET" if body is None else "PUT",
        "authority": AUTHORITY,
        "raw_path": PATH,
        "raw_query": QUERY,
        "has_body": body is not None,
    }
    claims = parse_signed(headers, **(arguments | changes))
    check_time(claims, now)
    verify_signature(claims, KEY.jwk)
    check_digest(claims, body or b"")
    return claims


@pytest.mark.parametrize("body", [BODY, b"", None])
def test_a_signed_request_is_verified(body: bytes | None) -> None:
    method = "GET" if body is None else "PUT"
    content_type = None if body is None else TYPE
    headers = sign_request(method, AUTHORITY, PATH, QUERY, body, content_type, KEY, NOW, NONCE)
    claims = checked(list(headers.items()), body)
    assert (claims.keyid, claims.created, claims.expires) == (KEY.kid, NOW, NOW + 300)
    assert base64.urlsafe_b64decode(claims.nonce + "==") == NONCE
    assert set(headers) >= {"Signature", "Signature-Input"}
    assert ("Content-Digest" in headers) is (body is not None)


def test_no_query_and_an_empty_one_are_signed_as_a_question_mark() -> None:
    headers = signed(None, query="")
    assert b'"@query": ?\n' in checked(list(headers.items()), None, raw_query="").base
    root = sign_request("GET", AUTHORITY, "", "", None, None, KEY, NOW, NONCE)
    assert b'"@path": /\n' in checked(list(root.items()), None, raw_path="", raw_query="").base


def test_names_of_fields_come_in_any_case_and_values_with_white_space_around() -> None:
    lines = [(name.upper(), f" {value}\t") for name, value in signed().items()]
    assert checked(lines)


@pytest.mark.parametrize("arguments", [(None, TYPE, NONCE), (BODY, None, NONCE), (None, None, NONCE[:15])])
def test_what_cannot_be_right_is_not_signed(arguments: tuple[Any, Any, bytes]) -> None:
    body, content_type, nonce = arguments
    with pytest.raises(Broken):
        sign_request("PUT", AUTHORITY, PATH, QUERY, body, content_type, KEY, NOW, nonce)


def resigned(
    covered: str = '"@method" "@authority" "@path" "@query" "content-type" "content-digest"',
    parameters: str | None = None,
    label: str = "hx",
    **replaced: str,
) -> Lines:
    """Another form, honestly signed: covered list and parameters as given, the base built by the book."""
    headers = signed()
    values = {
        "@method": "PUT",
        "@authority": AUTHORITY,
        "@path": PATH,
        "@query": f"?{QUERY}",
        "content-type": TYPE,
        "content-digest": headers["Content-Digest"],
        "date": "today",
        "@target-uri": "https://x/",
    }
    if parameters is None:
        parameters = headers["Signature-Input"].partition(")")[2]
    for old, new in replaced.items():
        assert f";{old}=" in parameters
        parameters = re.sub(rf';{old}=("[^"]*"|[0-9]+)', new, parameters)
    base = "".join(f"{name}: {values[name.strip(chr(34))]}\n" for name in covered.split())
    base += f'"@signature-params": ({covered}){parameters}'
    signature = base64.b64encode(KEY.sign(base.encode())).decode()
    return [
        ("Content-Type", TYPE),
        ("Content-Digest", headers["Content-Digest"]),
        ("Date", "today"),
        ("Signature-Input", f"{label}=({covered}){parameters}"),
        ("Signature", f"{label}=:{signature}:"),
    ]


def test_the_resigned_form_is_right_if_nothing_is_changed() -> None:
    assert checked(resigned())
    assert checked(resigned(label="sig1"))


def test_parameters_come_in_any_order() -> None:
    given = signed()["Signature-Input"].partition(")")[2].split(";")[1:]
    assert checked(resigned(parameters="".join(f";{one}" for one in reversed(given))))


def digest_of(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def lines(change: Callable[[dict[str, str]], dict[str, str]]) -> Lines:
    return list(change(signed()).items())


def without(name: str) -> Lines:
    return [(n, v) for n, v in signed().items() if n != name]


def twice(name: str, value: str | None = None) -> Lines:
    headers = signed()
    return [*headers.items(), (name.lower(), value or headers[name])]


COVERED = '"@method" "@authority" "@path" "@query" "content-type" "content-digest"'
SIG, INPUT = signed()["Signature"], signed()["Signature-Input"]
DIGEST = signed()["Content-Digest"]
SHA512 = f"sha-512=:{base64.b64encode(hashlib.sha512(BODY).digest()).decode()}:"
C, T, D, M, S = (
    RequestCode.COMPONENTS,
    RequestCode.TIME,
    RequestCode.DIGEST,
    RequestCode.MISSING,
    RequestCode.SIGNATURE,
)
FORMS: dict[str, tuple[Lines, RequestCode]] = {
    "not signed": ([("Content-Type", TYPE)], M),
    "no signature": (without("Signature"), M),
    "no input": (without("Signature-Input"), M),
    "the signature line twice": (twice("Signature"), C),
    "the input line twice": (twice("Signature-Input"), C),
    "a second input line of another label": (twice("Signature-Input", INPUT.replace("hx=", "b=")), C),
    "a second label": (
        lines(lambda h: h | {"Signature-Input": f"{INPUT}, b{INPUT[2:]}", "Signature": f"{SIG}, b{SIG[2:]}"}),
        C,
    ),
    "a second label in the input": (lines(lambda h: h | {"Signature-Input": f"{INPUT}, b{INPUT[2:]}"}), C),
    "a second label in the signature": (lines(lambda h: h | {"Signature": f"{SIG}, b{SIG[2:]}"}), C),
    "another label in the signature": (lines(lambda h: h | {"Signature": f"b{SIG[2:]}"}), C),
    "no label": (lines(lambda h: h | {"Signature-Input": INPUT[3:]}), C),
    "an empty input": (lines(lambda h: h | {"Signature-Input": ""}), C),
    "an extra component": (resigned(COVERED + ' "date"'), C),
    "another component": (resigned(COVERED.replace('"@path"', '"@target-uri"')), C),
    "a component missing": (resigned(COVERED.replace(' "@query"', "")), C),
    "no component": (resigned(""), C),
    "a component twice": (resigned(COVERED + ' "@path"'), C),
    "components reordered": (
        resigned(COVERED.replace('"@method" "@authority"', '"@authority" "@method"')),
        C,
    ),
    "components without the body's": (resigned(COVERED.partition(' "content')[0]), C),
    "a component with a parameter": (
        lines(lambda h: h | {"Signature-Input": INPUT.replace('"@path"', '"@path";req')}),
        C,
    ),
    "white space in the list": (lines(lambda h: h | {"Signature-Input": INPUT.replace('" "', '"  "')}), C),
    "white space in the parameters": (lines(lambda h: h | {"Signature-Input": INPUT.replace(";", "; ")}), C),
    "an extra parameter": (resigned(tag=';tag="hx-v1";x=1'), C),
    "a bare parameter": (resigned(tag=';tag="hx-v1";x'), C),
    "a parameter twice": (resigned(tag=';tag="hx-v1";tag="hx-v1"'), C),
    "another tag": (resigned(tag=';tag="hx-v2"'), C),
    "no tag": (resigned(tag=""), C),
    "another alg": (resigned(alg=';alg="hmac-sha256"'), C),
    "alg in capitals": (resigned(alg=';alg="Ed25519"'), C),
    "no alg": (resigned(alg=""), C),
    "no nonce": (resigned(nonce=""), C),
    "a short nonce": (resigned(nonce=f';nonce="{"A" * 21}"'), C),
    "a nonce without end": (resigned(nonce=f';nonce="{"A" * 87}"'), C),
    "a nonce of other characters": (resigned(nonce=f';nonce="{"A" * 30}+"'), C),
    "no keyid": (resigned(keyid=""), C),
    "a keyid that is none": (resigned(keyid=';keyid="me"'), C),
    "no created": (resigned(created=""), C),
    "created is text": (resigned(created=f';created="{NOW}"'), C),
    "created with a leading zero": (resigned(created=f";created=0{NOW}"), C),
    "created negative": (resigned(created=";created=-1"), C),
    "no expires": (resigned(expires=""), C),
    "expired": (resigned(created=f";created={NOW - 300}", expires=f";expires={NOW - 1}"), T),
    "created in the future": (resigned(created=f";created={NOW + 61}"), T),
    "a window over 300 seconds": (resigned(expires=f";expires={NOW + 301}"), T),
    "over before it began": (resigned(expires=f";expires={NOW}"), T),
    "a signature of zeros": (lines(lambda h: h | {"Signature": f"hx=:{'A' * 86}==:"}), S),
    "a short signature": (lines(lambda h: h | {"Signature": f"hx=:{'A' * 84}:"}), C),
    "a signature with trailing bits": (lines(lambda h: h | {"Signature": f"hx=:{'A' * 85}B==:"}), C),
    "a signature that is text": (lines(lambda h: h | {"Signature": 'hx="x"'}), C),
    "no content type": (without("Content-Type"), C),
    "content type twice": (twice("Content-Type"), C),
    "another content type": (lines(lambda h: h | {"Content-Type": "text/html"}), S),
    "an empty content type": (lines(lambda h: h | {"Content-Type": ""}), C),
    "a content type with a line break": (lines(lambda h: h | {"Content-Type": f'{TYPE}\n"@x": y'}), C),
    "a content type that is not ASCII": (lines(lambda h: h | {"Content-Type": "é"}), C),
    "no digest": (without("Content-Digest"), D),
    "digest twice": (twice("Content-Digest"), C),
    "digest of another body": (lines(lambda h: h | {"Content-Digest": digest_of(b"other")}), S),
    "a second algorithm": (lines(lambda h: h | {"Content-Digest": f"{DIGEST}, {SHA512}"}), D),
    "another algorithm": (lines(lambda h: h | {"Content-Digest": SHA512}), D),
    "a digest with parameters": (lines(lambda h: h | {"Content-Digest": f"{DIGEST};x=1"}), D),
    "a digest with trailing bits": (lines(lambda h: h | {"Content-Digest": f"sha-256=:{'A' * 42}B=:"}), D),
}


@pytest.mark.parametrize(("headers", "code"), FORMS.values(), ids=FORMS.keys())
def test_a_request_in_another_form_is_refused(headers: Lines, code: RequestCode) -> None:
    with pytest.raises(Refused) as error:
        checked(headers)
    assert error.value.code == code


CHANGED: dict[str, tuple[dict[str, Any], RequestCode]] = {
    "another method": ({"method": "POST"}, S),
    "another authority": ({"authority": "mx.fr-c.example"}, S),
    "another port": ({"authority": f"{AUTHORITY}:8443"}, S),
    "another path": ({"raw_path": PATH + "y"}, S),
    "a path decoded": ({"raw_path": PATH.replace("x", "%78")}, S),
    "another query": ({"raw_query": "after=1.3&wait=25"}, S),
    "the query reordered": ({"raw_query": "wait=25&after=1.2"}, S),
    "no query": ({"raw_query": ""}, S),
    "another body": ({"body": b"envelopf"}, D),
    "no body after all": ({"body": b""}, D),
    "a body denied": ({"has_body": False}, C),
    "a query with a line break": ({"raw_query": "a\nb"}, C),
    "a path with a space": ({"raw_path": "/a b "}, C),
    "later than expires": ({"now": NOW + 301}, T),
    "long before created": ({"now": NOW - 61}, T),
}


@pytest.mark.parametrize(("changes", "code"), CHANGED.values(), ids=CHANGED.keys())
def test_a_signature_does_not_pass_for_another_request(changes: dict[str, Any], code: RequestCode) -> None:
    with pytest.raises(Refused) as error:
        checked(list(signed().items()), **changes)
    assert error.value.code == code


def test_a_body_where_none_was_signed_is_refused() -> None:
    claims = checked(list(signed(None).items()), None)
    with pytest.raises(Refused) as error:
        check_digest(claims, b"body")
    assert error.value.code == D


def test_a_signature_of_a_body_does_not_pass_for_a_request_without() -> None:
    with pytest.raises(Refused) as error:
        checked(list(signed(None).items()), has_body=True)
    assert error.value.code == C


def test_a_signature_by_another_key_is_refused() -> None:
    other = member_keys("fr-c").http
    for headers in (signed(key=other), signed() | {"Signature": signed(key=other)["Signature"]}):
        with pytest.raises(Refused) as error:
            checked(list(headers.items()))
        assert error.value.code == S


@pytest.mark.parametrize("now", [NOW - 60, NOW, NOW + 300])
def test_a_request_is_good_within_its_window_and_a_minute_of_skew(now: int) -> None:
    assert checked(list(signed().items()), now=now)


# An independent implementation of RFC 9421, both ways.

PUBLIC = base64.urlsafe_b64decode(KEY.jwk["x"] + "=")
PRIVATE = base64.urlsafe_b64decode(KEY.to_jwk()["d"] + "=")


def resolver() -> MappingKeyResolver:
    return MappingKeyResolver(
        public_keys={KEY.kid: Ed25519PublicKey.from_public_bytes(PUBLIC)},
        private_keys={KEY.kid: Ed25519PrivateKey.from_private_bytes(PRIVATE)},
    )


def request(headers: dict[str, str], query: str, method: str = "PUT") -> Any:
    url = f"https://{AUTHORITY}{PATH}" + (f"?{query}" if query else "")
    return SimpleNamespace(method=method, url=url, headers=headers)


@pytest.mark.parametrize("query", [QUERY, "", "a=%20b%2F&c"])
def test_the_library_verifies_what_we_sign(query: str) -> None:
    sent = request(sign_request("PUT", AUTHORITY, PATH, query, BODY, TYPE, KEY, NOW, NONCE), query)
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=resolver())
    verifier.validate_created_and_expires = lambda *a, **k: None
    (result,) = verifier.verify(sent, max_age=None, expect_tag="hx-v1")
    assert result.parameters["keyid"] == KEY.kid
    assert list(result.covered_components)[:-1] == [f'"{name}"' for name in request_signature._WITH_BODY]


@pytest.mark.parametrize("query", [QUERY, "", "a=%20b%2F&c"])
def test_we_verify_what_the_library_signs(query: str) -> None:
    sent = request({"Content-Type": TYPE}, query)
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=resolver()).sign(
        sent,
        key_id=KEY.kid,
        created=datetime.fromtimestamp(NOW, UTC),
        expires=datetime.fromtimestamp(NOW + 300, UTC),
        nonce="n" * 22,
        label="sig1",
        tag="hx-v1",
        covered_component_ids=request_signature._WITH_BODY,
        body=BODY,
    )
    assert checked(list(sent.headers.items()), raw_query=query).nonce == "n" * 22
