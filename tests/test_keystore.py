"""The keystore: opened by its owner alone, written whole, and silent about what it keeps."""

import json
import os
import stat
from pathlib import Path

import pyrage
import pytest

from exchange import keystore
from exchange.core.jwk import verifies
from exchange.errors import Broken, Invalid

PASSPHRASE = "canary passphrase 7f3a"


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A keystore's directory and its identity file."""
    directory, identity = tmp_path / "keys", tmp_path / "identity.txt"
    keystore.create(directory, identity_file=identity)
    return directory, identity


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def code_of(*arguments: object, **named: object) -> str:
    with pytest.raises(Invalid) as error:
        keystore.open(*arguments, **named)  # type: ignore[arg-type]
    assert "canary" not in f"{error.value} {error.value.hint}"
    assert "AGE-SECRET-KEY-1Q" not in f"{error.value} {error.value.hint}"
    return error.value.code


def test_a_passphrase_opens_what_it_closed_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    """The one test that pays for scrypt: three times two seconds."""
    directory = tmp_path / "keys"
    made = keystore.create(directory, PASSPHRASE)
    assert (mode(directory), mode(directory / "identity.age"), mode(directory / "keys.age")) == (
        0o700,
        0o600,
        0o600,
    )
    for path in directory.iterdir():
        assert PASSPHRASE.encode() not in path.read_bytes()
    opened = keystore.open(directory, PASSPHRASE)
    assert [entry.entry for entry in opened.signing] == [entry.entry for entry in made.signing]
    assert ([key.jwk for key in opened.http], opened.url_key) == (
        [key.jwk for key in made.http],
        made.url_key,
    )
    assert verifies(made.http[0].jwk, opened.http[0].sign(b"x"), b"x")
    assert code_of(directory, "canary") == "passphrase"


def test_an_identity_file_opens_without_a_passphrase(made: tuple[Path, Path]) -> None:
    directory, identity = made
    assert mode(identity) == 0o600
    assert not (directory / "identity.age").exists()
    opened = keystore.open(directory, identity_file=identity)
    assert len(opened.signing) == len(opened.http) == 1
    assert len(opened.url_key) == 32


def test_an_identity_that_is_there_is_used_and_not_overwritten(tmp_path: Path) -> None:
    identity = tmp_path / "identity.txt"
    line = f"# made elsewhere\n{pyrage.x25519.Identity.generate()}\n"
    identity.write_text(line)
    identity.chmod(0o600)
    keystore.create(tmp_path / "keys", identity_file=identity)
    assert identity.read_text() == line
    assert keystore.open(tmp_path / "keys", identity_file=identity)


