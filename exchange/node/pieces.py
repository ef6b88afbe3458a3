"""Small pieces that the parts of a node are given: what they count, what they read once, where keys are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange import keystore
from exchange.client import country
from exchange.config import Config
from exchange.core.documents import DocumentType
from exchange.core.keys import HttpKey, SigningKeys
from exchange.core.names import MemberId
from exchange.errors import Invalid
from exchange.flow import journal
from exchange.flow.draft import Claim
from exchange.flow.gate import Gate
from exchange.flow.refresh import Watch
from exchange.flow.world import World
from exchange.keystore import Keystore
from exchange.observe import Metrics
from exchange.store import meta
from exchange.store.port import Database

_TYPES = frozenset(kind.value for kind in DocumentType)
MEMBER = "member"
"""Name of the fact that says whose database this is."""


async def own(db: Database, world: World, member: MemberId) -> None:
    """Take a new database for this member, or raise `Invalid` (`database-member`) when it is another's."""
    async with db.transaction() as tx:
        owner = await meta.get(tx, MEMBER)
        if owner is None:
            await meta.put(tx, MEMBER, member)
        elif owner != member:
            raise Invalid(
                "database-member",
                "database: it belongs to another member",
                hint="check member and data in the configuration",
            )
        await journal.ensure_log(tx, world)


def bootstrap(path: Path) -> bytes:
    """The root metadata that is trusted from the start; raises `Invalid` (`registry-bootstrap`)."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(
            "registry-bootstrap",
            f"registry.bootstrap: {path} cannot be read ({error.strerror})",
            hint="an administrator of the network gives you this file (root.json)",
        ) from error


@dataclass(slots=True)
class KeyRing:
    """The keystore in `directory` while the node runs: keys can be added to it. The newest come first."""

    directory: Path
    store: Keystore

    @property
    def signing(self) -> Sequence[SigningKeys]:
        return self.store.signing

    @property
    def http(self) -> Sequence[HttpKey]:
        return self.store.http

    def renew(self, *, signing: bool, http: bool) -> None:
        """Make new keys and keep them, on disk first; blocks for the disk."""
        self.store = keystore.renew(self.directory, self.store, signing=signing, http=http)


def gate(config: Config, db: Database, world: World, watch: Watch) -> Gate | None:
    """The gate of the mailbox API, where there is one."""
    authority = config.mailbox.authority
    return None if authority is None else Gate(db, world, authority, watch.view)


def located(address: str) -> Claim | None:
    """What the embedded data says of an address literal."""
    found = country.country_of(address)
    return None if found is None else Claim(found, country.SOURCE, None)


def counted_submitted(metrics: Metrics) -> Callable[[str, int], None]:
    return lambda state, count: metrics.documents_submitted_total.labels(state).inc(count)


def counted_delivered(metrics: Metrics) -> Callable[[str], None]:
    return lambda result: metrics.delivery_attempts_total.labels(result).inc()


def counted_received(metrics: Metrics) -> Callable[[str, str], None]:
    """`kind` is a type of document, or `envelope` for one that did not open."""

    def count(kind: str, verdict: str) -> None:
        if kind == "envelope":
            metrics.quarantine_total.labels(verdict).inc()
        else:
            known = kind if kind in _TYPES else "other"
            metrics.documents_total.labels("received", known, verdict).inc()

    return count
