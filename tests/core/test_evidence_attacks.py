"""What somebody tried who makes an evidence file, or is one of its ends, and lies."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support.evidence import (
    DE,
    FR,
    NL,
    Claims,
    Parts,
    World,
    check,
    forged,
    manifest_in,
    parts_of,
    receipt_with,
    resigned,
    said,
    statement_of,
    world,
)
from support.keys import NOW, member_keys, signing_record
from support.messages import forged_jws
from support.succession import succeed

from exchange.cli import evidence_verify
from exchange.cli.evidence_verify import Report
from exchange.core import journal_chain, jws, limits, manifest
from exchange.core.evidence_report import Verdict
from exchange.core.manifest import Entry, RegistryMark
from exchange.core.names import Digest, DocumentId, MemberId
from exchange.core.times import format_time
from exchange.errors import Invalid
from exchange.flow.evidence import Evidence

LOG = "11111111-2222-4333-8444-555555555555"
GPG = {"keytype": "rsa", "scheme": "pgp+rsa-pkcsv1.5", "keyval": {"public": {"e": "zz", "n": "zz"}}}
RSA = {"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": "zz"}}


@dataclass(frozen=True)
class Made:
    """One exchange as its two ends tell of it; `stolen` is the recipient's file after the sender's key was
    revoked, `third` the registry's file of fr-example.
    """

    root: bytes
    sender: bytes
    recipient: bytes
    stolen: bytes
    third: bytes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    async def make() -> Made:
        async with world(tmp_path_factory.mktemp("attacks")) as w:
            document = await w.exchange()
            ends = await w.file(w.a, document), await w.file(w.b, document)
            await w.revoke(DE, NOW + 5000, NOW + 4000)
            w.network.clock.now = NOW + 100_000
            [third] = (w.office.mirror / "targets" / "members").glob(f"*.{FR}.json")
            return Made(w.office.root, *ends, await w.file(w.b, document), third.read_bytes())

    return asyncio.run(make())


def step(report: Report, name: str) -> str:
    return next(one.says for one in report.steps if one.name == name)


def invented_journal(claims: Claims, parts: Parts, **more: str) -> None:
    """A whole journal, and a message that was never sent; the peer's old receipt is to anchor it."""
    subject = claims["subject"]
    body = {"what": "received", "document": subject["id"], "sha256": subject["sha256"], **more}
    parts["journal-entry"] = json.dumps(body, separators=(",", ":")).encode()
    parts.pop("journal-leaves", None)
    claims["journal"] = {"state": "anchored", "log": LOG, "n": 1, "before": "00" * 32}
    head = journal_chain.link(1, bytes(32), journal_chain.leaf(parts["journal-entry"]))
    old = manifest_in(parts, "anchor-manifest")
    mark = replace(old.journal, log=LOG, n=1, head=head.hex())
    parts["anchor-manifest"] = resigned(claims["member"], replace(old, journal=mark))


def anchored_by(member: str, at: int, parts: Parts, **changes: Any) -> None:
    """A receipt by `member` for the message that tells the head, and the message that brings it."""
    told = replace(manifest_in(parts, "anchor-manifest"), aud=MemberId(member))
    parts["anchor-manifest"] = resigned(told.iss, told)
    first = told.documents[0]
    body = {
        "type": "receipt/1",
        "id": "019b76da-a800-7000-8000-000000000004",
        "sender": member,
        "recipient": told.iss,
        "created_at": format_time(at),
        "received_at": format_time(at),
        "message": {"id": told.jti, "sha256": str(Digest.of(parts["anchor-manifest"]))},
        "entries": [{"kind": "document", "id": first.id, "sha256": first.sha256, "status": "received"}],
    } | changes
    body = {name: value for name, value in body.items() if value is not None}
    parts["anchor-receipt"] = json.dumps(body, separators=(",", ":")).encode()
    entry = Entry("receipt/1", DocumentId(body["id"]), Digest.of(parts["anchor-receipt"]))
    content = replace(told, iss=MemberId(member), aud=told.iss, documents=(entry,))
    parts["anchor-receipt-manifest"] = resigned(member, content)


