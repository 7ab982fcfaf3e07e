"""The frame of all scores: what is stored is not measured again."""

import logging

import numpy as np
import pytest

from tests.evidence.conftest import Small
from tshirt_assets.evidence.score_frame import score_frame
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.models.embedder import LoadedEmbedder, load_embedder

TURNS = [
    {"role": "user", "content": "where is the river"},
    {"role": "assistant", "content": "in the hills"},
    {"role": "user", "content": "and the mill"},
    {"role": "assistant", "content": "by the river"},
]


def test_stored_relevance_is_the_cosine_and_only_other_responses_are_embedded(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = small(6, recipes={"ifd": {"method": "ifd", "budget": 2, "min_relevance": 0.5}})
    corpus.write("b.jsonl", [{"messages": TURNS}])
    corpus.register()
    corpus.materialize("samples", "token_scores", "embeddings")
    embedder, asked = load_embedder(corpus.config.embedder), list[str]()
    encode = LoadedEmbedder.encode

    def counted(self: LoadedEmbedder, texts):
        asked.extend(texts)
        return encode(self, texts)

    def cosines() -> np.ndarray:
        asked.clear()
        monkeypatch.setattr(LoadedEmbedder, "encode", counted)
        scores = CorpusScores(corpus.store, corpus.config, corpus.shards, logging.getLogger())
        frame = score_frame(scores, embedder)
        monkeypatch.setattr(LoadedEmbedder, "encode", encode)
        return frame["cosine"].to_numpy()

    before = cosines()
    assert len(asked) == len(before) == 7
    corpus.materialize("relevance")
    assert cosines() == pytest.approx(before, abs=1e-6)
    assert asked == ["by the river"]
