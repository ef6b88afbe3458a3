"""The settings of a node as values: frozen, checked, paths absolute. Only `reading` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from exchange.core.names import MemberId
from exchange.errors import Problem

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a listener binds. `str()` gives `host:port`, with brackets around an IPv6 address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Registry:
    """`bootstrap` is the root metadata that is trusted; `mirrors` are base URLs without a trailing slash;
    `serve`: this node is a mirror too, at `/registry/` of its mailbox listener.
    """

    bootstrap: Path
    mirrors: tuple[str, ...]
    serve: bool


@dataclass(frozen=True, slots=True)
class Mailbox:
    """`host` is "own" or "hosted". `authority` is what peers sign: lower case, no default port."""

    host: str
    listen: Listen | None
    authority: str | None
    url: str | None
    tls_cert: Path | None
    tls_key: Path | None
    guests: tuple[MemberId, ...]


@dataclass(frozen=True, slots=True)
class MemberApi:
    socket: Path
    listen: Listen | None


@dataclass(frozen=True, slots=True)
class Identity:
    """`file` holds the age identity; None: systemd's credential, else a passphrase asked for at start."""

    file: Path | None


@dataclass(frozen=True, slots=True)
class Outbound:
    """`allow`: private networks that the node may call all the same."""

    allow: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Log:
    level: str
    format: str


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a node. Paths are absolute. `warnings` name what works but is unwise."""

    member: MemberId
    data: Path
    database: Path
    development: bool
    registry: Registry
    mailbox: Mailbox
    member_api: MemberApi
    identity: Identity
    outbound: Outbound
    log: Log
    warnings: tuple[Problem, ...] = ()
