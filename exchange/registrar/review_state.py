"""What DIR/reviews keeps of a review between its steps.

Rules: a file per member, 0600, for it holds the challenge's secret, and with this user's mark: a DIR that
comes from somebody else would say otherwise that the member has proven its key and was called. What has no
such mark counts as nothing. This module decides nothing about a review.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Final

from exchange.core import strict_json
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid
from exchange.registrar.seal_of_reviews import is_own, mark
from exchange.registrar.sealing import read_private, replace_private
from exchange.registrar.workspace import Workspace

VERSION: Final = 1
STATE_BYTES: Final = 4096
"""Bytes of a review's file that are read at most: one has less than 1 KiB."""
MARK: Final = "mark"
"""Field of a review's file: that this user has written it."""
STATE: Final = ".json"
"""Ending of a review's file in DIR/reviews."""


@dataclass(frozen=True, slots=True)
class State:
    """What a review knows. `request` is the SHA-256 of the registration, empty where only a test is noted;
    `secret` is that of the challenge, which is asked of a `fresh` registration alone; `test` is the id of the
    test exchange that went before the activation with `peer`, and `tested_at` when (unix seconds); `untested`
    says that somebody did without.
    """

    member: str
    request: str = ""
    kid: str = ""
    secret: str = ""
    fresh: bool = False
    proven: bool = False
    called: bool = False
    entered: bool = False
    test: str = ""
    peer: str = ""
    tested_at: int = 0
    untested: bool = False

    @property
    def waits_for(self) -> tuple[str, ...]:
        """What is missing until the member is entered."""
        waits = (("proof", self.fresh and not self.proven), ("fingerprint", not self.called))
        return tuple(name for name, missing in waits if missing)


def load(space: Workspace, member: str) -> State | None:
    """What stands of `member`, None when nothing does or it is not this user's; raises `Invalid`
    (`review-state`).
    """
    path = space.reviews / f"{member}{STATE}"
    if not path.exists():
        return None
    try:
        value = strict_json.parse_object(read_private(path), limit=STATE_BYTES, what=path.name)
        if not is_own(value, value.pop(MARK, None)):
            return None
        if value.pop("v", None) != VERSION or value.keys() != {one.name for one in fields(State)}:
            raise Invalid("review-state", f"{path.name}: not a review of version {VERSION}")
        if value["member"] != member:
            raise Invalid("review-state", f"{path.name}: of another member")
    except Invalid as error:
        hint = error.hint or f"remove {path} and review once more; the member gets a new challenge"
        raise Invalid("review-state", error.message, hint=hint) from None
    return State(**value)  # type: ignore[arg-type]  # as this program wrote it: the mark says so


def save(space: Workspace, state: State) -> None:
    space.reviews.mkdir(mode=0o700, exist_ok=True)
    value: JsonObject = {"v": VERSION, **asdict(state)}
    data = strict_json.dump(value | {MARK: mark(value)}) + b"\n"
    replace_private(space.reviews / f"{state.member}{STATE}", data)


def is_foreign(space: Workspace, member: str) -> bool:
    """Whether what stands of `member` is not this user's."""
    return (space.reviews / f"{member}{STATE}").exists() and load(space, member) is None
