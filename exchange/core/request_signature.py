"""Signed requests: HTTP Message Signatures (RFC 9421) with a Content-Digest (RFC 9530), in one narrow form.

Libraries check a *minimum*: a further component or a second label would verify. Here the form is exact.

Rules:

* One line each of Signature-Input and Signature, one label, the same in both; structured fields in their
  canonical spelling (RFC 9651 section 4.1), so that what came is what was signed.
* Covered, in this order: @method @authority @path @query, and with a body content-type content-digest.
* Parameters exactly created, expires, nonce, keyid, alg, tag, in any order; alg `ed25519`, tag `hx-v1`;
  nonce of 22 to 86 characters of base64url (at least 128 bits); expires at most 300 s after created.
* `authority` is the configured one (lower case, no default port), never the Host line. Path and query are
  those of the wire, not decoded; no query and an empty one are both signed as "?".
* Content-Digest: one line, exactly one sha-256.

Order of use: `parse_signed` (form), `check_time`, `verify_signature`, then the nonce (the caller's store),
then the body and `check_digest`. Codes: `RequestCode`. The signature base is made here, in few lines; tests
hold it against the library http-message-signatures both ways.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.core import base64url
from exchange.core.jwk import verifies
from exchange.core.keys import Ed25519Key
from exchange.core.limits import CLOCK_SKEW_SECONDS, NONCE_BYTES, REQUEST_WINDOW_SECONDS
from exchange.core.registry_view import Jwk
from exchange.errors import Broken, Refused

TAG: Final = "hx-v1"
LABEL: Final = "hx"
_BARE: Final = ("@method", "@authority", "@path", "@query")
_WITH_BODY: Final = (*_BARE, "content-type", "content-digest")
_INPUT: Final = re.compile(
    r'([a-z*][a-z0-9_.*-]{0,63})=(\(("[a-z@ "-]*")\)((?:;[a-z]+=(?:[0-9]+|"[A-Za-z0-9_-]+"))*))'
)
_PARAMETER: Final = re.compile(r";([a-z]+)=([^;]+)")
_VALUES: Final = {
    "created": re.compile(r"(0|[1-9][0-9]{0,11})"),
    "expires": re.compile(r"(0|[1-9][0-9]{0,11})"),
    "nonce": re.compile(r'"([A-Za-z0-9_-]{22,86})"'),
    "keyid": re.compile(r'"([A-Za-z0-9_-]{43})"'),
    "alg": re.compile(r'"(ed25519)"'),
    "tag": re.compile(rf'"({TAG})"'),
}
_SIGNATURE: Final = re.compile(r"([a-z*][a-z0-9_.*-]{0,63})=:([A-Za-z0-9+/]{86}==):")
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_VISIBLE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")


class RequestCode(StrEnum):
    """Why a request is refused (401)."""

    MISSING = "signature-missing"
    COMPONENTS = "components"
    TIME = "time"
    DIGEST = "digest"
    SIGNATURE = "signature-invalid"


@dataclass(frozen=True, slots=True)
class SignatureClaims:
    """A signature of the right form, not yet verified; `created` and `expires` in unix seconds."""

    keyid: str
    nonce: str
    created: int
    expires: int
    signature: bytes
    base: bytes
    digest: bytes | None


def sign_request(
    method: str,
    authority: str,
    path: str,
    query: str,
    body: bytes | None,
    content_type: str | None,
    key: Ed25519Key,
    now: int,
    nonce: bytes,
) -> dict[str, str]:
    """The header fields to be sent: Signature-Input, Signature, and with a body Content-Type, Content-Digest.

    `path` and `query` as they go on the wire, the query without "?". Body and content type go together.
    """
    if (body is None) != (content_type is None) or len(nonce) < NONCE_BYTES:
        raise Broken("request-arguments", "a signed request: body without content type, or a short nonce")
    headers: dict[str, str] = {}
    if body is not None and content_type is not None:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
        headers = {"Content-Type": content_type, "Content-Digest": f"sha-256=:{digest}:"}
    covered = _BARE if body is None else _WITH_BODY
    listed = " ".join(f'"{name}"' for name in covered)
    parameters = (
        f'({listed});created={now};expires={now + REQUEST_WINDOW_SECONDS};nonce="{base64url.encode(nonce)}"'
        f';keyid="{key.kid}";alg="ed25519";tag="{TAG}"'
    )
    values = (method, authority, path or "/", f"?{query}", *headers.values())
    signature = base64.b64encode(key.sign(_base(covered, values, parameters))).decode("ascii")
    return {**headers, "Signature-Input": f"{LABEL}={parameters}", "Signature": f"{LABEL}=:{signature}:"}


def _base(covered: Sequence[str], values: Sequence[str], parameters: str) -> bytes:
    """The signature base (RFC 9421 section 2.5)."""
    lines = [f'"{name}": {value}' for name, value in zip(covered, values, strict=True)]
    return "\n".join((*lines, f'"@signature-params": {parameters}')).encode("ascii")


def parse_signed(
    headers: Sequence[tuple[str, str]],
    method: str,
    authority: str,
    raw_path: str,
    raw_query: str,
    has_body: bool,
) -> SignatureClaims:
    """The claims of a request whose signature has the right form; raises `Refused` with a `RequestCode`.

    `headers` are all field lines as they came, names in any case; `raw_query` is without its "?".
    """
    given = _line(headers, "signature-input", RequestCode.MISSING)
    value = _line(headers, "signature", RequestCode.MISSING)
    match, signature = _INPUT.fullmatch(given), _SIGNATURE.fullmatch(value)
    if match is None or signature is None or match[1] != signature[1]:
        raise Refused(
            RequestCode.COMPONENTS, "Signature-Input, Signature: not one label in the canonical form"
        )
    covered = _WITH_BODY if has_body else _BARE
    if match[3] != " ".join(f'"{name}"' for name in covered):
        raise Refused(RequestCode.COMPONENTS, f"Signature-Input: covered is not exactly {' '.join(covered)}")
    said = _parameters(match[4])
    values, digest = [method, authority, raw_path or "/", f"?{raw_query}"], None
    if has_body:
        content_type = _line(headers, "content-type", RequestCode.COMPONENTS)
        content_digest = _line(headers, "content-digest", RequestCode.DIGEST)
        digest = _digest(content_digest)
        values += [content_type, content_digest]
    if not all(_VISIBLE.fullmatch(one) for one in values):
        raise Refused(RequestCode.COMPONENTS, "a covered component: not visible ASCII")
    return SignatureClaims(
        keyid=said["keyid"],
        nonce=said["nonce"],
        created=int(said["created"]),
        expires=int(said["expires"]),
        signature=_decoded(signature[2], RequestCode.COMPONENTS),
        base=_base(covered, values, match[2]),
        digest=digest,
    )


def _line(headers: Sequence[tuple[str, str]], name: str, code: RequestCode) -> str:
    lines = [value for field, value in headers if field.lower() == name]
    if not lines:
        raise Refused(code, f"{name}: missing")
    if len(lines) > 1:
        raise Refused(RequestCode.COMPONENTS, f"{name}: more than one line")
    return lines[0].strip(" \t")


def _parameters(text: str) -> dict[str, str]:
    """The parameters of a signature by name, each exactly once and in its form."""
    said: dict[str, str] = {}
    for name, value in _PARAMETER.findall(text):
        form = _VALUES.get(name)
        match = None if form is None or name in said else form.fullmatch(value)
        if match is None:
            raise Refused(
                RequestCode.COMPONENTS, "Signature-Input: a parameter is foreign, twice or malformed"
            )
        said[name] = match[1]
    if said.keys() != _VALUES.keys():
        raise Refused(
            RequestCode.COMPONENTS, f"Signature-Input: parameters are not exactly {', '.join(_VALUES)}"
        )
    return said


def _digest(line: str) -> bytes:
    match = _DIGEST.fullmatch(line)
    if match is None:
        raise Refused(RequestCode.DIGEST, "Content-Digest: not exactly one sha-256")
    return _decoded(match[1], RequestCode.DIGEST)


def _decoded(text: str, code: RequestCode) -> bytes:
    data = base64.b64decode(text)
    if base64.b64encode(data).decode("ascii") != text:
        raise Refused(code, "a byte sequence: not canonical base64")
    return data


def check_time(claims: SignatureClaims, now: float) -> None:
    """Raises `Refused` (`time`). A nonce is kept until `expires`: later, the request is refused here."""
    window = claims.expires - claims.created
    if not 0 < window <= REQUEST_WINDOW_SECONDS:
        raise Refused(RequestCode.TIME, f"created, expires: not within {REQUEST_WINDOW_SECONDS} seconds")
    if not claims.created - CLOCK_SKEW_SECONDS <= now <= claims.expires:
        raise Refused(RequestCode.TIME, "created, expires: not now")


def verify_signature(claims: SignatureClaims, key: Jwk) -> None:
    """Raises `Refused` (`signature-invalid`) unless `key`, looked up by `keyid`, signed this."""
    if key["kid"] != claims.keyid or not verifies(key, claims.signature, claims.base):
        raise Refused(RequestCode.SIGNATURE, "Signature: does not verify")


def check_digest(claims: SignatureClaims, body: bytes) -> None:
    """Raises `Refused` (`digest`) unless `body` is what Content-Digest said, or there was to be no body."""
    if claims.digest is None:
        fits = not body
    else:
        fits = hmac.compare_digest(hashlib.sha256(body).digest(), claims.digest)
    if not fits:
        raise Refused(RequestCode.DIGEST, "Content-Digest: not that of the body")
