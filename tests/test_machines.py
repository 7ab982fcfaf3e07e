"""docs/machines.md: its settings are valid, and its workers do together what one run does."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from dagster import DagsterInstance

from tests.corpora import NAME, Corpus
from tshirt_assets.config import parse_config

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "machines.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
CORPUS, DAGSTER = (text for language, text in BLOCKS if language == "yaml")
[SCRIPT] = (text for language, text in BLOCKS if not language)


def test_the_corpus_of_the_page_is_valid(tmp_path: Path) -> None:
    config = parse_config(yaml.safe_load(CORPUS), base=tmp_path, source="page")
    assert config.store.startswith("s3://")


def test_the_dagster_settings_of_the_page_are_valid(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(DAGSTER)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_settings("concurrency")["pools"]["granularity"] == "run"
        assert instance.run_monitoring_enabled


@pytest.mark.slow
def test_two_workers_do_what_one_run_does(corpus: Corpus, finished: Corpus) -> None:
    """The page's commands, as written, by a shell, on the small corpus with its three shards."""
    corpus.register()
    a, b, c = (corpus.shard(name) for name in "abc")
    script = SCRIPT.replace("mydata", NAME).replace("corpus.yaml", shlex.quote(str(corpus.file)))
    subprocess.run(
        ["bash", "-euc", script],
        env=os.environ
        | {"FIRST": a, "MIDDLE": b, "NEXT": c, "LAST": c}
        | {"DAGSTER_HOME": str(corpus.home), "OMP_NUM_THREADS": "1"}
        | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        timeout=500,
    )
    for asset in ("samples", "embeddings", "token_scores"):
        assert set(corpus.instance.get_materialized_partitions(corpus.key(asset))) == {a, b, c}
    ours, whole = corpus.frame("token_scores"), finished.frame("token_scores")
    assert ours["sample_id"].equals(whole["sample_id"])
    assert ours["identity"].equals(whole["identity"])
    np.testing.assert_allclose(ours["ifd"], whole["ifd"], rtol=1e-4)
