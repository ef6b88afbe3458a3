"""Administrators at their machines, by commands alone: `Net(tmp_path).found()` is a published registry."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from support.cli import Ran, run
from support.registry import schemas

from exchange.client.registry import Known, Registry
from exchange.client.registry_chain import root_fingerprint

THREE = ("anna", "ben", "carla")


class Net:
    """A directory `net`, and administrators whose keys lie beside it under one age identity."""

    def __init__(self, place: Path, names: tuple[str, ...] = THREE) -> None:
        self.place, self.dir = place, place / "net"
        self.identity = ("--identity", place / "id.txt")
        for name in names:
            self.keys(name)

    def keys(self, name: str, at: str | None = None) -> Path:
        place = self.place / (at or name)
        ran = run("registry", "keys", "new", name, "--keys", place, *self.identity)
        assert ran.code == 0, ran.err
        return place

    def create(self, *options: str | Path, names: tuple[str, ...] = THREE) -> Ran:
        cards = [part for name in names for part in ("--admin", self.place / name)]
        return run("registry", "create", self.dir, "--network", "Demo", *cards, *options, "--json")

    def sign(self, draft: Path | str, *names: str) -> Ran:
        for name in names:
            ran = run(
                *("registry", "sign", draft, self.dir, "--keys", self.place / name),
                *(*self.identity, *self.paper(), "--yes", "--json"),
            )
        return ran

    def paper(self) -> tuple[str, ...]:
        """What everybody has on paper, once there is a root."""
        root = self.dir / "root.json"
        return ("--root-fingerprint", root_fingerprint(root.read_bytes())) if root.exists() else ()

    def publish(self, *drafts: Path | str, by: str = "anna") -> Ran:
        keys = ("--keys", self.place / by, *self.identity, *self.paper())
        return run("registry", "publish", *drafts, self.dir, *keys, "--json")

    def draft(self, *command: str | Path) -> Ran:
        return run("registry", *(command or ("draft", self.dir)), "--json")

    def found(self) -> None:
        """As far as a first list."""
        self.through(self.create().value["draft"])
        self.through(self.draft().value["draft"])

    def through(self, draft: str, *names: str, by: str = "anna") -> Any:
        """Sign and publish."""
        ran = self.sign(draft, *(names or ("anna", "ben")))
        assert ran.code == 0, ran.err
        ran = self.publish(draft, by=by)
        assert ran.code == 0, ran.err
        return ran.value

    def rename(self, name: str) -> None:
        path = self.dir / "peers/network.json"
        path.write_text(json.dumps(json.loads(path.read_bytes()) | {"name": name}))

    def read(self, now: float | None = None) -> Known:
        root, mirror = (self.dir / "root.json").read_bytes(), str(self.dir / "repository")
        registry = Registry(self.place / "node", root, [mirror], schemas())
        return asyncio.run(registry.refresh(int(now or time.time())))

    def publish_shown(self, draft: Path | str) -> str:
        """What people see when two have signed and one publishes."""
        self.sign(draft, "anna", "ben")
        return run("registry", "publish", draft, self.dir, "--keys", self.place / "anna", *self.identity).out


def code(ran: Ran) -> tuple[int, str]:
    return ran.code, ran.problem["type"].removeprefix("urn:hotline-exchange:")
