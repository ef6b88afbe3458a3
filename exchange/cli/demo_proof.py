"""The demo's evidence: one of its referrals as a file for a third party, and what its reader is told.

Rules: the referral is one that came to its end; the sender's own node makes the file, which lies beside the
members' directories and is examined against the registry's first root, as a stranger would do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.cli.connection import Node
from exchange.cli.evidence import write_file
from exchange.cli.evidence_verify import examine
from exchange.core.evidence_report import Verdict
from exchange.core.schema import Schemas
from exchange.resources import schema_documents

ENDED: Final = "removed"


@dataclass(frozen=True, slots=True)
class Proof:
    """`file` was made, and examined with this verdict."""

    file: Path
    verdict: Verdict

    @property
    def sound(self) -> bool:
        return self.verdict is Verdict.OK


async def prove(node: Node, states: Mapping[str, str], place: Path, root: bytes) -> Proof | None:
    """Evidence of one referral that was removed; None when there is none."""
    ended = sorted(referral for referral, state in states.items() if state == ENDED)
    if not ended:
        return None
    data = await node.fetch(f"/v1/evidence/{ended[0]}")
    path = place / f"{ended[0]}.evidence"
    write_file(path, data)
    return Proof(path, examine(Schemas(schema_documents()), data, root).verdict)
