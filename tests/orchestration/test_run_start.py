"""A run from the UI looks first, and once, at what would make it fail later."""

import dagster as dg
import pytest

from tests.corpora import Corpus
from tests.incremental.test_dataset import failure
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.orchestration import run_start
from tshirt_assets.preflight.finding import Finding


def test_a_missing_model_fails_the_first_asset_of_the_run(corpus: Corpus) -> None:
    corpus.configure(embedder="/no/such/model")
    corpus.register()
    result = corpus.materialize("samples", "token_scores", "embeddings", succeeds=False)
    assert "embedder: model '/no/such/model': no such file or folder" in failure(result)
    assert corpus.store.stored("tiny") == []


def test_what_the_run_does_not_need_is_not_looked_for(corpus: Corpus) -> None:
    corpus.configure(embedder="/no/such/model", target="/no/such/model")
    corpus.register()
    corpus.materialize("samples", "token_scores")


def test_a_folder_that_cannot_be_made_fails_the_run(corpus: Corpus) -> None:
    corpus.register()
    corpus.configure(export_dir="corpus.yaml/exports")
    said = failure(corpus.materialize("samples", succeeds=False))
    assert "export_dir: " in said
    assert "set `export_dir` to a folder that can be created" in said


def test_the_checks_are_made_once_in_a_run(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def found(inspection: object, _: object) -> list[Finding]:
        made.append(inspection)
        return [Finding("warning", "scorer.max_length", "too long", "shorten it")]

    monkeypatch.setattr(run_start, "findings", found)
    corpus.register()
    corpus.materialize("samples", "token_scores")
    assert len(made) == 1
    corpus.materialize("samples")
    assert len(made) == 2


def test_a_model_that_was_replaced_is_not_looked_for(corpus: Corpus) -> None:
    class NoModel(dg.ConfigurableResource):
        """Stands for a model that is not where the configuration says."""

    corpus.configure(embedder="/no/such/model")
    corpus.register()
    corpus.defs = build_curation_defs(corpus.config, resources={"tiny_embedder": NoModel()})
    corpus.materialize("samples", "embeddings", succeeds=False)
    assert len(corpus.store.stored("tiny", "samples")) == 3
