"""The files that travel with the program are found in a wheel and in a checkout, or the program stops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import resources
from exchange.errors import Broken

CACHES = (resources.schema_documents, resources.code_tables, resources.vocabularies)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package in another place, whose files are read afresh."""
    package = tmp_path / "site-packages" / "exchange"
    package.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", package)
    for cached in CACHES:
        cached.cache_clear()
    yield package
    for cached in CACHES:
        cached.cache_clear()


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_checkout_has_schemas_codes_and_vocabularies() -> None:
    assert {"common-1", "referral-1", "outcome-1"} <= resources.schema_documents().keys()
    assert resources.code_tables().keys() == {"iccam", "xarf"}
    assert resources.vocabularies().keys() == {"xarf"}


def test_a_wheel_carries_its_own_files_and_they_go_first(installed: Path) -> None:
    put(installed.parent / "schemas" / "a-1.json", '{"from": "checkout"}')
    assert resources.schema_documents() == {"a-1": {"from": "checkout"}}
    resources.schema_documents.cache_clear()
    put(installed / "_data" / "schemas" / "a-1.json", '{"from": "wheel"}')
    assert resources.schema_documents() == {"a-1": {"from": "wheel"}}


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\udcff"])
def test_a_damaged_file_stops_the_program(installed: Path, text: str) -> None:
    path = put(installed / "_data" / "schemas" / "codes" / "x.json", "")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Broken, match=r"x\.json"):
        resources.code_tables()


def test_a_file_that_is_not_there_stops_the_program(installed: Path) -> None:
    with pytest.raises(Broken) as caught:
        resources.vocabularies()
    assert caught.value.hint == "install the package again"


def test_there_are_three_kinds() -> None:
    with pytest.raises(ValueError, match="schemas, peers"):
        resources.data_path("keys", "secret.pem")
