"""A token is known by its secret alone, and the database does not give it away."""

from __future__ import annotations

import pytest
from support.network import TestNode

from exchange.errors import Invalid, Refused
from exchange.flow.tokens import LOCAL, Scope, Tokens

Pair = tuple[TestNode, TestNode]


def tokens(node: TestNode) -> Tokens:
    return Tokens(node.db, node.world, node.bells)


async def test_a_token_gives_its_scopes_and_no_more(pair: Pair) -> None:
    made = await tokens(pair[0]).create("case system", ["submit", "read", "read"], LOCAL)
    caller = await tokens(pair[0]).caller(made.token)
    assert (caller.token, caller.scopes) == (made.id, {Scope.SUBMIT, Scope.READ})
    caller.check(Scope.READ)
    with pytest.raises(Refused) as refused:
        caller.check(Scope.OPERATE)
    assert refused.value.code == "scope"


async def test_the_secret_is_nowhere_in_the_database(pair: Pair) -> None:
    made = await tokens(pair[0]).create("x", ["read"], LOCAL)
    secret = made.token.split("_", 2)[2]
    assert len(secret) == 43
    for table in ("tokens", "journal_pending"):
        for row in await pair[0].rows(f"SELECT * FROM {table}"):
            assert secret not in repr(row)
            assert secret.encode() not in repr(row).encode()
    [row] = await pair[0].rows("SELECT secret FROM tokens")
    assert len(row["secret"]) == 32


@pytest.mark.parametrize(
    "change",
    [
        lambda t: "",
        lambda t: "local",
        lambda t: t[3:],
        lambda t: t + "A",
        lambda t: t[:-1],
        lambda t: t[:20] + ("A" if t[20] != "A" else "B") + t[21:],
        lambda t: t.upper(),
        lambda t: t.replace("hx_", "hx_0", 1),
        lambda t: f"hx_{'0' * 16}_{t.split('_', 2)[2]}",
        lambda t: t + "\n",
        lambda t: t[:-1] + "é",
    ],
)
async def test_nothing_but_the_token_itself_is_taken(pair: Pair, change) -> None:
    made = await tokens(pair[0]).create("x", ["read"], LOCAL)
    with pytest.raises(Refused) as refused:
        await tokens(pair[0]).caller(change(made.token))
    assert refused.value.code == "token-unknown"


async def test_a_revoked_token_is_refused_and_still_listed(pair: Pair) -> None:
    made = await tokens(pair[0]).create("x", ["read"], LOCAL)
    await tokens(pair[0]).revoke(made.id, LOCAL)
    with pytest.raises(Refused):
        await tokens(pair[0]).caller(made.token)
    with pytest.raises(Invalid) as refused:
        await tokens(pair[0]).revoke(made.id, LOCAL)
    assert refused.value.code == "token-unknown"
    [listed] = await tokens(pair[0]).every()
    assert "revoked_at" in listed


@pytest.mark.parametrize(
    ("name", "scopes", "code"),
    [
        ("", ["read"], "token-name"),
        ("x" * 41, ["read"], "token-name"),
        ("a\nb", ["read"], "token-name"),
        ("http://a", ["read"], "token-name"),
        ("x", [], "token-scopes"),
        ("x", ["read", "everything"], "token-scopes"),
    ],
)
async def test_an_odd_request_makes_no_token(pair: Pair, name: str, scopes: list[str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        await tokens(pair[0]).create(name, scopes, LOCAL)
    assert refused.value.code == code
    assert await tokens(pair[0]).every() == []
