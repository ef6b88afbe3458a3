"""`registry keys`: an administrator's two keys, made, shown, tried and put under another passphrase.

Rules: nothing is overwritten; no command shows a private key. What the others need is public.json alone, and
the fingerprints are read aloud, because a file can be exchanged on its way. A key on a token is made with the
token's own tool, and named here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.options import AsJson, group
from exchange.cli.show import Show
from exchange.cli.unlocking import Identity, Keys, Offline, ask, seal, unlock
from exchange.errors import Invalid
from exchange.keystore import make_identity
from exchange.registrar import admins, held
from exchange.registrar.admins import AdminPublic, Part
from exchange.registrar.root_changes import key_fingerprint
from exchange.registrar.tokens import Token, find, parse_key

Module = Annotated[Path | None, typer.Option(help="Library of the token (PKCS#11).", show_default=False)]
Label = Annotated[str | None, typer.Option(help="Label of the token.", show_default=False)]
KeyId = Annotated[str | None, typer.Option(help="Id of the key on it, in hex.", show_default=False)]

app = group("An administrator's own keys.")


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Your name, as the others know it.")],
    keys: Keys,
    offline: Offline = None,
    identity: Identity = None,
    token_offline: Module = None,
    token_label: Label = None,
    token_key: KeyId = None,
    token_daily: Module = None,
    token_daily_label: Label = None,
    token_daily_key: KeyId = None,
    as_json: AsJson = False,
) -> None:
    """Make the two keys of an administrator, or take one that is on a token.

    Each key gets a passphrase of its own, unless --identity names a file, which is made if it is not there.
    """
    on_offline = _token("offline", token_offline, token_label, token_key)
    on_daily = _token("daily", token_daily, token_daily_label, token_daily_key)
    admins.check_free(keys, offline)
    person = admins.generate(name)
    if on_offline is not None:
        person = replace(person, offline=find(on_offline, ask))
    if on_daily is not None:
        person = replace(person, daily=find(on_daily, ask))
    if identity is not None and not identity.exists():
        make_identity(identity)
    admins.save(person, keys, seal(identity), offline)
    show = Show(as_json)
    card = keys / admins.PUBLIC
    if as_json:
        show.value({"card": str(card), **_facts(person.public, keys, offline)})
        return
    show.line(f"Made the keys of {name} in {keys}" + (f"; the offline key in {offline}." if offline else "."))
    _tell(show, person.public, keys, offline)
    show.line()
    show.line(f"1. Give {card} to whoever creates the registry, and read both fingerprints aloud on a call.")
    if on_offline is None:
        show.line("2. Copy or print offline.age, and put it where nobody finds both it and its passphrase.")
    else:
        show.line("2. Lock the token away, and its PIN elsewhere.")
    given = [f"--keys {keys}", offline and f"--offline {offline}", identity and f"--identity {identity}"]
    way = " ".join(option for option in given if option)
    show.line(f"3. Try whether it can be read: hotline-exchange registry keys check {way}")


@app.command("show")
def show_(keys: Keys, offline: Offline = None, as_json: AsJson = False) -> None:
    """Show whose keys they are, where they rest, and their fingerprints."""
    show = Show(as_json)
    public = admins.load_public(keys)
    if as_json:
        show.value(_facts(public, keys, offline))
        return
    show.line(f"Administrator {public.name}")
    _tell(show, public, keys, offline)


@app.command()
def check(
    keys: Keys,
    offline: Offline = None,
    identity: Identity = None,
    part: Annotated[Part | None, typer.Option(help="Only this key.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Open the keys and sign a test value with each: can this copy be read?"""
    show = Show(as_json)
    public = admins.load_public(keys)
    parts = list(Part) if part is None else [part]
    for one in parts:
        held.try_key(admins.load(keys, one, unlock(identity), offline))
        show.line(f"The {one} key of {public.name} signs: {_kind(keys, one, offline)}.")
    if as_json:
        show.value({"name": public.name, "signs": [one.value for one in parts]})


@app.command()
def passphrase(
    keys: Keys,
    part: Annotated[Part, typer.Option(help="Which key.", show_default=False)],
    offline: Offline = None,
    identity: Identity = None,
    to_identity: Annotated[
        Path | None, typer.Option(help="Seal to the age identity in this file instead.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a key under another passphrase. Copies of it, and paper, keep the one they had."""
    place = admins.place_of(keys, part, offline)
    where = held.held_at(place, part)
    if isinstance(where, Token):
        told = f"{where.name}: its PIN is changed with the token's own tool"
        raise Invalid("token-pin", told)
    if to_identity is not None and not to_identity.exists():
        make_identity(to_identity)
    held.reseal(where, unlock(identity), seal(to_identity))
    show = Show(as_json)
    if as_json:
        show.value({"file": str(where)})
        return
    show.line(f"{where} is under a new {'identity' if to_identity else 'passphrase'}; older copies are not.")


def _token(what: str, module: Path | None, label: str | None, key: str | None) -> Token | None:
    """The token of a key, if one is named at all."""
    if (module, label, key) == (None, None, None):
        return None
    if module is None or not label or key is None:
        way = "--token-offline MODULE --token-label LABEL --token-key 02"
        daily = "--token-daily MODULE --token-daily-label LABEL --token-daily-key 02"
        told = f"the {what} key on a token needs its library, its label and the key's id"
        raise Invalid("usage", told, hint=way if what == "offline" else daily)
    return Token(module.absolute(), label, parse_key(key, f"--token-{what}"))


def _facts(public: AdminPublic, keys: Path, offline: Path | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": public.name}
    for part in Part:
        key = public.key(part)
        facts[part.value] = {
            "keyid": key.keyid,
            "fingerprint": key_fingerprint(key),
            "kind": _kind(keys, part, offline),
        }
    return facts


def _tell(show: Show, public: AdminPublic, keys: Path, offline: Path | None) -> None:
    facts = _facts(public, keys, offline)
    for part in Part:
        said = facts[part.value]
        show.line(f"  {part.value:<7}  {said['fingerprint']}  {said['kind']}")


def _kind(keys: Path, part: Part, offline: Path | None) -> str:
    place = admins.place_of(keys, part, offline)
    return held.kind_of(held.held_at(place, part)) if held.lies_in(place, part) else "not here"
