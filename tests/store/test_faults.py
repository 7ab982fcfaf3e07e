"""What fails while a table is read is damage, unless the cause lies around the store."""

import pytest

from tshirt_assets.store.faults import DamagedTableError, explained


@pytest.mark.parametrize(
    "text",
    [
        "Not found: store/t.lance/data/1.lance",
        "failed to decode Protobuf message: buffer underflow",
        "rust future panicked: unknown error",
        "Schema error: No field named ifd",
        "Encountered corrupt file binary mini-block",
        "something that nobody has seen before",
    ],
)
def test_damage(text: str) -> None:
    found = explained("table t", RuntimeError(text), (), reading=True)
    assert isinstance(found, DamagedTableError)
    assert "materialize its shard again" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Permission denied (os error 13)"),
        RuntimeError("No space left on device"),
        RuntimeError("Generic S3 error: error sending request"),
        RuntimeError("Generic S3 error: 503 Service Unavailable"),
        RuntimeError("Too many open files (os error 24)"),
        RuntimeError("This dataset cannot be read. Please upgrade Lance to read it"),
        MemoryError(),
    ],
    ids=str,
)
def test_what_is_wrong_around_the_store_stays_an_error(error: Exception) -> None:
    found = explained("table t", error, (), reading=True)
    assert not isinstance(found, DamagedTableError)


def test_failures_to_write_are_no_damage() -> None:
    for text in ("rust future panicked", "something that nobody has seen before"):
        assert not isinstance(explained("t", RuntimeError(text), ()), DamagedTableError)
