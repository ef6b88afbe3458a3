"""The mailbox API: what other members call. Deposit, ask, collect, acknowledge, card, service.

Rules (docs/protocol.md, 8): size and form of the fields, key id, signature, time, nonce; then the body
under its deadline; then its digest; then the envelope's header, which alone of an envelope a host may read.
201 only after the envelope is on disk. Each call is one verb of the flow; here its words are turned into
HTTP and nothing is decided.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from exchange.core import key_card, limits
from exchange.core.envelope import read_header
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.registry_view import RegistryView
from exchange.core.times import format_time
from exchange.errors import Invalid, Refused
from exchange.flow.gate import Gate, Signer
from exchange.flow.hosting import Deposited, Hosting
from exchange.flow.world import World
from exchange.server.middleware import read_body

ENVELOPE_TYPE: Final = "application/jose"
CARD_TYPE: Final = "application/jose+json"
VERSIONS: Final = (1,)
_WAIT: Final = re.compile(r"[0-9]{1,2}")
_CURSOR: Final = re.compile(r"0|[0-9a-f]{1,64}\.[0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """The encryption keys and card of this node's own member."""

    member: MemberId
    known_kid: Callable[[str], bool]
    current_kid: Callable[[], str]
    card: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class MailboxApi:
    """`count` is a metric of deposits by answer."""

    gate: Gate
    hosting: Hosting
    world: World
    registry: Callable[[], RegistryView]
    own: OwnKeys
    count: Callable[[str], None]

    def routes(self) -> list[web.RouteDef]:
        mailbox = "/v1/mailboxes/{owner}/envelopes"
        return [
            web.put(mailbox + "/{jti}", self.deposit),
            web.get(mailbox + "/{jti}", self.ask, allow_head=False),
            web.get(mailbox, self.collect, allow_head=False),
            web.delete(mailbox, self.acknowledge),
            web.get("/v1/members/{member}/card", self.card, allow_head=False),
            web.put("/v1/members/{member}/card", self.put_card),
            web.get("/.well-known/hotline-exchange", self.service, allow_head=False),
        ]

    async def deposit(self, request: web.Request) -> web.Response:
        _check_fields(request, ENVELOPE_TYPE, limits.ENVELOPE_BYTES)
        signer = await self._signer(request)
        owner = self.hosting.check_hosted(request.match_info["owner"])
        jti = _jti(request)
        data = await self._body(request, signer, limits.ENVELOPE_BYTES)
        self._check_envelope(owner, jti, data)
        done = await self.hosting.deposit(owner, signer.member, jti, data, trial=signer.trial)
        self.count(done.value)
        status = 201 if done is Deposited.STORED else 200
        return _json({"jti": jti, "sha256": Digest.of(data)}, status)

    async def ask(self, request: web.Request) -> web.Response:
        signer = await self._signer(request)
        owner = self.hosting.check_hosted(request.match_info["owner"])
        return _json({"state": await self.hosting.ask(owner, signer.member, _jti(request))})

    async def collect(self, request: web.Request) -> web.Response:
        signer = await self._signer(request)
        owner = self.hosting.check_owner(request.match_info["owner"], signer.member)
        wait = request.query.get("wait", "0")
        if _WAIT.fullmatch(wait) is None or int(wait) > limits.LONG_POLL_SECONDS:
            raise Invalid("query", f"wait: not a number of seconds from 0 to {limits.LONG_POLL_SECONDS}")
        page = await self.hosting.page(owner, _cursor(request, "after"), int(wait))
        return _json(
            {
                "envelopes": [
                    {
                        "position": held.position,
                        "jti": held.jti,
                        "depositor": held.depositor,
                        "received_at": format_time(held.received_at),
                        "envelope": held.envelope.decode("ascii"),
                    }
                    for held in page.envelopes
                ],
                "cursor": page.cursor,
            }
        )

    async def acknowledge(self, request: web.Request) -> web.Response:
        signer = await self._signer(request)
        owner = self.hosting.check_owner(request.match_info["owner"], signer.member)
        await self.hosting.acknowledge(owner, _cursor(request, "through"))
        return web.Response(status=204)

    async def card(self, request: web.Request) -> web.Response:
        member = request.match_info["member"]
        data = self.own.card() if member == self.own.member else await self.hosting.card(member)
        if not data:
            raise Refused("card-unknown", "no key card of this member here")
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=data, content_type=CARD_TYPE, headers={"ETag": etag})

    async def put_card(self, request: web.Request) -> web.Response:
        _check_fields(request, CARD_TYPE, limits.CARD_BYTES)
        signer = await self._signer(request)
        owner = self.hosting.check_owner(request.match_info["member"], signer.member)
        data = await self._body(request, signer, limits.CARD_BYTES)
        member = self.registry().members[owner]
        card = key_card.read(data, member, int(self.world.now()), 0)
        await self.hosting.keep_card(owner, card.serial, data)
        return _json({"serial": card.serial}, 201)

    async def service(self, _request: web.Request) -> web.Response:
        return _json(
            {
                "member": self.own.member,
                "versions": list(VERSIONS),
                "limits": {
                    "document_bytes": limits.DOCUMENT_BYTES,
                    "message_documents": limits.MESSAGE_DOCUMENTS,
                    "envelope_bytes": limits.ENVELOPE_BYTES,
                    "page_envelopes": limits.PAGE_ENVELOPES,
                    "page_bytes": limits.PAGE_BYTES,
                    "long_poll_seconds": limits.LONG_POLL_SECONDS,
                },
                "time": int(self.world.now()),
            }
        )

    async def _signer(self, request: web.Request) -> Signer:
        path, _, query = request.raw_path.partition("?")
        return await self.gate.signer(
            method=request.method,
            raw_path=path,
            raw_query=query,
            headers=list(request.headers.items()),
            has_body=request.method in ("PUT", "POST"),
        )

    async def _body(self, request: web.Request, signer: Signer, limit: int) -> bytes:
        data = await read_body(request, limit)
        signer.check_body(data)
        return data

    def _check_envelope(self, owner: MemberId, jti: DocumentId, data: bytes) -> None:
        """What a host may see of an envelope: its form and its header."""
        try:
            header = read_header(data)
        except Refused as error:
            raise Refused("header", error.message) from error
        if header.jti != jti:
            raise Refused("header", "the envelope's jti is not that of the path")
        if owner == self.own.member and not self.own.known_kid(header.kid):
            raise Refused(
                "wrong-key",
                "the envelope is sealed to a key that is not ours",
                hint="fetch the key card and seal it again",
                members={"kid": self.own.current_kid()},
            )


def _json(value: object, status: int = 200) -> web.Response:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    headers = {"Cache-Control": "no-store"}
    return web.Response(text=text, status=status, content_type="application/json", headers=headers)


def _check_fields(request: web.Request, wanted: str, limit: int) -> None:
    """What the header fields say of the body, before anything is computed for it."""
    if (request.content_length or 0) > limit:
        raise Refused("too-large", f"the body has more than {limit} bytes")
    if request.headers.get("Content-Type") != wanted:
        raise Refused("content-type", f"the body has to be {wanted}")


def _jti(request: web.Request) -> DocumentId:
    try:
        return DocumentId.parse(request.match_info["jti"], "jti")
    except Invalid as error:
        raise Refused("header", error.message) from error


def _cursor(request: web.Request, name: str) -> str:
    text = request.query.get(name, "0" if name == "after" else None)
    if text is None:
        raise Invalid("query", f"{name}: missing")
    if _CURSOR.fullmatch(text) is None:
        raise Refused("cursor-reset", f"{name}: not a cursor of this mailbox", hint="start again at 0")
    return text
