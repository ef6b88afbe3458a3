"""The floors of the house: who may import whom, and what a module may look like.

`faults` is given the name and the text of a module, so that a planted fault for each rule proves that the
rule can be broken and that it is noticed.
"""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST_MODULE = 250
LAYERS = [
    {"errors"},
    {"observe", "resources"},
    {"core"},
    {"store", "client", "config", "keystore"},
    {"flow", "registrar"},
    {"server"},
    {"node"},
    {"cli"},
]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
ONLY = {"core": {"errors"}, "server": {"flow", "core", "errors", "observe"}}
PACKAGES = {
    "core": "cryptography jsonschema referencing jsonschema_rs ada_url publicsuffixlist",
    "observe": "structlog prometheus_client",
    "store": "aiosqlite",
    "client": "aiohttp yarl tuf iptocc",
    "keystore": "pyrage",
    "registrar": "tuf securesystemslib pyrage pkcs11 cryptography",
    "server": "aiohttp",
    "node": "aiohttp",
    "cli": "typer rich aiohttp",
}
IMPURE = {"asyncio", "os", "pathlib", "random", "secrets", "socket", "subprocess", "tempfile", "time"}
MAKES_KEYS = {"core/keys.py", "core/envelope.py"}
"""The only rooms of core that draw chance of their own: a key and a content key are never handed in."""


def imports(node: ast.AST) -> list[str]:
    """The absolute names that an import statement asks for; `from exchange import x` asks for exchange.x."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module == "exchange":
        return [f"exchange.{alias.name}" for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def wrong_import(module: str, wanted: str) -> bool:
    room = module.partition("/")[0].removesuffix(".py")
    top, _, rest = wanted.partition(".")
    target = rest.partition(".")[0]
    if top != "exchange":
        impure = IMPURE - ({"secrets"} if module in MAKES_KEYS else set())
        allowed = sys.stdlib_module_names - (impure if room == "core" else set())
        return top not in allowed and top not in PACKAGES.get(room, "").split()
    if target in {room, "__version__", ""}:
        return False
    return RANK.get(target, 99) >= RANK[room] or target not in ONLY.get(room, RANK)


def faults(module: str, text: str) -> list[str]:
    """All that is wrong with one module, such as `core/jws.py`, as `<module>: <rule> <detail>`."""
    tree = ast.parse(text)
    room = module.partition("/")[0].removesuffix(".py")
    found = [f"longer than {LONGEST_MODULE} lines"] if text.count("\n") > LONGEST_MODULE else []
    found += [] if ast.get_docstring(tree) else ["no docstring"]
    found += [] if room in RANK or module == "__init__.py" else ["belongs to no layer"]
    for node in ast.walk(tree):
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        found += ["import inside a function"] * any(imports(part) for part in ast.walk(node) if inside)
        found += ["relative import"] * (isinstance(node, ast.ImportFrom) and node.level > 0)
        found += ["TYPE_CHECKING"] * ("TYPE_CHECKING" in {getattr(node, "id", 0), getattr(node, "name", 0)})
        waits = isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        found += ["core waits"] * (room == "core" and waits)
        found += ["core opens a file"] * (room == "core" and getattr(node, "id", "") == "open")
        asked = imports(node) if room in RANK else []
        found += [f"may not import {name}" for name in asked if wrong_import(module, name)]
    return [f"{module}: {fault}" for fault in found]


MODULES = sorted((ROOT / "exchange").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT / "exchange").as_posix())
def test_every_module_keeps_to_its_floor(path: Path) -> None:
    assert faults(path.relative_to(ROOT / "exchange").as_posix(), path.read_text()) == []


PLANTED = {
    "an upper layer": (
        "core/a.py",
        "from exchange.flow.submit import x",
        "may not import exchange.flow.submit",
    ),
    "a room above": ("store/a.py", "import exchange.node", "may not import exchange.node"),
    "by way of the package": ("core/a.py", "from exchange import node", "may not import exchange.node"),
    "the same layer": ("store/a.py", "from exchange.client import y", "may not import exchange.client"),
    "past server's door": ("server/a.py", "from exchange.store import y", "may not import exchange.store"),
    "core and logs": ("core/a.py", "from exchange.observe import y", "may not import exchange.observe"),
    "a foreign package": ("core/a.py", "import aiohttp.web", "may not import aiohttp.web"),
    "a package nobody has": ("cli/a.py", "import requests", "may not import requests"),
    "core and chance": ("core/a.py", "import secrets", "may not import secrets"),
    "core and waiting": ("core/a.py", "async def f(): pass", "core waits"),
    "core and files": ("core/a.py", "def f(): open('x')", "core opens a file"),
    "inside a function": ("cli/a.py", "def f():\n    import json", "import inside a function"),
    "type checking": ("cli/a.py", "from typing import TYPE_CHECKING", "TYPE_CHECKING"),
    "relative": ("core/a.py", "from . import names", "relative import"),
    "length": ("core/a.py", "\n" * LONGEST_MODULE + "x = 1", ""),
    "length by one": ("core/a.py", "x = 1\n" * LONGEST_MODULE, "longer than 250 lines"),
    "a room nobody knows": ("utils/a.py", "", "belongs to no layer"),
}


@pytest.mark.parametrize(("module", "text", "fault"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_fault_is_noticed(module: str, text: str, fault: str) -> None:
    found = faults(module, f'"""What it decides."""\n{text}')
    assert found == [f"{module}: {fault}"] if fault else found


def test_a_module_without_a_docstring_is_noticed() -> None:
    assert faults("core/a.py", "x = 1\n") == ["core/a.py: no docstring"]
