"""What goes into a draft: the difference between DIR/peers and what is published, or a new root.

Rules: a draft lists all files and carries the changed ones alone, with the registration of every member whose
own part changed, as it was accepted. A list that soon expires is drafted again unchanged. A root under which
the present list would have too few signatures takes the list along, to be signed again with it: otherwise
every node would stand still between the two. This module checks nothing of what draft_check checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from exchange.client.registry_chain import PREVIOUS_FIELD
from exchange.core import limits, strict_json
from exchange.core.registry_changes import needs_registration
from exchange.core.registry_documents import read_target
from exchange.core.schema import Schemas
from exchange.registrar.draft import Draft
from exchange.registrar.published import Published, stands
from exchange.registrar.roots import expiry
from exchange.registrar.workspace import Workspace

TARGETS_DAYS: Final = 120
"""Days the list of files is valid: a quorum meets every quarter, if nothing changes."""
RENEW_TARGETS_DAYS: Final = 30
"""Days before its expiry from which an unchanged list is drafted anew."""
REGISTRATION: Final = ".registration.json"
"""Ending of a registration in DIR/reviews, as it was accepted."""


def targets_draft(
    space: Workspace, published: Published, contents: Mapping[str, bytes], schemas: Schemas, now: int
) -> Draft | None:
    """A draft that makes `contents` the registry; None when nothing changed and nothing expires soon."""
    infos = {path: TargetFile.from_data(path, data, ["sha256"]) for path, data in sorted(contents.items())}
    late = published.targets is None or published.targets.signed.expires <= expiry(now, RENEW_TARGETS_DAYS)
    if infos == dict(published.listed) and not late:
        return None
    files = {path: contents[path] for path, info in infos.items() if published.listed.get(path) != info}
    return Draft(
        targets=Metadata(list_after(published, infos, now)),
        files=files,
        registrations=_registrations(space, published, files, schemas),
    )


def root_draft(published: Published, root: Root, now: int) -> Draft:
    """A draft of `root`, with the list of files if that has to be signed again."""
    present = published.targets
    if present is None or stands(root, present):
        return Draft(root=Metadata(root))
    return Draft(root=Metadata(root), targets=Metadata(list_after(published, published.listed, now)))


def list_after(published: Published, infos: Mapping[str, TargetFile], now: int) -> Targets:
    """The next list of files, unsigned; it names the published one."""
    return Targets(
        version=published.version + 1,
        expires=expiry(now, TARGETS_DAYS),
        targets=dict(sorted(infos.items())),
        unrecognized_fields={PREVIOUS_FIELD: published.identity},
    )


def _registrations(
    space: Workspace, published: Published, files: Mapping[str, bytes], schemas: Schemas
) -> dict[str, bytes]:
    """By member, compact; where none is at hand, the check of the draft says what is missing."""
    found: dict[str, bytes] = {}
    for path, data in files.items():
        if not path.startswith("members/"):
            continue
        after = read_target(schemas, path, data)
        before = None
        if path in published.listed:
            before = read_target(schemas, path, published.content(path))
        request = space.reviews / f"{after['id']}{REGISTRATION}"
        if needs_registration(before, after) and request.exists():
            value = strict_json.parse(
                request.read_bytes(), limit=limits.REGISTRATION_BYTES, what=request.name
            )
            found[str(after["id"])] = strict_json.dump(value)
    return found
