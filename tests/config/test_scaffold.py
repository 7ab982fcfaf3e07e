"""The commented YAML: what is chosen is set, all else can be switched on and changes nothing."""

import re

import pytest
import yaml

from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.scaffold import commented_options, corpus_name
from tshirt_assets.config.walker import options_of

CHOSEN = {"name": "mine", "paths": ["raw/*.jsonl"], "scorer": "some/model"}
TEXT = commented_options(CHOSEN)


def test_only_what_is_chosen_is_set() -> None:
    assert yaml.safe_load(TEXT) == CHOSEN


def test_every_option_is_explained_right_above_it() -> None:
    blocks = TEXT.split("\n\n")
    for block, option in zip(blocks, options_of(CorpusConfig), strict=True):
        explained = [line[3:] for line in block.splitlines() if line.startswith("## ")]
        assert " ".join(explained) == option.description
        written = block.splitlines()[len(explained)]
        assert re.fullmatch(rf"(# )?{option.name}:.*", written)
        assert written.startswith("# ") == (option.name not in CHOSEN)


def test_uncommented_defaults_are_the_defaults() -> None:
    uncommented = yaml.safe_load(re.sub(r"^# ", "", TEXT, flags=re.MULTILINE))
    assert set(uncommented) == set(CorpusConfig.model_fields)
    assert CorpusConfig.model_validate(uncommented) == CorpusConfig.model_validate(CHOSEN)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mydata", "mydata"),
        ("Our Corpus-2", "our_corpus_2"),
        ("2024", "corpus_2024"),
        ("---", "corpus"),
        ("é!", "corpus"),
    ],
)
def test_any_text_becomes_a_name_that_is_allowed(text: str, name: str) -> None:
    assert corpus_name(text) == name
    CorpusConfig.model_validate({"name": name, "paths": ["x"]})
