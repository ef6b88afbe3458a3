"""A registry in which one member is another than before, and a node that learns of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from support.network import TestNode

from exchange.core.names import MemberId
from exchange.core.registry_view import MemberStatus, RegistryView
from exchange.flow.refresh import Consequences


def changed(view: RegistryView, name: str, **changes: Any) -> RegistryView:
    """The next version of a registry, in which one member is another."""
    members = {**view.members, MemberId(name): replace(view.members[MemberId(name)], **changes)}
    return replace(view, members=members, version=view.version + 1, digest=f"{view.version + 1:064x}")


def says(view: RegistryView, name: str, status: MemberStatus) -> RegistryView:
    return changed(view, name, status=status)


async def learn(node: TestNode, view: RegistryView) -> None:
    """The node refreshes: it has this registry from now on, and draws its consequences."""
    node.network.views[node.me] = view
    released = partial(node.receive.envelope, released=True)
    await Consequences(
        node.db, node.world, node.bells, lambda: view, node.submit.retry_unroutable, released
    ).run()
