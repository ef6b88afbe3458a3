"""`send`: hands referrals in, one or a file full.

Rules: everything is checked here first, whole: a file with a wrong line is refused before anything of it is
sent. A file goes in requests of up to 1,000 lines, each under an Idempotency-Key made of the chunk's place
and content: the same file again sends nothing twice, and an interrupted run is finished by running it again.
`--template` and `--check` need no node.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import Progress

from exchange.cli.connection import Node, talk
from exchange.cli.options import AsJson, ConfigFile
from exchange.cli.show import Show, console
from exchange.core import limits, strict_json
from exchange.core.documents import submission_problems
from exchange.core.names import Digest
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.errors import ExchangeError, Invalid, Problem
from exchange.resources import data_path, schema_documents, vocabularies

INPUT_BYTES: Final = 512 * 1024 * 1024
"""Bytes of one file: it is held in memory. Some 400,000 referrals."""
TABLE_LINES: Final = 50
"""Submissions shown one by one; more are counted."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The lines of one request: `numbers` are their places in the file."""

    index: int
    numbers: tuple[int, ...]
    lines: tuple[bytes, ...]

    def key(self, salt: str) -> str:
        """The Idempotency-Key."""
        digest = Digest.of(salt.encode() + b"\n".join(self.lines))
        return f"send-{self.index}-{digest}"


def send(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="JSON or JSON lines; - is standard input.", show_default=False),
    ] = None,
    template: Annotated[bool, typer.Option("--template", help="Print a submission to fill in.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the file; send nothing.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send even what was sent before with this file.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Send referrals, in JSON or JSON lines."""
    show = Show(as_json)
    if template:
        sys.stdout.write(data_path("examples", "submission.json").read_text(encoding="utf-8"))
        return
    if file is None:
        raise Invalid(
            "file-missing", "no FILE was named", hint="- reads standard input; --template prints an example"
        )
    lines = read(file)
    check_lines(lines, int(time.time()))
    if check:
        show.line(f"Checked {len(lines)}: nothing is wrong. Nothing was sent.")
        if as_json:
            show.value({"checked": len(lines)})
        return
    chunks = list(split(lines))
    salt = uuid.uuid4().hex if again else ""
    entries: list[dict[str, Any]] = []
    try:
        talk(config, lambda node: _send(node, chunks, salt, entries))
    except ExchangeError:
        if entries:
            show.aside(f"{len(entries)} of {len(lines)} submissions were taken. Run the same command again:")
            show.aside("what was taken is not sent twice.")
        raise
    finally:
        if entries:
            tell(show, entries)


def read(file: Path) -> list[tuple[int, bytes]]:
    """The submissions of a file with their line numbers; raises `Invalid`."""
    data = sys.stdin.buffer.read(INPUT_BYTES + 1) if str(file) == "-" else _read_file(file)
    if len(data) > INPUT_BYTES:
        raise Invalid("file-size", f"the input is larger than {INPUT_BYTES >> 20} MiB", hint="split it")
    try:
        return [(1, strict_json.dump(strict_json.parse(data, limit=limits.DOCUMENT_BYTES, what="input")))]
    except Invalid:
        lines = [(number, line.strip()) for number, line in enumerate(data.splitlines(), start=1)]
    kept = [(number, line) for number, line in lines if line]
    if not kept:
        raise Invalid("file-empty", "there is no submission in the input")
    if data.lstrip().startswith(b"{") and not all(line.startswith(b"{") for _, line in kept):
        # Not JSON lines but one document over many lines: say what is wrong with it as a whole.
        strict_json.parse(data, limit=limits.DOCUMENT_BYTES, what="the submission")
    return kept


def check_lines(lines: Sequence[tuple[int, bytes]], now: int) -> None:
    """Raise `Invalid` (`submission-invalid`) with the problems of every line."""
    schemas, rules = Schemas(schema_documents()), Rules.of(vocabularies())
    problems: list[Problem] = []
    for number, line in lines:
        problems += line_problems(schemas, rules, number, line, now)
    if problems:
        wrong = len({problem.line for problem in problems})
        what = "the submission is not valid" if len(lines) == 1 else f"{wrong} of {len(lines)} are not valid"
        raise Invalid("submission-invalid", f"{what}; nothing was sent", problems=problems)


def line_problems(schemas: Schemas, rules: Rules, number: int, line: bytes, now: int) -> tuple[Problem, ...]:
    """What is wrong with one line; `number` is its place."""
    try:
        value = strict_json.parse(line, limit=limits.DOCUMENT_BYTES, what="submission")
        problems = submission_problems(schemas, rules, value, now=now)
    except Invalid as error:
        problems = error.problems or (Problem("", error.code, error.message),)
    return tuple(Problem(p.pointer, p.code, p.message, number) for p in problems)


def split(lines: Sequence[tuple[int, bytes]]) -> Iterator[Chunk]:
    for index, start in enumerate(range(0, len(lines), limits.SUBMISSION_LINES)):
        part = lines[start : start + limits.SUBMISSION_LINES]
        yield Chunk(index, tuple(number for number, _ in part), tuple(line for _, line in part))


async def _send(node: Node, chunks: Sequence[Chunk], salt: str, entries: list[dict[str, Any]]) -> None:
    watched = sys.stderr.isatty() and len(chunks) > 1
    with Progress(console=console(sys.stderr), disable=not watched) as progress:
        task = progress.add_task("sending", total=sum(len(chunk.lines) for chunk in chunks))
        for chunk in chunks:
            entries += await post(node, chunk, salt)
            progress.advance(task, len(chunk.lines))


async def post(node: Node, chunk: Chunk, salt: str = "") -> list[dict[str, Any]]:
    """Send one chunk; the entries of the answer, with the lines of the file."""
    try:
        said = await node.post("/v1/referrals", lines=b"\n".join(chunk.lines), key=chunk.key(salt))
    except Invalid as error:
        problems = [
            Problem(p.pointer, p.code, p.message, chunk.numbers[p.line - 1] if p.line else None)
            for p in error.problems
        ]
        raise Invalid(error.code, error.message, hint=error.hint, problems=problems) from None
    return [{**entry, "line": chunk.numbers[entry["line"] - 1]} for entry in said["submissions"]]


def tell(show: Show, entries: Sequence[dict[str, Any]]) -> None:
    """What became of what was sent."""
    if show.json:
        show.value({"submissions": list(entries)})
        return
    if len(entries) <= TABLE_LINES:
        show.table(
            ("line", "state", "to", "why", "referral or submission"),
            [
                (
                    entry["line"],
                    entry["state"],
                    entry.get("recipient"),
                    entry.get("basis") or entry.get("reason"),
                    entry.get("referral") or entry["submission"],
                )
                for entry in entries
            ],
            empty="",
        )
    else:
        counts = Counter(
            (entry["state"], entry.get("recipient", ""), entry.get("basis") or entry.get("reason"))
            for entry in entries
        )
        show.table(
            ("count", "state", "to", "why"),
            [(count, *what) for what, count in sorted(counts.items(), key=lambda item: -item[1])],
            empty="",
        )
    waiting = sum(entry["state"] != "routed" for entry in entries)
    if waiting:
        show.line(f"{waiting} have no destination abroad and wait: hotline-exchange submissions list")


def _read_file(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(INPUT_BYTES + 1)
    except OSError as error:
        raise Invalid("file", f"{file}: {(error.strerror or 'cannot be read').lower()}") from None
