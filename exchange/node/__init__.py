"""A node: its parts, its loops, its listeners, from start to stop."""

from exchange.node.service import run

__all__ = ["run"]
