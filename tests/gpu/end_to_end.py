"""52,000 Alpaca-like rows through all assets, with random models in the shape of real ones."""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.alpaca_like import write_rows
from tests.benchmarks.rows import ROOT
from tests.gpu.bench import Bench, random_model, tokenizer

BUDGET = 0.05
METHODS = ("tshirt", "miwv", "ifd", "random")
NEEDED = ("dagster", "lancedb", "sentence_transformers")


def corpus(bench: Bench) -> dict[str, Any]:
    """Seconds of a whole run and of its assets; the largest memory of the device."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        return {"skipped": f"not installed: {', '.join(missing)}"}
    rows = bench.of(52_000, 60)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder, rows, str(bench.device), small=bench.small)
        command = [sys.executable, "-m", __spec__.name, str(folder / "corpus.yaml")]
        environment = os.environ | {"DAGSTER_HOME": str(folder / "home")}
        (folder / "home").mkdir()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        result = folder / "result.json"
        if done.returncode or not result.is_file():
            raise RuntimeError(done.stderr.strip()[-400:])
        return {"rows": rows} | json.loads(result.read_text())


def write_corpus(folder: Path, rows: int, device: str, *, small: bool) -> None:
    """Rows, models and corpus.yaml."""
    write_rows(folder / "rows", rows, files=2 if small else 11)
    random_model("gpt2", small=small).save_pretrained(folder / "scorer")
    tokenizer().save_pretrained(folder / "scorer")
    save_embedder(folder / "embedder", small=small)
    values = {
        "name": "gpu",
        "paths": ["rows/*"],
        "scorer": {"path": str(folder / "scorer"), "device": device},
        "embedder": {"path": str(folder / "embedder"), "device": device},
        "recipes": {name: {"method": name, "budget": BUDGET} for name in METHODS},
        "store": "store",
        "export_dir": "exports",
    }
    (folder / "corpus.yaml").write_text(yaml.safe_dump(values))


def save_embedder(folder: Path, *, small: bool) -> None:
    """A random embedder in the shape of all-MiniLM-L6-v2."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel

    words = tokenizer()
    width, layers, heads = (32, 1, 2) if small else (384, 6, 12)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
    )
    BertModel(config).save_pretrained(folder / "bert")
    words.save_pretrained(folder / "bert")
    modules = [Transformer(str(folder / "bert"), max_seq_length=256), Pooling(width)]
    SentenceTransformer(modules=modules).save(str(folder))


def main() -> None:
    """Run a corpus.yaml in this process and write result.json beside it."""
    import torch

    from tests.benchmarks.host_run import StepClock, run_here

    file = Path(sys.argv[1])
    found = run_here(file, StepClock())
    figures = {
        "seconds": found["wall"],
        "host CPU seconds": found["cpu"],
        "host CPU seconds by asset": found["assets"],
        "peak host MiB": found["peak_mib"],
        "computed": {asset: count["computed"] for asset, count in found["rows"].items()},
    }
    if torch.cuda.is_available():
        cards = range(torch.cuda.device_count())
        figures["peak GiB"] = max(map(torch.cuda.max_memory_allocated, cards)) / 2**30
    (file.parent / "result.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
