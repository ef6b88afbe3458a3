"""Where two values of JSON differ: each place, with what stood there and what stands there now.

Rules: an order is a difference; what is missing is said to be nothing. Equal values have no place. This
module knows no registry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

from exchange.core import strict_json

NOTHING: Final = "nothing"


def unlike(was: Any, said: Any, pointer: str = "") -> Iterator[str]:
    """Sentences of the form `/keys/http/0/nbf 1 -> 2`, places as JSON Pointers."""
    if isinstance(was, Mapping) and isinstance(said, Mapping):
        for name in sorted(was.keys() | said.keys()):
            yield from unlike(was.get(name), said.get(name), f"{pointer}/{name}")
    elif isinstance(was, list) and isinstance(said, list):
        for index, (old, new) in enumerate(zip_longest(was, said)):
            yield from unlike(old, new, f"{pointer}/{index}")
    elif was != said:
        yield f"{pointer} {_text(was)} -> {_text(said)}"


def _text(value: Any) -> str:
    return NOTHING if value is None else strict_json.dump(value).decode()
