"""The demo's input, its cast and its arithmetic; none of them needs a node."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from exchange.cli.demo_feed import read_feed
from exchange.cli.demo_plan import make_plan
from exchange.cli.demo_tally import Tally
from exchange.core.urls import parse_url, refang
from exchange.errors import Invalid
from exchange.resources import data_path

NOW = 1_790_000_000


def test_the_sample_is_defanged_valid_and_well_spread() -> None:
    text = data_path("examples", "abuse_feed_sample.csv").read_text()
    assert "://" in text
    assert not any(scheme in text for scheme in ("http://", "https://", "ftp://"))
    rows = list(csv.DictReader(text.splitlines()))
    hosts = Counter(parse_url(refang(row["url"]), "url").host for row in rows)
    assert len(rows) == 500
    assert max(hosts.values()) > 2, "some hosts were reported several times"
    feed = read_feed(None, None, NOW)
    assert (feed.read, feed.invalid) == (500, {})
    assert len(feed.countries()) > 50
    assert sum(line.country is None for line in feed.lines) > 40


FEED = """dateadded,url,tags
2026-01-01 00:00:00,hxxp://192[.]0[.]2[.]1/a,x
not a time,http://example.com/,
2026-01-01 00:00:00,javascript:alert(1),
2026-01-01 00:00:00,http://a:b@example.com/,
2026-01-01 00:00:00,http://127.0.0.1.:99999/,
2999-01-01 00:00:00,https://example.net/,
2026-01-01 00:00:00,,
"""


def test_every_line_is_either_valid_or_has_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text(FEED)
    feed = read_feed(path, None, NOW)
    assert [line.number for line in feed.lines] == [2, 3, 7]
    assert feed.invalid == {"url-scheme": 1, "url-credentials": 1, "url-malformed": 2}
    assert feed.read == 7
    assert read_feed(path, 1, NOW).read == 1


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "url\n\n", 'url\n"' + "x" * 10])
def test_a_feed_that_is_none_says_so(text: str, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text(text)
    with pytest.raises(Invalid, match=r"feed\.csv") as caught:
        read_feed(path, None, NOW)
    assert caught.value.code == "feed"
    with pytest.raises(Invalid):
        read_feed(tmp_path / "nowhere.csv", None, NOW)


def test_the_cast_follows_the_feed() -> None:
    plan = make_plan(Counter({"US": 9, "CN": 8, "BR": 7, "KR": 6, "IN": 5, "RU": 4, "FR": 1}))
    assert [person.id for person in plan.everybody] == ["kr-demo", "us-demo", "cn-demo", "br-demo"]
    assert [person.host for person in plan.everybody] == [None, None, None, "cn-demo"]
    assert (list(plan.by_file), list(plan.by_network)) == (["IN", "FR"], ["RU"])


def test_a_feed_of_names_alone_still_has_a_cast() -> None:
    ids = [person.id for person in make_plan(Counter()).everybody]
    assert ids == ["gb-demo", "us-demo", "de-demo", "nl-demo"]


def whole() -> Tally:
    """One line of each kind, all well."""
    tally = Tally(4, {"url-scheme": 1})
    tally.submitted(
        [
            {"state": "routed", "referral": "r", "recipient": "us-demo", "basis": "hotline", "country": "US"},
            {"state": "domestic", "reason": "domestic", "country": "KR"},
            {"state": "unroutable", "reason": "country-unknown"},
        ]
    )
    tally.states, tally.opened = {"r": "removed"}, {"r": "us-demo"}
    return tally


def test_the_balance_of_a_good_run_adds_up() -> None:
    tally = whole()
    assert tally.faults() == []
    assert list(tally.rows()) == ["(none)", "KR", "US"]
    assert tally.to_json()["countries"]["US"]["answered"] == 1


FAULTS = {
    "a lost line": lambda tally: setattr(tally, "read", 5),
    "no receipt": lambda tally: tally.states.update(r="sent"),
    "refused": lambda tally: tally.states.update(r="refused"),
    "no answer": lambda tally: tally.states.update(r="accepted"),
    "opened by nobody": lambda tally: tally.opened.clear(),
    "opened by another": lambda tally: tally.opened.update(r="cn-demo"),
    "opened twice": lambda tally: tally.opened.update(s="cn-demo"),
    "an alarm": lambda tally: tally.alarms.update(["split-view"]),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_planted_fault_does_not_add_up(fault: object) -> None:
    tally = whole()
    fault(tally)  # type: ignore[operator]
    assert tally.faults() != []
