"""An administrator is replaced by another: a new root in a mirror, signed by both quorums."""

from __future__ import annotations

from support.keys import NOW
from support.registry import Office
from tuf.api.metadata import Metadata, Root

from exchange.registrar import roots
from exchange.registrar.admins import Admin, Part, generate
from exchange.registrar.files import write_whole


def succeed(office: Office, name: str, version: int = 2) -> Admin:
    """Root `version` of `office` has a new administrator `name` in place of the first of its signers."""
    new = generate(name)
    path = office.mirror / "metadata" / f"{version - 1}.root.json"
    before: Root = Metadata[Root].from_bytes(path.read_bytes()).signed
    root = Metadata(roots.with_replaced(before, office.admins[0].name, new.public, NOW))
    for person in (*office.admins[1:], new):
        root.sign(person.signer(Part.OFFLINE), append=True)
    write_whole(office.mirror / "metadata" / f"{version}.root.json", root.to_bytes())
    office.admins = [*office.admins[1:], new]
    return new
