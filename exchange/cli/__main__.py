"""Lets `python -m exchange.cli` be the command, for whoever has no script on the path: the demo's nodes."""

from __future__ import annotations

import sys

from exchange.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
