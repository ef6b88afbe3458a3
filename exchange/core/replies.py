"""The rules of a withdrawal, a receipt, a resync and a test that their schemas cannot say.

Rules: what a document tells of is not later than the document; a receipt gives one verdict on one thing, and
whoever could not open an envelope names no message; a withdrawal does not replace a referral by itself.
Whether the sender may withdraw, and whether a receipt tells the truth, is decided elsewhere.
"""

from __future__ import annotations

from exchange.core.rules import Findings, Rules, entries
from exchange.core.strict_json import JsonObject
from exchange.errors import Problem


def withdrawal_problems(rules: Rules, body: JsonObject) -> tuple[Problem, ...]:
    """What breaks a rule in a withdrawal."""
    found = Findings()
    found.time(body, "created_at", "")
    if "superseded_by" in body and body["superseded_by"] == body.get("referral_id"):
        found.add("/superseded_by", "itself", "names the referral that is withdrawn")
    return tuple(found)


def receipt_problems(rules: Rules, body: JsonObject) -> tuple[Problem, ...]:
    """What breaks a rule in a receipt."""
    found = Findings()
    told = found.time(body, "created_at", "")
    found.time(body, "received_at", "", until=told)
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries(body, "entries")):
        if not isinstance(entry, dict):
            continue
        named = (str(entry.get("kind")), str(entry.get("id")))
        if named in seen:
            found.add(f"/entries/{number}/id", "duplicate", "has an entry already")
        if entry.get("kind") == "envelope" and "message" in body:
            found.add("/message", "not-allowed", "an envelope that was not opened has shown no message")
        seen.add(named)
    return tuple(found)


def resync_problems(rules: Rules, body: JsonObject) -> tuple[Problem, ...]:
    """What breaks a rule in a resync."""
    found = Findings()
    told = found.time(body, "created_at", "")
    found.time(body, "since", "", until=told)
    return tuple(found)


def trial_problems(rules: Rules, body: JsonObject) -> tuple[Problem, ...]:
    """What breaks a rule in a test, which says nothing but its head."""
    found = Findings()
    found.time(body, "created_at", "")
    return tuple(found)
