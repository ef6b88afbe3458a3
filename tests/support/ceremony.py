"""A workspace whose administrators are in memory: drafts are made, signed and published without a terminal.

`Ceremony(tmp_path)` has five administrators (3 sign a root, 2 a change) and a published first root; `enter`
puts a member into DIR/peers as a review does, with its registration; `draft`, `signed` and `publish` go on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

from support.keys import NOW, member, member_keys
from support.registry import NETWORK, schemas
from tuf.api.metadata import Root

from exchange.core import key_card, registration, strict_json
from exchange.core.registry_documents import country_to_json, member_to_json, network_to_json
from exchange.core.registry_view import Basis, Destination, MemberStatus
from exchange.registrar import draft, draft_check, drafting, published, publishing, roots, sources
from exchange.registrar.admins import Admin, Part, generate
from exchange.registrar.draft import Draft
from exchange.registrar.draft_check import Checked
from exchange.registrar.published import Published
from exchange.registrar.publishing import Done
from exchange.registrar.roots import Thresholds
from exchange.registrar.workspace import Workspace

FIVE = ("anna", "ben", "carla", "dora", "emil")
USUAL = Thresholds(3, 2)
DE, GB = "de-example", "gb-example"


class Ceremony:
    """`admins` by name; whoever is in it can sign, whether the root names them or not."""

    def __init__(
        self,
        place: Path,
        names: Sequence[str] = FIVE,
        thresholds: Thresholds = USUAL,
        *,
        now: int = NOW,
        founded: bool = True,
    ) -> None:
        self.space = Workspace(place)
        self.admins: dict[str, Admin] = {name: generate(name) for name in names}
        sources.add(self.space.peers, schemas(), "network", network_to_json(NETWORK))
        people = [admin.public for admin in self.admins.values()]
        self.first = drafting.root_draft(self.load(), roots.first(people, thresholds, now), now)
        if founded:
            self.publish(self.signed(self.first, *names[: thresholds.root]), now=now)

    def copy(self, place: Path) -> Ceremony:
        """The directory on another administrator's laptop, where peers/ is as it was published."""
        shutil.copytree(self.space.path, place)
        other = copy(self)
        other.space = Workspace(place)
        shutil.rmtree(other.space.peers)
        for name, data in self.load().contents().items():
            path = other.space.peers / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return other

    def load(self) -> Published:
        return published.load(self.space)

    def enter(
        self, name: str = DE, *, signers: str | None = None, http_signs: bool = True, **changes: Any
    ) -> dict[str, Any]:
        """A new member with its country and registration; `changes` are fields of the `Member`."""
        value = member_to_json(member(name, **{"status": MemberStatus.PENDING, "min_card": NOW, **changes}))
        sources.add(self.space.peers, schemas(), "member", value)
        country = country_to_json(name[:2].upper(), [Destination(value["id"], Basis.HOTLINE, 0)])
        sources.add(self.space.peers, schemas(), "country", country)
        keys = member_keys(signers or name)
        card = key_card.issue(keys.id, keys.signing, keys.encryption.jwk, serial=value["min_card"], iat=NOW)
        signing = [*keys.signing.halves, *([keys.http] if http_signs else [])]
        request = registration.request(strict_json.dump(value), card, signing)
        self.space.reviews.mkdir(exist_ok=True)
        (self.space.reviews / f"{name}.registration.json").write_bytes(request)
        return value

    def change(self, path: str, **fields: Any) -> None:
        """Change fields of a file in DIR/peers by hand."""
        place = self.space.peers / path
        place.write_text(json.dumps(json.loads(place.read_bytes()) | fields, indent=2))

    def draft(self, now: int = NOW) -> Draft:
        """What has changed in DIR/peers."""
        contents = sources.read_files(self.space.peers)
        made = drafting.targets_draft(self.space, self.load(), contents, schemas(), now)
        assert made is not None
        return made

    def root_draft(self, root: Root, now: int = NOW) -> Draft:
        return drafting.root_draft(self.load(), root, now)

    def signed(self, one: Draft, *names: str) -> Draft:
        for name in names:
            one = draft.sign(one, self.admins[name].signer(Part.OFFLINE))
        return one

    def check(self, one: Draft, now: int = NOW) -> Checked:
        """What every signer's tool says of a draft as it comes from a file."""
        return draft_check.check(draft.read(one.to_bytes()), self.load(), schemas(), now)

    def publish(self, one: Draft, by: str = "anna", now: int = NOW) -> Done:
        daily = self.admins[by].signer(Part.DAILY)
        return publishing.publish(self.space, self.check(one, now), lambda: daily, now)

    def renew(self, by: str = "anna", now: int = NOW) -> None:
        publishing.renew(self.load(), lambda: self.admins[by].signer(Part.DAILY), now)

    def root(self) -> Root:
        return self.load().root
