"""`keys`: the node's keys as it uses them now, and a new encryption key before its time.

Rules: no command shows a private key. Signing keys change by a registration that the administrators sign;
what is rotated here is the encryption key, which needs nobody else. A node refuses what is sealed to a
retired key at its own mailbox only; where that is hosted elsewhere, the administrators refuse the old cards.
"""

from __future__ import annotations

from typing import Annotated

import typer

from exchange.cli.connection import Answer, load_config, talk
from exchange.cli.options import AsJson, ConfigFile, group
from exchange.cli.show import Show, moment
from exchange.core.times import format_time

app = group("The node's own keys.")


@app.command("show")
def show_(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Show which keys are in use, and until when."""
    _tell(Show(as_json), talk(config, lambda node: node.get("/v1/keys")))


@app.command()
def rotate(
    keep_older: Annotated[
        bool, typer.Option("--keep-older", help="Do not retire the older keys: nothing has leaked.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Make a new encryption key and card now, and retire the older ones."""
    body = {"retire": not keep_older}
    show, said = Show(as_json), talk(config, lambda node: node.post("/v1/keys/rotate", body))
    _tell(show, said)
    if not keep_older and load_config(config).mailbox.host != "own":
        since = format_time(said["card"]["serial"])
        show.aside(
            "Our mailbox is hosted elsewhere, and its host takes what is sealed to the older keys. If one "
            "has leaked, an administrator has to refuse the cards of before: "
            f"hotline-exchange registry min-card DIR {said['member']} {since}"
        )


def _tell(show: Show, said: Answer) -> None:
    if show.json:
        show.value(said)
        return
    registered = said.get("registered") or {"signing": [], "http": []}
    rows = []
    for entry in registered["signing"]:
        state = "revoked" if entry["revoked"] else "registered"
        rows += [(what, entry[what]["kid"], entry["exp"], state) for what in ("ed25519", "ml_dsa_65")]
    for entry in registered["http"]:
        rows.append(
            ("http", entry["key"]["kid"], entry["exp"], "revoked" if entry["revoked"] else "registered")
        )
    in_use = {*said["in_use"]["signing"], said["in_use"]["http"]}
    known = {kid for _, kid, _, _ in rows}
    unknown = [*sorted(in_use - {None}), *said.get("waiting", ())]
    rows += [
        ("signing or http", kid, None, "not registered") for kid in dict.fromkeys(unknown) if kid not in known
    ]
    for seed in said["seeds"]:
        state = "destroyed" if seed["destroyed"] else "retired" if seed["retired"] else "held"
        rows.append(("encryption", seed["kid"], seed["exp"], state))
    in_use |= {said["card"]["kid"]} if said["card"] else set()
    show.table(
        ("kind", "kid", "until", "state", "in use"),
        [(kind, kid, moment(end), state, "yes" if kid in in_use else "") for kind, kid, end, state in rows],
        empty="There are no keys.",
    )
