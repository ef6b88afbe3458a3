"""An administrator's keys: proved by both, kept from everybody else, found again by their owner alone."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP521R1, generate_private_key
from securesystemslib.signer import CryptoSigner, Signature, Signer, SSlibKey

from exchange import keystore
from exchange.errors import Invalid
from exchange.registrar import admins, held
from exchange.registrar.admins import Admin, Part, generate, public_bytes, read_public
from exchange.registrar.sealing import Seal, Unlock

PASSPHRASE = "canary passphrase 7f3a"


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    keystore.make_identity(tmp_path / "identity.txt")
    return tmp_path / "identity.txt"


@pytest.fixture
def place(tmp_path: Path, identity: Path) -> Path:
    admins.save(generate("anna"), tmp_path / "anna", Seal(identity))
    return tmp_path / "anna"


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(Invalid) as error:
        call()
    for secret in ("canary", "AGE-SECRET-KEY-1", "PRIVATE"):
        assert secret not in f"{error.value} {error.value.hint}"
    return error.value.code


def signs(signer: Signer, public: Any) -> bool:
    public.verify_signature(signer.sign(b"x"), b"x")
    return True


# The card


@pytest.mark.parametrize("name", ["anna", "Anna Example", "Zoë O'Neill-Łuk.", "Åse 2"])
def test_a_card_is_read_as_it_was_written(name: str) -> None:
    admin = generate(name)
    card = public_bytes(admin)
    assert read_public(card) == admin.public
    mixed = replace(admin, offline=CryptoSigner.generate_ecdsa())
    assert read_public(public_bytes(mixed)) == mixed.public


MISLEADING = [
    *("", " anna", "anna ", "a\nb", "a\x1b[31m", "a\u202eb", "x" * 65, "<b>", "\ud800", "-anna", "anna  b"),
    *("\u0430nna", "anna\u3164", "anna\u00ad", "an\u200dna", "\uff41nna", "Zoe\u0308", "anna\u00b2", "用户"),
    *("\ufb01n", "anna@hotline.example", "anna\u0301\u0301", "anna\u00a0b", "a\u01c3b"),
]


@pytest.mark.parametrize("name", MISLEADING, ids=ascii)
def test_a_name_that_would_mislead_makes_no_card(name: str) -> None:
    assert code_of(lambda: public_bytes(generate(name))) == "name"


def card_of(admin: Admin) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(public_bytes(admin))
    return value


def card(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def test_a_key_that_somebody_does_not_hold_gets_them_no_card() -> None:
    """A thief who puts another's key on their own card could count as that person."""
    anna, thief = generate("anna"), generate("thief")
    stolen = card_of(thief)
    stolen["offline"] = card_of(anna)["offline"]
    assert code_of(lambda: read_public(card(stolen))) == "key-proof"
    stolen["proofs"]["offline"] = card_of(anna)["proofs"]["offline"]
    assert code_of(lambda: read_public(card(stolen))) == "key-proof"
    renamed = card_of(anna) | {"name": "thief"}
    assert code_of(lambda: read_public(card(renamed))) == "key-proof"


def test_one_key_is_not_both() -> None:
    anna = generate("anna")
    assert code_of(lambda: public_bytes(replace(anna, daily=anna.offline))) == "key-twice"
    ec = CryptoSigner.generate_ecdsa()
    spelled = dict(ec.public_key.keyval)
    spelled["public"] = "a comment\n" + spelled["public"]
    keyid = admins.SSlibKey.from_crypto(ec._private_key.public_key()).keyid
    same = CryptoSigner(ec._private_key, SSlibKey(keyid, "ecdsa", "ecdsa-sha2-nistp256", spelled))
    assert code_of(lambda: public_bytes(replace(anna, offline=ec, daily=same))) in ("key-id", "key-twice")


def swap(value: dict[str, Any]) -> None:
    value["offline"], value["daily"] = value["daily"], value["offline"]


def other_id(value: dict[str, Any]) -> None:
    value["offline"]["keyid"] = "0" * 64


def other_kind(value: dict[str, Any]) -> None:
    key = SSlibKey.from_crypto(generate_private_key(SECP521R1()).public_key(), scheme="ecdsa-sha2-nistp521")
    value["offline"] = {"keyid": key.keyid, **key.to_dict()}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (swap, "key-proof"),
        (other_id, "key-id"),
        (other_kind, "key-form"),
        (lambda value: value.update(v=2), "key-form"),
        (lambda value: value.update(v=True), "key-form"),
        (lambda value: value.update(note="x"), "key-form"),
        (lambda value: value["offline"].update(note="x"), "key-form"),
        (lambda value: value["offline"]["keyval"].update(private="x"), "key-form"),
        (lambda value: value["offline"].update(keyid=[]), "key-form"),
        (lambda value: value["offline"].pop("keyval"), "key-form"),
        (lambda value: value["proofs"].update(third="00"), "key-form"),
        (lambda value: value["proofs"].pop("daily"), "key-form"),
        (lambda value: value["proofs"].update(daily="zz"), "key-proof"),
        (lambda value: value["proofs"].update(daily="\ud800"), "key-form"),
        (lambda value: value["proofs"].update(daily=7), "key-form"),
        (lambda value: value.update(name=7), "key-form"),
        (lambda value: value.update(name="\u202eanna"), "name"),
        (lambda value: value.update(proofs=[]), "key-form"),
    ],
)
def test_a_card_that_was_changed_is_refused(change: Callable[[dict[str, Any]], Any], code: str) -> None:
    value = card_of(generate("anna"))
    change(value)
    data = json.dumps(value, ensure_ascii=True, indent=2).encode() + b"\n"
    assert code_of(lambda: read_public(data)) == code


