"""Token weights of a subset need the threshold that says which tokens are informative."""

import logging

import pytest

from tests.corpora import NAME, Corpus
from tshirt_assets.export.weights import subset_weights
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.errors import UpstreamError


def scores_of(corpus: Corpus) -> CorpusScores:
    return CorpusScores(corpus.store, corpus.config, corpus.shards, logging.getLogger(__name__))


def test_without_contenders_it_says_what_is_missing(finished: Corpus) -> None:
    selected = finished.frame("selected_subset", "ifd")
    missing = f"export_token_weights needs .* contenders of '{NAME}' are missing"
    with pytest.raises(UpstreamError, match=missing):
        subset_weights(scores_of(finished), selected, None)


def test_every_selected_row_has_one_weight_per_response_token(finished: Corpus) -> None:
    scores, selected = scores_of(finished), finished.frame("selected_subset", "ifd")
    weights = subset_weights(scores, selected, scores.tau)
    lengths = dict(selected.select("sample_id", "n_response_tokens").iter_rows())
    assert {key: len(found) for key, found in weights.items()} == lengths
    assert set().union(*weights.values()) <= {0.0, 1.0}


def test_a_run_without_contenders_stores_nothing(materialized: Corpus) -> None:
    materialized.store.drop(NAME, "contenders")
    materialized.store.drop(NAME, "selected_subset", "ifd")
    materialized.configure(export_token_weights=True)
    result = materialized.materialize("selected_subset", partitions=["ifd"], succeeds=False)
    [event] = result.get_step_failure_events()
    assert "export_token_weights needs the threshold tau" in str(event.step_failure_data.error)
    assert materialized.store.info(NAME, "selected_subset", "ifd") is None
