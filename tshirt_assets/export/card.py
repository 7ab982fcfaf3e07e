"""The dataset card (README.md) that lies beside the exported files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl
import yaml

from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.card_options import CardOptions
from tshirt_assets.corpus.tool_calls import CALLS, TOOLS
from tshirt_assets.export.escaping import markdown, markdown_lines
from tshirt_assets.export.exported import CARD, ExportedFile
from tshirt_assets.export.formats import FORMATS
from tshirt_assets.export.manifest import Manifest
from tshirt_assets.export.turns import turn_fields
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


def dataset_card(
    rows: pl.DataFrame,
    files: Sequence[ExportedFile],
    *,
    corpus: str,
    recipe: str,
    provenance: Provenance,
    options: CardOptions,
    notes: Sequence[str],
) -> str:
    """Markdown with the YAML front matter of a Hugging Face dataset card.

    `rows` is the selected subset, `files` the data files beside the card, `provenance`
    what it was made from, `notes` what the files cannot hold.
    """
    configs = [(file.format, file.path.name) for file in files]
    front_matter = _front_matter(rows.height, configs, f"{corpus} / {recipe}")
    parts = [
        _yaml(options, front_matter),
        f"# {markdown(corpus)} / {markdown(recipe)}",
        f"{rows.height:,} rows of the corpus {markdown(corpus)}, selected by the recipe "
        f"{markdown(recipe)} with "
        "[tshirt_assets]. The texts come from the source files and keep their licence.",
        "## Files\n\n" + _files_table(files, rows, dataset_name(corpus, recipe)),
        "## Counts\n\n" + _facts(("what", "value"), _counts(rows)),
        *(["## What the files cannot hold\n\n" + _listed(notes)] if notes else []),
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


def joint_card(corpus: CorpusConfig, exports: Mapping[str, Manifest]) -> str:
    """The card of a repository that has the exports of several recipes, each in its own folder.

    A configuration is named after each recipe, for the first of its files, and after recipe and
    format for the others.
    """
    configs = []
    for recipe, manifest in exports.items():
        formats = [form for form in FORMATS.values() if form.file_name in manifest.files]
        for number, form in enumerate(formats):
            name = f"{recipe}-{form.name}" if number else recipe
            configs.append((name, f"{recipe}/{form.file_name}"))
    front_matter = _front_matter(sum(one.rows for one in exports.values()), configs, corpus.name)
    lines = [
        (f"[{markdown(recipe)}]({recipe}/{CARD})", f"{manifest.rows:,}")
        for recipe, manifest in exports.items()
    ]
    parts = (
        _yaml(corpus.card, front_matter),
        f"# {corpus.name}",
        markdown_lines(("recipe", "rows"), lines),
    )
    return "\n\n".join(parts) + "\n"


def _yaml(options: CardOptions, front_matter: Mapping[str, Any]) -> str:
    """The front matter, behind licence and languages where they are known."""
    known = {"license": options.license, "language": list(options.language)}
    values = {**{key: value for key, value in known.items() if value}, **front_matter}
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---"


def _front_matter(n_rows: int, files: Iterable[tuple[str, str]], name: str) -> dict[str, Any]:
    """What the Hub reads; `files`: name of a configuration, and its file."""
    size = next((name for limit, name in SIZE_CATEGORIES if n_rows < limit), "n>10M")
    return {
        "pretty_name": name,
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": ["instruction-tuning", "data-selection", "tshirt", "miwv"],
        "configs": [
            {"config_name": config, "data_files": file} | ({} if number else {"default": True})
            for number, (config, file) in enumerate(files)
        ],
    }


def _files_table(files: Sequence[ExportedFile], rows: pl.DataFrame, stem: str) -> str:
    lines = []
    entries = dataset_infos(rows, [file.format for file in files], stem)
    for file in files:
        usage = FORMATS[file.format].usage.format(file=file.path.name)
        if (entry := f"{stem}_{file.format}") in entries:
            usage += f" LLaMA-Factory: `dataset: {entry}`."
        lines.append((f"`{file.path.name}`", f"{file.rows:,}", usage))
    return markdown_lines(("file", "rows", "how to load it"), lines)


def dataset_infos(rows: pl.DataFrame, formats: Iterable[str], stem: str) -> dict[str, Any]:
    """LLaMA-Factory's `dataset_info.json` of the files in these formats, by the names in it."""
    tools, calls = TOOLS in rows.columns, CALLS in turn_fields(rows)
    found = {name: FORMATS[name].dataset_info(tools=tools, calls=calls) for name in formats}
    return {f"{stem}_{name}": entry for name, entry in found.items() if entry is not None}


def _listed(notes: Sequence[str]) -> str:
    return "\n".join(f"- {note}" for note in notes)


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


def _facts(head: tuple[str, str], facts: Iterable[tuple[str, str]]) -> str:
    return markdown_lines(head, [(markdown(key), markdown(value)) for key, value in facts])
