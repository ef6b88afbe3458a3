"""`registry renew`: the weekly minute of one administrator, and what else expires.

Rules: it signs snapshot and timestamp anew and nothing else. A mirror that shows a newer registry than DIR
stops it: two administrators who renew the same version would show two registries. So does another registry
than that of the keys, and a clock that seems to be behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exchange.cli.options import AsJson
from exchange.cli.registry_anchor import ClockIsRight, RootFingerprint, compared
from exchange.cli.registry_mirror import Allowed, AtMirror, NoMirror, not_behind
from exchange.cli.registry_paper import Directory, now
from exchange.cli.show import Show, moment
from exchange.cli.unlocking import Identity, Keys, unlock
from exchange.core.expiry import DAY_SECONDS, Stage
from exchange.core.times import format_time
from exchange.registrar import admins, published, publishing
from exchange.registrar.admins import Part
from exchange.registrar.lives import Life, check_clock, lives
from exchange.registrar.workspace import open_workspace

_WORDS: Final = {
    Stage.THIRD: "less than a third of its life is left",
    Stage.TENTH: "less than a tenth of its life is left",
    Stage.DAY: "less than a day is left",
    Stage.OVER: "it has expired",
}


def renew(
    directory: Directory,
    keys: Keys,
    identity: Identity = None,
    mirror: AtMirror = None,
    no_mirror: NoMirror = False,
    allow: Allowed = None,
    root_fingerprint: RootFingerprint = None,
    clock_is_right: ClockIsRight = False,
    as_json: AsJson = False,
) -> None:
    """Sign snapshot and timestamp anew, for 14 days, and show what else expires."""
    show = Show(as_json)
    space = open_workspace(directory)
    before = published.load(space)
    if before.chain:
        compared(keys, before.pinned, root_fingerprint, as_json)
    if not clock_is_right:
        check_clock(before, now())
    warning = not_behind(space, before, mirror, allow, no_mirror)
    publishing.renew(before, lambda: admins.load(keys, Part.DAILY, unlock(identity)), now())
    after = published.load(space)
    found = lives(space, after, now())
    version = after.timestamp.signed.version if after.timestamp is not None else 0
    if as_json:
        lives_ = [_facts(life) for life in found]
        show.value({"timestamp": version, "warning": warning, "lives": lives_})
        return
    if warning:
        show.aside(warning)
    show.line(f"Renewed: version {version} of the timestamp.")
    _tell(show, found)


def _facts(life: Life) -> dict[str, object]:
    stage = None if life.stage is None else life.stage.value
    return {"what": life.what, "expires": format_time(life.end), "stage": stage, "command": life.command}


def _tell(show: Show, found: Sequence[Life]) -> None:
    rows = [(life.what, moment(life.end), (life.end - now()) // DAY_SECONDS, life.command) for life in found]
    show.table(("WHAT", "EXPIRES", "DAYS LEFT", "RENEWED BY"), rows, empty="Nothing is published.")
    for life in found:
        if life.stage is not None:
            show.line(f"Warning: {life.what}: {_WORDS[life.stage]}: {life.command}")
