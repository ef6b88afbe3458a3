"""From a submission to a referral document, or to why there is none yet.

Rules: a submission is checked whole, and every problem of every line is told at once. The hosting country
comes from its claims, or from the address in the URL where it holds one; nothing is resolved, nothing is
guessed. While the registry does not call our own member active, nothing has a destination: it is kept
(`not-active`) instead of being sent to be refused. A referral's bytes are made here and never again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exchange.core import hosting, limits, sites, strict_json, urls
from exchange.core.documents import Document, DocumentType, make, submission_problems
from exchange.core.hosting import Located
from exchange.core.names import DocumentId, MemberId
from exchange.core.registry_view import RegistryView
from exchange.core.routing import Routed, Unroutable, route
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.standing import passing
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.core.times import format_time
from exchange.errors import Invalid, Problem
from exchange.flow.identity import Identity
from exchange.flow.world import World

HEAD = ("to", "type", "id", "sender", "recipient", "created_at", "routing")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a source says of an address: `country` ISO alpha-2, `source` and the day of its data."""

    country: str
    source: str
    source_date: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """One checked submission; `body` is what is kept while it has no destination."""

    body: JsonObject
    country: str | None
    route: Routed | Unroutable


@dataclass(frozen=True, slots=True)
class Drafting:
    """`locate` gives what is known of an address literal, or None."""

    world: World
    identity: Identity
    schemas: Schemas
    rules: Rules
    registry: Callable[[], RegistryView]
    locate: Callable[[str], Claim | None]

    def read(self, line: bytes, number: int) -> tuple[JsonObject | None, tuple[Problem, ...]]:
        """A submission's JSON, or its problems with the line's number."""
        try:
            value = strict_json.parse(line, limit=limits.DOCUMENT_BYTES, what="submission")
            problems = submission_problems(self.schemas, self.rules, value, now=int(self.world.now()))
        except Invalid as error:
            problems = error.problems or (Problem("", error.code, error.message),)
            value = None
        if problems or not isinstance(value, dict):
            return None, tuple(Problem(p.pointer, p.code, p.message, number) for p in problems)
        return value, ()

    def draft(self, body: JsonObject) -> Draft:
        """Where a checked submission goes."""
        url = urls.parse_url(_url(body), "resource.url")
        claims = _claims(body)
        if not claims:
            found = self._located(url)
            if found is not None:
                claims = [found]
                body = {**body, "hosting": list(claims)}
        located = hosting.country_of(url, claims)
        country = located.country if isinstance(located, Located) else None
        choice = body.get("to")
        if choice is None and isinstance(located, Unroutable):
            return Draft(body, None, located)
        chosen = MemberId(str(choice)) if choice is not None else None
        home, member = self.identity.country, self.identity.member
        site = sites.site_of(url)
        way = route(self.registry(), country, home, chosen, member, site)
        return Draft(body, country, self._as_we_stand(way))

    def document(self, body: JsonObject, routed: Routed) -> Document:
        """The referral: its bytes are fixed from here on. Raises `Invalid` when it would be too large."""
        head: dict[str, JsonValue] = {
            "type": DocumentType.REFERRAL.value,
            "id": self.world.new_id(),
            "sender": self.identity.member,
            "recipient": routed.member,
            "created_at": format_time(self.world.now()),
            "routing": {"basis": routed.basis.value},
        }
        rest = {name: value for name, value in body.items() if name not in HEAD}
        rest.setdefault("hosting", [])
        rest.setdefault("group", {"id": self.world.new_id(), "role": "single"})
        return make(self.schemas, self.rules, {**head, **rest})

    def _as_we_stand(self, found: Routed | Unroutable) -> Routed | Unroutable:
        """The destination, if the registry lets our own member send it a referral."""
        me = self.registry().member(self.identity.member)
        status = None if me is None else me.status
        if isinstance(found, Unroutable) or DocumentType.REFERRAL in passing(status):
            return found
        said = "does not know this node's member" if status is None else f"says that we are {status.value}"
        return Unroutable("not-active", f"The registry {said}; it goes out once we are active.")

    def _located(self, url: urls.Url) -> JsonObject | None:
        address = urls.address_of(url)
        claim = None if address is None else self.locate(address)
        if address is None or claim is None:
            return None
        found: JsonObject = {
            "country": claim.country,
            "ip": address,
            "role": "unknown",
            "method": "literal",
            "source": claim.source,
            "observed_at": format_time(self.world.now()),
            "confidence": "medium",
        }
        return found if claim.source_date is None else {**found, "source_date": claim.source_date}


def _url(body: Mapping[str, Any]) -> str:
    return str(body["resource"]["url"])


def _claims(body: Mapping[str, Any]) -> list[JsonObject]:
    return list(body.get("hosting", ()))


def entry_of(line: int, submission: str, draft: Draft, referral: DocumentId | None) -> JsonObject:
    """What the answer says of one submission."""
    said: JsonObject = {"line": line, "submission": submission}
    if isinstance(draft.route, Routed):
        said |= {
            "state": "routed",
            "referral": referral,
            "recipient": draft.route.member,
            "basis": draft.route.basis.value,
        }
    else:
        said |= {
            "state": "domestic" if draft.route.code == "domestic" else "unroutable",
            "reason": draft.route.code,
        }
    return said if draft.country is None else {**said, "country": draft.country}
