"""The errors of the whole program, named by whose fault they are.

Four kinds, so that a caller knows what to do without reading the code of what failed:

* `Refused`      a peer's (or a client's) input is refused; nothing of it is kept.
* `Invalid`      our own user, operator or configuration is wrong; they can mend it.
* `Unavailable`  neither is wrong; the same call may succeed later.
* `Broken`       an assumption of the program or its disk does not hold; stop.

Every error has a stable `code` in kebab-case, a `message` of one sentence that names the field and never
its content, and, where a person can do something about it, a `hint` that says what. This module knows
neither HTTP nor terminals: the server and the command line map these kinds to their own forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document.

    `pointer` is a JSON Pointer (RFC 6901; "" is the whole document), `code` is stable kebab-case, `message`
    is one sentence without the offending content, `line` is the 1-based line of a JSON-lines body.
    """

    pointer: str
    code: str
    message: str
    line: int | None = None


class ExchangeError(Exception):
    """Parent of all errors that leave a module of this program on purpose.

    `members` are further facts for whoever asked, such as `now` or the `kid` to use (RFC 9457 section 3.2):
    numbers, ids and codes, never content.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        problems: Sequence[Problem] = (),
        members: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.problems = tuple(problems)
        self.members = dict(members or {})

    def __str__(self) -> str:
        return self.message


class Refused(ExchangeError):
    """A peer's or client's input is refused."""


class Invalid(ExchangeError):
    """Our own user's input or configuration is wrong."""


class Unavailable(ExchangeError):
    """The same call may succeed later. `retry_after` is in seconds, if known."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        problems: Sequence[Problem] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message, hint=hint, problems=problems)
        self.retry_after = retry_after


class Broken(ExchangeError):
    """Something that must hold does not: stop rather than go on."""
