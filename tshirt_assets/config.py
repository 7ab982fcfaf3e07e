"""The configuration of one corpus: every option, its default and its meaning, in one place.

`corpus.yaml`, the Dagster component and `build_curation_defs` all validate through
`CorpusConfig`, so an option is documented here and nowhere else.
"""

import os
import re
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
RECIPE_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and what is allowed."""


class Options(BaseModel):
    """Base of all configuration models: unknown keys are errors, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelOptions(Options):
    """Options of a model; its path alone is short for them (`scorer: gpt2`)."""

    model_config = ConfigDict(json_schema_extra={"type": ["string", "object"]})

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


class CausalLMOptions(ModelOptions):
    """Which causal language model scores the rows, and how it is loaded."""

    path: str = Field(
        default="gpt2",
        description="Hub id, local folder, a .gguf file, or `package:NAME/path` for a model "
        "that ships inside an installed Python package.",
    )
    revision: str | None = Field(default=None, description="Hub branch, tag or commit.")
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        default="auto",
        description="Number format of the forward pass. `auto` is float32 on CPU and TF32 on CUDA; "
        "float16 keeps fp32 accumulation and logits; bfloat16 is too coarse for the robust std.",
    )
    device: str = Field(default="auto", description="`auto` (CUDA where present), `cpu`, `cuda:0`.")
    max_length: int = Field(
        default=1024,
        ge=4,
        description="Longest prompt + response, in tokens; longer responses "
        "are cut on the right and flagged `truncated`.",
    )
    trust_remote_code: bool = Field(
        default=False, description="Run Python code that comes with the model."
    )
    allow_pickle: bool = Field(
        default=False, description="Accept weights that are not safetensors or GGUF (unsafe)."
    )


class EmbedderOptions(ModelOptions):
    """Which sentence-transformers model embeds instruction + input for the neighbour search."""

    path: str = Field(
        default="BAAI/bge-large-en-v1.5",
        description="Hub id, local folder, or `package:NAME/path`.",
    )
    revision: str | None = Field(default=None, description="Hub branch, tag or commit.")
    device: str = Field(default="auto", description="`auto` (CUDA where present), `cpu`, `cuda:0`.")
    batch_size: int = Field(default=64, ge=1, description="Texts per forward pass.")
    pooling: Literal["mean", "model"] = Field(
        default="mean", description="mean: over tokens, as MIWV does. model: the model's own."
    )
    trust_remote_code: bool = Field(
        default=False, description="Run Python code that comes with the model."
    )


class ColumnOptions(Options):
    """Names of source columns that differ from the usual ones."""

    instruction: str | None = Field(default=None, description="Alpaca instruction, or prompt.")
    input: str | None = Field(default=None, description="Alpaca input.")
    response: str | None = Field(default=None, description="output, completion or response.")
    system: str | None = Field(default=None, description="System prompt.")
    messages: str | None = Field(default=None, description="messages or conversations.")
    domain: str | None = Field(
        default=None, description="Column that names the row's domain, for quotas and reports."
    )


class DiversityOptions(Options):
    """An optional last step that spreads a selection over the embedding space."""

    method: Literal["k_center", "facility_location"] = Field(
        default="facility_location", description="How the subset is spread."
    )
    pool: float = Field(
        default=2.0, ge=1.0, description="Candidates per selected row the step may choose from."
    )


class Recipe(Options):
    """One way to choose rows; every recipe is a partition of `selected_subset`."""

    method: Literal["tshirt", "reference", "miwv", "ifd", "longest", "random", "fusion"] = Field(
        description="tshirt: robust hierarchical S-IFD. reference: the published T-SHIRT "
        "procedure, all rows perturbed, tau from the perturbed rows. miwv: highest MIWV. ifd: "
        "highest IFD below 1. longest: most response tokens. random: seeded. fusion: rank fusion."
    )
    budget: float | int = Field(
        description="Share of the usable rows (a number with a decimal point, above 0, at most "
        "1.0) or number of rows (a whole number, at least 1)."
    )
    gamma: float = Field(
        default=2.0,
        ge=1.0,
        description="tshirt, reference: rows kept by robust mean per row finally selected.",
    )
    seed: int | None = Field(default=None, description="random: seed; default the corpus seed.")
    fuse: tuple[str, ...] = Field(
        default=(), description="fusion: names of the recipes whose ranks are fused."
    )
    quotas: dict[str, float] = Field(
        default_factory=dict,
        description="Share of the budget per domain, e.g. {code: 0.2}; the rest is free. "
        "Quotas that cannot be met are filled as far as possible, and reported.",
    )
    dedupe_similarity: float | None = Field(
        default=None,
        gt=0.0,
        le=1.0,
        description="Skip a row whose embedding has at least this cosine to a row already "
        "selected. Exact duplicates are always skipped.",
    )
    diversity: DiversityOptions | SkipJsonSchema[None] = Field(
        default=None, description="Spread the selection over the embedding space."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.budget, float) and not 0.0 < self.budget <= 1.0:
            raise ValueError(
                f"budget: {self.budget} is not a share above 0 and up to 1.0; "
                "write a whole number for a count of rows"
            )
        if isinstance(self.budget, int) and self.budget < 1:
            raise ValueError("budget: must be a share above 0 up to 1.0, or a count of at least 1")
        if (self.method == "fusion") != bool(self.fuse):
            raise ValueError("fuse: names at least two recipes when (and only when) method=fusion")
        if self.fuse and len(set(self.fuse)) < 2:
            raise ValueError("fuse: names at least two different recipes")
        bad = {k: v for k, v in self.quotas.items() if not 0.0 <= v <= 1.0}
        if bad or sum(self.quotas.values()) > 1.0 + 1e-9:
            raise ValueError("quotas: shares between 0 and 1 that add up to at most 1")
        return self

    def rows(self, available: int) -> int:
        """Number of rows to select out of `available` usable ones (at least 1 if there are any)."""
        wanted = self.budget if isinstance(self.budget, int) else round(self.budget * available)
        return min(available, max(1, int(wanted)))


