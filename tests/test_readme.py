"""The README and the pages with ceremonies say what is true: their commands and options exist, and links lead
somewhere.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from unittest import mock

import pytest
from support.cli import run

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
PAGES = [TEXT, *((ROOT / page).read_text() for page in ("docs/administration.md", "docs/evidence.md"))]


def commands(text: str) -> set[str]:
    """The commands of a page, in its blocks and in its sentences."""
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.S)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    found = {line for line in lines if "hotline-exchange " in line and not line.startswith("export")}
    return found | set(re.findall(r"`(hotline-exchange [^`]+)`", text))


COMMANDS = sorted(set().union(*map(commands, PAGES)))


def known(line: str) -> list[str]:
    """What is wrong with a command of the README: words or options that its help does not have."""
    words = shlex.split(re.sub(r"[<>]\S*", "X", line))
    words = words[[w.endswith("hotline-exchange") for w in words].index(True) + 1 :]
    commands: list[str] = []
    while True:
        with mock.patch.dict(os.environ, {"COLUMNS": "200", "NO_COLOR": "1"}):
            ran = run(*commands, "--help")
        if ran.code:
            return [f"no command {' '.join(commands)}"]
        rest = words[len(commands) :]
        if "Commands:" not in ran.out or not rest or rest[0].startswith("-"):
            break
        commands.append(rest[0])
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    return [option for option in options if f"{option} " not in ran.out and f"{option}\n" not in ran.out]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_readme_exist(line: str) -> None:
    assert known(line) == []


@pytest.mark.parametrize("line", ["hotline-exchange sned x", "hotline-exchange send --chekc x"])
def test_a_wrong_command_would_be_noticed(line: str) -> None:
    assert known(line)


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"(?:[$] |`)make ([a-z-]+)", TEXT))
    assert [target for target in sorted(named) if f"\n{target}:" not in makefile] == []


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
