"""Tokens: who may do what on the member API over TCP.

Rules: a token is `hx_<id>_<secret>`, shown once when it is made; what is kept is the SHA-256 of its secret,
32 bytes of chance, and it is compared in constant time. An unknown token costs the same work as a wrong
secret. Whoever comes through the Unix socket is `local` and may do everything: the mode of the socket's
file is the permission. A revoked token keeps its row, so that what it did can be told.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exchange.core import base64url
from exchange.core.strict_json import JsonObject
from exchange.core.times import format_time
from exchange.errors import Invalid, Refused
from exchange.flow import journal
from exchange.flow.bell import Bells
from exchange.flow.world import World
from exchange.store import access
from exchange.store.port import Database, Row

SECRET_BYTES: Final = 32
ID_BYTES: Final = 8
_TOKEN: Final = re.compile(r"hx_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")
_NOBODY: Final = bytes(32)


class Scope(StrEnum):
    """What a caller may do; none includes another."""

    SUBMIT = "submit"
    READ = "read"
    ANSWER = "answer"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the id of a token, or `local`."""

    token: str
    scopes: frozenset[Scope]

    def check(self, scope: Scope) -> None:
        """Raises `Refused` (`scope`)."""
        if scope not in self.scopes:
            raise Refused("scope", f"this needs a token with the scope {scope.value}")


LOCAL: Final = Caller("local", frozenset(Scope))


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is shown once."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """Making, listing, revoking and recognising tokens."""

    db: Database
    world: World
    bells: Bells

    async def create(self, name: str, scopes: Sequence[str], by: Caller) -> NewToken:
        """Make a token; raises `Invalid` (`token-name`, `token-scopes`)."""
        if _NAME.fullmatch(name) is None:
            raise Invalid("token-name", "name: not 1 to 40 letters, digits, blanks, dots, hyphens")
        known = {scope.value for scope in Scope}
        if not scopes or not known.issuperset(scopes):
            raise Invalid("token-scopes", f"scopes: not one or more of {', '.join(sorted(known))}")
        token_id = self.world.random(ID_BYTES).hex()
        secret = base64url.encode(self.world.random(SECRET_BYTES))
        granted = " ".join(scope.value for scope in Scope if scope.value in scopes)
        async with self.db.transaction() as tx:
            await access.add_token(tx, token_id, name, _digest(secret), granted, self.world.now())
            await journal.write(
                tx, self.world, "token-made", token=token_id, scopes=granted, by_token=by.token
            )
        self.bells.journal.ring()
        return NewToken(token_id, f"hx_{token_id}_{secret}")

    async def every(self) -> list[JsonObject]:
        """All tokens without their secrets, the oldest first."""
        async with self.db.reading() as tx:
            rows = await access.tokens(tx)
        return [_shown(row) for row in rows]

    async def revoke(self, token_id: str, by: Caller) -> None:
        """Refuse a token from now on; raises `Invalid` (`token-unknown`)."""
        async with self.db.transaction() as tx:
            if not await access.revoke_token(tx, token_id, self.world.now()):
                raise Invalid("token-unknown", "no token of this id is in use")
            await journal.write(tx, self.world, "token-revoked", token=token_id, by_token=by.token)
        self.bells.journal.ring()

    async def caller(self, text: str) -> Caller:
        """Whose token this is; raises `Refused` (`token-unknown`) for any that is not in use."""
        match = _TOKEN.fullmatch(text)
        token_id, secret = ("", "") if match is None else (match[1], match[2])
        async with self.db.reading() as tx:
            row = await access.token(tx, token_id)
        held = _NOBODY if row is None else bytes(row["secret"])
        same = hmac.compare_digest(held, _digest(secret))
        if row is None or not same:
            raise Refused("token-unknown", "the token is not in use here")
        return Caller(token_id, frozenset(Scope(scope) for scope in row["scopes"].split()))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


def _shown(row: Row) -> JsonObject:
    said: JsonObject = {
        "id": row["id"],
        "name": row["name"],
        "scopes": row["scopes"].split(),
        "created_at": format_time(row["created_at"]),
    }
    return said if row["revoked_at"] is None else {**said, "revoked_at": format_time(row["revoked_at"])}