class RobustnessOptions(Options):
    """How stable a score is under embedding noise (T-SHIRT section 3.3)."""

    estimator: Literal["sampled", "analytic", "hybrid"] = Field(
        default="sampled",
        description="sampled: the paper's neighbours. analytic: first-order estimate from one "
        "backward pass. hybrid: analytic, updated by a few sampled neighbours.",
    )
    neighbours: int = Field(
        default=30,
        ge=2,
        description="Perturbed copies per row, M. The paper uses 30; 10 is nearly as good.",
    )
    alpha: float = Field(
        default=5.0, gt=0.0, description="Noise scale: U(-eps, eps) with eps = alpha/sqrt(L*C)."
    )
    scope: Literal["contenders", "all"] = Field(
        default="contenders",
        description="contenders: only rows that can still be selected are perturbed. all: every "
        "row, as published (implied by a recipe with method=reference).",
    )
    margin: float = Field(
        default=1.5, ge=1.0, description="Contenders per row of the largest gamma * budget."
    )


DEFAULT_RECIPES = {
    "tshirt-5pct": Recipe(method="tshirt", budget=0.05),
    "miwv-5pct": Recipe(method="miwv", budget=0.05),
    "ifd-5pct": Recipe(method="ifd", budget=0.05),
    "longest-5pct": Recipe(method="longest", budget=0.05),
    "random-5pct": Recipe(method="random", budget=0.05),
}