def test_a_maker_alone_cannot_anchor_an_invented_journal(made: Made) -> None:
    """The peer's receipt names the message that it was for, not just documents of it."""
    report = check(forged(made.recipient, invented_journal), made.root)
    assert said(report)["anchor"] == "broken"
    assert report.verdict is Verdict.BROKEN


def test_nobody_anchors_its_own_journal(made: Made) -> None:
    def change(claims: Claims, parts: Parts) -> None:
        invented_journal(claims, parts)
        anchored_by(NL, NOW, parts)

    assert said(check(forged(made.recipient, change), made.root))["anchor"] == "broken"


OTHER_MESSAGES: dict[str, tuple[Any, str]] = {
    "none, as older ones": (None, "not-shown"),
    "of another id": ({"id": "019b76da-a800-7000-8000-000000000009", "sha256": "0" * 64}, "broken"),
}


@pytest.mark.parametrize("why", OTHER_MESSAGES)
def test_a_receipt_anchors_only_the_message_that_it_names(made: Made, why: str) -> None:
    message, verdict = OTHER_MESSAGES[why]
    report = check(forged(made.recipient, lambda _, p: anchored_by(DE, NOW, p, message=message)))
    assert said(report)["anchor"] == verdict


def never_said(claims: Claims, parts: Parts) -> None:
    """A document that the sender never made, under its stolen key."""
    body = json.loads(parts["document"])
    body["resource"]["url"] = "http://192.0.2.99/never-said.bin"
    parts["document"] = json.dumps(body, separators=(",", ":")).encode()
    digest = Digest.of(parts["document"])
    claims["subject"]["sha256"] = str(digest)
    old = manifest_in(parts, "manifest")
    entry = next(one for one in old.documents if one.id == claims["subject"]["id"])
    parts["manifest"] = resigned(DE, replace(old, documents=(replace(entry, sha256=digest),)))
    for name in ("receipt", "receipt-manifest"):
        parts.pop(name, None)


def test_a_thief_cannot_date_what_it_signs_before_the_theft(made: Made) -> None:
    """Neither by its word of when it saw it, nor by a journal that it invents."""

    def alone(claims: Claims, parts: Parts) -> None:
        never_said(claims, parts)
        claims["journal"] = {"state": "absent"}

    assert check(forged(made.stolen, alone)).verdict is Verdict.DOUBTFUL

    def with_journal(claims: Claims, parts: Parts) -> None:
        never_said(claims, parts)
        invented_journal(claims, parts)

    assert check(forged(made.stolen, with_journal)).verdict is Verdict.BROKEN
    assert check(made.stolen, made.root).verdict is Verdict.DOUBTFUL


@pytest.mark.parametrize(
    ("at", "names", "verdict"),
    [
        (NOW + 3000, True, Verdict.OK),
        (NOW + 4001, True, Verdict.DOUBTFUL),
        (NOW + 3000, False, Verdict.DOUBTFUL),
    ],
)
def test_a_third_dates_a_stolen_key_s_signature_by_what_the_journal_has_of_it(
    made: Made, at: int, names: bool, verdict: Verdict
) -> None:
    """Who planned the theft may have written down a digest: the entry has to name the message."""

    def change(claims: Claims, parts: Parts) -> None:
        named = {"manifest": str(Digest.of(parts["manifest"]))} if names else {}
        invented_journal(claims, parts, **named)
        anchored_by(FR, at, parts)
        parts[f"members/{Digest.of(made.third)}.{FR}.json"] = made.third

    report = check(forged(made.stolen, change), made.root)
    assert said(report)["anchor"] == "ok"
    assert report.verdict is verdict


@pytest.mark.parametrize("mark", [RegistryMark(10**9, Digest("a" * 64)), RegistryMark(1, Digest("b" * 64))])
def test_a_sender_cannot_make_its_own_word_unprovable_by_naming_another_registry(
    made: Made, mark: RegistryMark
) -> None:
    def change(_: Claims, parts: Parts) -> None:
        parts["manifest"] = resigned(DE, replace(manifest_in(parts, "manifest"), registry=mark))

    report = check(forged(made.recipient, change), made.root)
    assert said(report)["list in force"] == "not-shown"
    assert "held against the newest list" in step(report, "list in force")
    assert report.verdict is Verdict.OK


