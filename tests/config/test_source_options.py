"""Which options reach which kind of source."""

import pytest

from tshirt_assets.config.source_options import access_options, source_kind


def test_the_kind_of_a_source() -> None:
    assert source_kind("/data/a.jsonl") is None
    assert source_kind("gcs://bucket/a.jsonl") == "gs"
    assert source_kind("http://host/a.jsonl") == "https"
    with pytest.raises(ValueError, match="ftp:// cannot be read"):
        source_kind("ftp://host/a.jsonl")


def test_options_are_those_of_the_kind() -> None:
    given = {"key": "k", "secret": "s", "token": "t", "hf.token": "h"}
    assert access_options("s3", given, "store", {}) == {"key": "k", "secret": "s", "token": "t"}
    assert access_options("hf", given, "store", {}) == {"token": "h"}
    assert access_options("az", given, "store", {}) == {}


def test_a_store_lends_its_options_to_sources_of_its_kind() -> None:
    s3 = {"AWS_ACCESS_KEY_ID": "k", "region": "r", "aws_endpoint": "e", "allow_http": "true"}
    lent = {"key": "k", "region": "r", "endpoint_url": "e"}
    assert access_options("s3", {}, "s3://bucket/store", s3) == lent
    assert access_options("s3", {"hf.token": "h"}, "s3://bucket/store", s3) == lent
    assert access_options("s3", {"anon": "true"}, "s3://bucket/store", s3) == {"anon": "true"}
    assert access_options("gs", {}, "s3://bucket/store", s3) == {}
    assert access_options("s3", {}, ".tshirt/store", s3) == {}
    azure = {"azure_storage_account_name": "a", "azure_storage_account_key": "k"}
    assert access_options("az", {}, "az://c/store", azure) == {
        "account_name": "a",
        "account_key": "k",
    }