def test_a_card_has_one_form() -> None:
    data = public_bytes(generate("anna"))
    twice = data.replace(b'"v": 1,', b'"v": 1, "v": 1,')
    for other in (
        data + b" ",
        data.replace(b"\n", b"\r\n"),
        twice,
        data[:-2],
        b"",
        b"[" * 10_000,
        b"7",
        b"null",
    ):
        assert code_of(lambda: read_public(other)) == "key-form"  # noqa: B023
    assert code_of(lambda: read_public(data + b" " * admins.CARD_BYTES)) == "key-form"


def test_every_changed_byte_of_a_card_is_noticed() -> None:
    data = public_bytes(generate("anna"))
    for at in range(0, len(data), 7):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(Invalid):
            read_public(changed)


def test_the_signature_of_a_card_is_no_metadata_of_a_registry() -> None:
    admin = generate("anna")
    value = card_of(admin)
    proof = Signature(admin.public.offline.keyid, value["proofs"]["offline"])
    del value["proofs"]
    with pytest.raises(admins.Error):
        admin.public.offline.verify_signature(proof, json.dumps(value).encode())


# At rest


def test_keys_are_kept_private_and_found_again(tmp_path: Path, identity: Path) -> None:
    admin, place = generate("anna"), tmp_path / "anna"
    admins.save(admin, place, Seal(identity))
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    for part in Part:
        path = held.age_file(place, part)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().startswith("-----BEGIN AGE ENCRYPTED FILE-----\n")
        assert signs(admins.load(place, part, Unlock(identity)), admin.public.key(part))
    assert admins.load_public(place) == admins.load_public(place / "public.json") == admin.public
    assert not [path for path in place.iterdir() if b"PRIVATE" in path.read_bytes()]


def test_a_passphrase_opens_what_it_closed_and_may_be_changed(tmp_path: Path, identity: Path) -> None:
    """The one test here that pays for scrypt. The daily key, for comparison, stays under the identity."""
    admins.save(generate("anna"), tmp_path / "anna", Seal(identity))
    place = tmp_path / "anna"
    path, questions = held.age_file(place, "offline"), []

    def ask(what: str) -> str:
        questions.append(what)
        return PASSPHRASE

    before = path.read_bytes()
    held.reseal(path, Unlock(identity), Seal(None, ask))
    assert path.read_bytes() != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert held.kind_of(path) == "age file with a passphrase"
    assert signs(admins.load(place, Part.OFFLINE, Unlock(identity, ask)), admins.load_public(place).offline)
    assert questions == ["New passphrase for offline.age", "Passphrase of offline.age"]
    assert (
        code_of(lambda: admins.load(place, Part.OFFLINE, Unlock(identity, lambda _: "canary")))
        == "passphrase"
    )
    assert code_of(lambda: admins.load(place, Part.OFFLINE, Unlock(identity))) == "passphrase-missing"
    assert signs(admins.load(place, Part.DAILY, Unlock(identity)), admins.load_public(place).daily)
    assert not list(place.glob("*.new")) + list(place.glob(".*"))


def test_the_offline_key_may_lie_elsewhere(tmp_path: Path, identity: Path) -> None:
    admin, place, stick = generate("anna"), tmp_path / "anna", tmp_path / "stick"
    admins.save(admin, place, Seal(identity), stick)
    assert sorted(path.name for path in place.iterdir()) == ["daily.age", "public.json"]
    assert [path.name for path in stick.iterdir()] == ["offline.age"]
    assert signs(admins.load(place, Part.OFFLINE, Unlock(identity), stick), admin.public.offline)
    assert code_of(lambda: admins.load(place, Part.OFFLINE, Unlock(identity))) == "key-missing"
    assert signs(admins.load(place, Part.DAILY, Unlock(identity)), admin.public.daily)


def test_nothing_is_overwritten(tmp_path: Path, identity: Path, place: Path) -> None:
    before = {path: path.read_bytes() for path in place.iterdir()}
    assert code_of(lambda: admins.save(generate("ben"), place, Seal(identity))) == "exists"
    assert code_of(lambda: admins.save(generate("ben"), tmp_path / "ben", Seal(identity), place)) == "exists"
    assert {path: path.read_bytes() for path in place.iterdir()} == before
    assert not (tmp_path / "ben").exists()
    dangling = tmp_path / "ben"
    dangling.mkdir(mode=0o700)
    held.token_file(dangling, "daily").symlink_to("nowhere")
    assert code_of(lambda: admins.save(generate("ben"), dangling, Seal(identity))) == "exists"


