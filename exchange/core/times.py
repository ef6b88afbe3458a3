"""Times on the wire: RFC 3339, UTC, with `Z`, to the second; inside: unix seconds.

Rules: exactly `YYYY-MM-DDThh:mm:ssZ`, years 1970 to 9999, no fraction, no offset, no leap
second. Parsed here and not by `format` of a schema, on which validators differ. Never reads a clock.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from exchange.errors import Invalid

_FORM = re.compile(
    r"(?:19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
)


def parse_time(text: object, field: str) -> int:
    """Unix seconds of an RFC 3339 time in UTC; raises `Invalid` (`time`) naming `field`."""
    if isinstance(text, str) and _FORM.fullmatch(text) is not None:
        try:
            return int(datetime.fromisoformat(text).timestamp())
        except ValueError:
            pass  # a day that the month does not have
    raise Invalid("time", f"{field}: not a time of the form 2026-01-31T23:59:59Z (UTC, to the second)")


def format_time(seconds: float) -> str:
    """The RFC 3339 form of unix `seconds`, cut to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
