"""Mirroring the registry: the verified files that this node has, for whoever asks.

Rules: what is given out was verified here first, so a mirror can hold nobody longer with an old registry than
its own refresh fails. It says nothing of who asked. A file is named exactly, or is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from exchange.core.limits import REGISTRY_FILE_BYTES
from exchange.core.names import Digest
from exchange.errors import Invalid

LONGEST: Final = 160
"""Characters of a name: `targets/members/`, a digest and the longest member id have 130."""


class Published(Protocol):
    """What this verb needs of client.registry_past.Archive."""

    async def published(self, path: str) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class File:
    """`digest` names the bytes; `lasting` says that the name never has others."""

    data: bytes
    digest: Digest
    lasting: bool


@dataclass(frozen=True, slots=True)
class Mirror:
    """`source` knows the registry's files by their names in a TUF repository."""

    source: Published

    async def file(self, path: str) -> File:
        """The file that a TUF repository has at `path`; raises `Invalid` (`not-found`)."""
        data = await self.source.published(path) if len(path) <= LONGEST else None
        if data is None or len(data) > REGISTRY_FILE_BYTES:
            raise Invalid("not-found", "the registry has no such file here")
        return File(data, Digest.of(data), path.startswith("targets/"))
