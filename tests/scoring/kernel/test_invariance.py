"""The same rows give the same deltas and the same selection, however the work is cut up."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora import make_rows
from tests.tiny import alpaca, bpe_tokenizer, causal_lm, threads
from tshirt_assets.config import Recipe
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.clean import clean_scores
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import neighbour_deltas, robust_score
from tshirt_assets.scoring.sifd import s_ifd
from tshirt_assets.scoring.tokenize import tokenize_sample
from tshirt_assets.selection.contenders import contenders
from tshirt_assets.selection.ranking import rank_rows
from tshirt_assets.selection.score_tables import ScoreTables
from tshirt_assets.selection.threshold import threshold

DATA = Path(__file__).resolve().parents[3] / "data"
N_ROWS, BUDGET = 14, 3
RECIPE = Recipe(method="tshirt", budget=BUDGET, gamma=2.0)
TEXTS = [alpaca(r["instruction"], r["output"], r.get("input", "")) for r in make_rows(5, N_ROWS)]
ROWS = [tokenize_sample(sample, bpe_tokenizer("added"), "plain", 120) for sample in TEXTS]
BUDGETS = [1, 64, 200, 1024]
MODELS = {kind: causal_lm(kind) for kind in ("llama", "gpt2")}
ENGINES = {
    (kind, tokens): TokenLossEngine(model, token_budget=tokens)
    for kind, model in MODELS.items()
    for tokens in BUDGETS
}


def score(engine, shards):
    """Clean and perturbed deltas by sample id, and the selection in order, shard by shard."""
    clean, noisy = {}, {}
    for shard in shards:
        clean |= {row.sample_id: row for row in clean_scores(engine, shard)}
    tau = threshold(lambda: (row.token_delta for row in clean.values()), 0.75)
    frame = pl.DataFrame(
        [
            {"sample_id": i, "status": "ok", "ifd": row.ifd, "s_ifd": s_ifd(row.token_delta, tau)}
            for i, row in clean.items()
        ]
    ).with_columns(shard=pl.lit("s"), row=0, n_response_tokens=9)
    near = set(contenders(frame, [RECIPE], margin=1.5)["sample_id"])
    assert BUDGET < len(near) < N_ROWS
    for shard in shards:
        chosen = [row for row in shard if row.sample_id in near]
        found = neighbour_deltas(engine, chosen, neighbours=4, alpha=5.0, seed=3)
        noisy |= {row.sample_id: row for row in found}
    scores = [robust_score(row, tau) for row in noisy.values()]
    columns = ("sample_id", "status", "s_ifd_mean", "s_ifd_std", "ifd_mean")
    robust = pl.DataFrame([{c: getattr(s, c) for c in columns} for s in scores])
    robust = robust.with_columns(pl.col("status").cast(pl.String))
    ranked = rank_rows(RECIPE, ScoreTables(frame, robust), seed=0).sort("position")
    ranked = ranked.filter(pl.col("position") <= BUDGET)
    deltas = {i: row.token_delta for i, row in clean.items()}
    return deltas, {i: row.deltas for i, row in noisy.items()}, ranked["sample_id"].to_list()


@pytest.fixture(scope="module")
def expected():
    return {kind: score(ENGINES[kind, 1024], [ROWS]) for kind in MODELS}


@pytest.mark.parametrize("kind", MODELS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_deltas_and_selection_do_not_depend_on_how_the_work_is_cut(kind, expected, data):
    order = data.draw(st.permutations(ROWS), "order")
    cuts = data.draw(st.lists(st.integers(0, N_ROWS), max_size=4).map(sorted), "shards")
    shards = [
        order[a:b] for a, b in zip([0, *cuts], [*cuts, N_ROWS], strict=True)
    ]  # empty ones among them
    engine = ENGINES[kind, data.draw(st.sampled_from(BUDGETS), "tokens per pass")]
    assert_same(score(engine, shards), expected[kind])


@pytest.mark.parametrize("kind", MODELS)
def test_deltas_and_selection_do_not_depend_on_the_number_of_threads(kind, expected):
    with threads(2):
        assert_same(score(ENGINES[kind, 1024], [ROWS]), expected[kind])


@pytest.mark.slow
@pytest.mark.model
def test_deltas_of_a_real_model_do_not_depend_on_their_company(smollm2):
    """Random models are too small for rounding to add up: this one's logits lie around 20."""
    texts = [json.loads(line) for line in (DATA / "general.jsonl").read_text().splitlines()[:8]]
    answers = [" ".join(row["output"] for row in texts[i:] + texts[:i]) for i in range(3)]
    rows = [
        tokenize_sample(alpaca(row["instruction"], answer), smollm2.tokenizer, "alpaca", 1024)
        for row, answer in zip(texts, answers, strict=False)
    ]
    assert min(len(row.response_ids) for row in rows) > 300
    together = clean_scores(smollm2.engine, rows)  # their template runs once
    for row, score in zip(rows, together, strict=True):
        (alone,) = clean_scores(smollm2.engine, [row])
        assert np.abs(alone.token_delta - score.token_delta).max() <= 2e-5


def assert_same(scores, expected):
    for here, there in zip(scores[:2], expected[:2], strict=True):
        assert here.keys() == there.keys()
        for sample_id, deltas in here.items():
            assert np.abs(deltas - there[sample_id]).max() <= 2e-5
    assert scores[2] == expected[2]


def test_the_rows_differ_enough_for_a_wrong_selection_to_show(expected):
    assert all(row.status is Status.OK for row in ROWS)
    assert len({len(row.response_ids) for row in ROWS}) > 5
    for clean, noisy, selected in expected.values():
        assert len(selected) == BUDGET
        assert len(noisy) < len(clean) == N_ROWS
        assert selected != sorted(selected)
