"""`evidence`: one file that proves a document to somebody who trusts neither us nor this program's network.

Rules: `export` asks the node, writes a file that only its owner may read, and says that the reported URL is
in it; what is there already is not overwritten. `verify` reads a file and, if it is named, the root that the
reader was given by other means; it needs no node, no configuration, no network and no keys. It never shows
what the document says. Exit codes of `verify`: 0 sound, 1 broken, 2 what was named as the root is none, 4
doubtful, or the root cannot be compared.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange import resources
from exchange.cli.connection import load_config, talk
from exchange.cli.evidence_verify import Report, examine
from exchange.cli.options import AsJson, ConfigFile, Sender, group
from exchange.cli.show import Show
from exchange.core import evidence_parts, limits
from exchange.core.evidence_report import Step, Verdict
from exchange.core.evidence_signed import Receipted
from exchange.core.names import DocumentId, MemberId
from exchange.core.schema import Schemas
from exchange.errors import Invalid

BROKEN: Final = 1
DOUBTFUL: Final = 4
FILE_MODE: Final = 0o600
_CODES: Final = {Verdict.BROKEN: BROKEN, Verdict.DOUBTFUL: DOUBTFUL, Verdict.NOT_COMPARED: DOUBTFUL}
app = group("Files that prove a document to a third party, years later and without a node.")


@app.command()
def export(
    document: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a referral, an outcome or another document.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write. Else ID.evidence.", show_default=False),
    ] = None,
    sender: Sender = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Make the evidence file of a document that we sent or received."""
    show = Show(as_json)
    document_id = DocumentId.parse(document, "ID")
    by = None if sender is None else MemberId.parse(sender, "--sender")
    path = Path(f"{document_id}.evidence") if output is None else output
    if path.exists():
        raise Invalid("exists", f"{path}: is there already", hint="name another file with --output")
    data = talk(config, lambda node: node.fetch(f"/v1/evidence/{document_id}", sender=by))
    report = examine(
        Schemas(resources.schema_documents()), data, _read(load_config(config).registry.bootstrap)
    )
    write_file(path, data)
    if as_json:
        show.value({"file": str(path), "bytes": len(data), **_told(report)})
        return
    show.line(f"{path}: {len(data)} bytes. {_summary(report)}")
    for step in report.steps:
        if step.verdict is not Verdict.OK:
            show.line(f"  {step.name}: {step.verdict}: {step.says}")
    show.line(
        "The file holds the document itself, with the reported URL: give it only to whom it is meant for."
    )
    show.line(f"Check it anywhere: hotline-exchange evidence verify {path} --root root.json")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The evidence file.")],
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", help="The registry's root that you were given by other means.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Examine an evidence file, step by step. Needs no node and no network.

    Ends with 0 when the file is sound, 1 when it is broken, 4 when it is doubtful, or when the root that you
    gave cannot be compared with it.
    """
    show = Show(as_json)
    pinned = None if root is None else _read(root)
    report = examine(Schemas(resources.schema_documents()), _read(file), pinned)
    if as_json:
        show.value(_told(report))
    else:
        for number, step in enumerate(report.steps, start=1):
            show.line(f"{number:>2}. {step.name}: {step.verdict}")
            show.line(f"    {step.says}")
        show.line(_summary(report))
    if report.verdict in _CODES:
        raise typer.Exit(_CODES[report.verdict])


def _read(path: Path) -> bytes:
    """At most as much as an evidence file may have, and one byte more."""
    with path.open("rb") as file:
        return file.read(limits.EVIDENCE_BYTES + 1)


def write_file(path: Path, data: bytes) -> None:
    """Write an evidence file that only its owner may read, over nothing that is there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _told(report: Report) -> dict[str, Any]:
    """The report for programs."""
    statement, receipt = report.statement, report.receipt
    subject = answered = None
    if receipt is not None:
        answered = {"status": receipt.status, "code": receipt.code, "at": receipt.at}
    if statement is not None:
        said = statement.subject
        subject = {
            "sender": said.sender,
            "recipient": said.recipient,
            "id": said.id,
            "type": said.type,
            "sha256": said.sha256,
            "made_by": statement.member,
            "made_at": statement.made_at,
        }
    return {
        "verdict": report.verdict.value,
        "root": {"fingerprint": report.root or None, "pinned": report.pinned},
        "subject": subject,
        "receipt": answered,
        "steps": [
            {
                "step": number,
                "name": step.name.value,
                "verdict": step.verdict.value,
                "says": step.says,
                "parts": list(step.parts),
            }
            for number, step in enumerate(report.steps, start=1)
        ],
    }


def _summary(report: Report) -> str:
    """The verdict in a sentence or two."""
    if report.verdict is Verdict.BROKEN:
        to_blame = ", ".join(part for step in _of(report, Verdict.BROKEN) for part in step.parts)
        return f"BROKEN: this file proves nothing. To blame: {to_blame or evidence_parts.STATEMENT}."
    if report.verdict is Verdict.DOUBTFUL:
        steps = ", ".join(step.name for step in _of(report, Verdict.DOUBTFUL))
        return f"DOUBTFUL: everything fits, but not all of it can be relied on. Read again: {steps}."
    if report.verdict is Verdict.NOT_COMPARED:
        return (
            "NOT COMPARED: the root that you gave and those in the file have nothing in common to hold them "
            "together. Get the root of that time, or the chain of roots between them."
        )
    subject = report.statement.subject if report.statement is not None else None
    what = "" if subject is None else f": {subject.sender} said this to {subject.recipient}"
    what += _answer(report.receipt)
    if report.pinned:
        return f"SOUND{what}."
    return f"SOUND{what}, if your registry's first root has the fingerprint {report.root}."


def _answer(receipt: Receipted | None) -> str:
    if receipt is None:
        return "; there is no receipt"
    if receipt.code is None:
        return ", who has signed that it received it"
    return f", who has signed that it refused it (code {receipt.code})"


def _of(report: Report, verdict: Verdict) -> list[Step]:
    return [step for step in report.steps if step.verdict is verdict]
