"""The work of every asset is plain functions: here the whole graph is computed without Dagster."""

import logging
from pathlib import Path

import pytest

from tests.corpora import NAME, Corpus, fill
from tshirt_assets.assets import (
    calibration,
    contenders,
    embeddings,
    miwv_scores,
    neighbours,
    search,
    token_scores,
)
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.readers import read_stable
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental import columns
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.dataset import Dataset, open_dataset
from tshirt_assets.incremental.demo_shelf import DemoShelf
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.estimates import Estimates
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.identity import identity_hash, loss_identity
from tshirt_assets.incremental.score_table import ScoreTable
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.models.causal_lm import load_causal_lm
from tshirt_assets.models.embedder import load_embedder
from tshirt_assets.store.frames import to_frame, to_schema
from tshirt_assets.store.store import Store

LOG = logging.getLogger(__name__)
RECIPES = {"t": {"method": "tshirt", "budget": 3}, "m": {"method": "miwv", "budget": 3}}


class Graph:
    """The corpus's assets, computed one after the other into a store of its own."""

    def __init__(self, config: CorpusConfig):
        self.config, self.store = config, Store(config.store)
        self.scorer = load_causal_lm(config.scorer)
        self.shards = [spec.key for spec in discover_shards(config)]

    def dataset(self, asset: str) -> Dataset:
        return open_dataset(self.store, self.config, self.shards, asset, LOG)

    def score_table(self, asset: str, identity: str, schema) -> ScoreTable:
        return ScoreTable(self.store, NAME, asset, identity, schema, LOG)

    def samples(self) -> None:
        for spec in discover_shards(self.config):
            table, _ = read_stable(spec, self.config)
            write_table(self.store, NAME, "samples", spec.key, table)

    def token_scores(self) -> None:
        identity = loss_identity("token_scores", self.config, self.scorer)
        table = self.score_table("token_scores", identity, columns.TOKEN_SCORES)
        for shard in self.shards:
            token_scores.score_shard(table, self.scorer, self.config.prompt_format, shard)

    def embeddings(self) -> None:
        embedder = load_embedder(self.config.embedder)
        identity = identity_hash("embeddings", **embedder.identity)
        schema = columns.embeddings_schema(embedder.width)
        table = self.score_table("embeddings", identity, schema)
        for shard in self.shards:
            embeddings.embed_shard(table, embedder, shard)

    def contenders(self) -> float:
        scored = self.dataset("token_scores")
        tau = contenders.find_tau(scored, self.config.keep_fraction)
        table = contenders.contender_table(
            contenders.clean_s_ifd(scored, tau), None, self.config, tau
        )
        facts = TableFacts(tau=tau, keep_fraction=self.config.keep_fraction)
        write_table(self.store, NAME, "contenders", None, table, facts=facts)
        return tau

    def robust_scores(self, tau: float) -> None:
        draws = calibration.pilot_draws(self.store, self.config, self.scorer, LOG)
        found, table, _ = calibration.calibrated(self.store, self.config, self.scorer, draws, tau)
        facts = TableFacts(tau=tau, calibration=found.facts())
        write_table(self.store, NAME, "calibration", None, table, facts=facts)
        keep = self.config.keep_fraction
        estimates = Estimates(self.store, self.config, self.scorer, tau, keep, found, LOG)
        for shard in self.shards:
            measured = estimates.measure(shard).table
            identity = estimates.identity
            facts = TableFacts(tau=tau)
            write_table(
                self.store, NAME, "robust_scores", shard, measured, identity=identity, facts=facts
            )

    def miwv_scores(self) -> None:
        embedded = self.dataset("embeddings")
        found = neighbours.find_neighbours(embedded, self.config, "any", LOG)
        frame = neighbours.with_shards(found.frame, embedded)
        write_table(self.store, NAME, "neighbours", None, to_schema(frame, columns.NEIGHBOURS))
        identity = loss_identity("miwv_scores", self.config, self.scorer)
        table = self.score_table("miwv_scores", identity, columns.MIWV_SCORES)
        shelf = DemoShelf(table.store, NAME, frame, list(self.shards), identity)
        for shard in self.shards:
            miwv_scores.score_shard(table, self.config, self.scorer, frame, shelf, shard)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Graph:
    """Everything up to the scores."""
    corpus = Corpus(tmp_path_factory.mktemp("plain") / "corpus", tiny_models)
    fill(corpus)
    corpus.configure(robustness={"estimator": "analytic"}, recipes=RECIPES)
    graph = Graph(corpus.config)
    graph.samples()
    graph.token_scores()
    graph.embeddings()
    graph.robust_scores(graph.contenders())
    graph.miwv_scores()
    return graph


@pytest.mark.parametrize("asset", ["samples", "token_scores", "embeddings", "miwv_scores"])
def test_the_rows_are_those_of_a_run(graph: Graph, finished: Corpus, asset: str) -> None:
    ours, theirs = (
        {info.shard: info.data_version for info in store.stored(NAME, asset)}
        for store in (graph.store, finished.store)
    )
    assert ours == theirs


def test_a_recipe_selects_from_them(graph: Graph) -> None:
    scores = CorpusScores(graph.store, graph.config, graph.shards, LOG)
    for recipe in RECIPES:
        assert scores.selection(recipe).frame.height == 3
    assert scores.tau == scores.tau_of(graph.config.recipes["t"])


def test_search_is_published_once(graph: Graph) -> None:
    embedded, samples = graph.dataset("embeddings"), graph.dataset("samples")
    model, width = search.embedded_with(embedded)
    facts = TableFacts(embedder={"path": "x"}, fingerprint=model)
    first, published = search.publish(embedded, samples, width, facts, LOG)
    assert (published, first.rows) == (True, to_frame(graph.store.read(NAME, "search")).height)
    assert search.publish(embedded, samples, width, facts, LOG) == (first, False)
    other = facts.model_copy(update={"fingerprint": "another"})
    assert search.publish(embedded, samples, width, other, LOG)[1]


def test_what_is_missing_is_a_plain_error(tmp_path: Path, graph: Graph) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(UpstreamError, match=f"no shard of '{NAME}' has samples"):
        open_dataset(store, graph.config, graph.shards, "samples", LOG)
    with pytest.raises(UpstreamError, match="no shard of 'tiny' has robust_scores"):
        open_dataset(store, graph.config, graph.shards, "neighbour_deltas", LOG)
