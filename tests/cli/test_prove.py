"""A challenge is answered by whoever holds the key: the node that runs, or its keystore when none does."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from support.cli import run, write_config
from support.keys import member_keys
from support.network import make_node, network_of
from support.node_parts import key_of, member_served

from exchange.cli.joining import Plan, join
from exchange.core import registration
from exchange.core.names import MemberId
from exchange.core.registration_challenge import Challenge, read_proof, write_challenge
from exchange.core.registry_view import Jwk
from exchange.store.lock import data_lock

SECRET = bytes(range(32))
ME = MemberId("gb-example")
PASSPHRASE = "a passphrase that is long"


def joined(place: Path, passphrase: str | None = None) -> Jwk:
    """A new node in `place`, made as `join` does; the encryption key of its registration."""
    settings = {
        "member": ME,
        "data": "data",
        "registry.bootstrap": "root.json",
        "registry.mirrors": ["https://registry.example"],
        "mailbox.host": "hosted",
    }
    settings |= {} if passphrase else {"identity.file": "identity.txt"}
    plan = Plan(ME, "GB", "Example", "https://a.example", "https://mx.example", place / "node.toml", settings)
    made = asyncio.run(join(plan, passphrase, int(time.time())))
    return registration.check(made.request.read_bytes()).key


def challenge(place: Path, key: Jwk, member: MemberId = ME) -> Path:
    path = place / f"{member}.challenge.json"
    path.write_bytes(write_challenge(Challenge(member, key["kid"], registration.challenge(key, SECRET))))
    return path


def test_without_a_running_node_the_keystore_answers(tmp_path: Path) -> None:
    key = joined(tmp_path)
    asked, output = challenge(tmp_path, key), tmp_path / "proof.json"
    ran = run("prove", asked, "-o", output, "--config", tmp_path / "node.toml", "--json")
    assert (ran.code, ran.value) == (0, {"member": ME, "kid": key["kid"], "proof": str(output)})
    proof = read_proof(output.read_bytes())
    assert registration.answered(SECRET, key, proof.proof)
    again = run("prove", asked, "-o", output, "--config", tmp_path / "node.toml")
    assert (again.code, "--force replaces it" in again.err) == (2, True)
    assert run("prove", asked, "-o", output, "--force", "--config", tmp_path / "node.toml").code == 0


def test_the_passphrase_is_asked_for_as_serve_does(tmp_path: Path) -> None:
    key = joined(tmp_path, PASSPHRASE)
    asked, output = challenge(tmp_path, key), tmp_path / "proof.json"
    command = ("prove", asked, "-o", output, "--config", tmp_path / "node.toml")
    assert "(passphrase-missing)" in run(*command).err
    assert "(passphrase)" in run(*command, given=b"another passphrase\n").err
    assert not output.exists()
    assert run(*command, given=f"{PASSPHRASE}\n".encode()).code == 0
    assert registration.answered(SECRET, key, read_proof(output.read_bytes()).proof)


async def test_a_running_node_answers_by_itself(tmp_path: Path) -> None:
    node = await make_node(network_of(["de-example"]), "de-example", tmp_path / "a.db")
    config = write_config(tmp_path)
    asked, output = challenge(tmp_path, key_of(node), node.me), tmp_path / "proof.json"
    with data_lock(tmp_path / "data"):
        async with member_served(node, tmp_path / "data/member.sock"):
            ran = await asyncio.to_thread(run, "prove", asked, "-o", output, "--config", config)
    assert ran.code == 0, ran.err
    assert registration.answered(SECRET, key_of(node), read_proof(output.read_bytes()).proof)
    [row] = await node.rows(
        "SELECT count(*) AS n FROM journal_pending WHERE CAST(entry AS TEXT) LIKE '%challenge-answered%'"
    )
    assert row["n"] == 1
    await node.close()


def spoil(place: Path, key: Jwk, what: str) -> Path:
    stranger = member_keys("fr-c").encryption.jwk
    path = challenge(place, key if what != "to another key" else stranger)
    value = json.loads(path.read_bytes())
    if what == "for another member":
        value["member"] = "fr-c"
    elif what == "a byte changed":
        value["sealed"] = (
            value["sealed"][:200] + ("A" if value["sealed"][200] != "A" else "B") + value["sealed"][201:]
        )
    elif what == "a field more":
        value["key"] = "x"
    path.write_text(json.dumps(value))
    return path


CASES = {
    "to another key": "challenge-key",
    "for another member": "challenge-member",
    "a byte changed": "challenge-key",
    "a field more": "challenge-form",
}


@pytest.mark.parametrize(("what", "code"), CASES.items(), ids=CASES.keys())
def test_a_challenge_that_is_not_ours_makes_no_proof(what: str, code: str, tmp_path: Path) -> None:
    asked, output = spoil(tmp_path, joined(tmp_path), what), tmp_path / "proof.json"
    ran = run("prove", asked, "-o", output, "--config", tmp_path / "node.toml")
    assert (ran.code, f"({code})" in ran.err) == (2, True), ran.err
    assert not output.exists()


def test_a_node_without_its_database_says_so(tmp_path: Path) -> None:
    key = joined(tmp_path)
    (tmp_path / "data/exchange.db").unlink()
    ran = run("prove", challenge(tmp_path, key), "-o", tmp_path / "p", "--config", tmp_path / "node.toml")
    assert (ran.code, "(database-missing)" in ran.err) == (2, True)
    assert not (tmp_path / "data/exchange.db").exists()
