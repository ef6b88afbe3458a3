"""`registry review` and `registry reviews`: a member's request, checked line by line until it can be entered.

Rules: the fingerprint is asked on a terminal, with what the file says shown first, or given as an option; the
file's own is never shown, so that nobody compares it with itself. The challenge for the member is written
where the command is run. What is missing is no failure; what is wrong is, and nothing is entered then.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange.cli.options import AsJson
from exchange.cli.show import Show, clean
from exchange.core import limits
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Refused
from exchange.registrar import reviews as reviews_
from exchange.registrar.checklist import Item
from exchange.registrar.files import write_whole
from exchange.registrar.reviews import Review
from exchange.registrar.workspace import open_workspace
from exchange.resources import schema_documents

CHALLENGE: Final = ".challenge.json"
SHOWN: Final = ("id", "name", "country", "kind", "site", "mailbox")
"""What an administrator sees of the member's file before the fingerprint is asked."""

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="Directory of the registry.", show_default=False)
]


def review(
    directory: Directory,
    request: Annotated[
        Path, typer.Argument(metavar="REQUEST", help="The member's registration.", show_default=False)
    ],
    proof: Annotated[
        Path | None, typer.Option("--proof", help="The member's answer to the challenge.", show_default=False)
    ] = None,
    said: Annotated[
        str | None,
        typer.Option("--fingerprint", help="What the member read out; else asked.", show_default=False),
    ] = None,
    development: Annotated[
        bool, typer.Option("--development", help="Take a mailbox on this machine, by http.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a member's request, and enter the member once nothing is wrong or missing."""
    show = Show(as_json)

    def call(member: JsonObject) -> str | None:
        return said if said is not None else _ask(member)

    done = reviews_.review(
        open_workspace(directory),
        Schemas(schema_documents()),
        read_file(request, "REQUEST", limits.REGISTRATION_BYTES),
        int(time.time()),
        proof=None if proof is None else read_file(proof, "--proof", limits.CHALLENGE_BYTES),
        call=call,
        development=development,
    )
    challenge = _written(done)
    _tell(show, done, challenge, directory, request)
    if done.wrong:
        first, count = done.wrong[0], len(done.wrong)
        raise Refused(
            first.code,
            f"{done.member}: {first.name}: {first.sentence}"
            + (f"; and {count - 1} more above" if count > 1 else "")
            + "; nothing was entered",
            hint=first.hint,
            problems=first.problems,
        )


def reviews(directory: Directory, as_json: AsJson = False) -> None:
    """List the reviews that are under way."""
    show = Show(as_json)
    found = reviews_.open_reviews(open_workspace(directory))
    if as_json:
        show.value([{"member": one.member, "waits_for": list(one.waits_for)} for one in found])
        return
    rows = [(one.member, ", ".join(one.waits_for) or "registry review, once more") for one in found]
    show.table(("member", "waits for"), rows, empty="No review is under way.")


def _tell(show: Show, done: Review, challenge: Path | None, directory: Path, request: Path) -> None:
    if show.json:
        show.value(
            {
                "member": done.member,
                "entered": done.entered,
                "published": done.done,
                "checks": [_item(item) for item in done.items],
                "changes": [change.sentence for change in done.changes],
                "challenge": None if challenge is None else str(challenge),
                "foreign": done.foreign,
            }
        )
        return
    if done.foreign:
        show.line(f"What stood of {done.member} in DIR/reviews is not yours, and does not count.")
    width = max(len(item.name) for item in done.items)
    for item in done.items:
        show.line(f"{item.mark:<7}  {item.name:<{width}}  {item.sentence}")
    if done.changes:
        show.line()
        show.line("What changes in DIR/peers:" if done.entered else "What would change in DIR/peers:")
        for change in done.changes:
            show.line(f"  {change.sentence}")
    if done.wrong or done.done:
        return
    show.line()
    if done.entered:
        show.line(f"{done.member} is entered; nothing is published yet.")
        show.line(f"Next: hotline-exchange registry draft {directory}")
        return
    show.line("Nothing is entered yet.")
    again = f"hotline-exchange registry review {directory} {request}"
    if challenge is not None:
        show.line(
            f"1. Send {challenge} to the member, who answers it: hotline-exchange prove {challenge.name}"
        )
        show.line("2. Call the member, at a number known from elsewhere: it reads its fingerprint out.")
        show.line(f"3. {again} --proof {done.member}.proof.json")
    else:
        show.line("1. Call the member, at a number known from elsewhere: it reads its fingerprint out.")
        show.line(f"2. {again}")


def _item(item: Item) -> dict[str, Any]:
    told: dict[str, Any] = {"check": item.name, "mark": item.mark.value, "detail": item.sentence}
    return told | ({"code": item.code} if item.code else {}) | ({"hint": item.hint} if item.hint else {})


def _ask(member: JsonObject) -> str | None:
    """What the member reads out, empty for not now; None without a terminal."""
    if not sys.stdin.isatty():
        return None
    for field in SHOWN:
        sys.stderr.write(f"{field:8} {clean(member[field])}\n")
    question = "Fingerprint that the member reads out (empty: not now)"
    return str(typer.prompt(question, default="", show_default=False, err=True)).strip() or None


def _written(done: Review) -> Path | None:
    if done.challenge is None:
        return None
    path = Path(f"{done.member}{CHALLENGE}")
    write_whole(path, done.challenge)
    return path


def read_file(path: Path, name: str, limit: int) -> bytes:
    """The bytes of a file that somebody sent, not endless."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        what = (error.strerror or "cannot be read").lower()
        raise Invalid("file", f"{name}: {path}: {what}", hint="name the file that was sent") from None
    if len(data) > limit:
        raise Invalid("file", f"{name}: {path}: larger than {limit} bytes", hint="is it the right file?")
    return data
