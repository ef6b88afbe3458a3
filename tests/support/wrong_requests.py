"""Requests that are wrong, each in its own way, and hold canaries where the fault is."""

from __future__ import annotations

import itertools
import json
from typing import Any, Final

from support.canaries import Canaries
from support.processes import GUEST, SENDER, submission
from support.tapping import request

JSON: Final = {"Content_Type": "application/json"}
TAKEN_KEY: Final = "canary-test-key"
_keys = itertools.count()


def right_body(canaries: Canaries) -> dict[str, Any]:
    """A submission with the canaries that is accepted as it stands."""
    return submission(canaries.url, "FR", sender_case=canaries.case)


def submitting(body: bytes, *, path: str = "/v1/referrals", key: str | None = None, **headers: str) -> bytes:
    """A request with an Idempotency-Key, a fresh one unless it is given."""
    said = {**JSON, "Idempotency_Key": key or f"canary-{next(_keys):08}", **headers}
    return request(f"POST {path}", body, **said)


def wrong_bodies(canaries: Canaries) -> dict[str, bytes]:
    """Submissions that are not valid."""
    mark, url, right = canaries.mark, canaries.url, right_body(canaries)
    values: dict[str, Any] = {
        "unknown field": {**right, url: url},
        "credentials in the url": submission(f"http://{mark}:{mark}@192.0.2.77/{mark}", "FR"),
        "another scheme": submission(f"javascript:{mark}", "FR"),
        "host that is none": submission(f"http://{mark}..192.0.2.77.\u2028/", "FR"),
        "long url": submission(url + mark * 200, "FR"),
        "case with a space": {**right, "sender_case": f"{canaries.case} {mark}"},
        "country": submission(url, mark),
        "recipient": {**right, "to": mark},
        "tier": {**right, "assessment": {**right["assessment"], "tier": mark}},
        "legal class": {**right, "assessment": {**right["assessment"], "legal_class": [mark]}},
        "time": {**right, "times": {"reported_at": url}},
        "url where an object belongs": {**right, "resource": url},
        "a list": [url, mark],
    }
    bodies = {name: json.dumps(value).encode() for name, value in values.items()}
    return bodies | {
        "cut short": json.dumps(right).encode()[:-1],
        "twice": f'{{"{mark}": 1, "{mark}": "{url}"}}'.encode(),
        "not json": url.encode(),
        "not utf-8": url.encode() + b"\xff",
        "too large": json.dumps({**right, "x": url * 400}).encode(),
    }


def wrong_requests(canaries: Canaries, referral: str) -> dict[str, bytes]:
    """Requests to the member API; `referral` is one that is there, and `TAKEN_KEY` was used before."""
    mark, url, bodies = canaries.mark, canaries.url, wrong_bodies(canaries)
    right = json.dumps(right_body(canaries)).encode()
    other = json.dumps({**right_body(canaries), "to": GUEST}).encode()
    about = f"/v1/referrals/{referral}"
    outcome = json.dumps({"status": mark, "own_case": url, "occurred_at": url}).encode()
    lines = right + b"\n" + bodies["country"]
    return {name: submitting(body) for name, body in bodies.items()} | {
        "no key": request("POST /v1/referrals", right, **JSON),
        "odd key": submitting(right, key=f"{mark} {url}"),
        "key taken": submitting(other, key=TAKEN_KEY),
        "type": submitting(right, Content_Type=f"text/{mark}"),
        "encoding": submitting(right, Content_Encoding=mark),
        "lines": submitting(lines, Content_Type="application/x-ndjson"),
        "path": request(f"GET /v1/{mark}"),
        "path of a referral": request(f"GET /v1/referrals/{mark}"),
        "encoded path": request("GET /v1/referrals/" + "".join(f"%{ord(char):02X}" for char in mark)),
        "query": request(f"GET /v1/referrals?peer={mark}"),
        "unknown parameter": request(f"GET /v1/referrals?{mark}=1"),
        "cursor": request(f"GET /v1/referrals?after={mark}"),
        "sender": request(f"GET {about}?sender={mark}"),
        "whole url as target": request(f"GET {url}"),
        "method": request(f"{mark.upper()[:12]} /v1/status"),
        "header line": f"GET /v1/status HTTP/1.1\r\n{mark}\r\n\r\n".encode(),
        "outcome": submitting(outcome, path=f"{about}/outcomes"),
        "withdrawal": submitting(json.dumps({"reason": mark}).encode(), path=f"{about}/withdrawal"),
        "route": request("POST /v1/route", json.dumps({"url": f"x:{url}", mark: 1}).encode(), **JSON),
        "token": request("POST /v1/tokens", json.dumps({"name": url, "scopes": [mark]}).encode(), **JSON),
    }


def wrong_deposits(canaries: Canaries) -> dict[str, bytes]:
    """Requests to a mailbox API, by somebody who is no member."""
    mark, url = canaries.mark, canaries.url
    place = f"PUT /v1/mailboxes/{GUEST}/envelopes"
    signed = {
        "Content_Type": "application/jose",
        "Signature_Input": f'hx=("@method");keyid="{mark}"',
        "Signature": f"hx=:{mark}:",
    }
    return {
        "unsigned": request(f"{place}/{mark}", url.encode(), Content_Type="application/jose"),
        "signed oddly": request(f"{place}/{mark}", url.encode(), **signed),
        "type": request(f"{place}/{mark}", url.encode(), Content_Type=f"text/{mark}"),
        "mailbox": request(f"GET /v1/mailboxes/{mark}/envelopes"),
        "card": request(f"GET /v1/members/{mark}/card"),
        "cursor": request(f"GET /v1/mailboxes/{SENDER}/envelopes?after={mark}"),
        "target": request(f"GET {url}"),
        "header line": f"GET / HTTP/1.1\r\n{mark}\r\n\r\n".encode(),
        "no http": f"{url}\r\n\r\n".encode(),
    }
