"""Whom to invite: the directory's hotlines that are no members yet.

Rules: a hotline counts as a member when a member of its country that has not left has its name, or a site of
the same registrable domain. Who is called otherwise here and there is listed although it is a member: a
person who reads the list sees that, and nobody is left out. Nothing here makes anybody a member.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from exchange.core.directory import Directory, Entry, Hotline
from exchange.core.registry_view import Member, MemberStatus
from exchange.core.sites import site_of
from exchange.core.urls import parse_url
from exchange.errors import Invalid


@dataclass(frozen=True, slots=True)
class Invitation:
    """`entry` is the hotline's country."""

    entry: Entry
    hotline: Hotline


def invitations(directory: Directory, members: Iterable[Member]) -> tuple[Invitation, ...]:
    """In the order of the countries' codes, and of the directory within one."""
    known = {
        (member.country, word)
        for member in members
        if member.status is not MemberStatus.LEFT
        for word in _words(member.name, member.site)
    }
    return tuple(
        Invitation(entry, hotline)
        for code, entry in directory.countries.items()
        for hotline in entry.hotlines
        if not any((code, word) in known for word in _words(hotline.name, hotline.url))
    )


def _words(name: str, url: str) -> tuple[str, ...]:
    try:
        return name.casefold(), site_of(parse_url(url, "site"))
    except Invalid:
        return (name.casefold(),)
