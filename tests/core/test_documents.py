"""Documents: made once, read by everybody in the same way, refused with everything that is wrong at once."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.documents import (
    ABSENT,
    NOW,
    document,
    document_id,
    hosting_claim,
    outcome_body,
    outcome_request,
    receipt_body,
    referral_body,
    resync_body,
    rules,
    schemas,
    submission_body,
    trial_body,
    withdrawal_body,
)

from exchange.core import strict_json
from exchange.core.documents import (
    DocumentType,
    make,
    outcome_request_problems,
    read,
    submission_problems,
    withdrawal_request_problems,
)
from exchange.core.limits import DOCUMENT_BYTES
from exchange.errors import Invalid, Problem

BODIES = {
    DocumentType.REFERRAL: referral_body(),
    DocumentType.OUTCOME: outcome_body("moved"),
    DocumentType.WITHDRAWAL: withdrawal_body(),
    DocumentType.RECEIPT: receipt_body(),
    DocumentType.RESYNC: resync_body(),
    DocumentType.TEST: trial_body(),
}


def refused(data: bytes) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read(schemas(), rules(), data)
    return caught.value


@pytest.mark.parametrize("kind", [*DocumentType])
def test_what_is_made_is_read_with_the_same_id_and_digest(kind: DocumentType) -> None:
    body = BODIES[kind]
    made = document(body)
    assert made == read(schemas(), rules(), made.data)
    assert made.type is kind
    assert (made.id, made.sender, made.recipient) == (body["id"], body["sender"], body["recipient"])
    assert made.digest == hashlib.sha256(made.data).hexdigest()
    assert made.body == body
    assert b"\n" not in made.data


def test_bytes_of_another_writer_are_kept_as_they_came() -> None:
    data = strict_json.dump(dict(reversed(referral_body().items()))).replace(b'":', b'" : ')
    assert read(schemas(), rules(), data).data == data


@pytest.mark.parametrize("line_break", [b"\n", b"\r"])
def test_a_document_is_one_line(line_break: bytes) -> None:
    assert (
        refused(strict_json.dump(referral_body()).replace(b",", b"," + line_break, 1)).code
        == "document-lines"
    )


@pytest.mark.parametrize("kind", ["referral/2", "notice/1", "", None, 1, ["referral/1"]])
def test_an_unknown_type_is_refused(kind: Any) -> None:
    assert refused(strict_json.dump(referral_body(type=kind))).code == "document-type"


def test_a_document_without_type_or_not_an_object_is_refused() -> None:
    assert refused(b"{}").code == "document-type"
    assert refused(b"[]").code == "json-object"


def test_a_document_has_a_largest_size_and_the_fullest_referral_fits() -> None:
    long_url = "http://192.0.2.17/" + "a" * 4078
    claim = hosting_claim(provider="p" * 120, source="s" * 40)
    fullest = referral_body(
        resource={"url": long_url, "referrer_url": long_url},
        hosting=[claim] * 16,
        routing={
            "basis": "reassigned",
            "previous_holders": [f"fr-{'m' * 38}{number}" for number in range(8)],
        },
        external_refs=[{"system": "cybertip", "ref": "r" * 64}] * 4,
    )
    assert len(document(fullest).data) < DOCUMENT_BYTES
    assert refused(b" " * (DOCUMENT_BYTES + 1)).code == "json-size"


def test_form_and_rules_are_told_together() -> None:
    body = referral_body(
        handling={"tlp": "GREEN"}, resource={"url": "javascript:alert(1)"}, recipient="de-example"
    )
    body["hosting"][0]["ip"] = "10.0.0.1"
    error = refused(strict_json.dump(body))
    assert error.code == "document-invalid"
    assert [(problem.pointer, problem.code) for problem in error.problems] == [
        ("/handling/tlp", "unknown-code"),
        ("/recipient", "self-addressed"),
        ("/resource/url", "url-scheme"),
        ("/hosting/0/ip", "ip-not-public"),
    ]
    assert error.message == "document: 4 problems with this referral/1"


def test_a_field_of_wrong_form_is_told_once() -> None:
    body = referral_body(times={"reported_at": "yesterday"})
    (problem,) = refused(strict_json.dump(body)).problems
    assert (problem.pointer, problem.code) == ("/times/reported_at", "form")


def test_make_refuses_what_read_would() -> None:
    with pytest.raises(Invalid):
        make(schemas(), rules(), referral_body(memo="x"))


def codes(problems: tuple[Problem, ...]) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.code) for problem in problems]


def test_submission() -> None:
    assert submission_problems(schemas(), rules(), submission_body(hosting=ABSENT)) == ()
    assert codes(submission_problems(schemas(), rules(), [])) == [("", "type")]
    body = submission_body(resource={"url": "file:///x"}, memo="x", hosting=ABSENT)
    assert codes(submission_problems(schemas(), rules(), body)) == [
        ("/memo", "unknown-field"),
        ("/resource/url", "url-scheme"),
    ]


def test_the_future_is_refused_where_a_clock_is_at_hand() -> None:
    early = NOW - 3 * 3600
    assert codes(submission_problems(schemas(), rules(), submission_body(), now=early)) == [
        ("/hosting/0/observed_at", "time-order"),
        ("/assessment/assessed_at", "time-order"),
        ("/times/reported_at", "time-order"),
        ("/times/seen_online_at", "time-order"),
    ]
    assert submission_problems(schemas(), rules(), submission_body(), now=NOW) == ()
    asked = outcome_request("removed")
    assert codes(outcome_request_problems(schemas(), rules(), asked, now=early)) == [
        ("/occurred_at", "time-order")
    ]
    assert outcome_request_problems(schemas(), rules(), asked) == ()


def test_withdrawal_request() -> None:
    assert withdrawal_request_problems(schemas(), {"reason": "duplicate"}) == ()
    asked: Any = {"reason": "superseded"}
    assert codes(withdrawal_request_problems(schemas(), asked)) == [("/superseded_by", "missing")]


def test_the_same_in_two_entries_of_a_receipt_is_refused_unless_the_kind_differs() -> None:
    entry = {"kind": "document", "id": document_id(1), "sha256": "5e" * 32, "status": "received"}
    envelope = {**entry, "kind": "envelope", "status": "refused", "code": "cannot-open"}
    assert document(receipt_body(entries=[entry, envelope]))
    error = refused(strict_json.dump(receipt_body(entries=[entry, entry])))
    assert codes(error.problems) == [("/entries/1/id", "duplicate")]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (referral_body(assessment={"legal_class": [7]}), "/assessment/legal_class/0"),
        (referral_body(hosting=["NL"]), "/hosting/0"),
        (referral_body(resource="http://192.0.2.17/"), "/resource"),
        (outcome_body("removed") | {"status": ["removed"]}, "/status"),
        (receipt_body(entries=["all"]), "/entries/0"),
    ],
)
def test_rules_pass_over_what_is_not_of_the_right_type(body: dict[str, Any], pointer: str) -> None:
    problems = refused(strict_json.dump(body)).problems
    assert {problem.pointer for problem in problems} == {pointer}
    assert {problem.code for problem in problems} <= {"type", "unknown-code"}


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 2**53 - 1),
    st.sampled_from(["", "UK", "baseline", "correction", "2026-02-30T00:00:00Z", "10.0.0.1", "http://", ":"]),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=4) | st.just({})


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [path for key, inner in items for path in paths(inner, (*at, key))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """`value` with what is at `path` replaced; unchanged where an earlier change took the path away."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, dict) and first in value:
        return value | {first: replaced(value[first], tuple(rest), new)}
    if isinstance(value, list) and isinstance(first, int) and first < len(value):
        return [*value[:first], replaced(value[first], tuple(rest), new), *value[first + 1 :]]
    return value


@given(st.sampled_from(sorted(BODIES)), st.data())
def test_any_mixture_of_right_and_wrong_values_is_read_or_refused_in_our_words(kind: str, data: Any) -> None:
    body: Any = BODIES[DocumentType(kind)]
    for path in data.draw(st.lists(st.sampled_from(paths(body)), min_size=1, max_size=4)):
        body = replaced(body, path, data.draw(VALUES))
    written = strict_json.dump(body)
    try:
        read(schemas(), rules(), written)
    except Invalid as error:
        told = error
    else:
        return
    assert told.code == "document-type" or (told.code == "document-invalid" and told.problems)


def test_a_strangers_document_is_refused_by_its_code_alone() -> None:
    """To explain a crafted one takes tens of milliseconds; a hundred of them would hold up everybody."""
    data = strict_json.dump({**referral_body(), "unknown": 1})
    with pytest.raises(Invalid) as caught:
        read(schemas(), rules(), data, explain=False)
    assert (caught.value.code, caught.value.problems) == ("document-invalid", ())
    good = strict_json.dump(referral_body())
    assert read(schemas(), rules(), good, explain=False) == read(schemas(), rules(), good)
