"""Who this node is: its member, and the keys with which it speaks for it at this moment.

Rules: the registry says which of our keys is in use, asked at each use: the newest that it has and that is
valid now. A successor waits two looks at the registry before it takes over, so that peers know it when they
meet it; until then the older one signs, if it still may. Where the registry has none that is valid, the
newest that it has not revoked, first among those that it knows: a new node begins so. A revoked key never
signs again. Where private keys are kept, this module does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from exchange.core import limits
from exchange.core.keys import HttpKey, SigningKeys
from exchange.core.names import MemberId
from exchange.core.registry_view import HttpRecord, Member, SigningRecord
from exchange.errors import Unavailable

K = TypeVar("K", SigningKeys, HttpKey)
SETTLE_SECONDS: Final = 2 * limits.REGISTRY_REFRESH_SECONDS
"""Seconds from when we see a new key of ours registered until we sign with it."""


class Held(Protocol):
    """What is needed of the keystore: our keys, the newest first."""

    @property
    def signing(self) -> Sequence[SigningKeys]: ...
    @property
    def http(self) -> Sequence[HttpKey]: ...


class Standing(StrEnum):
    """What the registry says of the keys that we hold, at its best."""

    USABLE = "usable"
    NOT_REGISTERED = "not-registered"
    OVER = "over"
    REVOKED = "revoked"


@dataclass(slots=True)
class KeysInUse:
    """`registered` gives our member as the registry has it now, None when it does not."""

    held: Held
    registered: Callable[[], Member | None]
    now: Callable[[], float]
    _seen: dict[str, float] = field(default_factory=dict)

    def signing(self) -> SigningKeys:
        """The entry that signs; raises `Unavailable` (`signing-key-revoked`)."""
        return self._chosen("signing", self.held.signing, self._signing_records())

    def http(self) -> HttpKey:
        """The key that signs requests; raises `Unavailable` (`http-key-revoked`)."""
        return self._chosen("http", self.held.http, self._http_records())

    def standing(self) -> tuple[Standing, Standing]:
        """Of our signing entries and of our http keys."""
        now = int(self.now())
        return (
            _standing(self.held.signing, self._signing_records(), now),
            _standing(self.held.http, self._http_records(), now),
        )

    def waiting(self) -> list[str]:
        """Kids of keys of ours that the registry does not have: made by a registration that is under way."""
        known = self._signing_records().keys() | self._http_records().keys()
        held = [*map(kid_of, self.held.signing), *map(kid_of, self.held.http)]
        return [kid for kid in held if kid not in known]

    def lasting(self) -> Iterator[tuple[str, int, int]]:
        """Kind, begin and end of the registered key that lasts longest and is not revoked, of each kind."""
        signing, http = self._signing_records(), self._http_records()
        entries = [record for key in self.held.signing if (record := signing.get(kid_of(key))) is not None]
        requests = [row for key in self.held.http if (row := http.get(kid_of(key))) is not None]
        for what, records in (("signing", entries), ("http", requests)):
            ends = [(record.exp, record.nbf) for record in records if record.revoked is None]
            if ends:
                yield what, max(ends)[1], max(ends)[0]

    def _signing_records(self) -> dict[str, SigningRecord]:
        member = self.registered()
        return {} if member is None else {record.ed25519["kid"]: record for record in member.signing}

    def _http_records(self) -> dict[str, HttpRecord]:
        member = self.registered()
        return {} if member is None else {record.key["kid"]: record for record in member.http}

    def _chosen(
        self, what: str, keys: Sequence[K], records: dict[str, SigningRecord] | dict[str, HttpRecord]
    ) -> K:
        now = self.now()
        usable = [k for k in keys if (r := records.get(kid_of(k))) is not None and r.usable_at(int(now))]
        for key in usable:
            # What was there when we first looked has been there for a while.
            first = now if self._seen.keys() & {kid_of(other) for other in usable} else 0.0
            since = self._seen.setdefault(kid_of(key), first)
            if now - since >= SETTLE_SECONDS:
                return key
        if usable:
            return usable[-1]
        left = [k for k in keys if (r := records.get(kid_of(k))) is None or r.revoked is None]
        known = [key for key in left if kid_of(key) in records]
        if not left:
            raise Unavailable(
                f"{what}-key-revoked",
                f"every {what} key of this node is revoked",
                hint=f"register a new one: hotline-exchange change --rotate {what}",
            )
        return (known or left)[0]


def kid_of(key: SigningKeys | HttpKey) -> str:
    """What names a key of ours in the registry: for a signing entry, its Ed25519 half."""
    return key.ed25519.jwk["kid"] if isinstance(key, SigningKeys) else key.jwk["kid"]


def _standing(
    keys: Sequence[SigningKeys] | Sequence[HttpKey],
    records: dict[str, SigningRecord] | dict[str, HttpRecord],
    now: int,
) -> Standing:
    known = [record for key in keys if (record := records.get(kid_of(key))) is not None]
    if any(record.usable_at(now) for record in known):
        return Standing.USABLE
    if any(record.revoked is None for record in known):
        return Standing.OVER
    return Standing.REVOKED if known else Standing.NOT_REGISTERED


@dataclass(frozen=True, slots=True)
class Identity:
    """`country` is the member's home (ISO 3166-1 alpha-2); `keys` gives the entry that signs now; `url_key`
    keys the digests of URLs.
    """

    member: MemberId
    country: str
    keys: Callable[[], SigningKeys]
    url_key: bytes

    @property
    def signing(self) -> SigningKeys:
        """The entry that signs now; raises `Unavailable` when none may."""
        return self.keys()
