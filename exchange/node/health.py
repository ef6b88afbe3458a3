"""How a node is: why it is not ready, and its gauges.

Rules: ready means that it can take, deliver and receive referrals now. Each reason has a code and a
sentence that says what to do; none names a peer's key or a URL. Gauges are read from the database when they
are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exchange.core.registry_view import MemberStatus, RegistryState
from exchange.flow.identity import Standing
from exchange.flow.registering import ROTATE
from exchange.node.loops import Loop
from exchange.node.parts import Parts
from exchange.store import outbox, peers

WAY_OUT: Final = "hotline-exchange change --rotate"
_KEYS: Final = {
    Standing.NOT_REGISTERED: "The registry does not have the {} key of this node",
    Standing.OVER: "The time of our registered {} key is over",
    Standing.REVOKED: "Our {} key is revoked and signs no more",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why a node is not ready."""

    code: str
    sentence: str


class Health:
    """`loops` are those of the node."""

    def __init__(self, parts: Parts, loops: Sequence[Loop]) -> None:
        self._parts = parts
        self._loops = loops

    def reasons(self) -> list[Reason]:
        """Why the node is not ready; empty when it is."""
        return [*self._of_registry(), *self._of_card(), *self._of_loops()]

    def _of_registry(self) -> list[Reason]:
        watch = self._parts.watch
        state = watch.state()
        if state is None:
            return [
                Reason(
                    "registry-missing", "No registry is known yet: check [registry] mirrors and bootstrap."
                )
            ]
        found = []
        if state is not RegistryState.FRESH:
            what = "we send to nobody" if state is RegistryState.EXPIRED else "sending ends within 7 days"
            found.append(
                Reason("registry-expired", f"The registry has expired and {what}: tell its administrators.")
            )
        me = watch.view().member(self._parts.identity.member)
        if me is None:
            found.append(Reason("not-registered", "The registry does not know this member yet."))
        elif me.status is not MemberStatus.ACTIVE:
            found.append(Reason("not-active", f"The registry says that this member is {me.status.value}."))
        else:
            found += self._of_keys()
        return found

    def _of_keys(self) -> list[Reason]:
        return [
            Reason(f"{what}-key-{standing.value}", f"{_KEYS[standing].format(what)}: {WAY_OUT} {what}.")
            for what, standing in zip(ROTATE, self._parts.keys.standing(), strict=True)
            if standing is not Standing.USABLE
        ]

    def _of_card(self) -> list[Reason]:
        if self._parts.cards.expires > self._parts.world.now():
            return []
        return [
            Reason("card-expired", "Our key card has expired, so nobody can write to us: check the clock.")
        ]

    def _of_loops(self) -> list[Reason]:
        return [
            Reason(f"{loop.name}-failing", f"The {loop.name} loop fails ({loop.failed}); it goes on trying.")
            for loop in self._loops
            if loop.failed is not None
        ]

    async def metrics(self) -> bytes:
        """All figures, the gauges freshly read."""
        parts, metrics = self._parts, self._parts.metrics
        now = parts.world.now()
        async with parts.db.reading() as tx:
            counts = await outbox.counts(tx)
            oldest = await outbox.oldest_waiting(tx)
            held_back = await peers.backing_off(tx, now)
        for state in ("waiting", "deposited", "received", "dead"):
            metrics.outbox_documents.labels(state).set(counts.get(state, 0))
        metrics.oldest_waiting_seconds.set(0 if oldest is None else now - oldest)
        metrics.peers_backing_off.set(held_back)
        metrics.card_expires_seconds.set(parts.cards.expires - now)
        for kind, _, end in parts.keys.lasting():
            metrics.key_expires_seconds.labels(kind).set(end - now)
        if parts.watch.known is not None:
            metrics.registry_version.set(parts.watch.known.view.version)
            metrics.registry_expires_seconds.set(parts.watch.known.view.expires_at - now)
        return metrics.render()
