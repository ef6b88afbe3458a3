"""Evidence is gathered at either end, and says what is not there."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.evidence import DE, FR, NL, World, check, parts_of, said, statement_of, world
from support.keys import NOW, member_keys, signing_record
from support.network import make_node, send_body, settle

from exchange.client.registry_past import Archive
from exchange.core import limits
from exchange.core.evidence_report import Verdict
from exchange.errors import ExchangeError, Invalid, Unavailable
from exchange.flow import evidence_journal
from exchange.flow.evidence import Evidence
from exchange.store.port import Transaction


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


def step(data: bytes, name: str) -> str:
    return next(one.says for one in check(data).steps if one.name == name)


async def test_the_sender_proves_the_receipt_and_the_recipient_the_authorship(w: World) -> None:
    document = await w.exchange()
    for node in (w.a, w.b):
        data = await w.file(node, document)
        assert set(said(check(data, w.office.root)).values()) == {"ok"}
        assert statement_of(data)["member"] == node.me
        assert statement_of(data)["journal"]["state"] == "anchored"
    assert set(statement_of(await w.file(w.a, document))["seen"]) == {
        "sent_at", "receipted_at", "anchored_at",
    }  # fmt: skip
    assert set(statement_of(await w.file(w.b, document))["seen"]) == {
        "received_at", "receipted_at", "anchored_at",
    }  # fmt: skip


async def test_an_outcome_is_proved_like_a_referral(w: World) -> None:
    await w.exchange()
    [row] = await w.b.rows("SELECT document_id FROM outbox WHERE type = 'outcome/1'")
    for node in (w.a, w.b):
        data = await w.file(node, row["document_id"])
        assert check(data).verdict is Verdict.OK
        assert statement_of(data)["subject"]["type"] == "outcome/1"
    # Either end's own receipts are documents too, for which there are none.
    [receipt] = (await w.a.rows("SELECT receipt_id FROM outbox WHERE receipt_id IS NOT NULL LIMIT 1"))[:1]
    assert "itself a receipt" in step(await w.file(w.a, receipt["receipt_id"], NL), "receipt")


async def test_what_is_not_there_is_said(w: World) -> None:
    """Before the receipt, before the journal has a number, before anybody was told a head."""
    document = await w.send()
    with pytest.raises(Invalid) as caught:
        await w.file(w.a, document)
    assert caught.value.code == "document-not-sent"
    await w.a.deliver.peer(w.b.me)
    found = said(check(await w.file(w.a, document)))
    assert (found["receipt"], found["journal"], found["anchor"]) == ("not-shown",) * 3
    await w.a.sequencer.number()
    found = said(check(await w.file(w.a, document)))
    assert (found["journal"], found["anchor"]) == ("ok", "not-shown")
    assert "not yet anchored" in step(await w.file(w.a, document), "anchor")
    await w.b.collect.run(wait=0)
    found = said(check(await w.file(w.b, document)))
    assert found["receipt"] == "not-shown"  # ours was not deposited yet
    await settle(w.a, w.b)
    await w.send()
    await w.a.deliver.peer(w.b.me)
    data = await w.file(w.a, document)
    assert statement_of(data)["journal"]["state"] == "carried"
    assert "has not signed for it" in step(data, "anchor")
    assert check(data).verdict is Verdict.OK


async def test_an_erased_document_is_still_proved_by_its_digest(w: World) -> None:
    document = await w.exchange()
    for node, table in ((w.a, "outbox"), (w.b, "inbox")):
        async with node.db.transaction() as tx:
            await tx.execute(f"UPDATE {table} SET data = NULL WHERE document_id = ?", (document,))
        data = await w.file(node, document)
        assert "document" not in parts_of(data)
        assert "erased" in step(data, "document")
        assert check(data).verdict is Verdict.OK


async def test_a_refusal_is_proved_too(w: World) -> None:
    await w.exchange()
    document = (await w.b.rows("SELECT document_id FROM inbox ORDER BY document_id LIMIT 1"))[0]
    async with w.b.db.transaction() as tx:
        await tx.execute(
            "UPDATE inbox SET verdict = 'refused', code = 'x', data = NULL WHERE document_id = ?",
            (document["document_id"],),
        )
    assert check(await w.file(w.b, document["document_id"])).verdict is Verdict.OK


async def test_the_wrong_id_finds_nothing(w: World) -> None:
    document = await w.exchange()
    for wanted, sender in (("019b76da-a800-7000-8000-000000000001", None), (document, NL), ("x", None)):
        with pytest.raises(Invalid) as caught:
            await w.file(w.a, wanted, sender)
        assert caught.value.code == "document-unknown"


async def test_one_id_of_two_members_has_to_be_told_apart(w: World) -> None:
    document = await w.exchange()
    async with w.a.db.transaction() as tx:
        await tx.execute("UPDATE inbox SET document_id = ? WHERE type = 'outcome/1'", (document,))
    with pytest.raises(Invalid) as caught:
        await w.file(w.a, document)
    assert caught.value.code == "document-ambiguous"
    assert check(await w.file(w.a, document, DE)).verdict is Verdict.OK


async def test_a_lost_manifest_proves_nothing(w: World) -> None:
    document = await w.exchange()
    async with w.b.db.transaction() as tx:
        await tx.execute("DELETE FROM manifests WHERE sender = ?", (DE,))
    with pytest.raises(Invalid) as caught:
        await w.file(w.b, document)
    assert caught.value.code == "document-unknown"
    async with w.b.db.transaction() as tx:
        await tx.execute("UPDATE manifests SET jws = ?", (b'{"payload":"e30","signatures":[]}',))
    assert evidence_journal.manifest_of(b'{"payload":"e30","signatures":[]}') is None


async def test_the_message_is_found_when_a_receipt_was_faster_than_our_note(w: World) -> None:
    document = await w.exchange()
    async with w.a.db.transaction() as tx:
        await tx.execute("UPDATE outbox SET attempt = NULL WHERE document_id = ?", (document,))
    assert check(await w.file(w.a, document)).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("at", "invalid_after", "verdict"),
    [
        (NOW + 100, NOW + 50, "doubtful"),
        (NOW + 100, NOW - 1, "doubtful"),
        (NOW + 100, None, "doubtful"),
        (NOW - 1, NOW - 1, "broken"),
    ],
)
async def test_a_revoked_key_of_the_other_end(
    w: World, at: int, invalid_after: int | None, verdict: str
) -> None:
    document = await w.exchange()
    await w.revoke(DE, at, invalid_after)
    assert check(await w.file(w.b, document)).verdict.value == verdict
    await w.publish(one=replace(w.members[DE], signing=(signing_record(member_keys(DE).signing),)))
    await w.revoke(NL, at, invalid_after)
    report = check(await w.file(w.a, document))
    assert said(report)["receipt"] == verdict
    assert report.verdict.value == verdict


async def test_a_third_member_s_anchor_dates_what_a_stolen_key_signed(w: World) -> None:
    """The recipient's own word does not: it may be the thief. A third who had its journal's head is none."""
    document = await w.exchange()
    node = await make_node(w.network, FR, w.place / "c.db", seed=3)
    await w.b.send(send_body("http://192.0.2.44/other.bin", sender_case="NL-9", to=FR))
    await settle(w.b, node)
    await w.revoke(DE, NOW + 10_000, NOW + 5_000)
    report = check(await w.file(w.b, document))
    await node.close()
    assert (report.verdict, said(report)["anchor"]) == (Verdict.OK, "ok")
    assert report.steps[-1].says.startswith(FR)
    assert "fr-example signed at" in next(one.says for one in report.steps if one.name == "signature")


async def test_a_document_that_was_sent_again_is_proved_by_the_message_of_its_receipt(w: World) -> None:
    """The second message is later than the receipt, which is for the first."""
    document = await w.send()
    await w.a.deliver.peer(w.b.me)
    await w.b.collect.run(wait=0)
    [first] = await w.a.rows("SELECT jws FROM manifests WHERE sender = ?", w.a.me)
    async with w.a.db.transaction() as tx:
        await tx.execute("UPDATE outbox SET state = 'waiting' WHERE document_id = ?", (document,))
    w.network.clock.now += 3700
    await settle(w.a, w.b)
    assert len(await w.a.rows("SELECT jti FROM manifests WHERE sender = ?", w.a.me)) > 1
    data = await w.file(w.a, document)
    assert parts_of(data)["manifest"] == bytes(first["jws"])
    assert (said(check(data))["receipt"], check(data).verdict) == ("ok", Verdict.OK)
    # A receipt of an older form names no message: the last that it can be about is shown.
    async with w.a.db.transaction() as tx:
        await without_message(tx)
    assert parts_of(await w.file(w.a, document))["manifest"] == bytes(first["jws"])
    assert statement_of(await w.file(w.a, document))["journal"]["state"] != "anchored"


async def without_message(tx: Transaction) -> None:
    for row in await tx.fetch("SELECT document_id, data FROM inbox WHERE type = 'receipt/1'"):
        body = json.loads(row["data"])
        del body["message"]
        data = json.dumps(body, separators=(",", ":")).encode()
        await tx.execute("UPDATE inbox SET data = ? WHERE document_id = ?", (data, row["document_id"]))


async def test_a_sender_whose_own_key_was_revoked_is_dated_by_the_receipt(w: World) -> None:
    """The new key makes the file, the old one signed; the recipient says when it had it."""
    document = await w.exchange()
    fresh = member_keys(DE, "2").signing
    await w.revoke(DE, NOW + 100, NOW + 50)
    [revoked] = w.members[DE].signing
    await w.publish(one=replace(w.members[DE], signing=(revoked, signing_record(fresh))))
    identity = replace(w.a.answer.identity, keys=lambda: fresh)
    data = await Evidence(w.a.db, w.a.world, identity, w.archive(w.a)).of(document)
    assert set(said(check(data)).values()) == {"ok"}
    assert "before the key could have been in other hands" in step(data, "signature")


async def test_a_recipient_whose_own_key_was_revoked_still_proves_the_authorship(w: World) -> None:
    document = await w.exchange()
    fresh = member_keys(NL, "2").signing
    await w.revoke(NL, NOW + 100, NOW + 50)
    [revoked] = w.members[NL].signing
    await w.publish(one=replace(w.members[NL], signing=(revoked, signing_record(fresh))))
    identity = replace(w.b.answer.identity, keys=lambda: fresh)
    report = check(await Evidence(w.b.db, w.b.world, identity, w.archive(w.b)).of(document))
    assert (report.verdict, said(report)["signature"]) == (Verdict.OK, "ok")
    assert said(report)["receipt"] == "not-shown"


async def test_the_list_by_which_the_sender_went_is_in_the_file(w: World) -> None:
    document = await w.exchange()
    await w.publish(one=replace(w.members[NL], languages=("nl",)))
    data = await w.file(w.b, document)
    assert {"targets/in-force.json", "targets/newest.json"} <= parts_of(data).keys()
    assert len([name for name in parts_of(data) if name.startswith("members/")]) == 3
    assert "version 1, by which the sender went" in step(data, "list in force")


async def test_a_list_that_nobody_has_any_more_is_stood_for_by_a_later_one(w: World) -> None:
    document = await w.exchange()
    await w.publish(one=replace(w.members[NL], languages=("nl",)))
    await w.publish(one=replace(w.members[NL], languages=("en",)))
    for place in (*w.place.glob(f"{NL}/*/history"), w.office.mirror / "metadata"):
        for path in place.glob("1.*targets.json"):
            path.unlink()
    data = await w.file(w.b, document)
    assert "version 2, a later one" in step(data, "list in force")
    assert check(data).verdict is Verdict.OK


async def test_without_a_registry_there_is_no_evidence(w: World) -> None:
    document = await w.exchange()
    empty = Archive(w.place / "nowhere", w.office.root, [str(w.office.mirror)])
    with pytest.raises(Unavailable) as caught:
        await Evidence(w.b.db, w.b.world, w.b.answer.identity, empty).of(document)
    assert caught.value.code == "registry-missing"


async def test_a_file_of_the_registry_that_is_gone_is_missed(w: World) -> None:
    document = await w.exchange()
    shutil.rmtree(w.office.mirror / "targets")
    for path in w.place.glob(f"{NL}/*/targets/*"):
        path.unlink()
    with pytest.raises(Unavailable) as caught:
        await w.file(w.b, document)
    assert caught.value.code == "registry-file-missing"


async def test_an_entry_is_found_in_a_long_journal(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By halving the time, past entries without a text; and not found when its text is erased."""
    monkeypatch.setattr(evidence_journal, "PAGE", 2)
    monkeypatch.setattr(evidence_journal, "MESSAGES_PAGE", 1)
    documents = []
    for _ in range(6):
        documents.append(await w.exchange())
        w.network.clock.now += 10_000
    for document in documents:
        data = await w.file(w.a, document)
        assert said(check(data))["journal"] == "ok"
    async with w.a.db.transaction() as tx:
        await tx.execute(
            "UPDATE journal SET entry = NULL WHERE CAST(entry AS TEXT) LIKE ?", (f"%{documents[3]}%",)
        )
    assert said(check(await w.file(w.a, documents[3])))["journal"] == "not-shown"
    assert said(check(await w.file(w.a, documents[4])))["anchor"] == "ok"


