"""An address is a path that knows how it is reached, and shows nothing of it."""

import os
import pickle

import pytest

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.addresses import (
    Address,
    Seen,
    absolute,
    as_address,
    is_remote,
    with_access,
    without_query,
)
from tshirt_assets.corpus.errors import CorpusError


def test_it_is_its_url_and_keeps_its_options() -> None:
    address = Address("s3://b/a.jsonl", {"key": "secret"}, Seen("1-x", 1))
    assert address == "s3://b/a.jsonl"
    assert "secret" not in f"{address} {address!r}"
    copy = pickle.loads(pickle.dumps(address))
    assert (copy, copy.options, copy.seen) == (address, {"key": "secret"}, Seen("1-x", 1))
    assert as_address(address) is address
    assert as_address("s3://b/x").options == {}
    with pytest.raises(CorpusError, match="ftp://x: ftp:// cannot be read"):
        _ = Address("ftp://x").kind


def test_paths_of_this_machine_stay_what_they_are() -> None:
    config = CorpusConfig(name="c", paths=("a.jsonl",), source_options={"key": "k"})
    assert with_access("a.jsonl", config) == "a.jsonl"
    assert not isinstance(with_access("a.jsonl", config), Address)
    assert not is_remote("a.jsonl")
    assert absolute("a.jsonl") == os.path.abspath("a.jsonl")
    assert absolute("s3://b/a.jsonl") == "s3://b/a.jsonl"


def test_only_web_addresses_have_queries() -> None:
    assert without_query("https://h/a.jsonl?x=1") == "https://h/a.jsonl"
    assert without_query("s3://b/a?.jsonl") == "s3://b/a?.jsonl"
    assert without_query("/data/a?.jsonl") == "/data/a?.jsonl"
