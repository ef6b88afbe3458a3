"""The message: lines that can be taken apart again, and as many of them as fit one envelope."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.keys import NOW, member_keys
from support.messages import document, honest, new_id

from exchange.core import envelope, manifest, message
from exchange.core.limits import DOCUMENT_BYTES, ENVELOPE_BYTES, MESSAGE_DOCUMENTS
from exchange.core.manifest import Entry, JournalMark, Manifest, RegistryMark
from exchange.core.names import AnyUuid, Digest, MemberId
from exchange.errors import Broken

KEYS = member_keys("de-a").signing
LONGEST = MemberId("de-" + "a" * 40)


def test_a_message_is_taken_apart_as_it_was_built() -> None:
    documents = [document(n) for n in range(3)]
    built = message.build(honest(documents), KEYS, documents)
    for padding in (b"", b"\n", b"\n" * 1000):
        assert message.split(built.text + padding) == (built.jws, tuple(documents))


@pytest.mark.parametrize(
    "given_documents",
    [[], [document(1)], [document(2), document(1)], [document(1), document(2), document(3)]],
    ids=["none", "one missing", "reordered", "one more"],
)
def test_documents_that_the_manifest_does_not_name_are_never_signed(given_documents: list[bytes]) -> None:
    with pytest.raises(Broken):
        message.build(honest([document(1), document(2)]), KEYS, given_documents)


@pytest.mark.parametrize("bad", [b"", b'{"a":\n1}', b"{}\n"])
def test_a_document_that_would_break_the_lines_is_never_signed(bad: bytes) -> None:
    with pytest.raises(Broken):
        message.build(honest([bad]), KEYS, [bad])


@pytest.mark.parametrize("text", [b"", b"\n", b"\n\n\n"])
def test_a_message_of_nothing_has_no_documents(text: bytes) -> None:
    assert message.split(text) == (b"", ())


def test_line_breaks_without_end_cost_no_more_than_the_limit() -> None:
    _, lines = message.split(b"\n" * 1000 + b"x")
    assert len(lines) == MESSAGE_DOCUMENTS + 1


def largest(sizes: list[int]) -> tuple[Manifest, list[bytes]]:
    """A manifest in which everything is as long as can be, and documents of these sizes."""
    documents = [b"x" * size for size in sizes]
    digest = Digest("f" * 64)
    content = Manifest(
        jti=new_id("m"),
        iss=LONGEST,
        aud=LONGEST,
        aud_kid="k" * 43,
        iat=NOW,
        exp=NOW + 1,
        documents=tuple(
            Entry("t" * 20 + "/999", new_id(str(n)), Digest.of(data)) for n, data in enumerate(documents)
        ),
        registry=RegistryMark(2**53 - 1, digest),
        journal=JournalMark(AnyUuid(new_id("log")), 2**53 - 1, digest),
    )
    return content, documents


@pytest.mark.parametrize("count", [1, 2, 50, MESSAGE_DOCUMENTS])
def test_the_bound_of_a_jws_holds_for_the_longest_manifest(count: int) -> None:
    content, documents = largest([1 + n for n in range(count)])
    assert len(manifest.to_payload(content)) <= message.CLAIMS_BYTES + count * message.ENTRY_BYTES
    assert len(message.build(content, KEYS, documents).jws) <= message.jws_bound(count)


@pytest.mark.parametrize(
    ("sizes", "fit"),
    [
        ([], 0),
        ([DOCUMENT_BYTES], 1),
        ([1200] * 100, 100),
        ([1200] * 1000, MESSAGE_DOCUMENTS),
        ([DOCUMENT_BYTES] * 100, 46),
        ([7000] * 100, 100),
        ([7500] * 100, 99),
        ([2 * ENVELOPE_BYTES], 0),
    ],
)
def test_how_many_documents_fit(sizes: list[int], fit: int) -> None:
    assert message.fitting(sizes) == fit


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, DOCUMENT_BYTES), min_size=1, max_size=130))
def test_what_fits_can_be_sealed(sizes: list[int]) -> None:
    count = message.fitting(sizes)
    content, documents = largest(sizes[:count])
    built = message.build(content, KEYS, documents)
    assert envelope.sealed_size(len(built.text)) <= ENVELOPE_BYTES
