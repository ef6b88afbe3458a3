"""Transcripts (tests/cli/transcripts/*.txt): whole ceremonies as several people type them, each on a machine
of their own, with what they see.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.process import free_ports
from support.transcript import Step, Transcript, steps

PLACE = Path(__file__).parent / "transcripts"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", sorted(PLACE.glob("*.txt")), ids=lambda path: path.stem)
def test_a_ceremony_goes_as_its_transcript_says(path: Path, tmp_path: Path) -> None:
    known = {f"port-{n}": str(port) for n, port in enumerate(free_ports(4))} | {"files": str(PLACE)}
    with Transcript(tmp_path, known) as transcript:
        known["web"] = transcript.serve_files(tmp_path / "web")
        transcript.play(path.read_text())


def test_a_transcript_is_read_as_commands_with_their_output() -> None:
    text = "== heading\nanna$ cp a b\n\n== next\nben$ hotline-exchange --version\nhotline <v>\n\nexit 3\n"
    assert list(steps(text)) == [
        Step(2, "anna", "cp a b", (), 0),
        Step(5, "ben", "hotline-exchange --version", ("hotline <v>", ""), 3),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "anna$ hotline-exchange --version\nhotline-exchange <v>",
        "anna$ hotline-exchange --version\n...",
        "anna$ hotline-exchange --version\n<name> <v>\nben$ hotline-exchange --version\n<name> <v>",
        "anna$ hotline-exchange --help\n...\n<indent>Exit codes: 0 done<rest>\n...",
    ],
)
def test_what_is_seen_is_what_was_written(text: str, tmp_path: Path) -> None:
    with Transcript(tmp_path) as transcript:
        transcript.play(text)


@pytest.mark.parametrize(
    "text",
    [
        "anna$ hotline-exchange --version\nhotline-exchange 99.99",
        "anna$ hotline-exchange --version",
        "anna$ hotline-exchange --version\n<a> <b>\nanna$ hotline-exchange --version\n<b> <a>",
        "anna$ hotline-exchange --version\n<a> <a>",
        "anna$ hotline-exchange --version\n...\nmore",
        "anna$ hotline-exchange --version\nhotline-exchange <v>\nexit 1",
    ],
)
def test_a_transcript_that_is_wrong_is_noticed(text: str, tmp_path: Path) -> None:
    with Transcript(tmp_path) as transcript, pytest.raises(AssertionError, match="line"):
        transcript.play(text)
