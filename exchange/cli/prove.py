"""`prove`: answers an administrator's challenge, to show that this node holds the key of its registration.

Rules: a node that runs is asked; otherwise the keys are opened here, as `serve` opens them, under the lock of
the data directory. The challenge is opened, nothing else: no key leaves, nothing is changed.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from exchange import keystore
from exchange.cli.connection import connected, load_config
from exchange.cli.joining import write_new
from exchange.cli.options import AsJson, ConfigFile
from exchange.cli.serve import passphrase_for
from exchange.cli.show import Show
from exchange.config import Config
from exchange.core import strict_json
from exchange.core.registration_challenge import Challenge, read_challenge, write_challenge, write_proof
from exchange.errors import Invalid, Unavailable
from exchange.flow.registering import proved
from exchange.keystore import Keystore
from exchange.store import seeds
from exchange.store.lock import data_lock
from exchange.store.sqlite import open_sqlite

NOT_RUNNING: Final = "node-not-running"


def prove(
    challenge: Annotated[
        Path, typer.Argument(metavar="CHALLENGE", help="The administrator's file.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to make; else <id>.proof.json.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Answer an administrator's challenge."""
    show = Show(as_json)
    settings = load_config(config)
    asked = read_challenge(challenge.read_bytes())
    path = output or Path(f"{settings.member}.proof.json")
    check_unused(path, force)
    write_new(path, asyncio.run(answer(settings, asked)) + b"\n", replace=force)
    if as_json:
        show.value({"member": settings.member, "kid": asked.kid, "proof": str(path)})
    else:
        show.line(f"Send {path} to the administrator who sent you the challenge.")


def check_unused(path: Path, force: bool) -> None:
    """Raises `Invalid` (`exists`) where a file would be overwritten without a word."""
    if path.exists() and not force:
        raise Invalid("exists", f"{path}: is there already", hint="--force replaces it, -o names another")


async def answer(config: Config, challenge: Challenge) -> bytes:
    """The proof, as a file for the administrator."""
    try:
        async with connected(config) as node:
            said = await node.post("/v1/registration/proof", write_challenge(challenge))
            return strict_json.dump(said)
    except Unavailable as error:
        if error.code != NOT_RUNNING:
            raise
    return await _answer_here(config, challenge)


async def _answer_here(config: Config, challenge: Challenge) -> bytes:
    """The same without a node that runs."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    with data_lock(config.data):
        keys = await asyncio.to_thread(
            keystore.open,
            config.data,
            passphrase_for(config),
            config.identity.file,
            None if credentials is None else Path(credentials),
        )
        held = await _seeds(config, keys)
        return write_proof(proved(challenge, config.member, held.get))


async def _seeds(config: Config, keys: Keystore) -> dict[str, bytes]:
    if not config.database.exists():
        raise Invalid(
            "database-missing",
            f"{config.database}: there is no such file",
            hint="restore it from a backup, or make a new node: hotline-exchange join",
        )
    database = await open_sqlite(config.database)
    try:
        async with database.reading() as tx:
            rows = await seeds.every(tx)
    finally:
        await database.close()
    return {row["kid"]: keys.open_seed(bytes(row["sealed"])) for row in rows if row["sealed"]}
