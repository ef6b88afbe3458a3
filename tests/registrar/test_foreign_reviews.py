"""A directory that somebody else filled: reviews that were never had, links, and secrets that are none."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from support.desk import Desk, applicant, enter, step

from exchange.core.names import MemberId
from exchange.core.registration_challenge import Proof, read_challenge, write_proof
from exchange.errors import Invalid
from exchange.registrar import review_state, reviews, seal_of_reviews
from exchange.registrar.review_state import State
from exchange.registrar.workspace import open_workspace

DE = "de-a"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_copied_directory_cannot_say_that_the_member_was_called_and_has_proven_its_key(desk: Desk) -> None:
    who = applicant(DE)
    desk.space.reviews.mkdir(mode=0o700)
    had = State(DE, hashlib.sha256(who.request).hexdigest(), fresh=True, proven=True, called=True)
    path = desk.space.reviews / f"{DE}.json"
    for mark in ({}, {"mark": "0" * 64}, {"mark": 1}):
        path.write_text(json.dumps({"v": 1, **asdict(had), **mark}))
        path.chmod(0o600)
        assert reviews.open_reviews(desk.space) == ()
        done = step(desk, who)
        assert (done.entered, done.foreign) == (False, True)
    assert [one.waits_for for one in reviews.open_reviews(desk.space)] == [("proof", "fingerprint")]


def test_the_mark_is_of_one_user(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step(desk, applicant(DE))
    assert review_state.load(desk.space, DE) is not None
    monkeypatch.setenv(seal_of_reviews.STATE_HOME, str(tmp_path / "another"))
    assert review_state.load(desk.space, DE) is None
    key = seal_of_reviews.place()
    assert (key.stat().st_mode & 0o777, len(key.read_bytes())) == (0o600, 32)
    monkeypatch.setenv(seal_of_reviews.STATE_HOME, "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert seal_of_reviews.place() == tmp_path / ".local/state/hotline-exchange/reviews.key"


def test_a_secret_that_cannot_be_kept_is_told(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(seal_of_reviews.STATE_HOME, str(tmp_path / "file"))
    with pytest.raises(Invalid) as error:
        step(desk, applicant(DE))
    assert error.value.code == "state-directory"
    monkeypatch.setenv(seal_of_reviews.STATE_HOME, str(tmp_path / "short"))
    seal_of_reviews.place().parent.mkdir(parents=True, mode=0o700)
    seal_of_reviews.place().write_bytes(b"short")
    seal_of_reviews.place().chmod(0o600)
    with pytest.raises(Invalid) as error:
        step(desk, applicant(DE))
    assert error.value.code == "state-directory"


@pytest.mark.parametrize("fresh", [True, False])
def test_an_empty_secret_is_answered_by_nobody(desk: Desk, fresh: bool) -> None:
    """Whoever knows that the secret is empty would make the proof without any key."""
    who = applicant(DE)
    challenge = step(desk, who).challenge
    assert challenge is not None
    kid = read_challenge(challenge).kid
    request = hashlib.sha256(who.request).hexdigest()
    review_state.save(desk.space, State(DE, request, kid, "", fresh=fresh, called=True))
    proof = hmac.new(b"", kid.encode(), hashlib.sha256).digest()
    done = step(desk, who, proof=write_proof(Proof(MemberId(DE), kid, proof)))
    assert (done.entered, [item.name for item in done.wrong]) == (False, ["encryption key"])
    state = review_state.load(desk.space, DE)
    assert state is not None
    assert (len(state.secret) > 40, state.called) == (True, False)


def test_a_review_that_is_entered_is_said_again_without_a_new_secret(desk: Desk) -> None:
    who = applicant(DE)
    assert enter(desk, who).entered
    assert step(desk, who).entered


def link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def linked_directory(path: Path) -> None:
    path.symlink_to(path.parent.parent, target_is_directory=True)


@pytest.mark.parametrize("make", [link, linked_directory, os.mkfifo, Path.mkdir])
@pytest.mark.parametrize(
    "name", ["peers/countries/FR.json", "reviews/de-a.json", "peers/note", "peers/members"]
)
def test_a_link_or_a_device_in_a_directory_that_was_handed_round_stops_everything(
    desk: Desk, name: str, make: object
) -> None:
    path = desk.space.path / name
    path.parent.mkdir(exist_ok=True)
    assert callable(make)
    make(path)
    if make is Path.mkdir:
        open_workspace(desk.space.path)
        return
    with pytest.raises(Invalid) as error:
        open_workspace(desk.space.path)
    assert error.value.code == "not-a-file"
    assert str(path) in error.value.message
