"""The configuration of one corpus, validated: one code path for YAML, component and Python.

`corpus.yaml`, the Dagster component and `build_curation_defs` all validate through
`CorpusConfig`; an option is documented where it is declared, here or in `options.py`, and
nowhere else.
"""

import os
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from tshirt_assets.config.automation import AutomationOptions
from tshirt_assets.config.card_options import CardOptions
from tshirt_assets.config.credentials import in_address
from tshirt_assets.config.messages import fault_lines
from tshirt_assets.config.options import (
    LARGEST_SEED,
    MOST_ROWS,
    CausalLMOptions,
    ColumnOptions,
    EmbedderOptions,
    Estimator,
    ExportFormat,
    InputFormat,
    Options,
    PromptFormat,
    Reasoning,
    Recipe,
    RobustnessOptions,
)
from tshirt_assets.config.recipe_checks import LONGEST_NAME, check_recipes
from tshirt_assets.config.source_checks import KEY_PATTERN, one_source
from tshirt_assets.config.source_options import SourceOptions, SourcePaths
from tshirt_assets.config.yaml_file import read_yaml

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
NEIGHBOURS: dict[Estimator, int] = {"sampled": 30, "hybrid": 8}
"""Perturbed copies per row of the estimators that draw any, where the user names no number."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and what is allowed."""


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
        description="Key prefix and group of the corpus's assets: lower-case letters, digits and "
        "underscores.",
    )
    source_asset: str | None = Field(
        default=None,
        pattern=KEY_PATTERN,
        description="Key of an asset of yours that holds the rows, such as raw/conversations, in "
        "place of `paths`. Its partitions are the shards; where it has none, ranges of "
        "`rows_per_shard` rows are.",
    )
    paths: SourcePaths = Field(
        default=(),
        validate_default=True,
        min_length=1,
        description="Files or globs, relative to the YAML file, or elsewhere (s3://, gs://, az://, "
        "hf://datasets/, https://): JSON, JSONL, Parquet, Arrow or CSV, optionally .gz or .zst. A "
        "folder means all such files in it. Required, unless `source_asset` is set.",
    )
    source_options: SourceOptions = Field(
        default_factory=dict,
        description="Options of the sources in `paths` that lie elsewhere, as fsspec names them: "
        "key, secret, endpoint_url, token. `${NAME}` reads an environment variable; keep "
        "credentials there. Where there are none, a store of the same kind lends its own.",
    )
    format: InputFormat = Field(
        default="auto", description="Shape of the rows; `auto` looks at the fields of each row."
    )
    columns: ColumnOptions = Field(default=ColumnOptions(), description="Renamed source columns.")
    rows_per_shard: int = Field(
        default=50_000,
        ge=1,
        le=10_000_000,
        description="Most rows of a shard; larger files are split into ranges of this size.",
    )
    shards_per_run: int | None = Field(
        default=None,
        ge=1,
        description="Most shards of a run: a backfill, or `run --workers`, is divided into runs of "
        "so many, which work side by side, one GPU each. By default a backfill is one run, and "
        "workers get short ones.",
    )
    turns: Literal["last", "all"] = Field(
        default="last",
        description="Which assistant turns of a conversation are scored, of those that are to be "
        "trained on.",
    )
    reasoning: Reasoning = Field(
        default="keep",
        description="Reasoning beside the content of an assistant turn (reasoning_content, "
        "reasoning, thinking). keep: it opens the response in <think> tags, scored and exported "
        "with it. separate: it stays a field of its own, exported as reasoning_content, and is "
        "scored where the chat template writes it. strip: it is left out. What the content itself "
        "holds in <think> tags always stays.",
    )
    prompt_format: PromptFormat = Field(
        default="plain",
        description="plain: instruction, newline, input, newline (T-SHIRT). alpaca: the Alpaca "
        "template. chat_template: the tokenizer's own.",
    )
    scorer: CausalLMOptions = Field(
        default=CausalLMOptions(), description="Surrogate LM of IFD and S-IFD: a path, or options."
    )
    target: CausalLMOptions | SkipJsonSchema[None] = Field(
        default=None,
        description="Model that will be trained, for MIWV; by default the scorer, whose clean pass "
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
    tau_tolerance: float = Field(
        default=0.0025,
        ge=0.0,
        lt=1.0,
        description="How far, as a share of it, the quantile may move away from the stored tau "
        "before tau moves, and with it the calibration: few changed rows then measure no "
        "contender again. 0: tau is always the quantile of the present rows.",
    )
    robustness: RobustnessOptions = Field(
        default=RobustnessOptions(), description="Noise neighbours and their estimator."
    )
    seed: int = Field(
        default=42,
        ge=0,
        le=LARGEST_SEED,
        description="Seed of the noise and of random recipes.",
    )
    exclude_duplicates: bool = Field(
        default=True, description="MIWV: never use a row with identical content as the demo."
    )
    exact_neighbours_up_to: int = Field(
        default=200_000,
        ge=0,
        le=MOST_ROWS,
        description="Nearest neighbours are exact up to this many rows, approximate (faiss) above.",
    )
    recipes: dict[str, Recipe] = Field(
        default_factory=lambda: dict(DEFAULT_RECIPES),
        validate_default=True,
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
    explore_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Web address of the row browser, with which selections link to it: "
        "http://127.0.0.1:3002 while `tshirt-assets explore` runs.",
    )
    exports: tuple[ExportFormat, ...] = Field(
        default=("messages", "parquet"), description="Files written for every selected subset."
    )
    card: CardOptions = Field(
        default=CardOptions(), description="Licence and languages that every dataset card names."
    )
    export_token_weights: bool = Field(
        default=False, description="Add per-token training weights to messages and Parquet exports."
    )
    semantic_search: bool = Field(
        default=False,
        description="Embed every row and publish the table `search`, also where no recipe needs "
        "vectors. Where one does, the table is published anyway.",
    )
    on_missing_shards: Literal["error", "warn", "ignore"] = Field(
        default="warn",
        description="What dataset-wide assets do when some shards are not materialized.",
    )
    on_incomplete: Literal["fail", "keep"] = Field(
        default="fail",
        description="What becomes of a shard whose file breaks off, as after a cut download. "
        "fail: its check fails, a run exits with 1, and selections leave it out. keep: the part "
        "that could be read is used, with a warning. Nothing is read or scored again for a change.",
    )
    max_row_bytes: int = Field(
        default=1 << 26,
        ge=1 << 10,
        le=1 << 40,
        description="A longer line, array element or CSV row is one unreadable row and is never "
        "held in memory.",
    )
    max_bad_share: float = Field(
        default=0.05,
        ge=0.0,
        le=1.0,
        description="The status check warns when more than this share of a shard is not ok.",
    )
    checks: Literal["warn", "block"] = Field(
        default="warn",
        description="What a check does that fails with an error. warn: it is shown and listed. "
        "block: it also stops everything that is made from what it looked at, in every way of "
        "running, until it passes.",
    )
    automation: AutomationOptions | SkipJsonSchema[None] = Field(
        default=None,
        description="Upkeep by a running Dagster: `{}` scores new and changed shards and selects "
        "subsets again as files arrive. By default nothing is made unless it is asked for.",
    )
    owners: tuple[str, ...] = Field(
        default=(), description="Owners shown on the assets: an e-mail address or team:NAME."
    )

    @field_validator("paths", mode="wrap")
    @classmethod
    def _one_source(
        cls, paths: Any, validated: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        if one_source(paths, info.data):
            return validated(paths)
        return paths

    @field_validator("name")
    @classmethod
    def _short_enough(cls, name: str) -> str:
        if len(name) > LONGEST_NAME:
            raise ValueError(f"longer than {LONGEST_NAME} characters; shorten it")
        return name

    @field_validator("recipes")
    @classmethod
    def _name_estimators(
        cls, recipes: dict[str, Recipe], info: ValidationInfo
    ) -> dict[str, Recipe]:
        """Recipes that name no estimator get the corpus's."""
        robustness = info.data.get("robustness", RobustnessOptions())
        return {
            name: recipe.model_copy(update={"estimator": robustness.estimator})
            if recipe.method == "tshirt" and recipe.estimator is None
            else recipe
            for name, recipe in recipes.items()
        }

    @field_validator("store", "report_url", "explore_url")
    @classmethod
    def _holds_no_credentials(cls, address: str | None) -> str | None:
        if address is not None and in_address(address):
            raise ValueError(
                "an address with credentials in it would be shown and logged; take them out "
                "(those of the store belong into storage_options, as ${NAME} of a variable)"
            )
        return address

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_recipes(self.recipes, domains=bool(self.columns.domain))
        return self

    @property
    def target_model(self) -> CausalLMOptions:
        """The target model of MIWV: `target`, or the scorer."""
        return self.target or self.scorer

    @property
    def estimators(self) -> list[Estimator]:
        """The estimators of robustness that the recipes use, in a fixed order."""
        used = {recipe.estimator for recipe in self.recipes.values() if recipe.estimator}
        if self.needs_reference:
            used.add("sampled")
        return [name for name in get_args(Estimator) if name in used]

    @property
    def neighbours(self) -> int:
        """Perturbed copies drawn of a row, M; 0 where no estimator needs any."""
        drawing = [NEIGHBOURS[name] for name in self.estimators if name in NEIGHBOURS]
        return (self.robustness.neighbours or max(drawing)) if drawing else 0

    def measures_all_rows(self, estimator: str) -> bool:
        """True when every row is measured: by `scope`, or because a recipe is `reference`."""
        sampled_for_reference = estimator == "sampled" and self.needs_reference
        return self.robustness.scope == "all" or sampled_for_reference

    @property
    def perturbs_all_rows(self) -> bool:
        """True when every row gets neighbours: by `scope`, or because a recipe is `reference`."""
        return self.neighbours > 0 and (self.robustness.scope == "all" or self.needs_reference)

    @property
    def needs_calibration(self) -> bool:
        """True when a recipe uses an estimator that a pilot of sampled neighbours calibrates."""
        return self.estimators not in ([], ["sampled"])

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
            values = read_yaml(file)
        except ValueError as error:
            raise ConfigError(f"{file}: {error}") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: expected a mapping of options, at least `name` and `paths`")
        return parse_config(values, base=file.resolve().parent, source=str(file))


def parse_config(values: dict[str, Any], *, base: Path, source: str) -> CorpusConfig:
    """Validate a mapping of options; relative paths become absolute under `base`.

    Raises `ConfigError` with one line per fault: source, key, what is wrong, what is allowed.
    """
    try:
        config = CorpusConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(fault_lines(error, CorpusConfig, source))) from None
    return config.model_copy(
        update={
            "paths": tuple(_anchor(path, base) for path in config.paths),
            "store": _anchor(config.store, base),
            "export_dir": _anchor(config.export_dir, base),
        }
    )


def _anchor(path: str, base: Path) -> str:
    return path if "://" in path else os.path.normpath(base / os.path.expanduser(path))
