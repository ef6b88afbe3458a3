"""Where two values differ is told by place, and nothing that differs is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.core.unlike import unlike

CASES: dict[str, tuple[Any, Any, list[str]]] = {
    "equal": ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, []),
    "a number": ({"a": {"b": 1}}, {"a": {"b": 2}}, ["/a/b 1 -> 2"]),
    "an order": ({"a": ["x", "y"]}, {"a": ["y", "x"]}, ['/a/0 "x" -> "y"', '/a/1 "y" -> "x"']),
    "a longer list": ([1], [1, 2], ["/1 nothing -> 2"]),
    "a field less": ({"a": 1, "b": 2}, {"b": 2}, ["/a 1 -> nothing"]),
    "another kind": ({"a": [1]}, {"a": {"0": 1}}, ['/a [1] -> {"0":1}']),
    "the whole": (1, "1", [' 1 -> "1"']),
}


@pytest.mark.parametrize(("was", "said", "wanted"), CASES.values(), ids=CASES.keys())
def test_each_place_is_told(was: Any, said: Any, wanted: list[str]) -> None:
    assert list(unlike(was, said)) == wanted
