"""The registry under `/registry/` of the mailbox listener: unsigned reading, where the configuration says so.

Rules: one route for metadata and two for the registry's files, each answered from what the node has verified;
no directory is listed and no path of the disk is ever made of what was asked. A file has an ETag; those that
are named after their content may be kept for ever, the others are asked for anew each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from exchange.flow.mirror import Mirror
from exchange.server.calls import JSON

LASTING: Final = "public, max-age=31536000, immutable"
ASKED_ANEW: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class RegistryMirror:
    mirror: Mirror

    def routes(self) -> list[web.RouteDef]:
        paths = ("metadata/{name}", "targets/{name}", "targets/{folder}/{name}")
        return [web.get(f"/registry/{path}", self.file, allow_head=False) for path in paths]

    async def file(self, request: web.Request) -> web.Response:
        found = await self.mirror.file(request.path.removeprefix("/registry/"))
        headers = {
            hdrs.ETAG: f'"{found.digest}"',
            hdrs.CACHE_CONTROL: LASTING if found.lasting else ASKED_ANEW,
        }
        if request.headers.get(hdrs.IF_NONE_MATCH) == headers[hdrs.ETAG]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=found.data, content_type=JSON, headers=headers)
