"""Credentials are refused in addresses and masked in texts, whatever happened to their spaces."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.config import ConfigError, CorpusConfig, Recipe, parse_config
from tshirt_assets.config.credentials import (
    UnsetVariable,
    in_address,
    masked,
    resolved,
    secrets_in,
    variables,
)

WITH = [
    "s3://user:secret@bucket",
    "s3://AKIAEXAMPLE:wJalr/K7MDENG+bPx@bucket/prefix",
    "s3://AKIAEXAMPLE:wJalr/K7MDENG@bucket",
    "https://user:secret@host:9000/x",
    "s3://bucket/x?aws_secret_access_key=abc",
    "az://container/x?sv=2022&sig=abc",
    "gs://bucket?token=",
]
WITHOUT = [
    "store",
    "/data/a:b@c",
    "C:/data",
    "file:///data/a:b@c",
    "s3://bucket/prefix",
    "s3://bucket/a:b@c",
    "abfss://container@account.dfs.core.windows.net/x",
    "http://127.0.0.1:3001",
    "http://[::1]:3001/x",
    "https://host/x?theme=dark",
]


@pytest.mark.parametrize("address", WITH)
def test_an_address_with_credentials_is_known(address: str) -> None:
    assert in_address(address)


@pytest.mark.parametrize("address", WITHOUT)
def test_an_address_without_credentials_is_let_through(address: str) -> None:
    assert not in_address(address)


@pytest.mark.parametrize("key", ["store", "report_url"])
def test_a_configuration_with_such_an_address_is_refused_and_not_repeated(tmp_path, key) -> None:
    values = {"name": "c", "paths": ["rows"], key: "https://user:se-cret@host/x"}
    with pytest.raises(ConfigError, match=rf"corpus\.yaml: {key}: .*storage_options") as error:
        parse_config(values, base=tmp_path, source="corpus.yaml")
    assert "se-cret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_python_errors_do_not_repeat_what_was_given() -> None:
    with pytest.raises(ValueError, match="storage_options") as error:
        CorpusConfig(
            name="c",
            paths=("rows",),
            recipes={"r": Recipe(method="ifd", budget=1)},
            storage_options={"aws_secret_access_key": ["se-cret"]},
        )
    assert "se-cret" not in str(error.value)


words = st.text(string.ascii_letters + string.digits + "/+=$.*\\\"'é", min_size=1, max_size=8)
spaces = st.text(" \t\n\r\u00a0", min_size=1, max_size=4)


@given(words=st.lists(words, min_size=1, max_size=4), data=st.data())
def test_a_secret_is_masked_whatever_its_white_space_became(words, data) -> None:
    drawn = data.draw(st.lists(spaces, min_size=len(words), max_size=len(words)))
    secret = "".join(word + space for word, space in zip(words, drawn, strict=True))
    shown = data.draw(spaces).join(words)
    for text in (shown, secret, secret.strip().replace("\n", "\\n").replace("\t", "\\t")):
        assert "<***>" in re.sub(r"\s", "", masked(f"<{text}>", [secret]))


def test_the_longer_of_two_secrets_goes_first_and_none_masks_everything() -> None:
    assert masked("key abc-def and abc", ["abc", "abc-def", "", "  "]) == "key *** and ***"
    assert masked("at http%3A%2F%2Fhost%3A9", ["http://host:9"]) == "at ***"


@pytest.mark.parametrize(
    "path",
    [
        "s3://AKIAEXAMPLE:se-cret@bucket/x.jsonl",
        "s3://AKIAEXAMPLE:se-/cret@bucket/x.jsonl",
        "https://host/x.jsonl?X-Amz-Credential=AKIAEXAMPLE&X-Amz-Signature=se-cret",
        "https://host/x.jsonl?sig=se-cret",
    ],
)
def test_a_path_with_credentials_is_refused_and_not_shown(path: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"paths: .*put what grants access into source_opt") as e:
        parse_config({"name": "c", "paths": [path]}, base=tmp_path, source="corpus.yaml")
    assert "AKIAEXAMPLE" not in str(e.value)
    assert "cret" not in str(e.value).partition("credentials")[0]


def test_variables_and_what_must_not_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", "first")
    monkeypatch.delenv("TWO", raising=False)
    assert variables("a ${ONE} ${TWO}") == ["ONE", "TWO"]
    assert resolved("a ${ONE}") == "a first"
    with pytest.raises(UnsetVariable, match="TWO"):
        resolved("${ONE}${TWO}")
    assert secrets_in(["${ONE}", "true", "x", " other "]) == ["${ONE}", "other", "first"]
