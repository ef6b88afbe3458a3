"""JSON as strangers send it: one meaning, or refused.

Rules, beyond RFC 8259 and before anything looks at the value:

* capped size, UTF-8 without a byte-order mark, nesting at most `JSON_DEPTH`;
* no name twice in one object, no fractions and exponents, integers within +-(2^53 - 1) (RFC 7493, I-JSON);
* no lone surrogate and no control character (U+0000 to U+001F, U+007F) in any string or name, escaped or
  not: it would mean something else to a terminal, a log, a regular expression or a C library.

`json.loads` takes most of these and dies of deep nesting, so depth is counted on the bytes first. This
module knows no schema, and its messages never quote what they refuse.
"""

from __future__ import annotations

import json
import re
from typing import Final, Never, TypeAlias

from exchange.core.limits import JSON_DEPTH
from exchange.errors import Invalid

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | bool | None"
JsonObject: TypeAlias = dict[str, JsonValue]

INTEGER_MAX: Final = 2**53 - 1
_INTEGER_CHARS: Final = 17
_BOMS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_DELETE_CHARACTER: Final = "\x7f"
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
# From the first backslash of a run, so that `\\n` (a backslash and an n) is not taken for a line break.
_ESCAPED_CONTROL = re.compile(r"(?<!\\)(?:\\\\)*\\(?:[bfnrt]|u00[01][0-9A-Fa-f]|u007[Ff])")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89A-Fa-f]")
_AS_BRACES: Final = bytes.maketrans(b"[]", b"{}")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

_SENTENCES: Final = {
    "json-size": "larger than is allowed",
    "json-bom": "starts with a byte-order mark",
    "json-encoding": "not UTF-8",
    "json-depth": "nested too deeply",
    "json-duplicate-key": "a name stands twice in one object",
    "json-number": "a number is not an integer within 2^53 - 1",
    "json-surrogate": "a string holds a lone surrogate",
    "json-control": "a string holds a control character",
    "json-malformed": "not JSON",
}


class _Trap(Exception):
    """What a hook of the decoder found; its argument is the code."""


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Trap("json-duplicate-key")
    return value


def _integer(text: str) -> int:
    if len(text) > _INTEGER_CHARS or text == "-0":
        raise _Trap("json-number")
    value = int(text)
    if not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise _Trap("json-number")
    return value


def _number(_: str) -> Never:
    raise _Trap("json-number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_number
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def parse(data: bytes, *, limit: int, what: str = "document") -> JsonValue:
    """The value of `data`, at most `limit` bytes; raises `Invalid` with a `json-...` code naming `what`."""
    try:
        return _parse(data, limit)
    except _Trap as trap:
        code = str(trap)
    raise Invalid(code, f"{what}: {_SENTENCES[code]}")


def parse_object(data: bytes, *, limit: int, what: str = "document") -> JsonObject:
    """As `parse`, and anything but an object is refused (`json-object`)."""
    value = parse(data, limit=limit, what=what)
    if not isinstance(value, dict):
        raise Invalid("json-object", f"{what}: not a JSON object")
    return value


def dump(value: object) -> bytes:
    """Compact UTF-8 without a line break; raises `Invalid` (`json-surrogate`) for what UTF-8 cannot say."""
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise Invalid("json-surrogate", f"document: {_SENTENCES['json-surrogate']}") from None


def _parse(data: bytes, limit: int) -> JsonValue:
    if len(data) > limit:
        raise _Trap("json-size")
    if data.startswith(_BOMS):
        raise _Trap("json-bom")
    if data.count(b"{") + data.count(b"[") > JSON_DEPTH and _too_deep(data):
        raise _Trap("json-depth")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _Trap("json-encoding") from None
    value = _decode(text)
    if _DELETE_CHARACTER in text or ("\\" in text and _ESCAPED_CONTROL.search(text)):
        raise _Trap("json-control")
    if "\\" in text and _ESCAPED_SURROGATE.search(text):
        _refuse_lone_surrogates(value)
    return value


def _decode(text: str) -> JsonValue:
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _Trap("json-control" if error.msg.startswith("Invalid control") else "json-malformed") from None
    return value


def _too_deep(data: bytes) -> bool:
    """Whether brackets outside of strings nest deeper than JSON_DEPTH.

    Each round takes away all innermost pairs, so the number of rounds is the depth. What does not pair is
    malformed; the decoder says so, and cannot recurse deeper than the rounds and what is left of them.
    """
    if b"\\" in data:
        data = _ESCAPE.sub(b"", data)
    brackets = b"".join(data.split(b'"')[::2]).translate(_AS_BRACES, _NOT_BRACKETS)
    for _ in range(JSON_DEPTH):
        brackets = brackets.replace(b"{}", b"")
    return brackets.count(b"{") > JSON_DEPTH or b"{}" in brackets


def _refuse_lone_surrogates(value: JsonValue) -> None:
    try:
        _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise _Trap("json-surrogate") from None
