"""`registry draft`, `sign`, `status` and `publish`: one change of the registry, from hand to hand.

Rules: every command checks the whole draft before it does or shows anything, because the draft may come from
somebody who means ill; and so may DIR, which has to be the registry of the keys that sign. Signing asks, on a
terminal; without one `--yes` says so. `status` needs no key: it is for anyone.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import typer

from exchange.cli.options import AsJson
from exchange.cli.registry_anchor import ClockIsRight, RootFingerprint, Stale, compared, not_stale
from exchange.cli.registry_mirror import Allowed, AtMirror, NoMirror, not_behind
from exchange.cli.registry_paper import (
    Directory,
    Drafts,
    Force,
    Output,
    Yes,
    drafted,
    facts,
    given,
    keep,
    look,
    now,
    schemas,
    tell,
)
from exchange.cli.show import Show
from exchange.cli.unlocking import Identity, Keys, Offline, unlock
from exchange.client import registry_chain
from exchange.errors import Invalid, Refused
from exchange.registrar import admins, anchor, draft, drafting, files, published, publishing, sources, tally
from exchange.registrar.admins import Part
from exchange.registrar.draft import Kind
from exchange.registrar.draft_check import Checked
from exchange.registrar.lives import check_clock
from exchange.registrar.publishing import Done
from exchange.registrar.workspace import Workspace, open_workspace


def draft_(
    directory: Directory,
    output: Output = None,
    stale: Stale = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draft what has changed in DIR/peers, to be signed."""
    show = Show(as_json)
    space = open_workspace(directory)
    before = published.load(space)
    root = before.root
    not_stale(show, before, now(), stale)
    one = drafting.targets_draft(space, before, sources.read_all(space.peers, schemas()), schemas(), now())
    if one is None:
        until = f"{before.targets.signed.expires:%Y-%m-%d}" if before.targets is not None else ""
        show.line(f"Nothing has changed, and the list is valid until {until}: there is nothing to draft.")
        if as_json:
            show.value({"draft": None, "version": before.version, "root": root.version, "expires": until})
        return
    drafted(show, space, *keep(space, one, before, output, force=force))


def sign(
    drafts: Drafts,
    keys: Keys,
    offline: Offline = None,
    identity: Identity = None,
    yes: Yes = False,
    root_fingerprint: RootFingerprint = None,
    stale: Stale = False,
    as_json: AsJson = False,
) -> None:
    """Check a draft, show what it changes, and add your signature to its file."""
    show = Show(as_json)
    space, names, one = given(drafts)
    checked = look(space, one)
    person = admins.load_public(keys)
    if checked.published.chain:
        compared(keys, checked.published.pinned, root_fingerprint, as_json)
    elif one.root is not None:
        anchor.belongs(keys, one.root.signed_bytes)
    if checked.done:
        _say(show, checked, "")
        return
    if not tally.may_sign(one, checked.published.chain, person.offline.keyid):
        raise Refused(
            "not-an-administrator",
            f"{person.name}: the root does not name this offline key; it signs nothing here",
            hint="who signs: hotline-exchange registry status DRAFT DIR",
        )
    if one.signed_by(person.offline.keyid):
        files.write_whole(names[0], one.to_bytes())
        _say(show, checked, f"{person.name} has signed this already.")
        return
    not_stale(show, checked.published, now(), stale)
    if not as_json:
        tell(show, checked)
    _agree(yes, as_json)
    signed = draft.sign(one, admins.load(keys, Part.OFFLINE, unlock(identity), offline))
    if one.root is not None and not checked.published.chain:
        anchor.keep(keys, one.root.signed_bytes)
    again = replace(checked, draft=signed, tallies=tally.count(signed, checked.published.chain))
    files.write_whole(names[0], signed.to_bytes())
    if as_json:
        show.value({"draft": str(names[0]), **facts(again)})
        return
    show.line(f"Signed by {person.name}: {names[0]}")
    _next(show, space, str(names[0]), again)


def status(drafts: Drafts, as_json: AsJson = False) -> None:
    """Check a draft, and show what it changes, who has signed, and how many are missing."""
    show = Show(as_json)
    space, names, one = given(drafts)
    checked = look(space, one)
    _say(show, checked, "")
    if not as_json and not checked.done:
        _next(show, space, " ".join(map(str, names)), checked)


def publish(
    drafts: Drafts,
    keys: Keys,
    identity: Identity = None,
    mirror: AtMirror = None,
    no_mirror: NoMirror = False,
    allow: Allowed = None,
    root_fingerprint: RootFingerprint = None,
    stale: Stale = False,
    clock_is_right: ClockIsRight = False,
    as_json: AsJson = False,
) -> None:
    """Publish a draft that enough have signed. Where it was interrupted, run it again."""
    show = Show(as_json)
    space, _, one = given(drafts)
    checked = look(space, one)
    first_root = checked.published.pinned or (b"" if one.root is None else one.root.to_bytes())
    compared(keys, first_root, root_fingerprint, as_json)
    warning = None
    if not checked.done:
        not_stale(show, checked.published, now(), stale)
        if not clock_is_right:
            check_clock(checked.published, now())
        warning = not_behind(space, checked.published, mirror, allow, no_mirror)
    done = publishing.publish(space, checked, lambda: admins.load(keys, Part.DAILY, unlock(identity)), now())
    first = one.kind is Kind.ROOT and one.version == 1
    root = registry_chain.root_fingerprint(space.pinned()) if first else None
    if as_json:
        show.value(
            {**facts(checked), "published": True, "changed": done.wrote, "kept": list(done.kept)}
            | {"warning": warning}
            | ({"root": str(space.root), "root_fingerprint": root} if first else {})
        )
        return
    if warning:
        show.aside(warning)
    _published(show, space, one.kind, done, root)


def _published(show: Show, space: Workspace, kind: Kind, done: Done, root: str | None) -> None:
    what = "the root" if kind is Kind.ROOT else "the list of files"
    if done.wrote:
        show.line(f"Published version {done.version} of {what}.")
    else:
        show.line(f"Version {done.version} of {what} is published already; nothing was left to do.")
    if done.kept:
        show.line(f"Changed in {space.peers} and not published: {', '.join(done.kept)}")
    if root is not None:
        show.line(f"Every node pins {space.root}. Read its fingerprint aloud, and let them compare:")
        show.line(f"  {root}")
        show.line(f"Next: hotline-exchange registry draft {space.path}")
    else:
        show.line(f"Serve {space.repository} as static files. The others bring it to theirs:")
        show.line("  hotline-exchange registry pull DIR --mirror URL")


def _say(show: Show, checked: Checked, sentence: str) -> None:
    if show.json:
        show.value(facts(checked))
        return
    tell(show, checked)
    if sentence:
        show.line(sentence)


def _agree(yes: bool, as_json: bool) -> None:
    """Go on if the administrator wants to sign; raises `Invalid` (`usage`) when nobody can be asked."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise Invalid("usage", "--yes is missing: nobody is there to be asked whether to sign")
    if not typer.confirm("Is the fingerprint what the others have, and do you sign this?", err=True):
        raise typer.Abort


def _next(show: Show, space: Workspace, names: str, checked: Checked) -> None:
    word, told = "publish", "Enough have signed"
    if checked.missing:
        word, told = "sign", f"Missing: {checked.missing}"
    show.line(f"{told}. Next: hotline-exchange registry {word} {names} {space.path} --keys KEYS")
