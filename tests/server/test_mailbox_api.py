"""What a mailbox host answers, to real signed requests and to those that somebody made up."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from support.documents import schemas
from support.keys import NOW, member_keys
from support.messages import new_id
from support.network import TestNode
from support.node_parts import ServedMailbox, key_of

from exchange.client.answers import EnvelopeState
from exchange.client.guarded import parse_place
from exchange.client.mailbox import PeerMailbox
from exchange.core import envelope, key_card, limits
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.registry_view import MemberStatus
from exchange.core.request_signature import sign_request

Pair = tuple[TestNode, TestNode]
DE, NL, GUEST = MemberId("de-example"), MemberId("nl-example"), MemberId("at-guest")
JTI = new_id("one")
JOSE = "application/jose"


def peer(host: ServedMailbox, name: str) -> PeerMailbox:
    """The calls, signed by `name`."""
    counter = iter(range(10_000))
    chance = member_keys(name).http.kid.encode()[:14]
    return PeerMailbox(
        host.client, lambda: member_keys(name).http, lambda n: (chance + next(counter).to_bytes(2, "big"))[:n]
    )


def sealed(node: TestNode, jti: DocumentId = JTI, message: bytes = b"nothing that a host can read") -> bytes:
    return envelope.seal(message, key_of(node), jti)


def at_guest(jti: DocumentId = JTI) -> bytes:
    return envelope.seal(b"for the guest", member_keys(GUEST).encryption.jwk, jti)


async def send(
    host: ServedMailbox,
    method: str,
    target: str,
    body: bytes | None = None,
    *,
    sign: str | None = NL,
    now: int = NOW,
    nonce: bytes = b"n" * 16,
    content_type: str = JOSE,
    sent: bytes | None = None,
    **headers: str,
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """One request, byte for byte as told; `sent` replaces the body after signing."""
    place = parse_place(host.base + target)
    fields: dict[str, str] = {} if body is None else {"Content-Type": content_type}
    if sign is not None:
        fields |= sign_request(
            method, host.authority, place.path, place.query, body, None if body is None else content_type,
            member_keys(sign).http, now, nonce,
        )  # fmt: skip
    fetched = await host.client.request(
        method, place, headers={**fields, **headers}, body=body if sent is None else sent
    )
    told = json.loads(fetched.body) if fetched.body[:1] == b"{" else {}
    return fetched.status, told, dict(fetched.headers)


def code_of(told: dict[str, Any]) -> str:
    assert schemas().problems("problem-1", told) == ()
    return str(told["type"]).removeprefix("urn:hotline-exchange:")


def envelope_path(to: str = DE, jti: str = JTI) -> str:
    return f"/v1/mailboxes/{to}/envelopes/{jti}"


async def test_an_envelope_is_stored_once_and_promised_by_its_digest(pair: Pair, host: ServedMailbox) -> None:
    data = sealed(pair[0])
    status, told, _ = await send(host, "PUT", envelope_path(), data, nonce=b"1" * 16)
    assert (status, told) == (201, {"jti": JTI, "sha256": Digest.of(data)})
    assert schemas().problems("deposit-answer-1", told) == ()
    status, again, _ = await send(host, "PUT", envelope_path(), data, nonce=b"2" * 16)
    assert (status, again) == (200, told)
    status, told, _ = await send(host, "PUT", envelope_path(), sealed(pair[0]), nonce=b"3" * 16)
    assert (status, code_of(told)) == (409, "id-conflict")
    assert host.counted == ["stored", "same"]


async def test_the_calls_of_our_client_end_as_it_expects(pair: Pair, host: ServedMailbox) -> None:
    """Deposit, ask, collect, acknowledge, ask again: what a node does with a mailbox hosted elsewhere."""
    us, guest = peer(host, NL), peer(host, GUEST)
    data = at_guest()
    assert (await us.deposit(host.base, GUEST, JTI, data, NOW)).status == 201
    assert (await us.ask(host.base, GUEST, JTI, NOW)).state is EnvelopeState.WAITING
    assert (await us.ask(host.base, GUEST, new_id("other"), NOW)).state is EnvelopeState.UNKNOWN
    assert (await us.ask(host.base, MemberId("gb-nobody"), JTI, NOW)).answer.code == "mailbox-unknown"
    assert (await guest.ask(host.base, GUEST, JTI, NOW)).state is EnvelopeState.UNKNOWN
    page = (await guest.collect(host.base, GUEST, "0", 0, NOW)).page
    assert page is not None
    [held] = page.envelopes
    assert (held.position, held.jti, held.depositor, held.received_at) == (1, JTI, NL, NOW)
    assert held.envelope == data
    assert (await guest.acknowledge(host.base, GUEST, page.cursor, NOW)).ok
    assert (await us.ask(host.base, GUEST, JTI, NOW)).state is EnvelopeState.ACKNOWLEDGED
    empty = (await guest.collect(host.base, GUEST, "0", 0, NOW)).page
    assert empty is not None
    assert empty.envelopes == ()


async def test_a_page_has_the_form_of_its_schema(pair: Pair, host: ServedMailbox) -> None:
    await peer(host, NL).deposit(host.base, GUEST, JTI, at_guest(), NOW)
    status, told, headers = await send(host, "GET", f"/v1/mailboxes/{GUEST}/envelopes", sign=GUEST)
    assert (status, schemas().problems("collect-page-1", told)) == (200, ())
    assert headers["cache-control"] == "no-store"


async def test_a_collect_that_waits_hears_of_a_deposit(pair: Pair, host: ServedMailbox) -> None:
    waiting = asyncio.create_task(peer(host, GUEST).collect(host.base, GUEST, "0", 20, NOW))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await peer(host, NL).deposit(host.base, GUEST, JTI, at_guest(), NOW)
    page = (await asyncio.wait_for(waiting, 5)).page
    assert page is not None
    assert [held.jti for held in page.envelopes] == [JTI]


@pytest.mark.parametrize(
    ("method", "target", "changes", "status", "code"),
    [
        ("PUT", envelope_path(), {"sign": None}, 401, "signature-missing"),
        ("PUT", envelope_path(), {"sign": "gb-stranger"}, 401, "key-unknown"),
        ("PUT", envelope_path(), {"now": NOW - 400}, 401, "time"),
        ("PUT", envelope_path(), {"now": NOW + 400}, 401, "time"),
        ("PUT", envelope_path(), {"sent": b"another body"}, 401, "digest"),
        ("PUT", envelope_path(), {"content_type": "application/json"}, 415, "content-type"),
        ("PUT", envelope_path(), {"Content_Encoding": "gzip"}, 415, "content-encoding"),
        ("PUT", envelope_path("gb-nobody"), {}, 404, "mailbox-unknown"),
        ("PUT", envelope_path(jti="not-an-id"), {}, 422, "header"),
        ("PUT", envelope_path(jti=new_id("other")), {}, 422, "header"),
        ("PUT", envelope_path(), {"body": b"five.parts.of.no.envelope"}, 422, "header"),
        ("PUT", envelope_path(), {"body": b""}, 422, "header"),
        ("GET", envelope_path("gb-nobody"), {}, 404, "mailbox-unknown"),
        ("GET", envelope_path(), {}, 404, "envelope-unknown"),
        ("GET", envelope_path(), {"sign": None}, 401, "signature-missing"),
        ("GET", "/v1/mailboxes/de-example/envelopes", {}, 403, "not-your-mailbox"),
        ("GET", "/v1/mailboxes/nl-example/envelopes", {}, 403, "not-your-mailbox"),
        ("GET", "/v1/mailboxes/at-guest/envelopes?wait=26", {"sign": GUEST}, 400, "query"),
        ("GET", "/v1/mailboxes/at-guest/envelopes?wait=x", {"sign": GUEST}, 400, "query"),
        ("GET", "/v1/mailboxes/at-guest/envelopes?after=ab.99", {"sign": GUEST}, 410, "cursor-reset"),
        ("GET", "/v1/mailboxes/at-guest/envelopes?after=zz", {"sign": GUEST}, 410, "cursor-reset"),
        ("DELETE", "/v1/mailboxes/at-guest/envelopes", {"sign": GUEST}, 400, "query"),
        ("DELETE", "/v1/mailboxes/at-guest/envelopes?through=ab.1", {"sign": GUEST}, 410, "cursor-reset"),
        ("DELETE", "/v1/mailboxes/at-guest/envelopes?through=0", {}, 403, "not-your-mailbox"),
        ("GET", "/v1/members/nl-example/card", {"sign": None}, 404, "card-unknown"),
        ("POST", "/v1/mailboxes/de-example/envelopes", {"body": b"{}"}, 405, "method-not-allowed"),
        ("GET", "/v1/referrals", {}, 404, "path-unknown"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_code(
    pair: Pair, host: ServedMailbox, method: str, target: str, changes: dict[str, Any], status: int, code: str
) -> None:
    changes = {name.replace("Content_E", "Content-E"): value for name, value in changes.items()}
    if method == "PUT":
        changes.setdefault("body", sealed(pair[0]))
    answered, told, _ = await send(host, method, target, **changes)
    assert (answered, code_of(told)) == (status, code)
    assert await pair[0].rows("SELECT jti FROM envelopes") == []


async def test_a_request_is_taken_once(pair: Pair, host: ServedMailbox) -> None:
    assert (await send(host, "PUT", envelope_path(), sealed(pair[0])))[0] == 201
    status, told, _ = await send(host, "GET", envelope_path())
    assert (status, code_of(told)) == (401, "replay")


async def test_a_wrong_clock_is_told_the_right_one(host: ServedMailbox) -> None:
    _, told, _ = await send(host, "GET", envelope_path(), now=NOW - 1000)
    assert told["now"] == NOW


async def test_a_key_that_is_not_ours_is_told_the_current_one(pair: Pair, host: ServedMailbox) -> None:
    status, told, _ = await send(host, "PUT", envelope_path(), at_guest())
    assert (status, code_of(told), told["kid"]) == (422, "wrong-key", pair[0].cards.kid)


async def test_a_host_does_not_judge_the_key_of_a_guest(pair: Pair, host: ServedMailbox) -> None:
    assert (await send(host, "PUT", envelope_path(GUEST), sealed(pair[0])))[0] == 201


def standing(pair: Pair, name: MemberId, status: MemberStatus) -> None:
    """Let the registry say `status` of a member from now on."""
    view = pair[0].network.view
    other = replace(view.members[name], status=status)
    kids = {record.key["kid"]: (other, record) for record in other.http}
    members, by_http_kid = {**view.members, name: other}, {**view.by_http_kid, **kids}
    pair[0].network.view = replace(view, members=members, by_http_kid=by_http_kid)


BOX = f"/v1/mailboxes/{GUEST}/envelopes"
CALLS: dict[str, tuple[str, str, int]] = {
    "deposit": ("PUT", f"/v1/mailboxes/{DE}/envelopes/{new_id('mine')}", 201),
    "ask": ("GET", f"/v1/mailboxes/{DE}/envelopes/{new_id('asked')}", 404),
    "collect": ("GET", BOX, 200),
    "acknowledge": ("DELETE", f"{BOX}?through=0", 204),
    "card": ("PUT", f"/v1/members/{GUEST}/card", 201),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (MemberStatus.ACTIVE, None),
        (MemberStatus.PENDING, None),
        (MemberStatus.SUSPENDED, "suspended"),
        (MemberStatus.LEFT, "not-a-member"),
    ],
)
async def test_a_status_opens_or_closes_the_whole_door(
    pair: Pair, host: ServedMailbox, call: str, status: MemberStatus, code: str | None
) -> None:
    standing(pair, GUEST, status)
    method, target, usual = CALLS[call]
    body = {"deposit": sealed(pair[0], new_id("mine")), "card": card_of(NOW)}.get(call)
    kind = "application/jose+json" if call == "card" else JOSE
    answered, told, _ = await send(host, method, target, body, sign=GUEST, content_type=kind)
    assert answered == (usual if code is None else 403)
    if code is not None:
        assert code_of(told) == code


async def raw(host: ServedMailbox, head: str) -> tuple[int, str]:
    """Status and code of the answer to a header whose body never comes."""
    address, _, port = host.authority.partition(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    writer.write(f"{head}\r\nHost: {host.authority}\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    told = json.loads(await reader.readexactly(length))
    writer.close()
    return int(answer.split(b" ")[1]), code_of(told)


async def test_nobody_uploads_a_body_before_they_are_known(host: ServedMailbox) -> None:
    put = f"PUT {envelope_path()} HTTP/1.1\r\nContent-Type: {JOSE}\r\nContent-Length: "
    assert await raw(host, f"{put}1048577") == (413, "too-large")
    assert await raw(host, f"{put}1048576") == (401, "signature-missing")


def card_of(serial: int, **changes: Any) -> bytes:
    keys = member_keys(GUEST)
    given = {"serial": serial, "iat": NOW, **changes}
    return key_card.issue(GUEST, keys.signing, keys.encryption.jwk, **given)


CARD = "application/jose+json"


async def test_a_guest_publishes_its_card_and_senders_find_it(host: ServedMailbox) -> None:
    guest, card = peer(host, GUEST), card_of(NOW)
    assert (await guest.put_card(host.base, GUEST, card, NOW)).status == 201
    url = f"{host.base}/v1/members/{GUEST}/card"
    first = await guest.fetch_card(url)
    assert first.card == card
    assert (await guest.fetch_card(url, first.etag)).answer.status == 304
    assert (await guest.put_card(host.base, GUEST, card_of(NOW + 1), NOW)).status == 201
    changed = await guest.fetch_card(url, first.etag)
    assert (changed.answer.status, changed.etag != first.etag) == (200, True)
    back = await guest.put_card(host.base, GUEST, card_of(NOW), NOW)
    assert (back.status, back.code) == (422, "card-rollback")


async def test_the_node_serves_its_own_card(pair: Pair, host: ServedMailbox) -> None:
    found = await peer(host, NL).fetch_card(f"{host.base}/v1/members/{DE}/card")
    assert found.card == pair[0].cards.card


@pytest.mark.parametrize(
    ("by", "of", "data", "status", "code"),
    [
        (NL, GUEST, card_of(NOW), 403, "not-your-mailbox"),
        (NL, NL, card_of(NOW), 403, "not-your-mailbox"),
        (GUEST, GUEST, card_of(NOW, iat=NOW + 1000), 422, "card-time"),
        (GUEST, GUEST, b"{}", 422, "card-signature"),
        (GUEST, GUEST, b"x" * 40_000, 413, "too-large"),
    ],
)
async def test_a_card_that_is_not_the_guests_own_is_not_published(
    host: ServedMailbox, by: str, of: str, data: bytes, status: int, code: str
) -> None:
    answered, told, _ = await send(host, "PUT", f"/v1/members/{of}/card", data, sign=by, content_type=CARD)
    assert (answered, code_of(told)) == (status, code)
    assert (await send(host, "GET", f"/v1/members/{GUEST}/card", sign=None))[0] == 404


async def test_the_service_document_has_the_form_of_its_schema(host: ServedMailbox) -> None:
    status, told, _ = await send(host, "GET", "/.well-known/hotline-exchange", sign=None)
    assert (status, schemas().problems("service-1", told), told["time"]) == (200, (), NOW)


async def test_a_retired_key_is_taken_for_nothing_new(pair: Pair, host: ServedMailbox) -> None:
    old = sealed(pair[0])
    await pair[0].cards.rotate(retire=True)
    status, told, _ = await send(host, "PUT", envelope_path(), old)
    assert (status, code_of(told), told["kid"]) == (422, "wrong-key", pair[0].cards.kid)
    assert (await send(host, "PUT", envelope_path(), sealed(pair[0]), nonce=b"2" * 16))[0] == 201


async def test_a_pending_member_that_deposits_without_end_is_told_to_come_later(
    pair: Pair, host: ServedMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PENDING_ENVELOPES_PER_DAY", 1)
    standing(pair, NL, MemberStatus.PENDING)
    path, first, other = envelope_path(GUEST), at_guest(), new_id("other")
    for number, wanted in enumerate((201, 200)):
        status, _, _ = await send(host, "PUT", path, first, nonce=bytes([number]) * 16)
        assert status == wanted, "the same again is no other"
    path = envelope_path(GUEST, other)
    status, told, headers = await send(host, "PUT", path, at_guest(other), nonce=b"3" * 16)
    assert (status, code_of(told), headers["retry-after"]) == (429, "rate", "900")
    own = sealed(pair[0], other)
    assert (await send(host, "PUT", envelope_path(DE, other), own, nonce=b"4" * 16))[0] == 201
