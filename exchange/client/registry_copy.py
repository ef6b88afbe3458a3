"""The last good copy of the registry on our own disk: what a node starts from and falls back to.

Rules: written only after everything verified, in one file that is replaced whole; the files of the registry
lie beside it under their hashes, which are checked whenever they are read. What is damaged, or belongs to
another bootstrap root, counts as absent. Signatures are not verified again: whoever can write here has the
node. This module knows neither mirrors nor expiry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.client.registry_history import FILES, write_whole
from exchange.client.registry_trust import Seen, hashes_of, held
from exchange.core import limits, strict_json
from exchange.core.names import Digest
from exchange.core.registry_build import Built, build_view
from exchange.core.schema import Schemas
from exchange.errors import ExchangeError, Refused

NAME: Final = "last-good.json"
_NAME_CHARS: Final = 16
_NUMBERS: Final = ("root_version", "timestamp_version", "version", "expires_at")


@dataclass(frozen=True, slots=True)
class Copy:
    """What was seen, and the view that was built of it."""

    seen: Seen
    built: Built


def own(directory: Path, bootstrap: Digest) -> Path:
    """Where the node keeps what one pinned root leads to: what another one led to is not trusted."""
    return directory / bootstrap[:_NAME_CHARS]


def build(schemas: Schemas, seen: Seen, contents: Mapping[str, bytes]) -> Built:
    """The view of `seen` with its files' contents by path; raises `Refused`."""
    return build_view(schemas, contents, version=seen.version, digest=seen.digest, expires_at=seen.expires_at)


def keep(directory: Path, bootstrap: Digest, seen: Seen) -> None:
    """Make `seen` the last good copy; raises OSError."""
    value: strict_json.JsonObject = {name: getattr(seen, name) for name in _NUMBERS}
    value |= {"bootstrap": bootstrap, "targets": seen.targets.hex()}
    write_whole(directory / NAME, strict_json.dump(value))


def load_seen(directory: Path, bootstrap: Digest) -> Seen | None:
    """What was seen last, or None when there is nothing that fits."""
    try:
        data = (directory / NAME).read_bytes()
        value = strict_json.parse(data, limit=3 * limits.REGISTRY_FILE_BYTES, what=NAME)
        if not isinstance(value, dict) or value.get("bootstrap") != bootstrap:
            return None
        targets = bytes.fromhex(str(value["targets"]))
        root, timestamp, version, expires = (int(str(value[name])) for name in _NUMBERS)
        return Seen(root, timestamp, version, Digest.of(targets), expires, targets)
    except (OSError, ValueError, KeyError, ExchangeError):
        return None


def load(directory: Path, bootstrap: Digest, schemas: Schemas) -> Copy | None:
    """The last good copy, or None when there is none that fits."""
    seen = load_seen(directory, bootstrap)
    try:
        return None if seen is None else Copy(seen, build(schemas, seen, _contents(directory, seen)))
    except ExchangeError:
        return None


def _contents(directory: Path, seen: Seen) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for path, digest in hashes_of(seen.targets).items():
        data = b"" if digest is None else held(directory / FILES, digest)
        if data is None:
            raise Refused("registry-hash", "a file of the registry in the copy is missing or damaged")
        contents[path] = data
    return contents
