"""An evidence file is verified where there is nothing but the installed program: no node and no network.

And each single byte of it is changed once.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from support.evidence import check, parts_of, world

from exchange.core.evidence_report import Verdict

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]
ALONE = ["unshare", "-rn"]
"""A user and a network of its own: there is not even a loopback interface that is up."""
PROCESSES = 2


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in a virtual environment that holds the wheel and what it needs."""
    place = tmp_path_factory.mktemp("alone")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place), cwd=ROOT)
    assert built.returncode == 0, built.stderr
    [wheel] = place.glob("*.whl")
    assert run(sys.executable, "-m", "venv", place / "env", cwd=place).returncode == 0
    pip = [place / "env/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    needed = run(*pip, "--require-hashes", "-r", ROOT / "requirements.lock", cwd=place)
    if needed.returncode:
        pytest.skip("the package index cannot be reached, so nothing can be installed")
    added = run(*pip, "--no-deps", wheel, cwd=place)
    assert added.returncode == 0, added.stderr
    return place / "env/bin/hotline-exchange"


async def test_a_file_is_verified_in_an_empty_environment_with_the_network_off(
    installed: Path, tmp_path: Path
) -> None:
    if run(*ALONE, "true", cwd=tmp_path).returncode:
        pytest.skip("this machine does not let its users make a network of their own (unshare -rn)")
    async with world(tmp_path / "world") as w:
        document = await w.exchange()
        files = {node.me: await w.file(node, document) for node in (w.a, w.b)}
        root = w.office.root
    place = tmp_path / "reader"
    place.mkdir()
    (place / "root.json").write_bytes(root)
    off = run(
        *ALONE, sys.executable, "-c", "import socket; socket.create_connection(('1.1.1.1', 53))", cwd=place
    )
    assert "Network is unreachable" in off.stderr
    for member, data in files.items():
        (place / member).write_bytes(data)
        (place / "spoilt").write_bytes(data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
        sound = run(*ALONE, installed, "evidence", "verify", member, "--root", "root.json", cwd=place)
        assert (sound.returncode, sound.stderr) == (0, "")
        assert "SOUND: de-example said this to nl-example" in sound.stdout
        broken = run(*ALONE, installed, "evidence", "verify", "spoilt", "--root", "root.json", cwd=place)
        assert broken.returncode == 1
        assert list(parts_of(data))[-1] in broken.stdout
    assert sorted(path.name for path in place.iterdir()) == [
        "de-example",
        "nl-example",
        "root.json",
        "spoilt",
    ]


def test_what_the_demo_shows_is_verified_in_an_empty_environment_with_the_network_off(
    installed: Path, tmp_path: Path
) -> None:
    if run(*ALONE, "true", cwd=tmp_path).returncode:
        pytest.skip("this machine does not let its users make a network of their own (unshare -rn)")
    made = run(installed, "demo", "--limit", "30", "--json", "--dir", tmp_path / "demo", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    [file] = (tmp_path / "demo").glob("*.evidence")
    root = tmp_path / "demo/registry/root.json"
    sound = run(*ALONE, installed, "evidence", "verify", file, "--root", root, cwd=tmp_path)
    assert (sound.returncode, sound.stderr) == (0, "")
    data = file.read_bytes()
    positions = range(0, len(data), len(data) // 20)
    for position in positions:
        spoilt = bytes([data[position] ^ 1])
        file.chmod(0o600)
        file.write_bytes(data[:position] + spoilt + data[position + 1 :])
        broken = run(*ALONE, installed, "evidence", "verify", file, "--root", root, cwd=tmp_path)
        assert broken.returncode == 1, position


def _unnoticed(data: bytes, positions: range) -> list[int]:
    """The positions at which a changed byte was not found, or not named."""
    names = ["statement", *parts_of(data)]
    found = []
    for position in positions:
        other = bytes([(data[position] + 1 + position % 255) % 256])
        report = check(data[:position] + other + data[position + 1 :])
        named = names[data[:position].count(b"\n")]
        if report.verdict is not Verdict.BROKEN or report.steps[0].parts[:1] != (named,):
            found.append(position)
    return found


def test_every_byte_that_is_changed_is_found_and_named(tmp_path: Path) -> None:
    async def made() -> bytes:
        async with world(tmp_path) as w:
            return await w.file(w.b, await w.exchange())

    data = asyncio.run(made())
    parts = [range(first, len(data), PROCESSES) for first in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES) as pool:
        assert list(pool.map(_unnoticed, [data] * PROCESSES, parts)) == [[]] * PROCESSES
