"""What `doctor` sees on this machine alone: files and their modes, disk, libraries, database.

Rules: nothing is written and no secret is opened. The database is looked at only with `--offline`, because a
running node holds it; a database that another process holds is no fault.
"""

from __future__ import annotations

import shutil
import sqlite3
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exchange import keystore
from exchange.cli.findings import Finding, bad, warning, well
from exchange.client.registry_chain import root_fingerprint
from exchange.config import Config
from exchange.errors import Broken, Invalid, Refused
from exchange.server.middleware import require_fast_parser
from exchange.store.lock import data_lock

LITTLE_DISK: Final = 2 * 1024**3
"""Bytes of free disk below which it is time to make room: some 200,000 waiting envelopes."""
NO_DISK: Final = 100 * 1024**2
"""Bytes below which the node would soon refuse."""
SAFE_SQLITE: Final = (3, 51, 3)
"""Before it a WAL file could be damaged by two connections that write at once. One connection writes here."""


def local_checks(config: Config) -> Iterator[Finding]:
    yield well("configuration", f"read, for member {config.member}")
    for each in config.warnings:
        yield warning("configuration", each.message, "see docs/configuration.md")
    if config.development:
        yield warning("configuration", "development = true", "set it to false before real use")
    yield from _directory(config)
    yield from _keys(config)
    yield _bootstrap(config.registry.bootstrap)
    yield from _socket(config.member_api.socket)
    yield from _tls(config)
    yield _disk(config.data)
    yield _parser()
    yield _sqlite()


def _directory(config: Config) -> Iterator[Finding]:
    if not config.data.is_dir():
        yield bad("data", f"{config.data} is not there", "hotline-exchange join makes it")
        return
    mode = config.data.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield bad("data", f"others may write in {config.data}", f"chmod 700 {config.data}")
    elif mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield warning("data", f"others may look into {config.data}", f"chmod 700 {config.data}")
    else:
        yield well("data", f"{config.data} is ours alone")


def _keys(config: Config) -> Iterator[Finding]:
    files = [config.data / keystore.KEYS]
    if config.identity.file is not None:
        files.append(config.identity.file)
    elif (config.data / keystore.IDENTITY).exists():
        files.append(config.data / keystore.IDENTITY)
    else:
        yield warning(
            "keys",
            "no identity.age and no identity file: the identity must come as a systemd credential",
            "LoadCredential=identity:... in the unit, or identity.file in the configuration",
        )
    for file in files:
        if not file.exists():
            yield bad("keys", f"{file} is not there", "hotline-exchange join, or restore it from a backup")
        elif file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield bad("keys", f"others may read or write {file}", f"chmod 600 {file}")
        else:
            yield well("keys", f"{file.name} is there, and ours alone")


def _bootstrap(path: Path) -> Finding:
    hint = "ask an administrator of the network for the registry's root file"
    try:
        named = root_fingerprint(path.read_bytes())
    except OSError:
        return bad("registry root", f"{path} cannot be read", hint)
    except Refused:
        return bad("registry root", f"{path} is not root metadata of a registry", hint)
    return well("registry root", f"{named} is pinned: compare it with what an administrator reads out")


def _socket(path: Path) -> Iterator[Finding]:
    if path.exists() and path.stat().st_mode & stat.S_IRWXO:
        told = f"everybody on this machine may use {path}"
        yield bad("socket", told, f"chmod 660 {path}; its mode is the permission")


def _tls(config: Config) -> Iterator[Finding]:
    cert, key = config.mailbox.tls_cert, config.mailbox.tls_key
    if cert is None or key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
        yield well("tls", "certificate and key belong together")
    except (OSError, ssl.SSLError, ValueError):
        hint = "mailbox.tls_cert is the chain in PEM, mailbox.tls_key its key without a passphrase"
        yield bad("tls", "certificate and key cannot be used", hint)


def _disk(data: Path) -> Finding:
    place = next(path for path in (data, *data.parents) if path.exists())
    free = shutil.disk_usage(place).free
    told, hint = f"{free / 1024**3:.1f} GiB free at {place}", "make room, or move the data directory"
    if free < NO_DISK:
        return bad("disk", told, hint)
    return warning("disk", told, hint) if free < LITTLE_DISK else well("disk", told)


def _parser() -> Finding:
    try:
        require_fast_parser()
    except Broken as error:
        return bad("http parser", error.message, error.hint or "")
    return well("http parser", "aiohttp's C parser")


def _sqlite() -> Finding:
    told = f"version {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < SAFE_SQLITE:
        told += "; before 3.51.3 two writers could damage a WAL file, and the node has only one"
    return well("sqlite", told)


def database_checks(config: Config) -> list[Finding]:
    """A look into the database file; reads only."""
    if not config.database.exists():
        return [bad("database", f"{config.database} is not there", "hotline-exchange join makes it")]
    if config.database.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return [bad("database", f"others may read {config.database}", f"chmod 600 {config.database}")]
    try:
        with data_lock(config.data):
            said = _quick_check(config.database)
    except Invalid as error:
        return [warning("database", error.message, "stop the node before doctor --offline")]
    except sqlite3.OperationalError:
        return [bad("database", "the file cannot be read", "does it belong to this user?")]
    except sqlite3.DatabaseError:
        said = "not a database"
    if said != "ok":
        return [bad("database", "the file is damaged", "stop the node and restore a backup")]
    return [well("database", f"whole, {config.database.stat().st_size / 1024**2:.1f} MiB")]


def _quick_check(database: Path) -> str:
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=1)
    try:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    finally:
        connection.close()
