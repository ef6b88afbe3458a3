"""The names of the parts of an evidence file: the one place where they are spelt.

Rules: a part is named by what it is; the registry's lists by their place in the argument, roots by their
version, members' files by their SHA-256 and their member, as a TUF repository names them. Whoever reads a
file takes names from here, never from what the file says of itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from exchange.core.names import Digest

STATEMENT: Final = "statement"
"""How the first line is called when it is to blame; it is no part of itself."""
DOCUMENT: Final = "document"
MANIFEST: Final = "manifest"
RECEIPT: Final = "receipt"
RECEIPT_MANIFEST: Final = "receipt-manifest"
ENTRY: Final = "journal-entry"
LEAVES: Final = "journal-leaves"
ANCHOR_MANIFEST: Final = "anchor-manifest"
ANCHOR_RECEIPT: Final = "anchor-receipt"
ANCHOR_RECEIPT_MANIFEST: Final = "anchor-receipt-manifest"
IN_FORCE: Final = "targets/in-force.json"
NEWEST: Final = "targets/newest.json"
_FIXED: Final = frozenset(
    (
        DOCUMENT,
        MANIFEST,
        RECEIPT,
        RECEIPT_MANIFEST,
        ENTRY,
        LEAVES,
        ANCHOR_MANIFEST,
        ANCHOR_RECEIPT,
        ANCHOR_RECEIPT_MANIFEST,
        IN_FORCE,
        NEWEST,
    )
)
_ROOT: Final = re.compile(r"root/([1-9][0-9]{0,8})\.json")
_MEMBER: Final = re.compile(r"members/[0-9a-f]{64}\.([a-z]{2}-[a-z0-9][a-z0-9-]{0,39})\.json")


def root(version: int) -> str:
    """The name of a root."""
    return f"root/{version}.json"


def member(member_id: str, digest: Digest) -> str:
    """The name of a member's file."""
    return f"members/{digest}.{member_id}.json"


def path_of(member_id: str) -> str:
    """Where the registry's lists have a member's file."""
    return f"members/{member_id}.json"


def is_known(name: str) -> bool:
    """Whether this is the name of a part."""
    return name in _FIXED or _ROOT.fullmatch(name) is not None or _MEMBER.fullmatch(name) is not None


def is_member(name: str, member_id: str) -> bool:
    """Whether this is the name of a file of this member."""
    match = _MEMBER.fullmatch(name)
    return match is not None and match[1] == member_id


def members(names: Iterable[str]) -> list[tuple[str, str]]:
    """(name, member id) of the members' files among these."""
    return [(name, match[1]) for name in names if (match := _MEMBER.fullmatch(name)) is not None]


def roots(names: Iterable[str]) -> list[str]:
    """The names of roots among these, by rising version."""
    found = {int(match[1]): name for name in names if (match := _ROOT.fullmatch(name)) is not None}
    return [found[version] for version in sorted(found)]
