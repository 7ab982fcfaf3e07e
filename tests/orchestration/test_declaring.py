"""How assets are declared to Dagster: what of a backfill is one run."""

import dagster as dg
import pytest

from tests.corpora import SHARD_WISE, Corpus

ONE = dg.BackfillPolicy.single_run()


@pytest.mark.parametrize(("number", "policy"), [(None, ONE), (3, dg.BackfillPolicy.multi_run(3))])
def test_a_backfill_of_shards_is_divided_as_the_corpus_says(
    corpus: Corpus, number: int | None, policy: dg.BackfillPolicy
) -> None:
    corpus.configure(shards_per_run=number)
    graph = corpus.defs.get_repository_def().asset_graph
    assert {graph.get(corpus.key(asset)).backfill_policy for asset in SHARD_WISE} == {policy}
    assert graph.get(corpus.key("selected_subset")).backfill_policy == ONE
