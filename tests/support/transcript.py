"""Transcripts of the command line that are tests: what several people type, each in a directory of their own,
and what they see.

    == a heading
    anna$ hotline-exchange registry keys new anna --keys keys
    Made the keys of anna: <fingerprint>
    ...
    exit 1

`<name>` stands for some text of one line: kept at its first place, the same again at every later one, in
output and in commands; `<any>` is not kept. `...` stands for any lines. After the output comes `exit N`, if
the code is not 0. Besides `hotline-exchange` there are `cp`, `rm`, and `hotline-exchange serve ... &`, a
process of its own until the end. Errors come behind the output.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, chdir
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from support.cli import run

ANY: Final = "any"
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
_COMMAND: Final = re.compile(r"(?P<who>[a-z][a-z0-9-]*)\$ (?P<line>.*)")
_NAME: Final = re.compile(r"<([a-z0-9_-]+)>")


@dataclass(frozen=True, slots=True)
class Step:
    """One command of one person, the lines that are to be seen, and the exit code."""

    number: int
    who: str
    line: str
    output: tuple[str, ...]
    code: int


def steps(text: str) -> Iterator[Step]:
    """The commands of a transcript in their order."""
    lines = text.splitlines()
    starts = [n for n, line in enumerate(lines) if _COMMAND.fullmatch(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        found = _COMMAND.fullmatch(lines[start])
        assert found is not None
        output = [line for line in lines[start + 1 : end] if not line.startswith("== ")]
        while output and not output[-1]:
            output.pop()
        code = re.fullmatch(r"exit ([0-9]+)", output[-1]) if output else None
        if code is not None:
            output.pop()
        yield Step(start + 1, found["who"], found["line"], tuple(output), int(code[1]) if code else 0)


@dataclass
class Transcript:
    """Runs steps in `place`; `known` are the texts that names stand for."""

    place: Path
    known: dict[str, str] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Transcript:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def serve_files(self, directory: Path) -> str:
        """Serve a directory as a plain web server does, until the end; gives its base URL."""
        directory.mkdir(exist_ok=True)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=directory))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._open.callback(server.server_close)
        self._open.callback(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def play(self, text: str) -> None:
        """Run all; AssertionError with the line of the transcript and both texts where they differ."""
        for step in steps(text):
            self._step(step)

    def _step(self, step: Step) -> None:
        home = self.place / step.who
        home.mkdir(exist_ok=True)
        line = _NAME.sub(lambda name: shlex.quote(self.known[name[1]]), step.line)
        with chdir(home):
            code, output = self._command(shlex.split(line))
        told = f"line {step.number}: {step.who}$ {step.line}\n--- seen, exit {code}:\n{output}"
        wanted = "\n".join(step.output)
        assert code == step.code, f"{told}\n--- wanted, exit {step.code}:\n{wanted}"
        shown = output.rstrip("\n")
        found = re.fullmatch(self._pattern(step.output), f"{shown}\n" if shown else "")
        assert found is not None, f"{told}\n--- wanted:\n{wanted}"
        self.known |= {name.replace("__", "-"): value for name, value in found.groupdict().items()}

    def _pattern(self, output: tuple[str, ...]) -> str:
        """A regular expression over the whole output."""
        fresh: set[str] = set()

        def part(text: str) -> str:
            name = text.replace("-", "__")
            if text == ANY:
                return "[^\n]+?"
            if text in self.known:
                return re.escape(self.known[text])
            if name in fresh:
                return f"(?P={name})"
            fresh.add(name)
            return f"(?P<{name}>[^\n]+?)"

        pattern = ""
        for line in output:
            if line == "...":
                pattern += r"(?:[^\n]*\n)*?"
                continue
            pieces = _NAME.split(line)
            texts = [part(one) if n % 2 else re.escape(one) for n, one in enumerate(pieces)]
            pattern += "".join(texts) + r"\n"
        return pattern

    def _command(self, words: list[str]) -> tuple[int, str]:
        if words[0] == "cp":
            _copy(Path(words[1]), Path(words[2]))
            return 0, ""
        if words[0] == "rm":
            path = Path(words[-1])
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            return 0, ""
        assert words[0] == "hotline-exchange", words
        if words[-1] == "&":
            return 0, self._serve(words[1:-1])
        ran = run(*words[1:])
        return ran.code, ran.out + ran.err

    def _serve(self, words: list[str]) -> str:
        """Start a node and wait until it says that it listens; it is stopped at the end."""
        log = Path("node.log").resolve()
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "exchange.cli", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if not name.startswith("HOTLINE_")},
            )
        self._open.callback(_stop, process)
        deadline = time.monotonic() + READY_SECONDS
        while " is ready" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        return ""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def _copy(source: Path, target: Path) -> None:
    """A file, or a directory over one that is there."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