def test_a_systemd_credential_opens_although_its_group_reads_it(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    directory, identity = made
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    identity.rename(credentials / "identity")
    (credentials / "identity").chmod(0o440)
    assert keystore.open(directory, credentials=credentials)
    (credentials / "identity").chmod(0o444)
    assert code_of(directory, credentials=credentials) == "file-mode"
    (credentials / "identity").unlink()
    assert code_of(directory, credentials=credentials) == "identity-missing"


@pytest.mark.parametrize("loose", [0o644, 0o640, 0o620, 0o604, 0o602])
@pytest.mark.parametrize("which", ["identity", "keys"])
def test_a_loose_file_mode_is_refused_with_the_command_that_mends_it(
    made: tuple[Path, Path], loose: int, which: str
) -> None:
    directory, identity = made
    path = identity if which == "identity" else directory / "keys.age"
    path.chmod(loose)
    with pytest.raises(Invalid) as error:
        keystore.open(directory, identity_file=identity)
    assert (error.value.code, error.value.hint) == ("file-mode", f"chmod 600 {path}")
    assert str(path) in error.value.message


@pytest.mark.parametrize("loose", [0o770, 0o702, 0o777])
def test_a_directory_that_others_write_is_refused(made: tuple[Path, Path], loose: int) -> None:
    directory, identity = made
    directory.chmod(loose)
    assert code_of(directory, identity_file=identity) == "file-mode"
    store = keystore.Keystore((), (), b"", pyrage.x25519.Identity.generate())
    with pytest.raises(Invalid):
        keystore.renew(directory, store)


def test_a_symbolic_link_to_a_loose_file_is_no_way_around(made: tuple[Path, Path], tmp_path: Path) -> None:
    directory, identity = made
    identity.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(identity)
    assert code_of(directory, identity_file=link) == "file-mode"


def test_a_keystore_is_never_made_over_another(made: tuple[Path, Path]) -> None:
    directory, identity = made
    with pytest.raises(Invalid) as error:
        keystore.create(directory, identity_file=identity)
    assert error.value.code == "keystore-exists"
    assert keystore.open(directory, identity_file=identity)


def test_a_making_that_died_before_its_last_file_is_simply_repeated(made: tuple[Path, Path]) -> None:
    directory, identity = made
    (directory / "keys.age").rename(directory / "keys.age.new")
    assert code_of(directory, identity_file=identity) == "keystore-missing"
    keystore.create(directory, identity_file=identity)
    assert keystore.open(directory, identity_file=identity)
    assert sorted(path.name for path in directory.iterdir()) == ["keys.age"]


@pytest.mark.parametrize("passphrase", [None, ""])
def test_a_keystore_without_protection_is_not_made(tmp_path: Path, passphrase: str | None) -> None:
    with pytest.raises(Invalid) as error:
        keystore.create(tmp_path / "keys", passphrase)
    assert error.value.code == "identity-missing"
    assert list((tmp_path / "keys").iterdir()) == []


def test_what_is_missing_is_named(made: tuple[Path, Path], tmp_path: Path) -> None:
    directory, identity = made
    assert code_of(directory) == "identity-missing"
    assert code_of(directory, PASSPHRASE) == "keystore-missing"
    assert code_of(tmp_path / "nowhere", identity_file=identity) == "keystore-missing"
    assert code_of(directory, identity_file=tmp_path / "nowhere") == "keystore-missing"
    assert code_of(directory, identity_file=directory) == "keystore-unreadable"


@pytest.mark.parametrize(
    "text", [b"", b"canary\n", b"AGE-SECRET-KEY-1QCANARY\n", b"\xff\xfe", b"# only a comment\n"]
)
def test_a_file_without_an_identity_is_refused(made: tuple[Path, Path], text: bytes) -> None:
    directory, identity = made
    identity.write_bytes(text)
    assert code_of(directory, identity_file=identity) == "identity"


def test_two_identities_in_one_file_are_refused(made: tuple[Path, Path]) -> None:
    directory, identity = made
    identity.write_text(identity.read_text() * 2)
    assert code_of(directory, identity_file=identity) == "identity"


def test_another_identity_does_not_open_the_keys(made: tuple[Path, Path]) -> None:
    directory, identity = made
    identity.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    assert code_of(directory, identity_file=identity) == "identity"


def rewritten(made: tuple[Path, Path], change: object) -> str:
    """What opening says after the plain text of keys.age was changed."""
    directory, identity = made
    key = pyrage.x25519.Identity.from_str(identity.read_text().strip())
    plain = json.loads(pyrage.decrypt((directory / "keys.age").read_bytes(), [key]))
    changed = change(plain) if callable(change) else change
    (directory / "keys.age").write_bytes(pyrage.encrypt(json.dumps(changed).encode(), [key.to_public()]))
    return code_of(directory, identity_file=identity)


@pytest.mark.parametrize(
    "change",
    [
        [],
        {},
        {"keys": {}},
        {"keys": ["canary"]},
        {"keys": []},
        lambda plain: {"keys": plain["keys"][1:]},
        lambda plain: {"keys": plain["keys"][:2] + plain["keys"][3:]},
        lambda plain: {"keys": plain["keys"][:3]},
        lambda plain: {"keys": [*plain["keys"], plain["keys"][3]]},
        lambda plain: {"keys": [*plain["keys"][:3], {"hx_role": "url"}]},
        lambda plain: {"keys": [{**plain["keys"][0], "d": plain["keys"][2]["d"]}, *plain["keys"][1:]]},
    ],
)
def test_damaged_keys_are_refused(made: tuple[Path, Path], change: object) -> None:
    assert rewritten(made, change) == "keystore"


def test_new_keys_come_first_and_old_ones_stay(made: tuple[Path, Path]) -> None:
    directory, identity = made
    before = keystore.open(directory, identity_file=identity)
    keystore.renew(directory, before, signing=True, http=True)
    keystore.renew(directory, keystore.open(directory, identity_file=identity), signing=True)
    after = keystore.open(directory, identity_file=identity)
    assert (len(after.signing), len(after.http)) == (3, 2)
    assert after.signing[-1].entry == before.signing[0].entry
    assert after.http[-1].kid == before.http[0].kid
    assert after.url_key == before.url_key
    assert after.open_seed(before.seal_seed(b"s" * 32)) == b"s" * 32


def test_a_write_that_fails_leaves_the_old_keys(
    made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, identity = made
    before = keystore.open(directory, identity_file=identity)

    def fails(descriptor: int) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="no space"):
            keystore.renew(directory, before, signing=True)
    after = keystore.open(directory, identity_file=identity)
    assert [entry.entry for entry in after.signing] == [entry.entry for entry in before.signing]


def test_a_sealed_seed_opens_under_its_identity_only(made: tuple[Path, Path], tmp_path: Path) -> None:
    directory, identity = made
    store = keystore.open(directory, identity_file=identity)
    sealed = store.seal_seed(b"s" * 32)
    assert b"s" * 8 not in sealed
    assert len(sealed) < 400
    assert store.open_seed(sealed) == b"s" * 32
    other = keystore.create(tmp_path / "other", identity_file=tmp_path / "other.txt")
    for wrong in (other.seal_seed(b"s" * 32), sealed[:-1], b""):
        with pytest.raises(Broken) as error:
            store.open_seed(wrong)
        assert error.value.code == "seed-unreadable"


def test_no_repr_shows_a_secret(made: tuple[Path, Path]) -> None:
    directory, identity = made
    store = keystore.open(directory, identity_file=identity)
    shown = repr(store)
    assert "AGE-SECRET" not in shown
    assert repr(store.url_key) not in shown
    assert store.http[0].to_jwk()["d"] not in shown
