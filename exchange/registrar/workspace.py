"""An administrator's working directory: which directory is one, and where its parts lie.

Rules: a directory is a registry when `create` has put peers/network.json there; nothing else makes one, so
that a mistyped path never grows files. It may come from somebody else: a link or a device in peers/ or
reviews/ stops everything. `root.json` is the first root as every node pins it, and there only when a quorum
has signed it. This module reads no content and knows no signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.errors import Invalid
from exchange.registrar.files import check_tree, read_regular

NETWORK: Final = "network.json"
DRAFT_ENDING: Final = ".draft.json"


@dataclass(frozen=True, slots=True)
class Workspace:
    """`path` as the administrator named it."""

    path: Path

    @property
    def root(self) -> Path:
        """The pinned first root."""
        return self.path / "root.json"

    @property
    def peers(self) -> Path:
        """The reviewable source: byte for byte what is published."""
        return self.path / "peers"

    @property
    def repository(self) -> Path:
        """The published TUF files, for any web server."""
        return self.path / "repository"

    @property
    def reviews(self) -> Path:
        """Reviews under way, and the registrations as accepted."""
        return self.path / "reviews"

    def draft(self, kind: str, version: int) -> Path:
        """Where a draft of `kind` stands unless somebody names another place."""
        return self.path / f"{kind}-{version}{DRAFT_ENDING}"

    def pinned(self) -> bytes:
        """The bytes of the pinned root; raises `Invalid` (`root-missing`) before the first is published."""
        try:
            return read_regular(self.root)
        except FileNotFoundError:
            raise Invalid(
                "root-missing",
                "root.json: the registry has no published root yet",
                hint=f"sign and publish its first root: hotline-exchange registry status "
                f"{self.draft('root', 1)} {self.path}",
            ) from None


def open_workspace(path: Path) -> Workspace:
    """The registry in `path`; raises `Invalid` (`registry-missing`, `not-a-file`)."""
    space = Workspace(path)
    if not (space.peers / NETWORK).is_file():
        raise Invalid(
            "registry-missing",
            "DIR: not the directory of a registry: it has no peers/network.json",
            hint="hotline-exchange registry create DIR --network NAME --admin a/public.json ...",
        )
    check_tree(space.peers)
    check_tree(space.reviews)
    return space
