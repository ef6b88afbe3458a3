"""Reads a configuration: TOML in, a `Config` out, or `Invalid` (`config`) with every mistake at once.

Rules: each problem has the dotted name of its key and says what to do; an unknown key is a mistake; relative
paths are relative to the file; plain `http://` only to loopback and only under `development = true`. What
works but is unwise is a warning of the `Config`, for whoever starts the node to tell.

It refuses to know environment variables, secrets, and whether a file that is named is there.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeVar

from exchange.config import forms
from exchange.config.template import KEYS
from exchange.config.values import Config, Identity, Listen, Log, Mailbox, MemberApi, Outbound, Registry
from exchange.core.names import MemberId
from exchange.errors import Invalid, Problem

T = TypeVar("T")
NAMES: Final = tuple(key.name for key in KEYS)
ONLY_OWN: Final = ("listen", "authority", "url", "tls_cert", "tls_key", "guests")
"""Keys of [mailbox] that mean nothing when another member hosts the mailbox."""
LONGEST_SOCKET: Final = 107
"""Bytes of the path of a Unix socket: Linux takes 108 with the closing zero (unix(7))."""


def load(path: Path) -> Config:
    """The configuration in the file `path`; raises `Invalid` (`config-file`, `config-syntax`, `config`)."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = "hotline-exchange join writes one; --config names another"
        raise Invalid("config-file", "the configuration cannot be read", hint=hint) from error
    return parse(text, path.resolve().parent)


def parse(text: str, base: Path) -> Config:
    """The configuration in `text`; `base` is the absolute directory that relative paths are relative to."""
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"line [0-9]+, column [0-9]+", str(error))
        where = place[0] if place else "the end of the file"
        raise Invalid("config-syntax", f"the configuration is not TOML: look at {where}") from None
    return _Reading(tables, base).config()


def _flat(tables: Mapping[str, object]) -> dict[str, object]:
    """Settings by dotted name. A table where a value belongs keeps its own name, and is found unknown."""
    found: dict[str, object] = {}
    for name, value in tables.items():
        section = any(known.startswith(f"{name}.") for known in NAMES)
        if section and isinstance(value, dict):
            found |= {f"{name}.{inner}": given for inner, given in value.items()}
        else:
            found[name] = value
    return found


