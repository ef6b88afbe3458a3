"""`registry`: what the node knows of the network, and, for administrators, the registry itself on files.

Rules: `show` and `refresh` ask the running node; all else works on an administrator's files and needs no
node. What writes there is alone in its directory. This module puts both under one name.
"""

from __future__ import annotations

from exchange.cli import (
    registry_admins,
    registry_countries,
    registry_drafts,
    registry_found,
    registry_history,
    registry_keys,
    registry_lint,
    registry_members,
    registry_pull,
    registry_renew,
    registry_review,
)
from exchange.cli.connection import talk
from exchange.cli.node_state import flat
from exchange.cli.options import AsJson, ConfigFile, group
from exchange.cli.registry_lock import locked
from exchange.cli.show import Show

app = group("The registry: as the node knows it, and as administrators make it.")
app.command("create")(locked(registry_found.create))
app.command("import")(locked(registry_countries.import_))
app.command("country")(locked(registry_countries.country))
app.command("lint")(registry_lint.lint)
app.command("review")(locked(registry_review.review))
app.command("reviews")(registry_review.reviews)
app.command("activate")(locked(registry_members.activate))
app.command("suspend")(locked(registry_members.suspend))
app.command("leave")(locked(registry_members.leave))
app.command("revoke", context_settings=registry_members.DASHED)(locked(registry_members.revoke))
app.command("min-card")(locked(registry_members.min_card))
app.command("put")(locked(registry_members.put))
app.command("draft")(locked(registry_drafts.draft_))
app.command("sign")(locked(registry_drafts.sign))
app.command("status")(registry_drafts.status)
app.command("publish")(locked(registry_drafts.publish))
app.command("renew")(locked(registry_renew.renew))
app.add_typer(registry_admins.admin, name="admin")
app.command("threshold")(locked(registry_admins.threshold))
app.command("renew-root")(locked(registry_admins.renew_root))
app.command("history")(registry_history.history)
app.command("pull")(locked(registry_pull.pull))
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
