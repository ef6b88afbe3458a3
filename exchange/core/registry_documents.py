"""The registry's files as values: bytes of one target in, a `Member` and the like out, and back.

Rules: a target is `members/<id>.json`, `countries/<CC>.json` or `network.json`, strict JSON of its schema.
Every `kid` is recomputed, a period of validity has an end after its beginning, a member's id begins with its
country. `member_to_json` and `member_from_json` are each other's inverse. This module looks at one file at a
time: what the files say of each other is registry_build's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from exchange.core import limits, strict_json
from exchange.core.jwk import Algorithm, check_jwk
from exchange.core.names import MemberId
from exchange.core.registry_view import (
    Destination,
    HttpRecord,
    Jwk,
    Member,
    MemberStatus,
    Network,
    Revocation,
    SigningRecord,
)
from exchange.core.schema import Schemas
from exchange.core.strict_json import JsonObject
from exchange.errors import Invalid, Problem

NETWORK: Final = "network.json"
_TARGET: Final = re.compile(
    r"members/(?P<member>[a-z0-9-]{4,43})\.json|countries/(?P<country>[A-Z]{2})\.json"
)
_TELLABLE: Final = re.compile(r"[!-~]{1,100}")


def schema_of(path: str) -> str | None:
    """Name of the schema of a target, None for a path that the registry does not know."""
    if path == NETWORK:
        return "network-1"
    match = _TARGET.fullmatch(path)
    if match is None:
        return None
    return "member-1" if match["member"] else "country-1"


def read_target(schemas: Schemas, path: str, data: bytes) -> JsonObject:
    """The value of one target; raises `Invalid` (`registry-file`) with all problems of its form."""
    schema = schema_of(path)
    if schema is None:
        told = path if _TELLABLE.fullmatch(path) else "(a path that cannot be told)"
        raise _wrong(told, [Problem("", "target-unknown", "not a file of the registry")])
    try:
        value = strict_json.parse(data, limit=limits.REGISTRY_FILE_BYTES, what=path)
    except Invalid as error:
        raise _wrong(path, [Problem("", error.code, error.message)]) from None
    problems = schemas.problems(schema, value)
    if problems:
        raise _wrong(path, problems)
    return cast(JsonObject, value)  # each of the three schemas accepts objects only


def member_from_json(value: Mapping[str, Any]) -> Member:
    """A member of a value that its schema accepts; `Invalid` (`jwk`, `key-period`, `member-country`)."""
    if value["id"][:2].upper() != value["country"]:
        raise Invalid("member-country", "id: does not begin with the member's country")
    return Member(
        id=MemberId.parse(value["id"], "id"),
        kind=value["kind"],
        country=value["country"],
        name=value["name"],
        site=value["site"],
        status=MemberStatus(value["status"]),
        mailbox=value["mailbox"],
        card=value["card"],
        min_card=value["min_card"],
        signing=tuple(_signing(row, index) for index, row in enumerate(value["keys"]["signing"])),
        http=tuple(_http(row, index) for index, row in enumerate(value["keys"]["http"])),
        accepts=tuple(value["accepts"]),
        deputy=MemberId.parse(value["deputy"], "deputy") if "deputy" in value else None,
        languages=tuple(value.get("languages", ())),
        office_hours=value.get("office_hours"),
    )


def member_to_json(member: Member) -> dict[str, Any]:
    """The value of `members/<id>.json`; `member_from_json` gives the same member back."""
    value: dict[str, Any] = {
        "v": 1,
        "id": str(member.id),
        "kind": member.kind,
        "country": member.country,
        "name": member.name,
        "site": member.site,
        "status": member.status.value,
        "mailbox": member.mailbox,
        "card": member.card,
        "min_card": member.min_card,
        "keys": {
            "signing": [
                {"ed25519": dict(row.ed25519), "ml_dsa_65": dict(row.ml_dsa_65), **_period_to_json(row)}
                for row in member.signing
            ],
            "http": [{"key": dict(row.key), **_period_to_json(row)} for row in member.http],
        },
        "accepts": list(member.accepts),
        "languages": list(member.languages),
    }
    optional = {"deputy": member.deputy and str(member.deputy), "office_hours": member.office_hours}
    return value | {name: text for name, text in optional.items() if text is not None}


def country_to_json(country: str, destinations: Iterable[Destination]) -> dict[str, Any]:
    """The value of `countries/<CC>.json`."""
    rows = [{"member": str(to.member), "basis": to.basis.value, "rank": to.rank} for to in destinations]
    return {"v": 1, "country": country, "destinations": rows}


def network_to_json(network: Network) -> dict[str, Any]:
    """The value of `network.json`."""
    mandates = {country: [str(one) for one in ids] for country, ids in network.orphan_mandates.items()}
    return {
        "v": 1,
        "name": network.name,
        "orphan_mandates": mandates,
        "agencies": sorted(network.agencies),
        "escalation": list(network.escalation),
    }


def keys_of(member: Member) -> tuple[Jwk, ...]:
    """Every public key that a member has or had."""
    signing = [half for row in member.signing for half in (row.ed25519, row.ml_dsa_65)]
    return (*signing, *(row.key for row in member.http))


def _signing(row: Mapping[str, Any], index: int) -> SigningRecord:
    name = f"keys.signing.{index}"
    _check_period(row, name)
    return SigningRecord(
        check_jwk(row["ed25519"], Algorithm.ED25519, f"{name}.ed25519"),
        check_jwk(row["ml_dsa_65"], Algorithm.ML_DSA_65, f"{name}.ml_dsa_65"),
        row["nbf"],
        row["exp"],
        _revocation(row),
    )


def _http(row: Mapping[str, Any], index: int) -> HttpRecord:
    name = f"keys.http.{index}"
    _check_period(row, name)
    key = check_jwk(row["key"], Algorithm.ED25519, f"{name}.key")
    return HttpRecord(key, row["nbf"], row["exp"], _revocation(row))


def _check_period(row: Mapping[str, Any], name: str) -> None:
    if row["nbf"] >= row["exp"]:
        raise Invalid("key-period", f"{name}: exp is not after nbf")


def _revocation(row: Mapping[str, Any]) -> Revocation | None:
    said = row.get("revoked")
    return None if said is None else Revocation(said["at"], said["reason"], said.get("invalid_after"))


def _period_to_json(row: SigningRecord | HttpRecord) -> dict[str, Any]:
    value: dict[str, Any] = {"nbf": row.nbf, "exp": row.exp}
    if row.revoked is not None:
        value["revoked"] = {"at": row.revoked.at, "reason": row.revoked.reason}
        if row.revoked.invalid_after is not None:
            value["revoked"]["invalid_after"] = row.revoked.invalid_after
    return value


def _wrong(path: str, problems: Iterable[Problem]) -> Invalid:
    located = [Problem(f"{path}#{each.pointer}", each.code, each.message) for each in problems]
    return Invalid("registry-file", f"{path}: not a file of the registry in its form", problems=located)