def test_a_key_that_is_not_at_hand_is_named(tmp_path: Path, identity: Path) -> None:
    for part in Part:
        lone = replace(generate("anna"), **{part.value: None})
        assert code_of(lambda: lone.public) == f"{part}-key"  # noqa: B023
        assert code_of(lambda: admins.save(lone, tmp_path / "x", Seal(identity))) == f"{part}-key"  # noqa: B023
    assert code_of(lambda: admins.save(generate("a"), tmp_path / "x", Seal())) == "passphrase-missing"
    assert not (tmp_path / "x").exists()


def test_a_key_from_paper_is_read_however_it_was_typed(place: Path, identity: Path) -> None:
    path = held.age_file(place, "offline")
    begin, *body, end = path.read_text().split("\n")[:-1]
    text = "".join(body)
    short = "\r\n".join(text[at : at + 40] for at in range(0, len(text), 40))
    path.write_text(f"\n {begin}\r\n\r\n{short} \r\n{end}")
    assert signs(admins.load(place, Part.OFFLINE, Unlock(identity)), admins.load_public(place).offline)


def loosen(place: Path) -> None:
    (place / "daily.age").chmod(0o640)


def loosen_directory(place: Path) -> None:
    place.chmod(0o770)


def lose(place: Path) -> None:
    (place / "daily.age").unlink()


def link(place: Path) -> None:
    (place / "daily.age").rename(place / "elsewhere")
    (place / "daily.age").symlink_to("elsewhere")


def no_file(place: Path) -> None:
    (place / "daily.age").unlink()
    (place / "daily.age").mkdir()


def pipe(place: Path) -> None:
    (place / "daily.age").unlink()
    os.mkfifo(place / "daily.age", 0o600)


def cut(place: Path) -> None:
    (place / "daily.age").write_bytes((place / "daily.age").read_bytes()[:200])


def cut_inside(place: Path) -> None:
    begin, _, *rest = (place / "daily.age").read_text().split("\n")
    (place / "daily.age").write_text("\n".join([begin, *rest]))


def mistype(place: Path) -> None:
    data = bytearray((place / "daily.age").read_bytes())
    data[-60] = ord("A") if data[-60] != ord("A") else ord("B")
    (place / "daily.age").write_bytes(bytes(data))


def bloat(place: Path) -> None:
    (place / "daily.age").write_bytes(b"-" * 100_000)


def another(place: Path) -> None:
    (place / "daily.age").write_bytes((place / "offline.age").read_bytes())


def both(place: Path) -> None:
    (place / "daily.token.json").write_text("{}")


def lose_public(place: Path) -> None:
    (place / "public.json").unlink()


def garble_public(place: Path) -> None:
    (place / "public.json").write_text("{}")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (loosen, "file-mode"),
        (loosen_directory, "file-mode"),
        (lose, "key-missing"),
        (link, "key-link"),
        (no_file, "key-missing"),
        (pipe, "key-missing"),
        (cut, "key-damaged"),
        (cut_inside, "identity"),
        (mistype, "identity"),
        (bloat, "key-damaged"),
        (another, "key-other"),
        (both, "key-twice"),
        (lose_public, "key-missing"),
        (garble_public, "key-form"),
    ],
)
def test_keys_that_are_not_as_they_should_be_are_named(
    place: Path, identity: Path, damage: Callable[[Path], None], code: str
) -> None:
    damage(place)
    assert code_of(lambda: admins.load(place, Part.DAILY, Unlock(identity))) == code


def test_the_key_of_another_administrator_and_another_identity_are_named(
    tmp_path: Path, place: Path, identity: Path
) -> None:
    admins.save(generate("ben"), tmp_path / "ben", Seal(identity))
    (place / "daily.age").write_bytes((tmp_path / "ben/daily.age").read_bytes())
    assert code_of(lambda: admins.load(place, Part.DAILY, Unlock(identity))) == "key-other"
    keystore.make_identity(tmp_path / "other.txt")
    assert code_of(lambda: admins.load(place, Part.DAILY, Unlock(tmp_path / "other.txt"))) == "identity"
    assert code_of(lambda: admins.load(place, Part.DAILY, Unlock())) == "identity-missing"
    identity.chmod(0o644)
    assert code_of(lambda: admins.load(place, Part.DAILY, Unlock(identity))) == "file-mode"


def test_a_medium_without_file_modes_is_refused_before_a_key_lies_there(
    tmp_path: Path, identity: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stick with FAT shows every file as readable by all, whatever mode was asked for."""
    plain = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, mode=0o777, **rest: plain(path, flags, 0o644, **rest))
    assert code_of(lambda: admins.save(generate("anna"), tmp_path / "stick", Seal(identity))) == "file-mode"
    assert list((tmp_path / "stick").iterdir()) == []
