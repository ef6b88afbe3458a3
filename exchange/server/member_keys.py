"""Member API, our own keys and our entry in the registry: shown, renewed, registered, proved.

Rules: no answer holds a private key. All but looking is the operator's. A registration is answered with the
text that goes to the administrators and the fingerprint that is read to them; nothing takes effect before the
registry has it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from exchange.core import strict_json
from exchange.core.registration_challenge import read_challenge, write_proof
from exchange.core.strict_json import JsonValue
from exchange.errors import Invalid
from exchange.flow.operate import Operate
from exchange.flow.reading_keys import ReadingKeys
from exchange.flow.registering import FIELDS, ROTATE, Registering
from exchange.flow.tokens import Scope
from exchange.server.calls import Call, Endpoint, said


@dataclass(frozen=True, slots=True)
class KeyRoutes:
    """`rotate` makes a new encryption key and card, True to retire all older keys."""

    reading: ReadingKeys
    operate: Operate
    registering: Registering
    rotate: Callable[[bool], Awaitable[object]]

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/keys", Scope.READ, self.keys),
            Endpoint("POST", "/v1/keys/rotate", Scope.OPERATE, self.new_key),
            Endpoint("POST", "/v1/registration", Scope.OPERATE, self.register),
            Endpoint("POST", "/v1/registration/proof", Scope.OPERATE, self.prove),
        ]

    async def keys(self, call: Call) -> web.Response:
        call.query()
        return said(await self.reading.all())

    async def new_key(self, call: Call) -> web.Response:
        call.query()
        retire = (await call.object("retire", optional=True)).get("retire", True)
        if not isinstance(retire, bool):
            raise Invalid("field", "retire: not true or false")
        await self.operate.note("key-rotation", call.caller)
        await self.rotate(retire)
        return said(await self.reading.all())

    async def register(self, call: Call) -> web.Response:
        call.query()
        body = await call.object(*FIELDS, "rotate")
        rotate = _rotate(body.pop("rotate", []))
        made = await self.registering.change(body, rotate, call.caller)
        new: list[JsonValue] = [*made.new]
        return said(
            {
                "member": made.member,
                "registration": made.registration.decode(),
                "fingerprint": made.fingerprint,
                "new_keys": new,
            }
        )

    async def prove(self, call: Call) -> web.Response:
        call.query()
        challenge = read_challenge(strict_json.dump(await call.object("v", "member", "kid", "sealed")))
        proof = await self.registering.prove(challenge, call.caller)
        return web.Response(body=write_proof(proof), content_type="application/json")


def _rotate(value: JsonValue) -> list[str]:
    listed = value if isinstance(value, list) else [None]
    if any(one not in ROTATE for one in listed):
        raise Invalid("field", f"rotate: not a list of {' and '.join(ROTATE)}")
    return [what for what in ROTATE if what in listed]
