"""Valid synthetic bodies, harmless: example.com and TEST-NET hosts, organisations that do not exist.

`changes` are merged into the body: a mapping into a mapping, anything else replaces; `ABSENT` takes a field
away.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from exchange import resources
from exchange.core.documents import Document, make
from exchange.core.names import uuid7
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.times import format_time

ABSENT: Final = object()
NOW: Final = 1_767_225_600
"""2026-01-01T00:00:00Z."""

DE: Final = "de-example"
NL: Final = "nl-example"
URL: Final = "http://192.0.2.17/files/sample.bin"
ONION_URL: Final = f"http://{'abcdefg234567' * 4}abcd.onion/files/sample.bin"
DIGEST: Final = "5e" * 32
EVENT: Final = "11111111-2222-4333-8444-555555555555"


@cache
def schemas() -> Schemas:
    """The schemas that the program ships, compiled once."""
    return Schemas(resources.schema_documents())


@cache
def rules() -> Rules:
    """The code tables that the program ships."""
    return Rules.of(resources.vocabularies())


def document_id(number: int = 1, now: float = NOW) -> str:
    """A UUIDv7 that is the same in every run."""
    return str(uuid7(now, number.to_bytes(10, "big")))


def changed(body: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy of `body` with `changes` merged in."""
    result = copy.deepcopy(dict(body))
    for name, value in changes.items():
        if value is ABSENT:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = changed(result[name], value)
        else:
            result[name] = copy.deepcopy(value)
    return result


def head(
    kind: str, *, number: int = 1, now: float = NOW, sender: str = DE, recipient: str = NL
) -> dict[str, Any]:
    """The five fields that every document starts with."""
    return {
        "type": kind,
        "id": document_id(number, now),
        "sender": sender,
        "recipient": recipient,
        "created_at": format_time(now),
    }


def hosting_claim(**changes: Any) -> dict[str, Any]:
    claim = {
        "country": "NL",
        "ip": "192.0.2.17",
        "asn": 64496,
        "provider": "Example Hosting B.V.",
        "role": "origin",
        "method": "literal",
        "source": "rir-allocation",
        "source_date": "2025-12-30",
        "observed_at": format_time(NOW - 1800),
        "confidence": "high",
    }
    return changed(claim, changes)


def assessment(**changes: Any) -> dict[str, Any]:
    judged = {
        "tier": "national",
        "legal_class": ["xarf:B1"],
        "basis": "visual_review",
        "assessed_at": format_time(NOW - 3600),
    }
    return changed(judged, changes)


def submission_body(**changes: Any) -> dict[str, Any]:
    """A submission that is accepted as it stands: content at a Dutch TEST-NET address."""
    body = {
        "sender_case": "2026-0001",
        "group": {"id": EVENT, "role": "single"},
        "resource": {"url": URL, "kind": "image", "site_kind": "file_host", "access": "open"},
        "hosting": [hosting_claim()],
        "assessment": assessment(),
        "times": {"reported_at": format_time(NOW - 7200), "seen_online_at": format_time(NOW - 1800)},
        "handling": {"tlp": "AMBER+STRICT", "purpose": "removal", "priority": "routine"},
    }
    return changed(body, changes)


def referral_body(*, number: int = 1, now: float = NOW, **changes: Any) -> dict[str, Any]:
    """A referral from DE to NL. `number` and `now` give its id; times in it stay before NOW."""
    body = {
        **head("referral/1", number=number, now=now),
        "routing": {"basis": "hotline"},
        **submission_body(),
    }
    return changed(body, changes)


_BY_STATUS: Final[Mapping[str, Mapping[str, Any]]] = {
    "accepted": {"own_case": "NL-77"},
    "declined": {"reason": "outside_mandate"},
    "reassessed": {"assessment": assessment(tier="not_illegal", legal_class=ABSENT)},
    "disputed": {"assessment": assessment(tier="doubtful", legal_class=ABSENT)},
    "police_informed": {"agency": "nl-police"},
    "police_hold": {},
    "hold_lifted": {},
    "provider_notified": {},
    "provider_declined": {},
    "provider_silent": {},
    "removed": {},
    "unavailable": {"reason": "site_down_or_404"},
    "not_illegal": {"reason": "adult_content"},
    "moved": {
        "new_hosting": hosting_claim(country="FR", ip="198.51.100.9", method="dns"),
        "next_holder": "fr-example",
    },
    "account_suspended": {},
    "returned": {"reason": "not_our_country"},
    "reappeared": {},
    "correction": {"corrects": document_id(9), "reason": "link_expired"},
}


def outcome_request(status: str, **fields: Any) -> dict[str, Any]:
    """What an analyst of the holder says, with what the status needs; `fields` change it."""
    actor = "police" if status.startswith("police") else "hotline"
    body = {"occurred_at": format_time(NOW - 600), "actor": actor, "status": status, **_BY_STATUS[status]}
    return changed(body, fields)


def outcome_body(status: str, *, number: int = 2, now: float = NOW, **fields: Any) -> dict[str, Any]:
    """An outcome from NL to DE about referral 1."""
    about = {"referral_id": document_id(1), "referral_digest": DIGEST, "event": EVENT}
    told = head("outcome/1", number=number, now=now, sender=NL, recipient=DE)
    return changed({**told, **about, **outcome_request(status)}, fields)


def withdrawal_body(*, number: int = 3, now: float = NOW, **changes: Any) -> dict[str, Any]:
    about = {"referral_id": document_id(1), "referral_digest": DIGEST, "reason": "sent_in_error"}
    return changed({**head("withdrawal/1", number=number, now=now), **about}, changes)


def receipt_body(*, number: int = 4, now: float = NOW, **changes: Any) -> dict[str, Any]:
    entry = {"kind": "document", "id": document_id(1), "sha256": DIGEST, "status": "received"}
    told = head("receipt/1", number=number, now=now, sender=NL, recipient=DE)
    return changed({**told, "received_at": format_time(now - 1), "entries": [entry]}, changes)


def resync_body(*, number: int = 5, now: float = NOW, **changes: Any) -> dict[str, Any]:
    return changed({**head("resync/1", number=number, now=now), "since": format_time(now - 86400)}, changes)


def trial_body(*, number: int = 6, now: float = NOW, **changes: Any) -> dict[str, Any]:
    return changed(head("test/1", number=number, now=now), changes)


def document(body: Mapping[str, Any]) -> Document:
    """`body` made into a document by the real code."""
    return make(schemas(), rules(), dict(body))