def test_a_recipient_cannot_make_the_sender_s_proof_doubtful_by_an_odd_time(made: Made) -> None:
    change = receipt_with(received_at=format_time(NOW - 3600))
    report = check(forged(made.sender, change, by=DE))
    assert report.verdict is Verdict.OK
    assert "a clock was wrong" in step(report, "signature")


async def test_a_receipt_by_a_revoked_key_is_dated_by_nobody_but_its_maker(tmp_path: Path) -> None:
    """A sender with the recipient's stolen key could sign receipts for what it likes."""
    async with world(tmp_path) as w:
        document = await w.exchange()
        await w.revoke(NL, NOW + 5000, NOW + 4000)
        report = check(await w.file(w.a, document), w.office.root)
        assert (said(report)["receipt"], report.verdict) == ("doubtful", Verdict.DOUBTFUL)
        assert report.receipt is None
        fresh = member_keys(NL, "2").signing
        await w.publish(one=replace(w.members[NL], signing=(*w.members[NL].signing, signing_record(fresh))))
        identity = replace(w.b.answer.identity, keys=lambda: fresh)
        data = await Evidence(w.b.db, w.b.world, identity, w.archive(w.b)).of(document)
    report = check(data, w.office.root)  # of its own receipt it needs nobody to be convinced
    assert (said(report)["receipt"], report.verdict) == ("not-shown", Verdict.OK)


def signed_by_second(_: Claims, parts: Parts) -> None:
    halves = member_keys(DE, "2").signing.halves
    content = manifest.to_payload(manifest_in(parts, "manifest"))
    parts["manifest"] = json.dumps(forged_jws(content, halves), separators=(",", ":")).encode()


def without_file_then(_: Claims, parts: Parts) -> None:
    listed = json.loads(parts["targets/in-force.json"])["signed"]["targets"]
    parts.pop(f"members/{listed[f'members/{DE}.json']['hashes']['sha256']}.{DE}.json")


