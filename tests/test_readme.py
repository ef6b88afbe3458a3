"""The README says what is true: its commands and options exist, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, flags=re.S)
LINES = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]
COMMANDS = sorted(
    {line for line in LINES if "hotline-exchange " in line and not line.startswith("export")}
    | set(re.findall(r"`(hotline-exchange [^`]+)`", TEXT))
)


def known(line: str) -> list[str]:
    """What is wrong with a command of the README: words or options that its help does not have."""
    words = shlex.split(re.sub(r"[<>]\S*", "X", line))
    words = words[[w.endswith("hotline-exchange") for w in words].index(True) + 1 :]
    commands: list[str] = []
    while True:
        run = subprocess.run(
            [sys.executable, "-m", "exchange.cli", *commands, "--help"],
            capture_output=True,
            text=True,
            check=False,
            env={"COLUMNS": "200", "NO_COLOR": "1", "PATH": "/usr/bin:/bin"},
        )
        if run.returncode:
            return [f"no command {' '.join(commands)}"]
        rest = words[len(commands) :]
        if "Commands:" not in run.stdout or not rest or rest[0].startswith("-"):
            break
        commands.append(rest[0])
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    return [
        option for option in options if f"{option} " not in run.stdout and f"{option}\n" not in run.stdout
    ]


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
