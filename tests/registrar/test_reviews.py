"""Reviews: what a registration is measured by, and that nothing is entered before all of it is there."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.desk import Applicant, Desk, applicant, changed, enter, entry, file_of, http, joined, step
from support.documents import schemas
from support.keys import NOW, member_keys
from support.messages import DE, FR, GB

from exchange.core import strict_json
from exchange.core.registration_challenge import read_challenge
from exchange.core.registry_view import MemberStatus
from exchange.errors import Invalid, Refused
from exchange.registrar import members, reviews
from exchange.registrar.checklist import Mark
from exchange.registrar.reviews import Review, open_reviews, review

FIRST, SECOND = member_keys(DE), member_keys(DE, "2")
STOLEN = {"at": NOW, "reason": "stolen"}
LATER = NOW + 60


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def marks(done: Review) -> dict[str, str]:
    return {item.name: item.mark.value for item in done.items}


def names(done: Review, mark: Mark) -> list[str]:
    return [item.name for item in done.items if item.mark is mark]


def test_a_member_is_entered_after_proof_and_fingerprint(desk: Desk) -> None:
    who = applicant(DE)
    first = step(desk, who)
    assert not first.entered
    assert marks(first) == {
        "form": "ok", "thumbprints": "ok", "one use": "ok", "possession": "ok", "card": "ok",
        "deputy": "ok", "mailbox": "ok", "encryption key": "missing", "fingerprint": "missing",
    }  # fmt: skip
    assert not (desk.space.peers / "members").exists()
    assert f"DE: first destination nobody -> {DE} (hotline)" in [one.sentence for one in first.changes]
    assert first.challenge is not None
    assert read_challenge(first.challenge).member == DE
    second = step(desk, who, proof=who.prove(first.challenge))
    assert (second.entered, names(second, Mark.MISSING)) == (False, ["fingerprint"])
    assert second.challenge is None
    third = step(desk, who, said=who.fingerprint.upper().replace(" ", ""))
    assert third.entered
    assert desk.file(DE) == who.said
    assert [
        row["member"]
        for row in json.loads((desk.space.peers / "countries/DE.json").read_bytes())["destinations"]
    ] == [DE]
    assert (desk.space.reviews / f"{DE}.registration.json").read_bytes() == who.request
    assert f"{DE}: new member, pending" in desk.publish()


def test_what_is_entered_already_is_said_again_without_harm(desk: Desk) -> None:
    who = applicant(DE)
    assert enter(desk, who).entered
    before = {path: path.read_bytes() for path in desk.space.peers.rglob("*.json")}
    again = step(desk, who)
    assert (again.entered, again.changes) == (True, ())
    assert {path: path.read_bytes() for path in desk.space.peers.rglob("*.json")} == before
    desk.publish()
    done = step(desk, who)
    assert (done.entered, done.done, marks(done)) == (True, True, {"published": "ok"})


def test_a_challenge_is_answered_by_the_holder_alone(desk: Desk) -> None:
    who, other = applicant(DE), applicant(GB)
    challenge = step(desk, who).challenge
    foreign = step(desk, other).challenge
    assert challenge
    assert foreign
    for proof in (other.prove(foreign), who.prove(challenge).replace(b'"proof":"', b'"proof":"AAAA')):
        done = step(desk, who, proof=proof, said=who.fingerprint)
        assert (done.entered, names(done, Mark.WRONG)) == (False, ["encryption key"])
        assert done.wrong[0].code == "challenge"
    assert step(desk, who, proof=who.prove(challenge)).entered
    with pytest.raises(Invalid) as error:
        step(desk, other, proof=b"{}")
    assert error.value.code == "proof-form"


def test_a_challenge_is_the_same_until_other_bytes_come(desk: Desk) -> None:
    who, changed = applicant(DE), applicant(DE, site="https://new.example")
    first, second = step(desk, who, said=who.fingerprint), step(desk, who)
    assert first.challenge
    assert second.challenge
    assert names(second, Mark.MISSING) == ["encryption key"]
    other = step(desk, changed)
    assert names(other, Mark.MISSING) == ["encryption key", "fingerprint"]
    stale = step(desk, changed, proof=changed.prove(second.challenge))
    assert names(stale, Mark.WRONG) == ["encryption key"]


def test_another_fingerprint_enters_nothing(desk: Desk) -> None:
    who = applicant(DE)
    challenge = step(desk, who).challenge
    assert challenge
    done = step(desk, who, proof=who.prove(challenge), said="0000 1111")
    assert (done.entered, done.wrong[0].code) == (False, "fingerprint")
    assert who.fingerprint not in str(done.items)
    assert not (desk.space.peers / "members").exists()


def test_the_secret_of_a_challenge_is_private_and_goes_when_it_is_over(desk: Desk) -> None:
    who = applicant(DE)
    step(desk, who)
    path = desk.space.reviews / f"{DE}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_bytes())["secret"]
    enter(desk, who)
    assert not json.loads(path.read_bytes())["secret"]


def test_open_reviews_are_listed_with_what_they_wait_for(desk: Desk) -> None:
    who = applicant(DE)
    step(desk, who, said=who.fingerprint)
    step(desk, applicant(GB))
    assert enter(desk, applicant(FR)).entered
    found = {one.member: one.waits_for for one in open_reviews(desk.space)}
    assert found == {DE: ("proof",), GB: ("proof", "fingerprint")}


# A present member.


def test_a_present_member_changes_itself_without_a_challenge(desk: Desk) -> None:
    who = joined(desk, DE)
    asked = changed(who, mailbox="https://new.example")
    first = step(desk, asked)
    assert first.challenge is None
    assert names(first, Mark.MISSING) == ["fingerprint"]
    assert {"replay", "history", "present key"} <= set(names(first, Mark.OK))
    assert first.changes[0].sentence.startswith(f"{DE}: mailbox ")
    assert enter(desk, asked).entered
    assert desk.file(DE) == {**asked.said, "status": "active"}
    assert not (desk.space.peers / "countries/DE.json").read_bytes().count(b"territory")
    desk.publish()


def test_a_rotation_is_signed_by_old_and_new_keys(desk: Desk) -> None:
    who = joined(desk, DE)
    keys = {"signing": [entry(SECOND), entry(FIRST)], "http": [http(SECOND), http(FIRST)]}
    assert enter(desk, changed(who, SECOND, FIRST, keys=keys)).entered
    assert any("new signing keys" in one for one in desk.publish())


def test_a_request_sent_again_later_is_refused(desk: Desk) -> None:
    who = joined(desk, DE)
    old = changed(who, mailbox="https://old.example")
    enter(desk, old)
    desk.publish()
    enter(desk, changed(who, mailbox="https://newer.example", min_card=LATER + 60))
    desk.publish()
    done = step(desk, old, said=old.fingerprint)
    assert (done.entered, done.wrong[0].name, done.wrong[0].code) == (
        False,
        "replay",
        "registration-replayed",
    )


def test_whoever_lost_every_key_registers_afresh_with_challenge_and_call(desk: Desk) -> None:
    who = joined(desk, DE)
    for kid in (FIRST.signing.entry[0]["kid"], FIRST.http.kid):
        members.revoke(desk.space, schemas(), DE, kid, "lost", NOW)
    desk.publish()
    lost = desk.file(DE)["keys"]
    keys = {"signing": [entry(SECOND), *lost["signing"]], "http": [http(SECOND), *lost["http"]]}
    asked = changed(who, SECOND, keys=keys)
    first = step(desk, asked)
    assert first.challenge is not None
    assert "registers afresh" in next(one.sentence for one in first.items if one.name == "present key")
    assert next(one.mark for one in first.items if one.name == "present key") is Mark.WARN
    assert enter(desk, asked).entered
    assert any("registers afresh" in one for one in desk.publish())


def test_a_proof_that_was_not_needed_yesterday_is_needed_when_the_last_key_is_revoked(desk: Desk) -> None:
    """A review begun with a good present key is not completed without it."""
    who = joined(desk, DE)
    keys = {"signing": [entry(SECOND), entry(FIRST)], "http": [http(SECOND), http(FIRST)]}
    assert step(desk, changed(who, SECOND, FIRST, keys=keys)).challenge is None
    members.revoke(desk.space, schemas(), DE, FIRST.signing.entry[0]["kid"], "stolen", NOW)
    desk.publish()
    keys["signing"][1:] = desk.file(DE)["keys"]["signing"]
    asked = changed(who, SECOND, FIRST, keys=keys)
    done = step(desk, asked, said=asked.fingerprint)
    assert done.challenge
    assert names(done, Mark.MISSING) == ["encryption key"]


def test_who_left_comes_back_as_pending(desk: Desk) -> None:
    who = joined(desk, DE)
    members.set_status(desk.space, schemas(), DE, MemberStatus.LEFT, NOW)
    desk.publish()
    assert enter(desk, changed(who)).entered
    assert desk.file(DE)["status"] == "pending"
    assert f"{DE}: status left -> pending" in desk.publish()


def test_what_administrators_did_since_is_kept(desk: Desk) -> None:
    who = joined(desk, DE)
    members.set_status(desk.space, schemas(), DE, MemberStatus.SUSPENDED, NOW)
    assert enter(desk, changed(who, site="https://new.example")).entered
    assert desk.file(DE)["status"] == "suspended"
    desk.publish()


# Bad requests.


def signed_less(who: Applicant) -> bytes:
    value = json.loads(who.request)
    value["registration"]["signatures"].pop()
    return strict_json.dump(value)


SHARED = {"signing": [entry(member_keys(GB))], "http": [http(member_keys(GB))]}
TWICE = {
    "signing": [entry(FIRST)],
    "http": [http(FIRST), {**http(FIRST), "key": dict(FIRST.signing.entry[0])}],
}
OWN_KID = {"signing": [entry(FIRST)], "http": [{**http(FIRST), "key": {**FIRST.http.jwk, "kid": "k" * 43}}]}
BAD: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "an unknown field": (lambda: applicant(DE, note="x").request, "form", "registry-file"),
    "a key under another name": (
        lambda: applicant(DE, keys=OWN_KID).request, "thumbprints", "jwk",
    ),
    "a key in two roles": (lambda: applicant(DE, keys=TWICE).request, "one use", "registration-key-twice"),
    "not signed by one of its keys": (
        lambda: signed_less(applicant(DE)), "possession", "registration-unsigned",
    ),
    "a foreign key": (
        lambda: Applicant(file_of(DE), (FIRST, SECOND)).request, "possession", "registration-signature",
    ),
    "a key of another member": (
        lambda: Applicant(file_of(DE, keys=SHARED), (member_keys(GB),)).request,
        "one use", "key-shared",
    ),
    "a deputy that nobody knows": (lambda: applicant(DE, deputy=FR).request, "deputy", "deputy-unknown"),
    "its own deputy": (lambda: applicant(DE, deputy=DE).request, "deputy", "deputy-unknown"),
    "a mailbox without TLS": (
        lambda: applicant(DE, mailbox="http://127.0.0.1:8080").request, "mailbox", "mailbox-http",
    ),
    "another country": (lambda: applicant(DE, country="FR").request, "form", "member-country"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "name", "code"), BAD.values(), ids=BAD.keys())
def test_a_bad_request_is_refused_by_name(
    desk: Desk, make: Callable[[], bytes], name: str, code: str
) -> None:
    enter(desk, applicant(GB))
    called: list[Any] = []
    done = review(desk.space, schemas(), make(), NOW, call=called.append)
    assert [(item.name, item.code) for item in done.wrong] == [(name, code)]
    assert done.wrong[0].sentence
    assert (done.entered, done.challenge, called) == (False, None, [])
    assert names(done, Mark.MISSING)[-2:] == ["encryption key", "fingerprint"]
    assert not (desk.space.peers / f"members/{DE}.json").exists()
    assert not (desk.space.reviews / f"{DE}.json").exists()


def test_a_file_that_was_edited_by_hand_is_not_entered_over(desk: Desk) -> None:
    who = joined(desk, DE)
    path = desk.space.peers / f"members/{DE}.json"
    path.write_bytes(path.read_bytes().replace(b'"active"', b'"pending"'))
    done = step(desk, changed(who, site="https://new.example"), said="x")
    assert [(item.name, item.code) for item in done.wrong] == [("status", "registry-change")]
    assert "active does not become pending" in done.wrong[0].sentence


def test_what_stands_behind_a_failure_is_not_called_ok(desk: Desk) -> None:
    done = review(desk.space, schemas(), signed_less(applicant(DE)), NOW)
    assert marks(done) == {
        "form": "ok", "thumbprints": "ok", "one use": "ok", "possession": "wrong", "card": "missing",
        "deputy": "missing", "mailbox": "missing", "encryption key": "missing", "fingerprint": "missing",
    }  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"registration":{}}', b"x"])
def test_what_is_no_request_is_refused(desk: Desk, data: bytes) -> None:
    with pytest.raises(Refused) as error:
        review(desk.space, schemas(), data, NOW)
    assert (error.value.code, error.value.hint is not None) == ("registration-form", True)


def test_development_takes_a_mailbox_on_this_machine(desk: Desk) -> None:
    who = applicant(DE, mailbox="http://127.0.0.1:8080")
    assert enter(desk, who, development=True).entered


def test_a_member_without_a_country_of_its_own_comes_back_to_it_by_no_later_change(desk: Desk) -> None:
    """Countries are given to who is new; what administrators decided since stands."""
    who = joined(desk, DE)
    path = desk.space.peers / "countries/DE.json"
    path.write_text('{"v": 1, "country": "DE", "destinations": []}')
    assert enter(desk, changed(who, site="https://new.example")).entered
    assert json.loads(path.read_bytes())["destinations"] == []


# Dying in between.


@pytest.mark.parametrize("writes", range(12))
def test_a_review_that_died_between_two_writes_is_said_again(
    desk: Desk, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = applicant(DE)
    challenge = step(desk, who, said=who.fingerprint).challenge
    assert challenge
    proof, left = who.prove(challenge), [writes]
    real = Path.replace

    def dying(path: Path, target: Path) -> Path:
        if desk.space.path in path.parents:
            left[0] -= 1
            if left[0] < 0:
                raise OSError("died")
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dying)
        try:
            entered = step(desk, who, proof=proof).entered
        except OSError:
            entered = False
    assert entered is (left[0] >= 0)
    assert step(desk, who, proof=proof).entered
    assert desk.file(DE) == who.said
    assert not list(desk.space.peers.rglob("*.new"))
    desk.publish()


def test_a_damaged_review_is_named_with_the_way_out(desk: Desk) -> None:
    who = applicant(DE)
    step(desk, who)
    path = desk.space.reviews / f"{DE}.json"
    path.write_bytes(b"x")
    with pytest.raises(Invalid) as error:
        step(desk, who)
    assert error.value.code == "review-state"
    assert "remove" in (error.value.hint or "")


@pytest.mark.parametrize("change", [{"v": 2}, {"note": 1}, {"proven": True}, {"member": GB}, {"mark": "0"}])
def test_a_review_that_somebody_else_wrote_or_changed_is_begun_anew(
    desk: Desk, change: dict[str, object]
) -> None:
    who = applicant(DE)
    first = step(desk, who)
    path = desk.space.reviews / f"{DE}.json"
    value = json.loads(path.read_bytes())
    path.write_text(json.dumps(value | change))
    again = step(desk, who, said=who.fingerprint)
    assert (again.foreign, again.entered, first.foreign) == (True, False, False)
    assert json.loads(path.read_bytes())["secret"] != value["secret"]
    assert not step(desk, who).foreign


def test_a_review_that_others_may_read_is_named(desk: Desk) -> None:
    step(desk, applicant(DE))
    (desk.space.reviews / f"{DE}.json").chmod(0o644)
    with pytest.raises(Invalid) as error:
        step(desk, applicant(DE))
    assert "chmod" in (error.value.hint or "")


def test_a_test_is_kept_with_the_keys_that_were_tested(desk: Desk) -> None:
    who = joined(desk, DE)
    reviews.note_test(desk.space, FIRST.id, NOW, "document", GB)
    found = reviews.test_of(desk.space, FIRST.id)
    assert found is not None
    assert (found.test, found.peer, found.tested_at) == ("document", GB, NOW)
    step(desk, changed(who, site="https://new.example"))
    assert reviews.test_of(desk.space, FIRST.id)
    assert reviews.test_of(desk.space, member_keys(GB).id) is None
    reviews.note_untested(desk.space, member_keys(FR).id, NOW)
    assert reviews.test_of(desk.space, member_keys(FR).id) is None
