"""Who would get a referral, and why: the same rules as for a submission, and nothing is stored or sent.

Rules: the country is given, or comes from the address in a URL that holds one; nothing is resolved. The URL
is looked at and forgotten. With a country alone, members of equal rank come in the order of their ids, and
the answer says so: by a URL, its site decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from exchange.core import hosting, sites, urls
from exchange.core.countries import parse_country
from exchange.core.hosting import Located
from exchange.core.names import MemberId
from exchange.core.routing import Alternative, Routed, Unroutable, route
from exchange.core.strict_json import JsonObject, JsonValue
from exchange.errors import Invalid
from exchange.flow.draft import Drafting

GIVEN = "given"


def where(drafting: Drafting, request: JsonObject) -> JsonObject:
    """Answer `{"country" or "url", "to"?}`.

    Raises `Invalid` (`route-request`, `country`, `member-id`, `url-...`).
    """
    if ("country" in request) == ("url" in request):
        raise Invalid("route-request", "the body names either country or url")
    url = urls.parse_url(request["url"], "url") if "url" in request else None
    country, source, obstacle = _country(drafting, request, url)
    choice = MemberId.parse(request["to"], "to") if "to" in request else None
    me = drafting.identity.member
    if obstacle is not None and choice is None:
        found: Routed | Unroutable = obstacle
    else:
        site = None if url is None else sites.site_of(url)
        found = route(drafting.registry(), country, drafting.identity.country, choice, me, site)
    said: JsonObject = {"country": country, "country_source": source}
    others: list[JsonValue] = [*_alternatives(found.alternatives)]
    if isinstance(found, Routed):
        said |= {
            "member": found.member,
            "basis": found.basis.value,
            "rule": found.rule.value,
            "order": found.order.value,
        }
    else:
        said |= {"rule": "none", "reason": found.code, "sentence": found.sentence}
    return {**said, "alternatives": others}


def _country(
    drafting: Drafting, request: JsonObject, url: urls.Url | None
) -> tuple[str, str, None] | tuple[str | None, str | None, Unroutable | None]:
    """Country, the source that says so, and why there is none."""
    if url is None:
        return parse_country(request["country"], "country"), GIVEN, None
    address = urls.address_of(url)
    claim = None if address is None else drafting.locate(address)
    claims: list[JsonObject] = (
        [] if claim is None else [{"country": claim.country, "source": claim.source, "role": "unknown"}]
    )
    located = hosting.country_of(url, claims)
    if isinstance(located, Located):
        return located.country, located.source, None
    return None, None, located


def _alternatives(alternatives: Sequence[Alternative]) -> list[JsonObject]:
    found: list[JsonObject] = []
    for one in alternatives:
        said: JsonObject = {"member": one.member, "basis": one.basis.value, "rule": one.rule.value}
        found.append(said if one.skipped is None else {**said, "skipped": one.skipped})
    return found
