"""The sample corpus of the demo: every row reads as its own list of planted rows says."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.corpus.status import Status

DATA = Path(__file__).resolve().parents[2] / "data"
ROWS = {
    "general.jsonl": 83,
    "code_math.jsonl": 72,
    "extract_classify.jsonl": 50,
    "chat.jsonl": 46,
    "multilingual.jsonl": 46,
}


@pytest.fixture(scope="module")
def samples() -> dict[str, list[Sample]]:
    config = CorpusConfig(name="sample", paths=(str(DATA / "*.jsonl"),))
    shards = discover_shards(config)
    return {Path(shard.path).name: list(read_shard(shard, config)) for shard in shards}


@pytest.fixture(scope="module")
def planted() -> dict[str, dict[str, dict[str, str]]]:
    return json.loads((DATA / "planted.json").read_text(encoding="utf-8"))


def test_every_line_is_a_row(samples: dict[str, list[Sample]]) -> None:
    assert {name: len(rows) for name, rows in samples.items()} == ROWS


def test_exactly_the_planted_broken_rows_are_not_ok(
    samples: dict[str, list[Sample]], planted: dict[str, dict[str, dict[str, str]]]
) -> None:
    found = {
        name: {str(row.row): str(row.status) for row in rows if row.status != Status.OK}
        for name, rows in samples.items()
    }
    assert found == planted["broken"]


def test_exactly_the_planted_duplicates_share_an_id(
    samples: dict[str, list[Sample]], planted: dict[str, dict[str, dict[str, str]]]
) -> None:
    usable = [row for rows in samples.values() for row in rows if row.status == Status.OK]
    times = Counter(row.sample_id for row in usable)
    copies = [
        samples[name][int(row)]
        for name, kinds in planted["weak"].items()
        for row, kind in kinds.items()
        if kind == "exact_duplicate"
    ]
    assert len(copies) == 5
    assert {copy.sample_id for copy in copies} == {key for key, n in times.items() if n > 1}
    assert sum(n - 1 for n in times.values()) == len(copies)
