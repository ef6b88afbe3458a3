"""Another TUF client, in another language, reads what our tools publish: tuf-js on Node.

`node/tuf.mjs` makes one look. The registry is made by the administrators' tools: one of them has an ECDSA
P-256 key as tokens make them, and one was replaced on the way.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from support.keys import member
from support.node_packages import installed
from support.registry import Office, targets_of
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from exchange.registrar import roots
from exchange.registrar.admins import Admin, Part, generate

pytestmark = pytest.mark.long
TARGET = "members/gb-iwf.json"
FILES = targets_of([member("de-x"), member("gb-iwf")])
LATER = targets_of([member("de-x"), member("gb-iwf", office_hours="Mo-Fr")])


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Reader:
    """One tuf-js client: its directory is kept from look to look."""

    folder: Path
    base: str
    root: bytes
    place: Path

    def look(self, place: Path | None = None) -> dict[str, str]:
        request = {
            "base": self.base,
            "root": self.root.hex(),
            "place": str(place or self.place),
            "target": TARGET,
        }
        done = subprocess.run(
            ["node", "tuf.mjs"],
            cwd=self.folder,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, str] = json.loads(done.stdout)
        return answer


@pytest.fixture(scope="module")
def folder() -> Path:
    return installed("tuf.mjs")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Anna signs with a token's kind of key; Cleo was replaced by Dora, and the list made again after it."""
    anna = Admin("anna", CryptoSigner.generate_ecdsa(), CryptoSigner.generate_ecdsa())
    made = Office(
        tmp_path / "mirror", now=int(time.time()), admins=[anna, generate("bert"), generate("cleo")]
    )
    made.publish(FILES, now=int(time.time()))
    rotate(made)
    made.publish(targets_of([member("de-x"), member("gb-iwf", languages=("en", "de"))]), now=int(time.time()))
    return made


def rotate(office: Office) -> None:
    first = Metadata[Root].from_bytes(office.root).signed
    root = roots.with_replaced(first, "cleo", generate("dora").public, int(time.time()))
    signed = Metadata(root, office.signatures(Metadata(root).signed_bytes))
    (office.mirror / "metadata" / "2.root.json").write_bytes(signed.to_bytes())


@pytest.fixture
def reader(folder: Path, office: Office, tmp_path: Path) -> Iterator[Reader]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(office.mirror)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Reader(folder, f"http://127.0.0.1:{server.server_address[1]}", office.root, tmp_path / "client")
    finally:
        server.shutdown()
        server.server_close()


def published(office: Office) -> Path:
    """Where the newest file of the member lies."""
    paths = (office.mirror / "targets" / "members").glob("*.gb-iwf.json")
    return max(paths, key=lambda path: path.stat().st_mtime_ns)


def test_it_walks_the_roots_and_gets_the_bytes_that_were_published(reader: Reader, office: Office) -> None:
    assert bytes.fromhex(reader.look()["content"]) == published(office).read_bytes()
    office.publish(LATER, now=int(time.time()))
    assert bytes.fromhex(reader.look()["content"]) == LATER[TARGET]


def test_it_refuses_a_file_that_a_mirror_has_changed(reader: Reader, office: Office) -> None:
    path = published(office)
    path.write_bytes(path.read_bytes().replace(b"active", b"aktive"))
    assert reader.look()["error"] == "LengthOrHashMismatchError"


@pytest.mark.parametrize("role", [Targets, Root])
def test_it_refuses_what_one_administrator_signed_alone(
    reader: Reader, office: Office, role: type[Targets] | type[Root]
) -> None:
    assert "content" in reader.look()
    folder = office.mirror / "metadata"
    if role is Root:
        alone = Metadata[Root].from_file(str(folder / "2.root.json"))
        alone.signed.version = 3
        alone.sign(office.admins[0].signer(Part.OFFLINE), append=False)
        alone.to_file(str(folder / "3.root.json"))
    else:
        lead_to_a_list_of_one(office)
    answer = reader.look()
    assert "content" not in answer
    assert "sign" in answer["message"]
    assert "content" not in reader.look(reader.place.with_name("another"))


def lead_to_a_list_of_one(office: Office) -> None:
    """The thief of a daily key and one administrator do all that they can."""
    folder = office.mirror / "metadata"
    daily = office.admins[0].signer(Part.DAILY)
    timestamp = Metadata[Timestamp].from_file(str(folder / "timestamp.json"))
    snapshot = Metadata[Snapshot].from_file(
        str(folder / f"{timestamp.signed.snapshot_meta.version}.snapshot.json")
    )
    meta = snapshot.signed.meta["targets.json"]
    listed = Metadata[Targets].from_file(str(folder / f"{meta.version}.targets.json"))
    for one in (listed, snapshot, timestamp):
        one.signed.version += 1
    listed.sign(office.admins[0].signer(Part.OFFLINE), append=False)
    listed.to_file(str(folder / f"{listed.signed.version}.targets.json"))
    snapshot.signed.meta["targets.json"] = type(meta)(listed.signed.version)
    snapshot.sign(daily, append=False)
    snapshot.to_file(str(folder / f"{snapshot.signed.version}.snapshot.json"))
    timestamp.signed.snapshot_meta = type(meta)(snapshot.signed.version)
    timestamp.sign(daily, append=False)
    timestamp.to_file(str(folder / "timestamp.json"))
