"""The list of settings, and the commented file that a new member starts with.

Rules: `KEYS` is the one list of settings that there is; the parser refuses what is not in it, and the
template and the documentation name what is. A setting without a value is written as a comment, with an
example, so that the file itself tells what else could be said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.errors import Broken

Setting = str | bool | Sequence[str]


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: dotted name, what it means, and an example of its value."""

    name: str
    meaning: str
    example: Setting


KEYS: Final = (
    Key("member", "The id of this member, as the registry has it.", "de-example"),
    Key("data", "Directory of everything that this node keeps. Mode 0700.", "/var/lib/hotline-exchange"),
    Key("database", "The SQLite file; in the data directory unless named here.", "exchange.db"),
    Key("development", "Allows http:// to loopback. Never in earnest.", False),
    Key(
        "registry.bootstrap",
        "Root metadata of the registry, got from an administrator in person.",
        "root.json",
    ),
    Key(
        "registry.mirrors", "Where the registry can be fetched, any number.", ["https://registry.example/hx"]
    ),
    Key("registry.serve", "Mirror the registry for others, at /registry/ of the mailbox listener.", False),
    Key("mailbox.host", '"own": this node has the mailbox. "hosted": another member has it.', "own"),
    Key("mailbox.listen", "Where the mailbox listens; usually behind a TLS proxy.", "127.0.0.1:8443"),
    Key("mailbox.url", "The address that other members use.", "https://mx.example"),
    Key(
        "mailbox.authority",
        "What peers sign as host and port; that of mailbox.url unless named.",
        "mx.example",
    ),
    Key("mailbox.tls_cert", "Certificate chain (PEM), when the node does TLS itself.", "tls/cert.pem"),
    Key("mailbox.tls_key", "Its private key (PEM).", "tls/key.pem"),
    Key("mailbox.guests", "Members whose mailboxes are hosted here.", ["xx-small-hotline"]),
    Key(
        "member_api.socket",
        "The Unix socket for our own people and systems; its file mode is the permission.",
        "member.sock",
    ),
    Key(
        "member_api.listen",
        "The same with bearer tokens, for a case system on another machine.",
        "127.0.0.1:8080",
    ),
    Key("identity.file", "The age identity, for a start without a passphrase. Mode 0600.", "identity.txt"),
    Key("outbound.allow", "Private networks that the node may call all the same.", ["10.20.0.0/16"]),
    Key("log.level", "debug, info, warning or error.", "info"),
    Key("log.format", "json for machines, console for people.", "json"),
)


def render(settings: Mapping[str, Setting]) -> str:
    """A configuration file with `settings`, by dotted name, and every other key as a comment.

    Raises `Broken` (`config-key`) for a name that is not in `KEYS`.
    """
    strange = settings.keys() - {key.name for key in KEYS}
    if strange:
        raise Broken("config-key", f"{min(strange)}: is no setting")
    lines = ["# Configuration of a Hotline Exchange node. Paths are relative to this file."]
    section = ""
    for key in KEYS:
        table, _, name = key.name.rpartition(".")
        if table != section:
            lines += ["", f"[{table}]"]
            section = table
        value = settings.get(key.name)
        shown = f"{name} = {_toml(key.example if value is None else value)}"
        lines += ["", f"# {key.meaning}", f"# {shown}" if value is None else shown]
    return "\n".join(lines) + "\n"


def _toml(value: Setting) -> str:
    """A TOML value. JSON's texts are TOML's basic strings, but for DEL, which is escaped here."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "[" + ", ".join(_toml(entry) for entry in value) + "]"
