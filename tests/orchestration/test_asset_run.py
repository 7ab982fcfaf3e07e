"""What a running asset gets: models that can do what the recipes of its corpus ask of them."""

from pathlib import Path

from tests.corpora import RECIPES, Corpus
from tests.incremental.test_dataset import failure
from tests.wrong_models import per_layer_lm


def test_recipes_that_need_noise_are_refused_before_any_row_is_scored(
    corpus: Corpus, tmp_path: Path
) -> None:
    folder = per_layer_lm(tmp_path / "lm")
    corpus.configure(scorer={"path": str(folder), "max_length": 400, "device": "cpu"})
    corpus.register()
    corpus.materialize("samples")
    said = failure(corpus.materialize("token_scores", succeeds=False))
    assert f"model {str(folder)!r}: it cannot take perturbed embeddings" in said
    assert "by which the recipes 'tshirt' are measured; choose another scorer" in said
    shards = corpus.shards
    assert [corpus.store.info(corpus.config.name, "token_scores", s) for s in shards] == [None] * 3

    corpus.configure(recipes={name: RECIPES[name] for name in ("miwv", "ifd")})
    corpus.materialize_all()
    assert corpus.frame("selected_subset", "ifd").height == 4
