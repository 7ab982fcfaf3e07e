"""Fixtures of these tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import Corpus, make_rows

Small = Callable[..., Corpus]


@pytest.fixture
def small(tmp_path: Path, tiny_models: Path) -> Small:
    """Makes a corpus of one file of `count` rows, half of which hold a number and a name."""

    def make(count: int, **options: Any) -> Corpus:
        corpus = Corpus(tmp_path / "corpus", tiny_models, options)
        rows = make_rows(0, count)
        for position in range(0, count, 2):
            rows[position]["output"] += f" and the river Ren{'aeiou'[position % 5]} is 12{position}"
        corpus.write("a.jsonl", rows)
        return corpus

    return make
