"""What every signer's tool verifies before it signs, and `publish` again: the draft may be a hostile one.

Rules: the draft follows upon what is published here, verified from the pinned root on, has the next version
and names this very list as the one before. It lives no longer than the protocol allows, and a list long
enough for a quorum to meet again. No reader finds it too long. Every listed file is there: an unchanged one
is the published one, a changed one has its length and hash. The files fit each other, and each changed
member's file is what that member asked for, or what administrators may do; each registration that proves it
is needed, and told with what its member reads out. Every signature that is there counts. A draft that is
published already says so. What is shown to people is made of the same bytes that were checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Targets

from exchange.client.registry_chain import PREVIOUS_FIELD
from exchange.core.limits import REGISTRY_FILE_BYTES, REGISTRY_ROOT_BYTES
from exchange.core.registration import check as check_request
from exchange.core.registry_changes import check_changes, differences, needs_registration
from exchange.core.registry_documents import read_target
from exchange.core.schema import Schemas
from exchange.errors import Refused
from exchange.registrar import tally
from exchange.registrar.draft import Draft
from exchange.registrar.drafting import TARGETS_DAYS
from exchange.registrar.published import Published, stands
from exchange.registrar.root_changes import root_changes
from exchange.registrar.roots import ROOT_DAYS, check_form, expiry
from exchange.registrar.tally import Tally

SPARE_DAYS: Final = 1
"""Days by which the clocks of administrators, and the day of drafting, may differ."""
LEAST_LIST_DAYS: Final = 90
"""Days that a list has to live yet when it is signed and published: a quorum meets every quarter."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a member asked for, as a draft carries it: the member reads `fingerprint` out. `fresh`: no key
    that nodes know vouches for it, because the member is new or its keys are lost.
    """

    member: str
    fingerprint: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """`before` are all published files and `contents` those of the registry to come, both {} for a root.
    `done`: it is published already.
    """

    draft: Draft
    published: Published
    tallies: tuple[Tally, ...]
    changes: tuple[str, ...]
    before: Mapping[str, bytes]
    contents: Mapping[str, bytes]
    done: bool
    requests: tuple[Request, ...] = ()

    @property
    def list_expires(self) -> datetime | None:
        """When the list of files expires that is to be signed; None in a root draft without one."""
        return None if self.draft.targets is None else self.draft.targets.signed.expires

    @property
    def missing(self) -> int:
        """Signatures that are missing at least."""
        return max(each.missing for each in self.tallies)


def check(draft: Draft, published: Published, schemas: Schemas, now: int) -> Checked:
    """Pass `draft` or raise `Refused`, naming the first thing that is wrong. `now` is in unix seconds."""
    for part in draft.parts:
        most = REGISTRY_ROOT_BYTES if part is draft.root else REGISTRY_FILE_BYTES
        if len(part.to_bytes()) > most:
            raise Refused("draft-size", f"{part.signed.type}: more than {most} bytes, which no node reads")
    if draft.root is not None:
        return _check_root(draft, published, now)
    root = published.root
    if not published.sound:
        raise Refused(
            "registry-unfinished",
            f"root {root.version} is published, but the rest is not signed by those that it names",
            hint="publish the draft of that root again",
        )
    targets = draft.parts[0].signed
    done = _is(published.targets, draft.parts[0])
    tallies = tally.count(draft, published.chain)
    if done:
        present = published.contents()
        return Checked(draft, published, tallies, (), present, present, done=True)
    _follows(draft.version, published.version, "the registry")
    _upon(targets, published)
    _lives(targets, TARGETS_DAYS, now, LEAST_LIST_DAYS)
    before = published.contents()
    after = _contents(draft, targets, published, before)
    changed = {path for path in after if path in draft.files}
    if stray := draft.registrations.keys() - {path[len("members/") : -len(".json")] for path in changed}:
        raise Refused("draft-file", f"registrations.{min(stray)}: of a member whose file does not change")
    check_changes(schemas, before, after, draft.registrations, now)
    requests = tuple(_requests(draft, schemas, before, after, now))
    sentences = tuple(change.sentence for change in differences(schemas, before, after, now))
    renewal = (f"no file changes: the list is renewed until {targets.expires:%Y-%m-%d}",)
    return Checked(
        draft, published, tallies, sentences or renewal, before, after, done=False, requests=requests
    )


def _check_root(draft: Draft, published: Published, now: int) -> Checked:
    metadata = draft.parts[0]
    root = metadata.signed
    check_form(root)
    done = any(_is(one, metadata) for one in published.chain[-1:])
    if not done:
        _follows(root.version, published.chain[-1].signed.version if published.chain else 0, "the root")
        _lives(root, ROOT_DAYS, now)
    tallies = tally.count(draft, published.chain)
    present = published.targets
    if draft.targets is not None and not _is(present, draft.targets):
        again = draft.targets.signed
        _follows(again.version, published.version, "the registry")
        _upon(again, published)
        _lives(again, TARGETS_DAYS, now, 0 if done else LEAST_LIST_DAYS)
        if again.targets != dict(published.listed):
            raise Refused("draft-file", "targets: a root draft changes the list of files")
    elif draft.targets is None and present is not None and not stands(root, present):
        raise Refused(
            "draft-list",
            "targets: under this root the list of files would have too few signatures, and the draft brings "
            "none to sign",
            hint="draft the root again",
        )
    before = published.chain[-1].signed if published.chain and not done else None
    sentences = () if done else tuple(root_changes(before, root, relisted=draft.targets is not None))
    return Checked(draft, published, tallies, sentences, {}, {}, done)


def _follows(version: int, current: int, what: str) -> None:
    if version != current + 1:
        raise Refused(
            "draft-version",
            f"the draft was made from version {version - 1}, {what} is at {current}: draft again",
            hint="hotline-exchange registry draft DIR; if the draft is the newer one, DIR is behind: "
            "hotline-exchange registry pull DIR --mirror URL",
        )


def _upon(targets: Targets, published: Published) -> None:
    """Whoever has another list of the same version than the others is told before anything is signed."""
    if targets.unrecognized_fields.get(PREVIOUS_FIELD) != published.identity:
        raise Refused(
            "draft-version",
            f"the draft was made upon another version {published.version} of the registry than DIR has",
            hint="hotline-exchange registry pull DIR --mirror URL; then draft again",
        )


def _requests(
    draft: Draft, schemas: Schemas, before: Mapping[str, bytes], after: Mapping[str, bytes], now: int
) -> Iterator[Request]:
    """The registrations of a draft that is good; raises `Refused` (`draft-file`) for one without a use."""
    for name, data in sorted(draft.registrations.items()):
        path = f"members/{name}.json"
        was = read_target(schemas, path, before[path]) if path in before else None
        if not needs_registration(was, read_target(schemas, path, after[path])):
            raise Refused(
                "draft-file", f"registrations.{name}: carried, but nothing that it asks for changes"
            )
        read = check_request(data, was, now)
        yield Request(name, read.fingerprint, read.fresh)


def _lives(signed: Any, days: int, now: int, least: int = 0) -> None:
    if signed.expires > expiry(now, days) + timedelta(days=SPARE_DAYS):
        raise Refused("draft-expiry", f"{signed.type}: would be valid for more than {days} days")
    if signed.expires <= expiry(now, 0):
        raise Refused("draft-expiry", f"{signed.type}: the draft has expired", hint="draft again")
    if signed.expires < expiry(now, least):
        raise Refused(
            "draft-expiry",
            f"{signed.type}: would be valid until {signed.expires:%Y-%m-%d} only, less than {least} days",
            hint="draft again",
        )


def _contents(
    draft: Draft, targets: Targets, published: Published, before: Mapping[str, bytes]
) -> dict[str, bytes]:
    after: dict[str, bytes] = {}
    for path, info in targets.targets.items():
        same = published.listed.get(path) == info
        if same == (path in draft.files):
            what = "carried though it does not change" if same else "changed, but not in the draft"
            raise Refused("draft-file", f"{path}: {what}")
        after[path] = before[path] if same else draft.files[path]
        try:
            info.verify_length_and_hashes(after[path])
        except RepositoryError:
            raise Refused("draft-file", f"{path}: not of the length or hash that is listed") from None
    if unlisted := draft.files.keys() - after.keys():
        raise Refused("draft-file", f"{min(unlisted)}: carried, but not in the list of files")
    return after


def _is(one: Metadata[Any] | None, other: Metadata[Any]) -> bool:
    return one is not None and one.signed_bytes == other.signed_bytes
