"""The configuration of a node: one TOML file, read into a frozen `Config`; every mistake reported at once."""

from exchange.config.reading import load, parse
from exchange.config.template import KEYS, Key, render
from exchange.config.values import (
    Config,
    Identity,
    Listen,
    Log,
    Mailbox,
    MemberApi,
    Network,
    Outbound,
    Registry,
)

__all__ = [
    "KEYS",
    "Config",
    "Identity",
    "Key",
    "Listen",
    "Log",
    "Mailbox",
    "MemberApi",
    "Network",
    "Outbound",
    "Registry",
    "load",
    "parse",
    "render",
]
