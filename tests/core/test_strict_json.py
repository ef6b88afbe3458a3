"""Bytes have one meaning or none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core.limits import JSON_DEPTH
from exchange.core.strict_json import INTEGER_MAX, dump, parse, parse_object
from exchange.errors import Invalid

LIMIT = 2**14


def code_of(data: bytes, limit: int = LIMIT) -> str | None:
    try:
        parse(data, limit=limit)
    except Invalid as error:
        return error.code
    return None


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + closing * depth).encode()


REFUSED: list[tuple[str, bytes]] = [
    ("json-size", b" " * LIMIT + b"1"),
    ("json-bom", b"\xef\xbb\xbf{}"),
    ("json-bom", "{}".encode("utf-16")),
    ("json-encoding", b'"\xff"'),
    ("json-encoding", b'"\xc0\x80"'),
    ("json-encoding", "\ud800".encode("utf-8", "surrogatepass")),
    ("json-malformed", b"{\x00}\x00"),
    ("json-malformed", b""),
    ("json-malformed", b"  "),
    ("json-malformed", b"{"),
    ("json-malformed", b"[1,]"),
    ("json-malformed", b'{"a":1,}'),
    ("json-malformed", b"{'a':1}"),
    ("json-malformed", b"{a:1}"),
    ("json-malformed", b"1 2"),
    ("json-malformed", b"{}{}"),
    ("json-malformed", b"// note\n1"),
    ("json-malformed", b"01"),
    ("json-malformed", b"+1"),
    ("json-malformed", b"0x10"),
    ("json-malformed", b'"\\x41"'),
    ("json-malformed", b'"\\u12"'),
    ("json-malformed", b'"open'),
    ("json-malformed", b"tru"),
    ("json-malformed", b"\x0c1"),
    ("json-malformed", "\u00a01".encode()),
    ("json-malformed", b"}" * 40 + b"{" * 10),
    ("json-malformed", b'{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[["'),
    ("json-depth", nested(JSON_DEPTH + 1)),
    ("json-depth", nested(JSON_DEPTH + 1, '{"a":[', "]}")),
    ("json-depth", nested(5000)),
    ("json-depth", b"[" * 9000),
    ("json-depth", b'{"a":' * 3000),
    ("json-depth", b'["\\"]]]]]]]]]]]]]]]]]",' + nested(JSON_DEPTH) + b"]"),
    ("json-depth", b'["\\\\",' + nested(JSON_DEPTH) + b"]"),
    ("json-duplicate-key", b'{"a":1,"a":1}'),
    ("json-duplicate-key", b'{"a":1,"\\u0061":2}'),
    ("json-duplicate-key", b'[{"b":{"a":1,"c":2,"a":3}}]'),
    ("json-number", b"1.0"),
    ("json-number", b"1e3"),
    ("json-number", b"1E-2"),
    ("json-number", b"1e999"),
    ("json-number", b"-0"),
    ("json-number", b"NaN"),
    ("json-number", b"Infinity"),
    ("json-number", b"-Infinity"),
    ("json-number", b"[9007199254740992]"),
    ("json-number", b"-9007199254740992"),
    ("json-number", b"9" * 5000),
    ("json-surrogate", b'"\\ud800"'),
    ("json-surrogate", b'"\\uDC00\\uD800"'),
    ("json-surrogate", b'{"\\ud83d":1}'),
    ("json-surrogate", b'"\\\\\\ud83d"'),
    ("json-control", b'"a\nb"'),
    ("json-control", b'"a\tb"'),
    ("json-control", b'"\x00"'),
    ("json-control", b'"\x7f"'),
    ("json-control", b'{"\x7f":1}'),
    ("json-control", b'"\\u0000"'),
    ("json-control", b'"\\u001F"'),
    ("json-control", b'"\\u007f"'),
    ("json-control", b'"\\n"'),
    ("json-control", b'"\\\\\\n"'),
    ("json-control", b'{"\\t":1}'),
    ("json-control", b'{"a\\u0000":1}'),
]

ACCEPTED: list[tuple[bytes, Any]] = [
    (b"{}", {}),
    (b' \t\r\n{"a" : [1, true, null]} \n', {"a": [1, True, None]}),
    (nested(JSON_DEPTH), None),
    (b"[" + b",".join([b"[{}]"] * 500) + b"]", None),
    (b'["[[[[[[[[[[[[[[[[[[[[[[[[[[","{{{{{{{{{{{{{{{{{{{","\\"[[["]', None),
    (str(INTEGER_MAX).encode(), INTEGER_MAX),
    (str(-INTEGER_MAX).encode(), -INTEGER_MAX),
    (b"0", 0),
    (b'"\\\\n"', "\\n"),
    (b'"\\\\u0000"', "\\u0000"),
    (b'"\\\\ud800"', "\\ud800"),
    (b'"\\ud83d\\ude00"', "\U0001f600"),
    ('"\U0001f600 \u00e9"'.encode(), "\U0001f600 \u00e9"),
    (b'"\\u00e9\\/\\""', '\u00e9/"'),
    (b'"\\u0080"', "\u0080"),
]


@pytest.mark.parametrize(("code", "data"), REFUSED, ids=lambda case: repr(case)[:40])
def test_refused_with_its_code_and_without_its_content(code: str, data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        parse(data, limit=LIMIT, what="manifest")
    assert caught.value.code == code
    assert caught.value.message.startswith("manifest: ")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("data", "value"), ACCEPTED, ids=lambda case: repr(case)[:40])
def test_accepted(data: bytes, value: Any) -> None:
    assert parse(data, limit=LIMIT) == (json.loads(data) if value is None else value)


def test_the_size_is_counted_in_bytes_and_the_limit_is_allowed() -> None:
    data = '"éé"'.encode()
    assert code_of(data, limit=6) is None
    assert code_of(data, limit=5) == "json-size"


@pytest.mark.parametrize("data", [b"[]", b"1", b'"a"', b"null"])
def test_parse_object_refuses_anything_else(data: bytes) -> None:
    with pytest.raises(Invalid, match="message: not a JSON object") as caught:
        parse_object(data, limit=9, what="message")
    assert caught.value.code == "json-object"


def test_parse_object() -> None:
    assert parse_object(b'{"a":1}', limit=9) == {"a": 1}


def test_dump_is_compact_and_keeps_the_order() -> None:
    assert dump({"b": [1, True, None], "a": "é"}) == '{"b":[1,true,null],"a":"é"}'.encode()


def test_dump_refuses_what_utf8_cannot_say() -> None:
    with pytest.raises(Invalid) as caught:
        dump({"a": "\ud800"})
    assert caught.value.code == "json-surrogate"


CLEAN = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | CLEAN,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(CLEAN, inner, max_size=5),
    max_leaves=30,
)


def depth(value: Any) -> int:
    if not isinstance(value, list | dict):
        return 0
    return 1 + max((depth(one) for one in (value.values() if isinstance(value, dict) else value)), default=0)


@given(VALUES)
def test_what_dump_writes_parse_reads_back(value: Any) -> None:
    data = dump(value)
    assert b"\n" not in data
    assert parse(data, limit=len(data)) == value
    assert dump(parse(data, limit=len(data))) == data


@given(
    st.recursive(
        CLEAN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(CLEAN, inner, max_size=2)
    ),
    st.integers(0, 20),
)
def test_depth_is_counted_as_a_walk_would(value: Any, more: int) -> None:
    for _ in range(more):
        value = [value, "[{"]
    expected = "json-depth" if depth(value) > JSON_DEPTH else None
    assert code_of(json.dumps(value).encode(), limit=2**20) == expected


@given(st.binary(max_size=60) | st.text('{}[]"\\,:0e1.-anu\x7f\u00e9 ', max_size=60).map(str.encode))
def test_any_bytes_are_refused_in_our_words_or_mean_what_json_means(data: bytes) -> None:
    if code_of(data) is None:
        assert parse(data, limit=LIMIT) == json.loads(data)