async def test_leaving_out_the_member_s_file_of_then_hides_no_key_that_was_not_there(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        document = await w.exchange()
        one = w.members[DE]
        second = signing_record(member_keys(DE, "2").signing)
        await w.publish(one=replace(one, signing=(second, *one.signing)))
        data = await w.file(w.b, document)
    for leave_out in (False, True):

        def change(claims: Claims, parts: Parts, leave_out: bool = leave_out) -> None:
            signed_by_second(claims, parts)
            if leave_out:
                without_file_then(claims, parts)

        report = check(forged(data, change), w.office.root)
        assert report.verdict is Verdict.DOUBTFUL
        assert said(report)["members" if leave_out else "signature"] == "doubtful"


async def rotated(w: World) -> bytes:
    """A file of an exchange under root 1 that is made under root 2."""
    document = await w.exchange()
    succeed(w.office, "dora")
    await w.publish(one=replace(w.members[DE], languages=("de", "en")))
    return await w.file(w.b, document)


async def test_an_honest_file_under_a_later_root_than_its_first_is_doubtful_and_not_broken(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        data = await rotated(w)
    roots = parts_of(data)
    assert check(data, roots["root/1.json"]).verdict is Verdict.OK
    report = check(data, roots["root/2.json"])
    assert report.verdict is Verdict.DOUBTFUL
    assert (said(report)["list in force"], said(report)["members"]) == ("doubtful", "ok")
    assert "left aside" in step(report, "members")


def with_roots(**roots: bytes) -> Callable[[Claims, Parts], None]:
    def change(_: Claims, parts: Parts) -> None:
        for name in [name for name in parts if name.startswith("root/")]:
            del parts[name]
        parts.update({f"root/{name[1:]}.json": data for name, data in roots.items()})

    return change


async def test_a_root_from_before_the_file_is_held_against_what_its_administrators_signed(
    tmp_path: Path,
) -> None:
    """Of who was an administrator then, enough have signed the next root themselves."""
    async with world(tmp_path) as w:
        data = await rotated(w)
    roots = parts_of(data)
    first, second = roots["root/1.json"], roots["root/2.json"]
    report = check(forged(data, with_roots(v2=second)), first)
    assert said(report)["roots"] == "ok"
    assert "enough administrators of root 1 that you gave have signed it" in step(report, "roots")
    alone = check(forged(data, with_roots(v1=first)), second)
    assert (alone.verdict, alone.steps[-1].name) == (Verdict.NOT_COMPARED, "roots")
    assert "get the root of that time" in step(alone, "roots")
    assert said(check(forged(data, with_roots()), second))["roots"] == "broken"


async def test_a_root_that_merely_names_the_reader_s_administrators_is_not_theirs(tmp_path: Path) -> None:
    """One who invents a root can put their keys into it; what they signed later does not vouch for it."""
    async with world(tmp_path / "one") as w, world(tmp_path / "two") as mine:
        honest = await rotated(w)
        data = await rotated(mine)
    invented = json.loads(parts_of(data)["root/1.json"])
    real = json.loads(parts_of(honest)["root/1.json"])["signed"]
    invented["signed"]["keys"] |= real["keys"]
    invented["signed"]["roles"]["root"]["keyids"] += real["roles"]["root"]["keyids"]
    signed = json.dumps(invented).encode()
    second = parts_of(honest)["root/2.json"]
    report = check(forged(data, with_roots(v1=signed)), second)
    assert report.verdict is Verdict.NOT_COMPARED


def test_a_root_is_compared_by_what_is_signed(made: Made) -> None:
    for data in (made.root + b"\n", json.dumps(json.loads(made.root), indent=2).encode()):
        assert check(made.recipient, data).verdict is Verdict.OK
    odd = json.loads(made.root)
    odd["signed"]["x"] = 1.5
    for data in (b"not a root", json.dumps(odd).encode()):
        with pytest.raises(Invalid) as caught:
            check(made.recipient, data)
        assert caught.value.code == "usage"
    for pinned in (None, made.root):
        report = check(forged(made.recipient, with_roots(v1=json.dumps(odd).encode())), pinned)
        assert (report.steps[-1].name, report.verdict) == ("roots", Verdict.BROKEN)


@pytest.mark.parametrize("kind", [GPG, RSA], ids=["gpg", "rsa"])
@pytest.mark.parametrize("where", [1, 2])
def test_a_key_of_a_kind_that_we_do_not_know_is_refused_before_it_is_used(
    made: Made, kind: dict[str, Any], where: int
) -> None:
    """Some kinds start other programs, or raise what nobody expects."""

    def change(_: Claims, parts: Parts) -> None:
        root = json.loads(parts["root/1.json"])
        root["signed"]["version"] = where
        root["signed"]["keys"]["a" * 40] = kind
        for role in root["signed"]["roles"].values():
            role["keyids"], role["threshold"] = ["a" * 40], 1
        root["signatures"] = [{"keyid": "a" * 40, "sig": "00", "other_headers": "00"}]
        parts[f"root/{where}.json"] = json.dumps(root).encode()

    report = check(forged(made.recipient, change))
    assert (report.steps[-1].name, report.verdict) == ("roots", Verdict.BROKEN)
    assert "key" in report.steps[-1].says


def test_what_nobody_thought_of_ends_with_a_verdict(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_verify, "members", None)
    report = check(made.recipient)
    assert (report.verdict, report.statement) == (Verdict.BROKEN, None)
    assert "TypeError" in report.steps[0].says


@pytest.mark.parametrize("filler", [b"\n", b"{}\n"])
def test_a_file_of_line_breaks_holds_nobody_up(made: Made, filler: bytes) -> None:
    claims = statement_of(made.recipient) | {"member": "xx-nobody"}
    claims["parts"] = [{"name": "document", "sha256": "0" * 64}]
    payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
    first = jws.sign(payload, member_keys(NL).signing, jws.Typ.EVIDENCE)
    started = time.monotonic()
    report = check(first + b"\n" + filler * (16 * 1024 * 1024 // len(filler)))
    assert time.monotonic() - started < 5
    assert report.steps[0].parts == ("file",)
    assert "more lines" in report.steps[0].says
    most = check(first + b"\n" + filler * limits.EVIDENCE_PARTS)
    assert most.steps[0].parts != ("file",)
