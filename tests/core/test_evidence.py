"""An evidence file says what it proves, and nothing in it can be changed without being named."""

from __future__ import annotations

import asyncio
import json
import random
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
    check,
    forged,
    manifest_in,
    parts_of,
    receipt_with,
    resigned,
    said,
    signed_by,
    statement_of,
    world,
)
from support.keys import EXP, NOW, member_keys
from support.messages import forged_jws
from support.registry import schemas

from exchange.core import evidence_parts, journal_chain, limits
from exchange.core.evidence_report import Verdict, whole, worst
from exchange.core.names import Digest

STRIDE = 127
"""Every so many bytes one is changed here; the long tests change each."""


@dataclass(frozen=True)
class Made:
    """One exchange, as its two ends tell of it; the registry has changed since."""

    root: bytes
    sender: bytes
    recipient: bytes
    third: bytes
    plain: bytes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    async def make() -> Made:
        async with world(tmp_path_factory.mktemp("evidence")) as w:
            document = await w.exchange()
            plain = await w.file(w.b, document)
            await w.publish(one=replace(w.members[DE], languages=("de", "en")))
            [third] = (w.office.mirror / "targets" / "members").glob(f"*.{FR}.json")
            ends = await w.file(w.a, document), await w.file(w.b, document)
            return Made(w.office.root, *ends, third.read_bytes(), plain)

    return asyncio.run(make())


def line_of(data: bytes, position: int) -> str:
    """The name of the part whose line has the byte at `position`."""
    names = [evidence_parts.STATEMENT, *parts_of(data)]
    return names[data[:position].count(b"\n")]


def changed(data: bytes, position: int) -> bytes:
    other = (data[position] + 1 + position % 255) % 256
    return data[:position] + bytes([other]) + data[position + 1 :]


def test_both_ends_prove_it(made: Made) -> None:
    for data in (made.sender, made.recipient):
        for pinned in (None, made.root):
            report = check(data, pinned)
            assert set(said(report).values()) == {"ok"}
            assert len(report.steps) == 11
            assert (report.verdict, report.pinned) == (Verdict.OK, pinned is not None)


def test_one_byte_changed_anywhere_is_found_and_named(made: Made) -> None:
    for data in (made.sender, made.recipient):
        for position in range(0, len(data), STRIDE):
            report = check(changed(data, position))
            assert report.verdict is Verdict.BROKEN, position
            assert report.steps[0].parts[0] == line_of(data, position), position


def test_the_bytes_around_every_line_break_are_found_and_named(made: Made) -> None:
    data = made.plain
    ends = [n for n, byte in enumerate(data) if byte == 10]
    for position in sorted({near for end in ends for near in range(end - 2, min(end + 12, len(data)))}):
        for other in (changed(data, position), data[:position] + b"\n" + data[position + 1 :]):
            if other != data:
                assert check(other).steps[0].parts[0] == line_of(data, position), position


def test_a_line_break_put_anywhere_is_found_and_named(made: Made) -> None:
    """All lines behind it stand in another's place, also that of the maker's keys."""
    data = made.plain
    for position in range(5, len(data), STRIDE):
        if data[position] != 10:
            report = check(data[:position] + b"\n" + data[position + 1 :])
            assert report.steps[0].parts[0] == line_of(data, position), position


def test_a_file_that_was_cut_or_lengthened_is_broken(made: Made) -> None:
    data = made.sender
    names = list(parts_of(data))
    lines = data.split(b"\n")
    cases = {
        b"": "statement",
        b"\n": "statement",
        data[:-1]: names[-1],
        b"\n".join(lines[:-3]) + b"\n": names[-2],
        data + b"\n": f"line {len(names) + 2}",
        data + data: f"line {len(names) + 2}",
        b"\n".join((lines[0], lines[2], lines[1], *lines[3:])): names[0],
    }
    for given, named in cases.items():
        report = check(given)
        assert (report.verdict, report.steps[0].parts[0]) == (Verdict.BROKEN, named)
        assert (report.statement, report.root) == (None, "")
    long = check(b"x" * (limits.EVIDENCE_BYTES + 1))
    assert long.steps[0].parts == ("file",)


