"""What is written when a draft is published or the daily parts are renewed, and in which order.

Rules: nothing that readers see refers to what is not there yet: files, list, snapshot, DIR/peers, and the
timestamp last. A new root comes after the daily parts if those stand under the old root and the new one, so
that readers see a sound registry at any moment; only where no daily key stays does it come first. Where we
die between any two writes, the same command run again leaves the same files. DIR/peers becomes what is
published; a local change that would be overwritten stops everything before the first write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from exchange.errors import Invalid, Refused
from exchange.registrar import files, sources
from exchange.registrar.daily import Write, dailies
from exchange.registrar.draft_check import Checked
from exchange.registrar.published import METADATA, TARGETS_FILE, Published, place, stands
from exchange.registrar.roots import name_of
from exchange.registrar.workspace import Workspace

Unlocked = Callable[[], Signer]
"""Gives the daily key; asked only if it is needed, because it may ask for a passphrase."""


@dataclass(frozen=True, slots=True)
class Done:
    """`wrote` says whether anything was left to do, `kept` names local files that differ from what is
    published.
    """

    version: int
    wrote: bool
    kept: tuple[str, ...] = ()


def publish(space: Workspace, checked: Checked, daily: Unlocked, now: int) -> Done:
    """Publish a checked draft; raises `Invalid` (`signers`, `local-changes`) or `Refused` (`daily-key`)."""
    if checked.missing:
        few = "; ".join(
            f"{one.what}: {len(one.signed)} of {one.needed} signatures" for one in checked.tallies
        )
        raise Invalid(
            "signers",
            few,
            hint="more administrators have to sign: hotline-exchange registry sign DRAFT DIR --keys K",
        )
    root = checked.draft.root
    if root is not None:
        return _publish_root(space, checked, root, daily, now)
    writes, kept = _peers(space, checked)
    if checked.done:
        return Done(checked.draft.version, wrote=False, kept=kept)
    listed = checked.draft.targets
    if listed is not None:
        lay_out(checked.published, listed, checked.draft.files, daily(), now, before_the_last=writes)
    return Done(checked.draft.version, wrote=True, kept=kept)


def lay_out(
    published: Published,
    listed: Metadata[Targets],
    contents: Mapping[str, bytes],
    daily: Signer,
    now: int,
    before_the_last: Sequence[Write] = (),
) -> None:
    """Write a new list of files with those `contents` that are new, and the daily parts over it."""
    new = [
        (place(published.repository, path, listed.signed.targets[path]), data)
        for path, data in contents.items()
    ]
    root = published.root
    *earlier, timestamp = _relist(published, root, listed, _holding(root, daily), now)
    _write([*new, *earlier, *before_the_last, timestamp])


def renew(published: Published, daily: Unlocked, now: int) -> None:
    """New daily parts; raises `Invalid` (`root-missing`, `registry-empty`) or `Refused` (`daily-key`)."""
    root = published.root
    if published.targets is None:
        raise Invalid(
            "registry-empty", "nothing is published yet", hint="hotline-exchange registry draft DIR"
        )
    if not stands(root, published.targets):
        raise Refused(
            "registry-unfinished",
            f"root {root.version} is published, but not the list that was signed with it",
            hint="publish the draft of that root again",
        )
    signer = _holding(root, daily())
    data = published.targets_data
    _write(dailies(published, root, published.targets.signed.version, data, signer, now))


def _publish_root(
    space: Workspace, checked: Checked, metadata: Metadata[Root], daily: Unlocked, now: int
) -> Done:
    published, new = checked.published, metadata.signed
    data = metadata.to_bytes()
    own: list[Write] = [(space.repository / METADATA / f"{new.version}.root.json", data)]
    if not published.chain:
        own.append((space.root, data))
    if checked.done:
        own = []
    listed = checked.draft.targets or published.targets
    same = checked.draft.targets is None or checked.draft.targets.signed.version == published.version
    writes = own
    if listed is not None and not (same and all(stands(new, part) for part in published.parts)):
        signer = _holding(new, daily())
        more = (
            dailies(published, new, published.version, published.targets_data, signer, now)
            if same
            else _relist(published, new, listed, signer, now)
        )
        last = not checked.done and _goes_last(published.root, new, listed, signer)
        writes = [*more, *own] if last else [*own, *more]
    _write(writes)
    return Done(new.version, wrote=bool(writes))


def _goes_last(old: Root, new: Root, listed: Metadata[Targets], signer: Signer) -> bool:
    """Whether what `signer` signs stands under the old root too, so that the new one can come last."""
    staying = set(old.roles[Timestamp.type].keyids) & set(new.roles[Timestamp.type].keyids)
    if signer.public_key.keyid in staying:
        return stands(old, listed)
    if staying:
        names = ", ".join(sorted(name_of(new.keys[keyid]) for keyid in staying))
        raise Refused(
            "daily-key",
            "--keys: this daily key is new with this root: nodes that know the old one would stand still",
            hint=f"let one of these publish it: {names}",
        )
    return False


def _holding(root: Root, signer: Signer) -> Signer:
    """`signer`, whose daily key `root` names."""
    if not all(
        signer.public_key.keyid in root.roles[role].keyids for role in (Snapshot.type, Timestamp.type)
    ):
        raise Refused(
            "daily-key",
            f"--keys: root {root.version} does not name this daily key, or no longer",
            hint="an administrator whose key it names has to do this",
        )
    return signer


def _relist(
    published: Published, root: Root, listed: Metadata[Targets], signer: Signer, now: int
) -> list[Write]:
    """A new list of files, and the daily parts that refer to it."""
    version, data = listed.signed.version, listed.to_bytes()
    path = published.repository / METADATA / f"{version}.{TARGETS_FILE}"
    return [(path, data), *dailies(published, root, version, data, signer, now)]


def _peers(space: Workspace, checked: Checked) -> tuple[list[Write], tuple[str, ...]]:
    """What makes DIR/peers what is published, and the local changes that this leaves alone."""
    before, after, local = checked.before, checked.contents, sources.read_files(space.peers)
    writes: list[Write] = []
    kept: list[str] = []
    lost: list[str] = []
    for path in sorted(before.keys() | after.keys() | local.keys()):
        there, old, new = local.get(path), before.get(path), after.get(path)
        if there == new:
            continue
        if old == new:
            kept.append(path)
        elif there == old:
            writes.append((space.peers / path, new))
        else:
            lost.append(path)
    if lost:
        raise Invalid(
            "local-changes",
            f"peers: {', '.join(lost)}: changed here and in the draft; nothing is published",
            hint="move your files away, publish, and make your change again",
        )
    return writes, tuple(kept)


def _write(writes: Iterable[Write]) -> None:
    for path, data in writes:
        if data is None:
            files.remove(path)
        else:
            files.write_whole(path, data)
