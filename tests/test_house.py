"""The house itself: what a wheel carries, what the locks pin, what `make` says, and what no file may hold."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from exchange.config import KEYS, parse

ROOT = Path(__file__).parent.parent
TARGETS = ["help", "demo", "test", "check", "check-long", "bench", "fmt", "lock", "clean"]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def run(*command: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def tracked() -> list[Path]:
    """The files of the project: those that git knows, or all but the ignored where there is no git."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out))
    assert built.returncode == 0, built.stderr
    return next(out.glob("hotline_exchange-*.whl"))


def test_the_wheel_carries_what_the_program_reads(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path)
    for kind in ("schemas", "peers", "examples"):
        wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / kind).rglob("*") if path.is_file()}
        assert {f"exchange/_data/{name}" for name in wanted} <= names
    assert not [name for name in names if name.endswith((".age", ".pem", ".db"))]
    program = (
        "import exchange.resources as r; print(r.__file__); print(r.data_path('schemas'));"
        "print(len(r.schema_documents()), len(r.code_tables()), len(r.vocabularies()))"
    )
    told = run(sys.executable, "-P", "-c", program, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert told.returncode == 0, told.stderr
    source, schemas, counts = told.stdout.splitlines()
    assert source.startswith(str(tmp_path)), "the wheel was tested, not the checkout"
    assert schemas == str(tmp_path / "exchange/_data/schemas")
    assert int(counts.split()[0]) == len(list((ROOT / "schemas").glob("*.json")))
    assert "0" not in counts.split()


def test_the_wheel_has_its_command_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        told = {
            Path(name).name: archive.read(name).decode()
            for name in archive.namelist()
            if ".dist-info" in name
        }
    assert "hotline-exchange = exchange.cli.main:main" in told["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in told["METADATA"]
    assert told["LICENSE"] == (ROOT / "LICENSE").read_text()


def pinned(lock: str) -> dict[str, list[str]]:
    """Hashes by pinned requirement."""
    text = re.sub(r"^#.*\n", "", (ROOT / lock).read_text(), flags=re.M).replace("\\\n", " ")
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_its_hashes(lock: str) -> None:
    for requirement, hashes in pinned(lock).items():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", requirement)
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_host(lock: str) -> None:
    assert not re.search(r"://|--(index|extra-index|find-links|trusted)|@ ", (ROOT / lock).read_text())


def test_the_locks_hold_what_the_project_asks_for_and_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run_lock, dev_lock = pinned("requirements.lock"), pinned("requirements-dev.lock")
    assert run_lock.items() <= dev_lock.items()
    for lock, asked in (
        (run_lock, project["dependencies"]),
        (dev_lock, project["optional-dependencies"]["dev"]),
    ):
        names = {requirement.partition("==")[0] for requirement in lock}
        assert {re.split(r"[><=]", requirement)[0] for requirement in asked} <= names


def test_make_alone_shows_what_can_be_made() -> None:
    told = run("make", "--no-print-directory")
    assert re.findall(r"^  make ([a-z-]+) ", told.stdout, flags=re.M) == TARGETS


PYTHONS = {
    "none": ("exit 127", "python3 is not there"),
    "old": (
        'case "$2" in *version_info*) exit 1;; *) echo 3.9.2;; esac',
        "is 3.9.2, but 3.11 or later is needed",
    ),
    "bare": ('case "$2" in *ensurepip*) exit 1;; esac', "apt-get install python3-venv"),
}


@pytest.mark.parametrize(("body", "hint"), PYTHONS.values(), ids=PYTHONS.keys())
def test_make_says_what_to_install(tmp_path: Path, body: str, hint: str) -> None:
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "make", "echo"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    if "127" not in body:
        (tools / "python3").write_text(f"#!/bin/sh\n{body}\n")
        (tools / "python3").chmod(0o755)
    told = run(str(tools / "make"), "check", cwd=tmp_path, PATH=str(tools))
    assert told.returncode != 0
    assert hint in told.stderr
    assert not (tmp_path / ".venv").exists()


def test_continuous_integration_runs_make_check() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert "make check" in script.read_text()


@pytest.mark.parametrize(
    ("path", "kept_out"),
    [
        ("keys/identity.age", True),
        ("keys/root.pem", True),
        ("keys/anything", True),
        ("keys/deep/er/key.jwk", True),
        ("keys/README.md", False),
        ("keys/.gitignore", False),
        ("state/exchange.db", True),
        ("identity.age", True),
    ],
)
def test_no_private_key_gets_into_the_repository(path: str, kept_out: bool) -> None:
    assert (run("git", "check-ignore", "--quiet", "--no-index", path).returncode == 0) is kept_out


SECRET = re.compile(rb"AGE-SECRET-KEY-1[0-9A-Z]{20}|PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}")


def test_no_file_of_the_project_holds_a_secret() -> None:
    assert SECRET.search(b"AGE-SECRET-" + b"KEY-1" + b"Q" * 58)
    assert SECRET.search(b"-----BEGIN PRIVATE " + b"KEY-----\n" + b"M" * 64)
    assert [path for path in tracked() if SECRET.search(path.read_bytes())] == []


def test_rooms_are_named_by_what_they_do() -> None:
    empty_names = re.compile(r"manager|handler|helper|utils", re.IGNORECASE)
    names = [
        path for path in tracked() if empty_names.search(path.name) and path.is_relative_to(ROOT / "exchange")
    ]
    classes = [
        path
        for path in (ROOT / "exchange").rglob("*.py")
        if re.search(r"^class \w*(Manager|Handler|Helper|Utils)\b", path.read_text(), flags=re.M)
    ]
    assert (names, classes) == ([], [])


PAGES = sorted(path for path in tracked() if path.suffix == ".md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    gone = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert gone == []


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    assert [key.name for key in KEYS if f"`{key.name}`" not in page] == []
    shown = re.findall(r"^\| `([a-z_.]+)` \|", page, flags=re.M)
    assert shown == [key.name for key in KEYS]


def test_the_configurations_that_are_shown_are_right() -> None:
    shown = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/configuration.md").read_text(), flags=re.S)
    assert [parse(text, ROOT).mailbox.host for text in shown] == ["own", "hosted"]


def test_pages_that_the_code_names_are_there() -> None:
    """The directory of hotlines is left out: Moldova's top level is md."""
    named = {
        (path.relative_to(ROOT).as_posix(), page)
        for path in tracked()
        if path.suffix in {".py", ".json", ".toml", ".sql"} and path != ROOT / "peers/directory.json"
        for line in path.read_text().splitlines()
        if ".md" in line
        for page in re.findall(r"[\w./-]*\w\.md\b", line)
    }
    assert sorted((where, page) for where, page in named if not (ROOT / page).is_file()) == []


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    folder = ROOT / "docs/decisions"
    numbers = [path.name[:4] for path in sorted(folder.glob("[0-9]*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    index = (folder / "README.md").read_text()
    assert [path.name for path in folder.glob("[0-9]*.md") if f"({path.name})" not in index] == []
