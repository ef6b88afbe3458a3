"""What a member may do, by its status in the registry: at a mailbox's door, and which documents pass to and
from it.

Rules: an active member does everything. A pending one deposits, asks, collects its own mailbox and puts its
card there, and exchanges tests and receipts, so that it can be tried before it is trusted with a referral; no
document of another type passes to or from it. A suspended one and one that has left do nothing at all; a
suspended one is told why. A member that the registry does not know has no status here (None) and no rights.

This module does not know whose status it is, nor what becomes of a document that may not pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from exchange.core.documents import DocumentType
from exchange.core.registry_view import MemberStatus
from exchange.errors import Refused

TRIAL: Final = frozenset({DocumentType.TEST, DocumentType.RECEIPT})
"""Types of documents that a pending member exchanges."""
_NOTHING: Final[frozenset[DocumentType]] = frozenset()
_PASSING: Final[Mapping[MemberStatus | None, frozenset[DocumentType]]] = MappingProxyType(
    {MemberStatus.ACTIVE: frozenset(DocumentType), MemberStatus.PENDING: TRIAL}
)


def passing(*ends: MemberStatus | None) -> frozenset[DocumentType]:
    """The types of documents that may pass between members of these statuses."""
    found = frozenset(DocumentType)
    for status in ends:
        found &= _PASSING.get(status, _NOTHING)
    return found


def check_door(status: MemberStatus) -> None:
    """Let a member use a mailbox API; raises `Refused` (`suspended`, `not-a-member`)."""
    if status is MemberStatus.SUSPENDED:
        raise Refused("suspended", "this member is suspended")
    if not passing(status):
        raise Refused("not-a-member", "this member is not active")
