"""Whom to invite: everybody in the directory who is no member under that name or at that site."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.keys import member
from support.registry import schemas

from exchange.core.directory import read_directory
from exchange.core.invitations import invitations
from exchange.core.registry_view import Member, MemberStatus
from exchange.resources import data_path

DIRECTORY = read_directory(schemas(), data_path("peers", "directory.json").read_bytes())
ALL = 54


def named(name: str, member_id: str = "fr-a") -> Member:
    return replace(member(member_id), name=name)


MEMBERS = {
    "by name": (named("point de contact"), "Point de Contact"),
    "by its site": (member("fr-a", site="https://node.pointdecontact.net"), "Point de Contact"),
    "of another country": (named("Point de Contact", "it-a"), None),
    "that has left": (replace(named("Point de Contact"), status=MemberStatus.LEFT), None),
    "of a name and a site that nobody knows": (member("fr-a", site="https://a..b"), None),
}


@pytest.mark.parametrize(("one", "known"), MEMBERS.values(), ids=MEMBERS.keys())
def test_a_member_is_not_invited_again(one: Member, known: str | None) -> None:
    before = invitations(DIRECTORY, ())
    assert len(before) == ALL
    after = invitations(DIRECTORY, [one])
    assert {each.hotline.name for each in set(before) - set(after)} == ({known} if known else set())