def other_json(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


def test_the_same_values_written_otherwise_are_not_the_same_file(made: Made) -> None:
    data = made.sender
    name = next(iter(parts_of(data)))
    assert check(other_json(data, b'{"payload":', b'{"payload": ')).steps[0].parts == ("statement",)
    spaced = other_json(data, b'\n{"name":', b'\n{"name": ')
    assert check(spaced).steps[0].parts == (name,)
    turned = data.replace(
        data.split(b"\n")[1],
        json.dumps(dict(reversed(json.loads(data.split(b"\n")[1]).items())), separators=(",", ":")).encode(),
    )
    assert check(turned).steps[0].parts == (name,)


def test_a_statement_of_another_form_is_broken(made: Made) -> None:
    def resigned(change: Callable[[Claims], None]) -> str:
        report = check(forged(made.recipient, lambda claims, _: change(claims)))
        assert report.verdict is Verdict.BROKEN
        return report.steps[0].parts[0]

    cases: list[Callable[[Claims], None]] = [
        lambda claims: claims.update(v=2),
        lambda claims: claims.update(more=1),
        lambda claims: claims.pop("seen"),
        lambda claims: claims.update(member="nobody"),
        lambda claims: claims["journal"].pop("before"),  # half a place is none, and is not written so
        lambda claims: claims.update(seen=dict(reversed(claims["seen"].items()))),
    ]
    for change in cases:
        assert resigned(change) == "statement"
    for names in (("document", "manifest"), ("document", "extra")):
        payload = statement_of(made.recipient)
        payload["parts"][1]["name"] = names[1]
        payload["parts"][0]["name"] = names[0] if names[1] != "manifest" else "manifest"
        text = json.dumps(payload, separators=(",", ":")).encode()
        line = forged_jws(text, member_keys(NL).signing.halves, "hx-evidence+json")
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        assert check(data).steps[0].parts == ("statement",)


def test_a_statement_that_another_key_signed_is_to_blame(made: Made) -> None:
    by_other = forged(made.recipient, lambda *_: None, keys=member_keys(DE).signing)
    report = check(by_other)
    assert report.steps[0].parts == ("statement",)
    spoilt = by_other.replace(b'"name":"manifest"', b'"name":"manifesto"')
    assert check(spoilt).steps[0].parts == ("statement",)


def test_a_third_member_can_make_no_file_about_others(made: Made) -> None:
    def change(claims: Claims, parts: Parts) -> None:
        claims["member"] = FR
        parts[f"members/{Digest.of(made.third)}.{FR}.json"] = made.third

    report = check(forged(made.recipient, change, by=FR))
    assert said(report)["statement"] == "broken"
    assert FR in report.steps[-1].says


def test_a_spoilt_file_of_the_maker_does_not_blame_the_statement(made: Made) -> None:
    """Whose keys cannot be read cannot refute the statement: the part itself is named."""

    def lose(data: bytes, name: str) -> bytes:
        lines = data.split(b"\n")
        at = next(n for n, line in enumerate(lines) if name.encode() in line and n)
        lines[at] = lines[at].replace(b'"data":"', b'"data":"!')
        return b"\n".join(lines)

    for name in [name for name in parts_of(made.recipient) if name.endswith(f"{NL}.json")]:
        assert check(lose(made.recipient, name)).steps[0].parts == (name,)


# What follows is signed anew by the maker of the file, who lies.


def swap(name: str, data: bytes) -> Callable[[Claims, Parts], None]:
    return lambda _, parts: parts.update({name: data})


def drop(*names: str) -> Callable[[Claims, Parts], None]:
    return lambda _, parts: [parts.pop(name) for name in names] and None


def journal_of(**changes: Any) -> Callable[[Claims, Parts], None]:
    return lambda claims, _: claims["journal"].update(changes)


def subject_of(**changes: Any) -> Callable[[Claims, Parts], None]:
    return lambda claims, _: claims["subject"].update(changes)


def both(*changes: Callable[[Claims, Parts], None]) -> Callable[[Claims, Parts], None]:
    def change(claims: Claims, parts: Parts) -> None:
        for one in changes:
            one(claims, parts)

    return change


OTHER = b'{"type":"referral/1","id":"019b76da-a800-7000-8000-000000000009","sender":"x","recipient":"y"}'


def head_only(**changes: str) -> Callable[[Claims, Parts], None]:
    """Another document with the head as it has to be, and the digest everywhere but in what others signed."""

    def change(claims: Claims, parts: Parts) -> None:
        subject = claims["subject"]
        head = {name: subject[name] for name in ("type", "id", "sender", "recipient")} | changes
        parts["document"] = json.dumps(head, separators=(",", ":")).encode()
        subject["sha256"] = str(Digest.of(parts["document"]))

    return change


def unlisted_member(_: Claims, parts: Parts) -> None:
    name = next(name for name in parts if name.endswith(f"{DE}.json"))
    data = parts.pop(name).replace(b"\n", b" ")
    parts[f"members/{Digest.of(data)}.{DE}.json"] = data


def renamed_member(_: Claims, parts: Parts) -> None:
    name = next(name for name in parts if name.endswith(f"{DE}.json"))
    parts[name.replace(DE, "fr-other")] = parts.pop(name)


def without_newest_of(member: str) -> Callable[[Claims, Parts], None]:
    def change(_: Claims, parts: Parts) -> None:
        listed = json.loads(parts["targets/newest.json"])["signed"]["targets"]
        parts.pop(f"members/{listed[f'members/{member}.json']['hashes']['sha256']}.{member}.json")

    return change


def damaged_member(_: Claims, parts: Parts) -> None:
    name = next(name for name in parts if name.endswith(f"{DE}.json"))
    parts[name] += b" "


LIES: dict[str, tuple[Callable[[Claims, Parts], None], str, str]] = {
    "no root": (drop("root/1.json"), "roots", "broken"),
    "a root that is none": (swap("root/1.json", b"{}"), "roots", "broken"),
    "no newest list": (drop("targets/newest.json"), "newest list", "broken"),
    "a list that nobody signed": (swap("targets/newest.json", b"{}"), "newest list", "broken"),
    "a past list that nobody signed": (swap("targets/in-force.json", b"{}"), "list in force", "broken"),
    "no manifest": (drop("manifest"), "list in force", "broken"),
    "a manifest that is none": (swap("manifest", b"{}"), "list in force", "broken"),
    "the newest list stands for the past one": (drop("targets/in-force.json"), "members", "broken"),
    "a member's file that no list names": (unlisted_member, "members", "broken"),
    "a member's file under another name": (renamed_member, "members", "broken"),
    "a member's file with a byte more": (damaged_member, "members", "broken"),
    "the sender's newest file is missing": (without_newest_of(DE), "members", "broken"),
    "made before the keys were valid": (lambda c, _: c.update(made_at=1), "statement", "broken"),
    "made after the keys were over": (lambda c, _: c.update(made_at=EXP + 1), "statement", "broken"),
    "the list had expired": (lambda c, _: c.update(made_at=NOW + 130 * 86400), "newest list", "doubtful"),
    "another sender": (subject_of(sender=NL, recipient=DE), "signature", "broken"),
    "another id": (subject_of(id="019b76da-a800-7000-8000-000000000009"), "signature", "broken"),
    "another type": (subject_of(type="outcome/1"), "signature", "broken"),
    "seen before it was made": (lambda c, _: c["seen"].update(received_at=1), "signature", "ok"),
    "another document": (swap("document", OTHER), "document", "broken"),
    "another document with its digest": (head_only(), "signature", "broken"),
    "the document is not there": (drop("document"), "document", "not-shown"),
    "no receipt": (drop("receipt", "receipt-manifest"), "receipt", "not-shown"),
    "a receipt that nobody signed": (drop("receipt-manifest"), "receipt", "broken"),
    "a signature without its receipt": (drop("receipt"), "receipt", "broken"),
    "a receipt that is none": (swap("receipt", b"{}"), "receipt", "broken"),
    "no entry": (drop("journal-entry"), "journal", "broken"),
    "an entry that is none": (swap("journal-entry", b"x"), "journal", "broken"),
    "another entry": (swap("journal-entry", b'{"document":"x"}'), "journal", "broken"),
    "half a leaf": (swap("journal-leaves", b"x"), "journal", "broken"),
    "another number": (journal_of(n=7), "anchor", "broken"),
    "another link before": (journal_of(before="0" * 64), "anchor", "broken"),
    "another log": (journal_of(log="11111111-2222-4333-8444-555555555555"), "anchor", "broken"),
    "fewer leaves": (drop("journal-leaves"), "anchor", "broken"),
    "other leaves": (swap("journal-leaves", bytes(64)), "anchor", "broken"),
    "no anchor": (drop("anchor-manifest"), "anchor", "broken"),
    "nobody's receipt for the anchor": (drop("anchor-receipt"), "anchor", "broken"),
    "the entry was erased": (journal_of(state="erased"), "journal", "not-shown"),
    "there is no entry": (journal_of(state="absent"), "anchor", "not-shown"),
    "nobody was told": (journal_of(state="unanchored"), "anchor", "not-shown"),
    "told and not signed for": (journal_of(state="carried"), "anchor", "not-shown"),
}


@pytest.mark.parametrize("why", LIES)
def test_what_the_maker_of_a_file_cannot_lie_about(made: Made, why: str) -> None:
    change, step, verdict = LIES[why]
    report = check(forged(made.recipient, change))
    assert said(report).get(step) == verdict
    if verdict == "broken":
        assert report.verdict is Verdict.BROKEN
        assert next(one for one in report.steps if one.name == step).parts
    else:
        wanted = Verdict.DOUBTFUL if verdict == "doubtful" else Verdict.OK
        assert report.verdict is wanted


RECEIPTS: dict[str, tuple[Callable[[Claims, Parts], None], str]] = {
    "as it was": (receipt_with(), "ok"),
    "a refusal": (receipt_with(status="refused", code="document-invalid"), "ok"),
    "about another document": (receipt_with(id="019b76da-a800-7000-8000-000000000009"), "broken"),
    "about other bytes": (receipt_with(sha256="0" * 64), "broken"),
    "about an envelope": (
        receipt_with(kind="envelope", status="refused", code="cannot-open"),
        "broken",
    ),
    "to somebody else": (receipt_with(recipient="fr-other"), "broken"),
    "of somebody else": (receipt_with(sender="fr-other"), "broken"),
    "in a message to somebody else": (receipt_with(aud="fr-other"), "broken"),
    "in a message of somebody else": (receipt_with(iss="fr-other"), "broken"),
    "signed before the key was valid": (receipt_with(iat=1), "broken"),
}


@pytest.mark.parametrize("why", RECEIPTS)
def test_a_receipt_speaks_of_exactly_this_document(made: Made, why: str) -> None:
    change, verdict = RECEIPTS[why]
    report = check(forged(made.sender, change, by=DE))
    assert said(report)["receipt"] == verdict
    if why == "a refusal":
        step = next(one for one in report.steps if one.name == "receipt")
        assert "refused (code document-invalid)" in step.says


def test_a_message_that_is_no_manifest_is_refused(made: Made) -> None:
    def change(_: Claims, parts: Parts) -> None:
        signed = forged_jws(b'{"v":1}', member_keys(DE).signing.halves)
        parts["receipt-manifest"] = json.dumps(signed, separators=(",", ":")).encode()

    assert said(check(forged(made.recipient, change)))["receipt"] == "broken"

    def own(_: Claims, parts: Parts) -> None:
        signed = forged_jws(b'{"v":1}', member_keys(NL).signing.halves)
        parts["receipt-manifest"] = json.dumps(signed, separators=(",", ":")).encode()

    assert said(check(forged(made.recipient, own)))["receipt"] == "broken"


def document_with(data: bytes) -> Callable[[Claims, Parts], None]:
    """A document that the sender really signed, whatever it is."""

    def change(claims: Claims, parts: Parts) -> None:
        before = manifest_in(parts, "manifest")
        subject = claims["subject"]
        subject["sha256"] = str(Digest.of(data))
        entry = next(one for one in before.documents if one.id == subject["id"])
        content = replace(before, documents=(replace(entry, sha256=Digest.of(data)),))
        parts["manifest"] = signed_by(DE, content, [data])
        parts["document"] = data

    return change


@pytest.mark.parametrize("data", [b"not JSON", OTHER])
def test_signed_bytes_that_are_not_the_document_are_broken(made: Made, data: bytes) -> None:
    report = check(forged(made.recipient, document_with(data)))
    assert said(report)["signature"] == "ok"
    assert said(report)["document"] == "broken"


def test_a_receipt_as_the_document_needs_none(made: Made) -> None:
    change = both(subject_of(type="receipt/1"), drop("receipt", "receipt-manifest"))
    step = next(one for one in check(forged(made.recipient, change)).steps if one.name == "receipt")
    assert "itself a receipt" in step.says


def test_an_anchor_of_a_peer_whose_file_is_missing_is_broken(made: Made) -> None:
    def change(_: Claims, parts: Parts) -> None:
        before = manifest_in(parts, "anchor-manifest")
        body = json.loads(parts["anchor-receipt"])
        content = replace(before, aud=type(before.aud)("fr-other"))
        assert len(before.documents) == 1
        assert body["entries"]
        parts["anchor-manifest"] = resigned(NL, content)

    report = check(forged(made.recipient, change))
    assert said(report)["anchor"] == "broken"
    assert "fr-other" in report.steps[-1].says


def test_the_chain_of_links_is_that_of_the_journal(made: Made) -> None:
    claims, parts = statement_of(made.sender), parts_of(made.sender)
    place = claims["journal"]
    head = bytes.fromhex(place["before"])
    leaves = [parts["journal-leaves"][n : n + 32] for n in range(0, len(parts["journal-leaves"]), 32)]
    for n, leaf in enumerate([journal_chain.leaf(parts["journal-entry"]), *leaves], start=place["n"]):
        head = journal_chain.link(n, head, leaf)
    assert manifest_in(parts, "anchor-manifest").journal.head == head.hex()


def test_nothing_of_a_neighbour_is_in_the_file(made: Made) -> None:
    """Of other documents there are digests alone, though the message carried them."""
    for data in (made.sender, made.recipient):
        parts = parts_of(data)
        texts = [data for name, data in parts.items() if name not in ("document",)]
        assert not [text for text in texts if b"192.0.2.17" in text]


def test_the_verdict_is_that_of_the_worst_step() -> None:
    assert worst() is Verdict.OK
    assert worst(Verdict.NOT_SHOWN, Verdict.DOUBTFUL, Verdict.OK) is Verdict.DOUBTFUL
    assert whole(()) is Verdict.OK


def test_names_of_parts_are_read_back() -> None:
    digest = Digest.of(b"")
    assert evidence_parts.is_known(evidence_parts.root(12))
    assert evidence_parts.is_member(evidence_parts.member("gb-iwf", digest), "gb-iwf")
    assert not evidence_parts.is_member("document", "gb-iwf")
    assert not evidence_parts.is_known("root/0.json")
    assert evidence_parts.roots(["root/10.json", "root/9.json", "document"]) == [
        "root/9.json",
        "root/10.json",
    ]


def test_the_names_of_limits_are_those_of_the_schema() -> None:
    parts = json.loads((Path(__file__).parents[2] / "schemas/evidence-1.json").read_text())["properties"][
        "parts"
    ]
    assert parts["maxItems"] == limits.EVIDENCE_PARTS
    assert schemas().accepts("evidence-1", {}) is False


def spoilt(chance: random.Random) -> Callable[[Claims, Parts], None]:
    """One part cut, lost, garbled, doubled, or in the place of another."""

    def change(claims: Claims, parts: Parts) -> None:
        name, other = chance.choice(list(parts)), chance.choice(list(parts))
        data, at = parts[name], chance.randrange(len(parts[name]) + 1)
        kinds = (
            data[:at],
            parts[other],
            data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :],
            data[:at] + data[at : at + 30] * 2 + data[at + 30 :],
        )
        parts[name] = chance.choice(kinds)
        if chance.random() < 0.2:
            del parts[name]
        if chance.random() < 0.2:
            claims["made_at"] = chance.choice((0, NOW, 253_402_300_799))

    return change


def test_whatever_a_maker_puts_into_a_file_the_examination_ends_with_a_verdict(made: Made) -> None:
    chance = random.Random(7)
    found = {check(forged(made.recipient, spoilt(chance))).verdict for _ in range(150)}
    assert Verdict.BROKEN in found