async def test_an_anchor_that_is_too_far_is_none(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    document = await w.exchange()
    monkeypatch.setattr(limits, "EVIDENCE_LEAVES", 0)
    found = statement_of(await w.file(w.a, document))["journal"]["state"]
    assert found == "unanchored"


async def test_a_receipt_whose_text_was_erased_anchors_nothing(w: World) -> None:
    document = await w.exchange()
    async with w.a.db.transaction() as tx:
        await tx.execute("UPDATE inbox SET data = NULL WHERE type = 'receipt/1'")
    data = await w.file(w.a, document)
    assert statement_of(data)["journal"]["state"] == "carried"
    assert said(check(data))["receipt"] == "not-shown"
    async with w.b.db.transaction() as tx:
        await tx.execute("UPDATE outbox SET data = NULL WHERE type = 'receipt/1'")
    assert said(check(await w.file(w.b, document)))["receipt"] == "not-shown"


async def test_the_url_is_in_the_document_and_nowhere_else(w: World) -> None:
    document = await w.exchange()
    data = await w.file(w.b, document)
    assert [name for name, part in parts_of(data).items() if b"192.0.2" in part] == ["document"]
    assert not [one for one in check(data).steps if "192.0.2" in one.says]


async def test_errors_name_no_content(w: World) -> None:
    for wanted in ("http://192.0.2.1/x", "'; DROP TABLE inbox"):
        with pytest.raises(ExchangeError) as caught:
            await w.file(w.a, wanted)
        assert wanted not in str(caught.value)
