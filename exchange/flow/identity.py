"""Who this node is: its member, and the keys with which it speaks for it."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.core.keys import SigningKeys
from exchange.core.names import MemberId


@dataclass(frozen=True, slots=True)
class Identity:
    """`country` is the member's home (ISO 3166-1 alpha-2); `url_key` keys the digests of URLs."""

    member: MemberId
    country: str
    signing: SigningKeys
    url_key: bytes
