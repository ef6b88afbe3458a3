"""`keys`: the node's keys as it uses them now, and a new encryption key before its time.

Rules: no command shows a private key. Signing keys change by a registration that the administrators sign;
what is rotated here is the encryption key, which needs nobody else.
"""

from __future__ import annotations

from exchange.cli.connection import talk
from exchange.cli.node_state import flat
from exchange.cli.options import AsJson, ConfigFile, group
from exchange.cli.show import Show

app = group("The node's own keys.")


@app.command("show")
def show_(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Show which keys are in use, and until when."""
    show = Show(as_json)
    said = talk(config, lambda node: node.get("/v1/keys"))
    if as_json:
        show.value(said)
        return
    show.facts(flat(said))


@app.command()
def rotate(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Make a new encryption key and card now, and retire the older ones."""
    show = Show(as_json)
    said = talk(config, lambda node: node.post("/v1/keys/rotate"))
    if as_json:
        show.value(said)
        return
    show.facts(flat(said))
