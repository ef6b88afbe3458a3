"""The demo's input: lines of a feed of abuse URLs, each made into a submission or counted as invalid.

Rules: a URL is refanged and checked as a browser reads it, and nothing more: it is never fetched, its name is
never resolved. What the feed does not say (assessment, handling) is said by the profile, the same for all
lines: these URLs are a stand-in, and nobody has assessed them. A line that is not valid is counted with the
code of its reason. This module knows no node.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from exchange.client.country import country_of
from exchange.core import strict_json
from exchange.core.documents import submission_problems
from exchange.core.rules import Rules
from exchange.core.schema import Schemas
from exchange.core.times import format_time
from exchange.core.urls import address_of, parse_url, refang
from exchange.errors import ExchangeError, Invalid
from exchange.resources import data_path, schema_documents, vocabularies

SAMPLE: Final = "abuse_feed_sample.csv"
PROFILE: Final = "demo_profile.json"
FIELD_CHARS: Final = 1024 * 1024
"""Longest field of a feed: the csv module would otherwise stop at 128 KiB with an error."""


@dataclass(frozen=True, slots=True)
class Line:
    """One submission: `number` of its line in the feed, `data` its JSON, `country` by its address."""

    number: int
    data: bytes
    country: str | None


@dataclass(frozen=True, slots=True)
class Feed:
    """`invalid` counts the codes of refused lines; `read` counts all lines."""

    lines: tuple[Line, ...]
    invalid: Mapping[str, int]

    @property
    def read(self) -> int:
        return len(self.lines) + sum(self.invalid.values())

    def countries(self) -> Counter[str]:
        """How many lines each country hosts, as far as their addresses tell."""
        return Counter(line.country for line in self.lines if line.country is not None)


def read_feed(path: Path | None, limit: int | None, now: int) -> Feed:
    """The feed in a CSV file with a column `url`, or the sample; raises `Invalid` (`feed`)."""
    source = data_path("examples", SAMPLE) if path is None else path
    profile = json.loads(data_path("examples", PROFILE).read_bytes())
    schemas, rules = Schemas(schema_documents()), Rules.of(vocabularies())
    lines: list[Line] = []
    invalid: Counter[str] = Counter()
    for count, (number, row) in enumerate(_rows(source)):
        if limit is not None and count >= limit:
            break
        try:
            lines.append(_line(number, row, profile, schemas, rules, now))
        except ExchangeError as error:
            first = error.problems[0].code if error.problems else error.code
            invalid[first] += 1
    if not lines:
        raise Invalid(
            "feed", f"{source.name}: there is no valid line in it", hint="a CSV file with a column url"
        )
    return Feed(tuple(lines), dict(invalid))


def _rows(source: Path) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    csv.field_size_limit(FIELD_CHARS)
    try:
        with source.open(encoding="utf-8", errors="replace", newline="") as file:
            reader = csv.DictReader(file)
            if "url" not in (reader.fieldnames or ()):
                raise Invalid(
                    "feed", f"{source.name}: has no column url", hint="its first line names the columns"
                )
            for row in reader:
                yield reader.line_num, row
    except OSError as error:
        raise Invalid("feed", f"{source}: {(error.strerror or 'cannot be read').lower()}") from None
    except csv.Error:
        raise Invalid("feed", f"{source.name}: not CSV", hint="a CSV file with a column url") from None


def _line(
    number: int,
    row: Mapping[str, str | None],
    profile: Mapping[str, Any],
    schemas: Schemas,
    rules: Rules,
    now: int,
) -> Line:
    url = parse_url(refang(row.get("url") or ""), "url")
    body = {
        **profile,
        "sender_case": f"demo-{number}",
        "resource": {**profile["resource"], "url": url.given},
        "times": {"reported_at": format_time(_reported(row.get("dateadded"), now))},
    }
    data = strict_json.dump(body)
    problems = submission_problems(schemas, rules, strict_json.parse(data, limit=len(data)), now=now)
    if problems:
        raise Invalid("submission-invalid", "not valid", problems=problems)
    address = address_of(url)
    return Line(number, data, None if address is None else country_of(address))


def _reported(text: str | None, now: int) -> int:
    """When the feed took the line up; now when it does not say so, or a wrong clock makes it the future."""
    try:
        said = datetime.strptime((text or "").strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return now
    return min(now, max(0, int(said.timestamp())))
