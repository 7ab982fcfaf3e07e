"""`shards_per_run`: "Materialize all" in the UI becomes several runs, each with its own models."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.corpora import ASSETS, NAME, SHARD_WISE, Corpus, make_rows
from tests.graphql import Backend
from tests.runs.troubled import troubled
from tests.store.store_workers import said
from tests.webserver import dagster_dev

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SETTINGS = """
concurrency: {pools: {default_limit: 2, granularity: run}}
telemetry: {enabled: false}
"""


def test_one_backfill_of_everything_is_divided_into_runs(
    tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(tmp_path / "corpus", tiny_models, {"shards_per_run": 2})
    for number, name in enumerate("abcde"):
        corpus.write(f"{name}.jsonl", make_rows(number, 6))
    corpus.register()
    (corpus.home / "dagster.yaml").write_text(SETTINGS)
    for variable, value in troubled(tmp_path / "log").items():
        monkeypatch.setenv(variable, value)
    with dagster_dev(corpus.file, corpus.home) as url:
        backend = Backend(url)
        paths = [[NAME, asset] for asset in ASSETS]
        done = backend.wait_for_backfill(backend.backfill(paths, allPartitions=True))
    assert done["status"] == "COMPLETED_SUCCESS", done
    assert {run["status"] for run in done["runs"]} == {"SUCCESS"}
    assert corpus.stale() == {}

    for asset in SHARD_WISE:
        runs = defaultdict(list)
        for shard in corpus.shards:
            runs[corpus.records(asset, shard)[0].run_id].append(shard)
        assert sorted(map(len, runs.values())) == [1, 2, 2]
    for made_together in (("samples", "embeddings", "token_scores"), ("contenders", "neighbours")):
        partition = corpus.shards[0] if made_together[0] == "samples" else None
        assert len({corpus.records(asset, partition)[0].run_id for asset in made_together}) == 1
    loads = Counter(said(tmp_path / "log" / "loads"))  # a process is a run
    assert set(loads.values()) == {1}
