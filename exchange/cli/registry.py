"""`registry`: what the node knows of the network, and, for administrators, the registry itself on files.

Rules: `show` and `refresh` ask the running node; `create`, `add` and `publish` work on files alone and need
no node. This module puts both under one name.
"""

from __future__ import annotations

from exchange.cli import registry_files, registry_keys
from exchange.cli.connection import talk
from exchange.cli.node_state import flat
from exchange.cli.options import AsJson, ConfigFile, group
from exchange.cli.show import Show

app = group("The registry: as the node knows it, and as administrators make it.")
app.command("create")(registry_files.create)
app.command("add")(registry_files.add)
app.command("publish")(registry_files.publish)
app.add_typer(registry_keys.app, name="keys")


@app.command("show")
def show_(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Show which registry the node goes by, and until when."""
    show = Show(as_json)
    said = talk(config, lambda node: node.get("/v1/registry"))
    if as_json:
        show.value(said)
        return
    show.facts(flat(said))


@app.command()
def refresh(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Look at the mirrors now."""
    show = Show(as_json)
    said = talk(config, lambda node: node.post("/v1/registry/refresh"))
    if as_json:
        show.value(said)
        return
    show.facts(flat(said))