class _Reading:
    """One reading of one file: takes settings by name and gathers what is wrong with them."""

    def __init__(self, tables: Mapping[str, object], base: Path) -> None:
        self._given = _flat(tables)
        self._base = base
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []

    def config(self) -> Config:
        for name in self._given:
            if name not in NAMES:
                self._unknown(name)
        development = self._take("development", forms.flag, False)
        member = self._take("member", forms.member_id, MemberId(""), required=True)
        data = self._take("data", self._path, self._base, required=True)
        made = Config(
            member=member,
            data=data,
            database=self._take("database", self._path, data / "exchange.db"),
            development=development,
            registry=Registry(
                bootstrap=self._take("registry.bootstrap", self._path, self._base, required=True),
                mirrors=self._take(
                    "registry.mirrors", forms.many(forms.base_url, least=1), (), required=True
                ),
                serve=self._take("registry.serve", forms.flag, False),
            ),
            mailbox=self._mailbox(member, development),
            member_api=MemberApi(
                socket=self._take("member_api.socket", self._path, data / "member.sock"),
                listen=self._member_listen(),
            ),
            identity=Identity(file=self._take("identity.file", self._path, None)),
            outbound=Outbound(allow=self._take("outbound.allow", forms.many(forms.network), ())),
            log=Log(
                level=self._take("log.level", forms.one_of("debug", "info", "warning", "error"), "info"),
                format=self._take("log.format", forms.one_of("json", "console"), "json"),
            ),
            warnings=tuple(self._warnings),
        )
        if len(os.fsencode(made.member_api.socket)) > LONGEST_SOCKET:
            told = f"must have at most {LONGEST_SOCKET} bytes with its directory; name a shorter path"
            self._wrong("member_api.socket", "config-value", told)
        if made.registry.serve and made.mailbox.host != "own":
            self._wrong("registry.serve", "config-unused", 'has no meaning when mailbox.host is "hosted"')
        for mirror in made.registry.mirrors:
            self._check_scheme("registry.mirrors", mirror, development)
        if self._problems:
            count = len(self._problems)
            what = "a mistake" if count == 1 else f"{count} mistakes"
            raise Invalid("config", f"the configuration has {what}", problems=self._problems)
        return made

    def _mailbox(self, member: MemberId, development: bool) -> Mailbox:
        host = self._take("mailbox.host", forms.one_of("own", "hosted"), "own", required=True)
        own = host == "own"
        listen = self._take("mailbox.listen", forms.listen, None, required=own)
        url = self._take("mailbox.url", forms.base_url, None)
        authority = self._take("mailbox.authority", forms.authority, None)
        cert = self._take("mailbox.tls_cert", self._path, None)
        key = self._take("mailbox.tls_key", self._path, None)
        guests: tuple[MemberId, ...] = self._take("mailbox.guests", forms.many(forms.member_id), ())
        if not own:
            for name in ONLY_OWN:
                if f"mailbox.{name}" in self._given:
                    self._wrong(
                        f"mailbox.{name}", "config-unused", 'has no meaning when mailbox.host is "hosted"'
                    )
        elif not {"mailbox.url", "mailbox.authority"} & set(self._given):
            self._wrong(
                "mailbox.url", "config-missing", 'is missing: the address that peers use, "https://..."'
            )
        if url is not None:
            self._check_scheme("mailbox.url", url, development)
            if forms.path_of(url):
                self._wrong(
                    "mailbox.url", "config-value", "must have no path: peers sign the path that they call"
                )
        authority = self._agreed_authority(url, authority)
        if (cert is None) != (key is None):
            lone = "mailbox.tls_cert" if key is None else "mailbox.tls_key"
            self._wrong(
                lone, "config-conflict", "needs the other one of mailbox.tls_cert and mailbox.tls_key"
            )
        if member in guests:
            self._wrong("mailbox.guests", "config-conflict", "must not name the member itself")
        if url is None and authority is not None:
            url = f"https://{authority}"
        return Mailbox(host, listen, authority, url, cert, key, guests)

    def _agreed_authority(self, url: str | None, authority: str | None) -> str | None:
        """The authority that a signature covers; a URL that names another one is a mistake."""
        if authority is not None:
            authority = forms.without_default_port(forms.scheme_of(url or "https:"), authority)
        if url is None:
            return authority
        if authority not in {None, forms.authority_of(url)}:
            told = "must be the host and port of mailbox.url: peers sign what they call"
            self._wrong("mailbox.authority", "config-conflict", told)
        return forms.authority_of(url)

    def _member_listen(self) -> Listen | None:
        listen = self._take("member_api.listen", forms.listen, None)
        if listen is not None and not forms.is_loopback(listen.host):
            told = "member_api.listen: not loopback, and not encrypted by the node; put a TLS proxy before it"
            self._warnings.append(Problem("/member_api/listen", "config-exposed", told))
        return listen

    def _check_scheme(self, name: str, url: str, development: bool) -> None:
        if forms.scheme_of(url) == "http" and not (
            development and forms.is_loopback(forms.authority_of(url))
        ):
            told = "must begin with https:// (http:// is for loopback under development = true)"
            self._wrong(name, "config-insecure", told)

    def _path(self, given: object) -> Path:
        return self._base / forms.text(given)

    def _take(self, name: str, form: Callable[[object], T], otherwise: T, *, required: bool = False) -> T:
        if name not in self._given:
            if required:
                self._wrong(name, "config-missing", "is missing")
            return otherwise
        try:
            return form(self._given[name])
        except forms.Wrong as wrong:
            self._wrong(name, "config-value", str(wrong))
            return otherwise

    def _unknown(self, name: str) -> None:
        near = get_close_matches(name, NAMES, 1) or [k for k in NAMES if k.endswith(f".{name}")][:1]
        told = f"is no setting; did you mean {near[0]}?" if near else "is no setting"
        self._wrong(name, "config-unknown", told)

    def _wrong(self, name: str, code: str, told: str) -> None:
        self._problems.append(Problem("/" + name.replace(".", "/"), code, f"{name}: {told}"))
