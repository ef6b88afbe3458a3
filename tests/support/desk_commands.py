"""Reviews by command: members whose keys are good by the clock of the machine, which the commands go by."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from support.cli import Ran, run
from support.desk import Applicant, Desk, applicant, entry, http
from support.keys import member_keys

NOW = int(time.time())
FROM, UNTIL = NOW - 3600, NOW + 86400


def asking(name: str, **changes: Any) -> Applicant:
    own = member_keys(name)
    keys = {"signing": [entry(own, nbf=FROM, exp=UNTIL)], "http": [http(own, nbf=FROM, exp=UNTIL)]}
    return applicant(name, **{"keys": keys, "min_card": NOW - 60} | changes)


def review(desk: Desk, who: Applicant, *options: str | Path) -> Ran:
    Path("request.json").write_bytes(who.request)
    return run("registry", "review", desk.space.path, "request.json", *options)


def proof(who: Applicant) -> Path:
    """The member answers the challenge that lies here."""
    path = Path(f"{who.said['id']}.proof.json")
    path.write_bytes(who.prove(Path(f"{who.said['id']}.challenge.json").read_bytes()))
    return path