class CorpusConfig(Options):
    """One corpus: where its rows are, how they are scored, what is selected."""

    name: str = Field(
        pattern=NAME_PATTERN,
        description="Key prefix and group of the corpus's assets: lower-case letters, digits, _.",
    )
    paths: tuple[str, ...] = Field(
        min_length=1,
        description="Files or globs, relative to the YAML file: JSON, JSONL, "
        "Parquet or CSV, optionally .gz or .zst.",
    )
    format: Literal["auto", "alpaca", "prompt_response", "sharegpt", "messages"] = Field(
        default="auto", description="Shape of the rows; `auto` looks at the fields of each row."
    )
    columns: ColumnOptions = Field(default=ColumnOptions(), description="Renamed source columns.")
    rows_per_shard: int = Field(
        default=50_000, ge=1, description="Files with more rows are split into ranges of this size."
    )
    turns: Literal["last", "all"] = Field(
        default="last", description="Which assistant turns of a conversation are scored."
    )
    prompt_format: Literal["plain", "alpaca", "chat_template"] = Field(
        default="plain",
        description="plain: instruction, newline, input, newline (T-SHIRT). alpaca: the Alpaca "
        "template. chat_template: the tokenizer's own.",
    )
    scorer: CausalLMOptions = Field(
        default=CausalLMOptions(), description="Surrogate LM of IFD and S-IFD: a path, or options."
    )
    target: CausalLMOptions | SkipJsonSchema[None] = Field(
        default=None,
        description="Model that will be trained, for MIWV; default: the scorer, whose clean pass "
        "is then shared.",
    )
    embedder: EmbedderOptions = Field(
        default=EmbedderOptions(), description="Embedding model: a path, or options."
    )
    keep_fraction: float = Field(
        default=0.75,
        gt=0.0,
        le=1.0,
        description="Share k of response tokens that counts as informative; tau is the (1-k) "
        "quantile of abs(token delta).",
    )
    robustness: RobustnessOptions = Field(
        default=RobustnessOptions(), description="Noise neighbours and their estimator."
    )
    seed: int = Field(default=42, ge=0, description="Seed of the noise and of random recipes.")
    exclude_duplicates: bool = Field(
        default=True, description="MIWV: never use a row with identical content as the demo."
    )
    exact_neighbours_up_to: int = Field(
        default=200_000,
        ge=0,
        description="Nearest neighbours are exact up to this many rows, approximate (faiss) above.",
    )
    recipes: dict[str, Recipe] = Field(
        default_factory=lambda: dict(DEFAULT_RECIPES),
        description="Named selections; each is a partition of selected_subset.",
    )
    store: str = Field(
        default=".tshirt/store",
        description="Folder (relative to the YAML file) or object store URI (s3://...) of the "
        "LanceDB tables.",
    )
    storage_options: dict[str, str] = Field(
        default_factory=dict,
        description="Options of the object store. `${NAME}` reads an environment variable when "
        "the store is opened; keep credentials there.",
    )
    export_dir: str = Field(
        default=".tshirt/exports",
        description="Folder (relative to the YAML file) of exported subsets and reports.",
    )
    report_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Web address of `export_dir`, with which selections link to their reports: "
        "http://127.0.0.1:3001 while `tshirt-assets reports` runs, or your own server's.",
    )
    exports: tuple[Literal["messages", "alpaca", "sharegpt", "parquet"], ...] = Field(
        default=("messages", "parquet"), description="Files written for every selected subset."
    )
    export_token_weights: bool = Field(
        default=False, description="Add per-token training weights to messages and Parquet exports."
    )
    on_missing_shards: Literal["error", "warn", "ignore"] = Field(
        default="warn", description="What dataset-wide assets do when shards are not materialized."
    )
    max_bad_share: float = Field(
        default=0.05,
        ge=0.0,
        le=1.0,
        description="The status check warns when more than this share of a shard is not ok.",
    )
    owners: tuple[str, ...] = Field(
        default=(), description="Owners shown on the assets: an e-mail address or team:NAME."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.recipes:
            raise ValueError("recipes: at least one is needed")
        for name, recipe in self.recipes.items():
            if not re.match(RECIPE_NAME_PATTERN, name):
                raise ValueError(f"recipes.{name}: letters, digits, '.', '_' and '-' only")
            if recipe.quotas and not self.columns.domain:
                raise ValueError(f"recipes.{name}.quotas: set columns.domain, the domains' column")
            for part in recipe.fuse:
                if part not in self.recipes:
                    raise ValueError(f"recipes.{name}.fuse: no recipe named {part!r}")
                if self.recipes[part].method == "fusion":
                    raise ValueError(f"recipes.{name}.fuse: {part!r} is itself a fusion")
        return self

    @property
    def target_model(self) -> CausalLMOptions:
        """The target model of MIWV: `target`, or the scorer."""
        return self.target or self.scorer

    @property
    def perturbs_all_rows(self) -> bool:
        """True when every row gets neighbours: by `scope`, or because a recipe is `reference`."""
        return self.robustness.scope == "all" or self.needs_reference

    @property
    def needs_reference(self) -> bool:
        """True when a recipe reproduces the published procedure (keeps all perturbed deltas)."""
        return any(recipe.method == "reference" for recipe in self.recipes.values())

    @classmethod
    def from_yaml(cls, path: str | os.PathLike[str]) -> "CorpusConfig":
        """Read `corpus.yaml`; relative paths in it are relative to the file.

        Raises `ConfigError` with one line per fault, each naming the key.
        """
        file = Path(path)
        try:
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{file}: not valid YAML: {error}") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: expected a mapping of options, at least `name` and `paths`")
        return parse_config(values, base=file.resolve().parent, source=str(file))


def parse_config(values: dict[str, Any], *, base: Path, source: str) -> CorpusConfig:
    """Validate a mapping of options; relative paths become absolute under `base`.

    Raises `ConfigError` with one line per fault: the source, the key, what is wrong.
    """
    try:
        config = CorpusConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(fault, source) for fault in error.errors())) from None
    return config.model_copy(
        update={
            "paths": tuple(_anchor(path, base) for path in config.paths),
            "store": _anchor(config.store, base),
            "export_dir": _anchor(config.export_dir, base),
        }
    )


def _anchor(path: str, base: Path) -> str:
    return path if "://" in path else str(base / Path(path).expanduser())


def _explain(fault: Any, source: str) -> str:
    key = ".".join(str(part) for part in fault["loc"]) or "(top level)"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        model = _model_at(fault["loc"][:-1])
        allowed = f"; allowed here: {', '.join(sorted(model.model_fields))}" if model else ""
        message = f"unknown key{allowed}"
    return f"{source}: {key}: {message}"


def _model_at(location: tuple[Any, ...]) -> type[Options] | None:
    """The options class a location of a validation error points at."""
    nested: dict[str, type[Options]] = {
        "scorer": CausalLMOptions,
        "target": CausalLMOptions,
        "embedder": EmbedderOptions,
        "columns": ColumnOptions,
        "recipes": Recipe,
        "robustness": RobustnessOptions,
    }
    if not location:
        return CorpusConfig
    if location[-1] == "diversity":
        return DiversityOptions
    return nested.get(str(location[0]))
