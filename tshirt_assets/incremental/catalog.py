"""One record per asset: everything that is known of it beside how it is computed.

Definitions, the phases of a headless run, identities, `verify`, `shards` and the documentation
derive from these records; nothing else lists the assets. A table that an asset keeps for itself
stands in the record of that asset.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental import columns, needs

Unit = Literal["shard", "corpus", "recipe"]


@dataclass(frozen=True, slots=True)
class AssetRecord:
    """What is known of one asset.

    unit: what one table holds: the rows of a shard (a partition each), of the corpus, or of a
    recipe (a partition each). phase: in which of a headless run's steps it is made; everything it
    reads comes in an earlier one. code_version: Dagster's, and part of every identity; raise it
    when the numbers change for the same input. reads: the assets it is computed from. schema: its
    columns, None where their width depends on a model. holds_every_sample: one line for every row
    of `samples`, in the same order. measures: other tables, by name, that it keeps its
    measurements in; like its own they hold the rows that were measured, not all. needed: whether
    anything that a configuration asks for is made from it; where not, a run passes it by, and it
    can be materialized by hand. used_by: what asks for it, in words; empty where nothing has to,
    or nothing can.
    """

    name: str
    description: str
    unit: Unit
    phase: int
    code_version: str
    kinds: frozenset[str]
    reads: tuple[str, ...] = ()
    resources: tuple[str, ...] = ("store",)
    checks: tuple[str, ...] = ()
    schema: pa.Schema | None = None
    on_gpu: bool = False
    holds_every_sample: bool = False
    measures: tuple[str, ...] = ()
    needed: needs.Need = needs.always
    used_by: str = ""


FILES: Final = "files"  # the external asset in front of all: the source files, one shard each
SOURCE: Final = "source"  # its place where `source_asset` is set: what the shards are of that asset
UPSTREAM: Final = "upstream"  # how the asset itself is called here; it has a key of its own

SAMPLES = AssetRecord(
    name="samples",
    description="Rows read from the corpus files: canonical messages, instruction, input, "
    "response, and a status that says why a row is not usable.",
    unit="shard",
    phase=1,
    code_version="3",
    kinds=frozenset({"lancedb"}),
    reads=(FILES,),
    checks=("rows_usable", "shard_complete", "prompts_bare"),
    schema=columns.SAMPLES_SCHEMA,
)
EMBEDDINGS = AssetRecord(
    name="embeddings",
    description="L2-normalised sentence embeddings of instruction and input (never of the "
    "response), from which MIWV retrieves its demo.",
    unit="shard",
    phase=2,
    code_version="1",
    kinds=frozenset({"lancedb", "huggingface"}),
    reads=("samples",),
    resources=("store", "embedder"),
    checks=("rows_carried_through", "vectors_normalised"),
    on_gpu=True,
    holds_every_sample=True,
    needed=needs.vectors,
    used_by="miwv, min_relevance, dedupe_similarity, diversity or semantic_search",
)
TOKEN_SCORES = AssetRecord(
    name="token_scores",
    description="Loss of every response token with and without its prompt under the scorer. "
    "token_delta is positive where the instruction helps; IFD is the perplexity ratio.",
    unit="shard",
    phase=2,
    code_version="3",
    kinds=frozenset({"lancedb", "pytorch", "huggingface"}),
    reads=("samples",),
    resources=("store", "scorer"),
    checks=(
        "rows_carried_through",
        "rows_usable",
        "scores_finite",
        "instruction_helps",
        "template_fits",
    ),
    schema=columns.TOKEN_SCORES,
    on_gpu=True,
    holds_every_sample=True,
)
RELEVANCE = AssetRecord(
    name="relevance",
    description="Cosine of every response and its instruction, with the vector of the response: "
    "recipes with min_relevance leave rows out whose response fits as little as a shuffled one.",
    unit="shard",
    phase=3,
    code_version="1",
    kinds=frozenset({"lancedb", "huggingface"}),
    reads=("samples", "embeddings"),
    resources=("store", "embedder"),
    checks=("rows_carried_through", "vectors_normalised"),
    on_gpu=True,
    holds_every_sample=True,
    needed=needs.relevance,
    used_by="min_relevance",
)
CONTENDERS = AssetRecord(
    name="contenders",
    description="Threshold tau on abs(token delta) over the whole corpus, clean S-IFD of every "
    "row, and the contenders: the rows whose robustness must be measured because a recipe can "
    "still select them.",
    unit="corpus",
    phase=4,
    code_version="2",
    kinds=frozenset({"lancedb", "polars"}),
    reads=("token_scores", "relevance"),
    checks=("all_shards_used",),
    schema=columns.CONTENDERS,
    needed=needs.tau,
    used_by="tshirt, reference or export_token_weights",
)
CALIBRATION = AssetRecord(
    name="calibration",
    description="Constants of the analytic estimator of robustness (width of the smooth "
    "threshold), and how far it is off, from a few dozen rows that are also sampled.",
    unit="corpus",
    phase=4,
    code_version="2",
    kinds=frozenset({"lancedb", "pytorch", "huggingface"}),
    reads=("samples", "token_scores", "contenders"),
    resources=("store", "scorer"),
    schema=columns.CALIBRATION,
    on_gpu=True,
    measures=("pilot_deltas",),
    needed=lambda config: config.needs_calibration,
    used_by="the estimators analytic and hybrid",
)
NEIGHBOURS = AssetRecord(
    name="neighbours",
    description="For every sample the other sample with the most similar instruction and input: "
    "the demo of its MIWV. Exact; a new shard is compared with what is there.",
    unit="corpus",
    phase=4,
    code_version="1",
    kinds=frozenset({"lancedb", "polars"}),
    reads=("embeddings",),
    checks=("neighbour_is_not_self", "all_shards_used"),
    schema=columns.NEIGHBOURS,
    needed=needs.miwv,
    used_by="miwv",
)
SEARCH = AssetRecord(
    name="search",
    description="Texts and vectors of all usable rows in one LanceDB table, with an index when it "
    "is large: semantic search over the corpus, by `tshirt_assets.search` or `tshirt-assets "
    "search`.",
    unit="corpus",
    phase=4,
    code_version="1",
    kinds=frozenset({"lancedb"}),
    reads=("embeddings", "samples"),
    checks=("all_shards_used",),
    needed=needs.vectors,
    used_by="miwv, min_relevance, dedupe_similarity, diversity or semantic_search",
)
ROBUST_SCORES = AssetRecord(
    name="robust_scores",
    description="Mean and std of S-IFD, and mean IFD, under noise on the embeddings of each "
    "contender (or of every row, with scope: all). A row is chosen for a high mean and a low std.",
    unit="shard",
    phase=5,
    code_version="2",
    kinds=frozenset({"lancedb", "pytorch", "huggingface"}),
    reads=("samples", "contenders", "calibration"),
    resources=("store", "scorer"),
    checks=("rows_usable", "scores_finite"),
    schema=columns.ROBUST_SCORES,
    on_gpu=True,
    measures=("neighbour_deltas", "analytic_scores", "hybrid_scores"),
    needed=needs.robustness,
    used_by="tshirt or reference",
)
MIWV_SCORES = AssetRecord(
    name="miwv_scores",
    description="One-shot minus zero-shot response loss under the target model, with the nearest "
    "neighbour as the demo. High: the model is weak there, train on it.",
    unit="shard",
    phase=5,
    code_version="2",
    kinds=frozenset({"lancedb", "pytorch", "huggingface"}),
    reads=("samples", "token_scores", "neighbours"),
    resources=("store", "target"),
    checks=("rows_carried_through", "rows_usable", "scores_finite", "template_fits"),
    schema=columns.MIWV_SCORES,
    on_gpu=True,
    holds_every_sample=True,
    needed=needs.miwv,
    used_by="miwv",
)
SELECTED_SUBSET = AssetRecord(
    name="selected_subset",
    description="The rows that a recipe selected, best first, with the reason for each. The "
    "exported files and the report are linked in the metadata.",
    unit="recipe",
    phase=6,
    code_version="1",
    kinds=frozenset({"lancedb", "polars"}),
    reads=("samples", "token_scores", "relevance", "robust_scores", "miwv_scores"),
    resources=("store", "scorer"),
    checks=("all_shards_used", "subset_size"),
)

EVIDENCE = AssetRecord(
    name="evidence",
    description="How many corrupted rows a recipe selects from copies of the corpus in which they "
    "were planted, beside random and other baselines. Measured by `tshirt-assets evidence`, which "
    "materializes this asset.",
    unit="recipe",
    phase=7,
    code_version="1",
    kinds=frozenset({"lancedb"}),
    reads=("selected_subset",),
    schema=columns.EVIDENCE,
    needed=needs.by_hand,
)

ASSETS: Final[Mapping[str, AssetRecord]] = {
    record.name: record
    for record in (
        SAMPLES,
        EMBEDDINGS,
        TOKEN_SCORES,
        RELEVANCE,
        CONTENDERS,
        CALIBRATION,
        NEIGHBOURS,
        SEARCH,
        ROBUST_SCORES,
        MIWV_SCORES,
        SELECTED_SUBSET,
        EVIDENCE,
    )
}
"""All assets by name, in an order in which they can be made."""
BY_RECIPE: Final = frozenset(record.name for record in ASSETS.values() if record.unit == "recipe")
"""Those with a table for each recipe."""


def ancestors(record: AssetRecord, config: CorpusConfig | None = None) -> list[AssetRecord]:
    """All assets that one is made from, in the order in which they are made.

    config: those alone that are needed by it.
    """
    names: set[str] = set()
    pending = list(record.reads)
    while pending:
        name = pending.pop()
        wanted = name in ASSETS and (config is None or ASSETS[name].needed(config))
        if wanted and name not in names:
            names.add(name)
            pending += ASSETS[name].reads
    return [other for name, other in ASSETS.items() if name in names]


def needed_assets(config: CorpusConfig) -> list[AssetRecord]:
    """The assets that a corpus needs, in an order in which they can be made."""
    return [record for record in ASSETS.values() if record.needed(config)]


def skipped_assets(config: CorpusConfig) -> str:
    """Which assets a run passes by and what would ask for them, in one line; empty if none."""
    by_use: dict[str, list[str]] = {}
    for record in ASSETS.values():
        if record.used_by and not record.needed(config):
            by_use.setdefault(record.used_by, []).append(record.name)
    return "; ".join(f"{', '.join(names)} (only for {use})" for use, names in by_use.items())


def phases(config: CorpusConfig) -> list[list[AssetRecord]]:
    """The needed assets in the steps of a headless run; those of a step share their unit."""
    return in_phases(needed_assets(config))


def in_phases(records: Iterable[AssetRecord]) -> list[list[AssetRecord]]:
    """Assets in the steps in which they can be made, one after the other."""
    steps: dict[int, list[AssetRecord]] = {}
    for record in records:
        steps.setdefault(record.phase, []).append(record)
    return [steps[phase] for phase in sorted(steps)]


def owner(table: str) -> str:
    """Name of the asset that writes a table, which may be one that it keeps for itself."""
    return next((r.name for r in ASSETS.values() if table in r.measures), table)
