"""Two members in one process, under a registry that is really signed, and evidence of what they said."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from support.keys import NOW, member_keys
from support.messages import forged_jws
from support.network import Clock, Network, TestNode, make_node, network_member, send_body, settle
from support.registry import Office, schemas, targets_of

from exchange.cli.evidence_verify import Report, examine
from exchange.client.registry import Registry
from exchange.client.registry_past import Archive
from exchange.core import base64url, jws, limits, manifest, message
from exchange.core.keys import SigningKeys
from exchange.core.manifest import Manifest
from exchange.core.names import Digest
from exchange.core.registry_view import Member, Revocation
from exchange.flow.evidence import Evidence

Claims = dict[str, Any]
Parts = dict[str, bytes]
DE, NL, FR = "de-example", "nl-example", "fr-example"


@dataclass
class World:
    """`a` (de-example) writes to `b` (nl-example); both read the registry of `office`."""

    place: Path
    office: Office
    network: Network
    members: dict[str, Member]
    a: TestNode
    b: TestNode

    def archive(self, node: TestNode) -> Archive:
        return Archive(self.place / node.me, self.office.root, [str(self.office.mirror)])

    async def refresh(self) -> None:
        """Both nodes look at the registry, and all go by it."""
        for node in (self.a, self.b):
            registry = Registry(self.place / node.me, self.office.root, [str(self.office.mirror)], schemas())
            self.network.view = (await registry.refresh(int(self.network.clock.now))).view

    async def publish(self, **changed: Member) -> None:
        """Publish the members, some of them changed, and let both nodes see it."""
        self.members |= {member.id: member for member in changed.values()}
        self.office.publish(targets_of(self.members.values()), now=int(self.network.clock.now))
        await self.refresh()

    async def revoke(self, name: str, at: int, invalid_after: int | None) -> None:
        """Revoke the signing entry of a member."""
        one = self.members[name]
        [entry] = one.signing
        revoked = replace(entry, revoked=Revocation(at, "stolen", invalid_after))
        await self.publish(one=replace(one, signing=(revoked,)))

    async def send(self, **changes: Any) -> str:
        """A referral from `a` to `b`, not yet delivered; its id."""
        url = f"http://192.0.2.17/files/{len(self.network.wire)}.bin"
        [entry] = await self.a.send(send_body(url, **changes))
        return str(entry["referral"])

    async def exchange(self) -> str:
        """A referral that was delivered, receipted and anchored; its id."""
        first = await self.send()
        await settle(self.a, self.b)
        self.network.clock.now += 60
        await self.send()
        await self.b.say(first, "accepted", own_case="NL-1")
        await settle(self.a, self.b)
        return first

    async def file(self, node: TestNode, document: str, sender: str | None = None) -> bytes:
        gathering = Evidence(node.db, node.world, node.answer.identity, self.archive(node))
        return await gathering.of(document, sender)


@asynccontextmanager
async def world(place: Path) -> AsyncIterator[World]:
    office = Office(place / "mirror")
    members: dict[str, Member] = {name: network_member(name) for name in (DE, NL, FR)}
    office.publish(targets_of(members.values()))
    registry = Registry(place / DE, office.root, [str(office.mirror)], schemas())
    network = Network(Clock(), (await registry.refresh(NOW)).view)
    a = await make_node(network, DE, place / "a.db", seed=1)
    b = await make_node(network, NL, place / "b.db", seed=2)
    made = World(place, office, network, members, a, b)
    await made.refresh()
    yield made
    await a.close()
    await b.close()


def check(data: bytes, pinned: bytes | None = None) -> Report:
    return examine(schemas(), data, pinned)


def said(report: Report) -> dict[str, str]:
    """Verdict by step."""
    return {step.name.value: step.verdict.value for step in report.steps}


def statement_of(data: bytes) -> dict[str, Any]:
    line = json.loads(data.split(b"\n")[0])
    return json.loads(base64.urlsafe_b64decode(line["payload"] + "=="))


def parts_of(data: bytes) -> dict[str, bytes]:
    lines = [json.loads(line) for line in data.split(b"\n")[1:-1]]
    return {line["name"]: base64.urlsafe_b64decode(line["data"] + "===") for line in lines}


def forged(
    data: bytes,
    change: Callable[[dict[str, Any], dict[str, bytes]], None],
    by: str = NL,
    keys: SigningKeys | None = None,
) -> bytes:
    """The file with its statement and parts changed and signed anew by the maker's real keys."""
    claims, parts = statement_of(data), parts_of(data)
    change(claims, parts)
    claims["parts"] = [
        {"name": name, "sha256": hashlib.sha256(part).hexdigest()} for name, part in parts.items()
    ]
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    payload = json.dumps(claims, **compact).encode()  # type: ignore[arg-type]
    signed = jws.sign(payload, keys or member_keys(by).signing, "hx-evidence+json")
    lines = [
        json.dumps(
            {"name": name, "data": base64.urlsafe_b64encode(part).rstrip(b"=").decode()}, **compact
        ).encode()  # type: ignore[arg-type]
        for name, part in parts.items()
    ]
    return b"".join(line + b"\n" for line in (signed, *lines))


def signed_by(name: str, content: Manifest, documents: list[bytes]) -> bytes:
    return message.build(content, member_keys(name).signing, documents).jws


def manifest_in(parts: Parts, name: str) -> Manifest:
    payload = json.loads(parts[name])["payload"]
    return manifest.parse(base64url.decode(payload, "payload"), limit=limits.ENVELOPE_BYTES)


def receipt_with(**changes: Any) -> Callable[[Claims, Parts], None]:
    """A receipt that its giver changed and signed anew."""

    def change(_: Claims, parts: Parts) -> None:
        body = json.loads(parts["receipt"])
        entry = {k: v for k, v in changes.items() if k in ("id", "sha256", "status", "code", "kind")}
        body["entries"] = [entry_changed(one, entry) for one in body["entries"]]
        body |= {k: v for k, v in changes.items() if k in ("sender", "recipient", "received_at")}
        parts["receipt"] = json.dumps(body, separators=(",", ":")).encode()
        before = manifest_in(parts, "receipt-manifest")
        listed = replace(before.documents[0], sha256=Digest.of(parts["receipt"]), id=body["id"])
        changed = {k: v for k, v in changes.items() if k in ("iss", "aud", "iat")}
        content = replace(before, documents=(listed,), **changed)
        parts["receipt-manifest"] = signed_by(NL, content, [parts["receipt"]])

    return change


def entry_changed(entry: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (entry | changes).items() if value is not None}


def resigned(name: str, content: Manifest) -> bytes:
    line = forged_jws(manifest.to_payload(content), member_keys(name).signing.halves)
    return json.dumps(line, separators=(",", ":")).encode()
