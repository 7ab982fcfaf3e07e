"""The dataset card (README.md) that lies beside the exported files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl
import yaml

from tshirt_assets.export.escaping import markdown, markdown_lines
from tshirt_assets.export.exported import ExportedFile
from tshirt_assets.export.formats import FORMATS
from tshirt_assets.incremental.facts import Provenance

SIZE_CATEGORIES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)

METHODS: Final = """\
Rows were scored with the instruction's effect on the response, token by token:
D_t = log p(y_t | x, y_<t) - log p(y_t | y_<t), positive where the instruction helps.

- **IFD** is the *perplexity ratio* PPL(y | x) / PPL(y). Other tools give the same name to a loss
  ratio or to its inverse; do not compare the numbers.
- **S-IFD** keeps only informative tokens, those with abs(D_t) above tau. **Robust mean and std**
  are those under noise on the token embeddings (T-SHIRT).
- **MIWV** is the one-shot minus the zero-shot mean loss of the response under the target model.
"""

CITATION: Final = """\
```bibtex
@inproceedings{fu2025tshirt,
  title     = {T-SHIRT: Token-Selective Hierarchical Data Selection for Instruction Tuning},
  author    = {Fu, Yanjun and Hamman, Faisal and Dutta, Sanghamitra},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2025},
  note      = {arXiv:2506.01317}
}

@inproceedings{jiang2026miwv,
  title     = {Importance-Aware Data Selection for Efficient {LLM} Instruction Tuning},
  author    = {Jiang, Tingyu and Li, Shen and Song, Yiyao and Zhang, Lan and Zhu, Hualei and
               Zhao, Yuan and Xu, Xiaohang and Taura, Kenjiro and Wang, Hao Henry},
  booktitle = {Proceedings of the AAAI Conference on Artificial Intelligence},
  year      = {2026},
  note      = {arXiv:2511.07074}
}
```
"""

WEIGHTS: Final = """\
`token_weights` has one number per response token of the scorer's tokenizer: 1 where abs(D_t) is
above tau, 0 elsewhere; a first token without a delta has weight 1. It is only meaningful with
that tokenizer.
"""

MARKED: Final = """\
**Answers not to be trained on.** In {rows} answers in front of the last one are marked with
`weight: 0`. axolotl follows the mark with `message_field_training: weight`. TRL and LLaMA-Factory
do not know it and would train on them: with TRL give the last message as `completion` and those
before it as `prompt`, with LLaMA-Factory set `mask_history: true`.
"""

REASONING: Final = """\
**Reasoning.** In {rows} turns have their reasoning in a field, `reasoning_content`. TRL and axolotl
give it to the chat template, which must know the name; LLaMA-Factory does not read it. The Alpaca
file has it in `<think>` tags. With `reasoning: keep` every file has.
"""


def dataset_card(
    rows: pl.DataFrame,
    files: Sequence[ExportedFile],
    *,
    corpus: str,
    recipe: str,
    provenance: Provenance,
) -> str:
    """Markdown with the YAML front matter of a Hugging Face dataset card.

    `rows` is the selected subset, `files` the data files beside the card, `provenance`
    what it was made from.
    """
    front_matter = _front_matter(rows.height, files, corpus, recipe)
    parts = [
        f"---\n{yaml.safe_dump(front_matter, sort_keys=False)}---",
        f"# {markdown(corpus)} / {markdown(recipe)}",
        f"{rows.height:,} rows of the corpus {markdown(corpus)}, selected by the recipe "
        f"{markdown(recipe)} with "
        "[tshirt_assets]. The texts come from the source files and keep their licence.",
        "## Files\n\n" + _files_table(files, rows.height, dataset_name(corpus, recipe)),
        "## Counts\n\n" + _facts(("what", "value"), _counts(rows)),
        *(["## Turns\n\n" + notes] if (notes := _turn_notes(rows)) else []),
        "## Methods\n\n" + METHODS + (WEIGHTS if "token_weights" in rows.columns else ""),
        "## Provenance\n\n" + _facts(("key", "value"), dotted(provenance.shown())),
        "## Citation\n\n" + CITATION,
        "[tshirt_assets]: https://pypi.org/project/tshirt-assets/",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def dataset_name(corpus: str, recipe: str) -> str:
    """Stem of the dataset's names in LLaMA-Factory's `dataset_info.json`."""
    return f"{corpus}_{recipe}"


def dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and texts of a nested mapping, in its order."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple | set | frozenset):
            yield f"{prefix}{key}", ", ".join(str(item) for item in value)
        else:
            yield f"{prefix}{key}", "" if value is None else str(value)


def _front_matter(
    n_rows: int, files: Sequence[ExportedFile], corpus: str, recipe: str
) -> dict[str, Any]:
    size = next((name for limit, name in SIZE_CATEGORIES if n_rows < limit), "n>10M")
    return {
        "pretty_name": f"{corpus} / {recipe}",
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": ["instruction-tuning", "data-selection", "tshirt", "miwv"],
        "configs": [
            {"config_name": file.format, "data_files": file.path.name}
            | ({"default": True} if index == 0 else {})
            for index, file in enumerate(files)
        ],
    }


def _files_table(files: Sequence[ExportedFile], n_rows: int, stem: str) -> str:
    lines = []
    for file in files:
        usage = FORMATS[file.format].usage.format(
            file=file.path.name, entry=f"{stem}_{file.format}"
        )
        missing = n_rows - file.rows
        if missing:
            usage += (
                f" {missing:,} rows are left out: their turns do not fit this format (other roles, "
                "another order, or answers that are not to be trained on)."
            )
        lines.append((f"`{file.path.name}`", f"{file.rows:,}", usage))
    return markdown_lines(("file", "rows", "how to load it"), lines)


def _counts(rows: pl.DataFrame) -> Iterator[tuple[str, str]]:
    yield "rows", f"{rows.height:,}"
    yield "shards", f"{rows['shard'].n_unique():,}"
    if "n_response_tokens" in rows.columns:
        yield "response tokens", f"{rows['n_response_tokens'].sum():,}"
    scores = sorted(rows["score"].drop_nulls().cast(float))
    if scores:
        yield "score, lowest", f"{scores[0]:.4f}"
        yield "score, median", f"{scores[len(scores) // 2]:.4f}"
        yield "score, highest", f"{scores[-1]:.4f}"
    domains = rows["domain"].drop_nulls().value_counts(sort=True)
    for domain, count in domains.head(20).iter_rows():
        yield f"domain {domain}", f"{count:,}"


def _turn_notes(rows: pl.DataFrame) -> str:
    turn = pl.element().struct
    names = {field.name for field in rows["messages"].dtype.inner.fields}  # type: ignore[attr-defined]
    tests = {"weight": (turn["weight"] == 0, MARKED)} if "weight" in names else {}
    if "reasoning_content" in names:
        tests["reasoning_content"] = (turn["reasoning_content"].is_not_null(), REASONING)
    notes = []
    for test, note in tests.values():
        count = rows.select(pl.col("messages").list.eval(test.any()).list.any().sum()).item()
        if count:
            notes.append(note.format(rows=_rows(count)))
    return "\n".join(notes)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _facts(head: tuple[str, str], facts: Iterable[tuple[str, str]]) -> str:
    return markdown_lines(head, [(markdown(key), markdown(value)) for key, value in facts])
