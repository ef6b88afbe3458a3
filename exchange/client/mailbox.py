"""Mailboxes of other members, and our own where another member hosts it: the calls of docs/protocol.md,
signed.

Rules: every call but card and service is signed by the node's http key over exactly what is sent. Whatever
comes back is a value: no status, no odd body and no broken network raises. `base` is the URL of the host as
the registry has it. Nothing is repeated here; the caller knows core/delivery, which says when. The clock is
an argument, because after 401 `time` a request is signed by the host's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from exchange.client import answers
from exchange.client.answers import Asked, CardAnswer, Collected, ServiceAnswer
from exchange.client.guarded import Fetched, GuardedClient, Place, parse_place
from exchange.core import limits
from exchange.core.delivery import Answer, AnswerKind
from exchange.core.keys import HttpKey
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.request_signature import sign_request
from exchange.errors import Invalid, Refused, Unavailable

ENVELOPE_TYPE = "application/jose"
CARD_TYPE = "application/jose+json"
START = "0"
"""The cursor of a run that starts: what was acknowledged is gone."""


class PeerMailbox:
    """The calls. `key` gives the key that signs now, `random` as many bytes of chance as asked for."""

    def __init__(
        self, client: GuardedClient, key: Callable[[], HttpKey], random: Callable[[int], bytes]
    ) -> None:
        self._client = client
        self._key = key
        self._random = random

    async def deposit(self, base: str, to: MemberId, jti: DocumentId, envelope: bytes, now: int) -> Answer:
        """Put one envelope into the mailbox of `to`; ok once the host has it on disk."""
        digest = Digest.of(envelope)
        fetched = await self._signed(
            "PUT", base, _envelope(to, jti), now=now, body=envelope, content_type=ENVELOPE_TYPE
        )
        if isinstance(fetched, Answer):
            return fetched
        return answers.done(fetched, (200, 201), lambda body: answers.deposit_promise(body, jti, digest))

    async def ask(self, base: str, to: MemberId, jti: DocumentId, now: int) -> Asked:
        """Whether the host still has an envelope of ours."""
        fetched = await self._signed("GET", base, _envelope(to, jti), now=now)
        return Asked(fetched) if isinstance(fetched, Answer) else answers.asked(fetched)

    async def collect(self, base: str, me: MemberId, after: str, wait: int, now: int) -> Collected:
        """What waits behind the cursor `after`; the host may hold the answer back for `wait` seconds."""
        fetched = await self._signed(
            "GET",
            base,
            f"/v1/mailboxes/{me}/envelopes",
            f"after={after}&wait={wait}",
            now=now,
            cap=limits.PAGE_ANSWER_BYTES,
            seconds=limits.ANSWER_SECONDS + wait,
        )
        return Collected(fetched) if isinstance(fetched, Answer) else answers.collected(fetched)

    async def acknowledge(self, base: str, me: MemberId, through: str, now: int) -> Answer:
        """Let the host forget what stands at or before the cursor `through`."""
        fetched = await self._signed(
            "DELETE", base, f"/v1/mailboxes/{me}/envelopes", f"through={through}", now=now
        )
        return (
            fetched if isinstance(fetched, Answer) else answers.done(fetched, (204,), lambda body: not body)
        )

    async def put_card(self, base: str, me: MemberId, card: bytes, now: int) -> Answer:
        """Publish our newest key card at the host of our mailbox."""
        fetched = await self._signed(
            "PUT", base, f"/v1/members/{me}/card", now=now, body=card, content_type=CARD_TYPE
        )
        return fetched if isinstance(fetched, Answer) else answers.done(fetched, (200, 201), lambda _: True)

    async def fetch_card(self, url: str, etag: str | None = None) -> CardAnswer:
        """A member's newest key card, unverified; with `etag`, only if it has changed."""
        headers = {} if etag is None else {"If-None-Match": etag}

        async def get() -> Fetched:
            place = parse_place(url, "card")
            return await self._client.request("GET", place, headers=headers, cap=limits.CARD_BYTES)

        fetched = await _reached(get)
        return CardAnswer(fetched) if isinstance(fetched, Answer) else answers.card(fetched)

    async def service(self, base: str) -> ServiceAnswer:
        """What the host says of itself."""

        async def get() -> Fetched:
            return await self._client.request("GET", _at(base, "/.well-known/hotline-exchange", ""))

        fetched = await _reached(get)
        return ServiceAnswer(fetched) if isinstance(fetched, Answer) else answers.service(fetched)

    async def _signed(
        self,
        method: str,
        base: str,
        path: str,
        query: str = "",
        *,
        now: int,
        body: bytes | None = None,
        content_type: str | None = None,
        cap: int = limits.ANSWER_BYTES,
        seconds: float = limits.ANSWER_SECONDS,
    ) -> Fetched | Answer:
        async def send() -> Fetched:
            place = _at(base, path, query)
            headers = sign_request(
                method,
                place.authority,
                place.path,
                place.query,
                body,
                content_type,
                self._key(),
                now,
                self._random(limits.NONCE_BYTES),
            )
            return await self._client.request(
                method, place, headers=headers, body=body, cap=cap, seconds=seconds
            )

        return await _reached(send)


def _envelope(to: MemberId, jti: DocumentId) -> str:
    return f"/v1/mailboxes/{to}/envelopes/{jti}"


def _at(base: str, path: str, query: str) -> Place:
    return parse_place(f"{base.rstrip('/')}{path}" + (f"?{query}" if query else ""), "mailbox")


async def _reached(call: Callable[[], Awaitable[Fetched]]) -> Fetched | Answer:
    try:
        return await call()
    except Refused as error:
        return Answer(AnswerKind.NONSENSE, None, error.code)
    except Unavailable as error:
        return Answer(AnswerKind.UNREACHABLE, None, error.code)
    except Invalid:
        return Answer(AnswerKind.UNREACHABLE, None, "address-refused")
