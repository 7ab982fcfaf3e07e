"""Groups of options inside a corpus configuration: models, columns, recipes, robustness."""

from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticKnownError

InputFormat = Literal["auto", "alpaca", "prompt_response", "sharegpt", "messages"]
"""Shapes that the rows of a file may have."""
PromptFormat = Literal["plain", "alpaca", "chat_template"]
"""How instruction and input become the prompt of a model."""
Reasoning = Literal["keep", "separate", "strip"]
"""What becomes of the reasoning that stands beside the content of a turn."""
ExportFormat = Literal["messages", "prompt_completion", "alpaca", "sharegpt", "parquet"]
"""Files that may be written for a selected subset."""
Estimator = Literal["sampled", "analytic", "hybrid"]
"""How the mean and std of S-IFD under noise are found."""
Method = Literal["tshirt", "reference", "miwv", "ifd", "longest", "random", "fusion"]
"""What a recipe ranks the rows by."""


MOST_ROWS = 1_000_000_000_000  # more than any corpus has: what is written beyond is a slip
MOST_TIMES = 1_000_000  # largest factor by which rows or noise are multiplied
LARGEST_SEED = (1 << 63) - 1


def _number(value: Any) -> Any:
    """The value, unless it is `true` or `false`, which Python would count as 1 and 0."""
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


def _usable_text(value: Any) -> None:
    """Raise `ValueError` for text that neither a file nor a table can hold."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("holds a NUL character; remove it")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("holds half of a surrogate pair, which is no character; remove it")
    elif isinstance(value, list | tuple | dict):
        for part in value:
            if isinstance(part, str):
                _usable_text(part)
        if isinstance(value, dict):
            _usable_text([*value.values()])


class Options(BaseModel):
    """Base of all configuration models: no unknown keys, no infinite numbers, no changes.

    Errors do not repeat what was given: it may be a credential.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _sound(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what pydantic would let through: truth as a number, text that nothing can hold."""
        _usable_text(value)
        annotation = cls.model_fields[info.field_name or ""].annotation
        takes_number = {int, float} & {annotation, *get_args(annotation)}
        return _number(value) if takes_number else value


class ModelOptions(Options):
    """Options of a model; its path alone may stand for them (`scorer: gpt2`)."""

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
        le=10_000_000,
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
    device: str = Field(
        default="auto",
        description="`auto` (CUDA where present), `cpu`, `cuda:0`; of the neighbour search too.",
    )
    batch_size: int = Field(
        default=64,
        ge=1,
        le=100_000,
        description="Texts per forward pass; on CUDA of short texts more, as many as make up that "
        "many long ones. Out of memory halves it and goes on.",
    )
    pooling: Literal["mean", "model"] = Field(
        default="mean", description="mean: over tokens, as MIWV does. model: the model's own."
    )
    trust_remote_code: bool = Field(
        default=False, description="Run Python code that comes with the model."
    )


class ColumnOptions(Options):
    """Names of source columns that differ from the usual ones."""

    instruction: str | None = Field(
        default=None, description="Column of the instruction; usually instruction or prompt."
    )
    input: str | None = Field(default=None, description="Column of the input; usually input.")
    response: str | None = Field(
        default=None, description="Column of the response; usually output, response or completion."
    )
    system: str | None = Field(
        default=None, description="Column of the system prompt; usually system."
    )
    messages: str | None = Field(
        default=None, description="Column of the conversation; usually messages or conversations."
    )
    domain: str | None = Field(
        default=None, description="Column of the row's domain, for quotas and reports."
    )


class DiversityOptions(Options):
    """An optional last step that spreads a selection over the embedding space."""

    method: Literal["k_center", "facility_location"] = Field(
        default="facility_location", description="How the subset is spread."
    )
    pool: float = Field(
        default=2.0,
        ge=1.0,
        le=MOST_TIMES,
        description="Candidates that the step may choose from, per selected row.",
    )


LATER: Final = {"judgements": "honour", "min_relevance": None}
"""Options of a recipe that earlier versions did not have, with their defaults."""


class Recipe(Options):
    """One way to choose rows; every recipe is a partition of `selected_subset`."""

    method: Method = Field(
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
        le=MOST_TIMES,
        description="tshirt, reference: rows kept by robust mean for each row finally selected.",
    )
    estimator: Estimator | SkipJsonSchema[None] = Field(
        default=None,
        description="tshirt: how robustness is measured; by default as under `robustness`.",
    )
    seed: int | None = Field(
        default=None, description="random: the seed; by default that of the corpus."
    )
    fuse: tuple[str, ...] = Field(
        default=(), description="fusion: names of the recipes whose ranks are fused."
    )
    quotas: dict[str, Annotated[float, BeforeValidator(_number)]] = Field(
        default_factory=dict,
        description="Share of the budget per domain, e.g. {code: 0.2}; the rest is free. "
        "Quotas that cannot be met are filled as far as possible and reported.",
    )
    dedupe_similarity: float | None = Field(
        default=None,
        gt=0.0,
        le=1.0,
        description="Skip a row whose embedding has at least this cosine similarity to a row "
        "already selected. Exact duplicates are always skipped.",
    )
    diversity: DiversityOptions | SkipJsonSchema[None] = Field(
        default=None, description="Spread the selection over the embedding space."
    )
    min_relevance: float | None = Field(
        default=None,
        ge=0.0,
        le=1.0,
        description="Leave out a row whose response fits its instruction no better than this share "
        "of shuffled pairs (an instruction with another row's response) does, by the cosine of "
        "their embeddings: 0.95, for one. By default no row is left out for it.",
    )

    judgements: Literal["honour", "ignore"] = Field(
        default="honour",
        description="honour: rows that people keep are in, first and whatever their scores; rows "
        "that they drop are out. ignore: what the scores alone choose. Of a fusion its own "
        "counts, not those of the recipes it fuses.",
    )

    @model_serializer(mode="wrap")
    def _as_earlier_versions(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without options that came later and were not set: hashes of recipes stay the same."""
        found = values(self)
        return {k: v for k, v in found.items() if k not in LATER or v != LATER[k]}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.budget, float) and not 0.0 < self.budget <= 1.0:
            raise ValueError(
                f"budget: {self.budget} is not a share above 0 and up to 1.0; "
                "write a whole number for a count of rows"
            )
        if isinstance(self.budget, int) and self.budget < 1:
            raise ValueError(
                f"budget: {self.budget} is neither a share above 0 and up to 1.0 "
                "nor a count of at least 1"
            )
        if self.budget > MOST_ROWS:
            raise ValueError(f"budget: more than {MOST_ROWS:_} rows; write a smaller number")
        if (self.method == "fusion") != bool(self.fuse):
            raise ValueError("fuse: name at least two recipes with method=fusion, none otherwise")
        if self.fuse and len(set(self.fuse)) < 2:
            raise ValueError("fuse: name at least two different recipes")
        if self.estimator and self.method != "tshirt":
            raise ValueError("estimator: goes with method=tshirt only")
        bad = {k: v for k, v in self.quotas.items() if not 0.0 <= v <= 1.0}
        if bad or sum(self.quotas.values()) > 1.0 + 1e-9:
            raise ValueError("quotas: write shares between 0 and 1 that add up to at most 1")
        return self

    def rows(self, available: int) -> int:
        """Number of rows to select out of `available` usable ones (at least 1 if there are any)."""
        wanted = self.budget if isinstance(self.budget, int) else round(self.budget * available)
        return min(available, max(1, int(wanted)))


class RobustnessOptions(Options):
    """How stable a score is under embedding noise (T-SHIRT section 3.3)."""

    estimator: Estimator = Field(
        default="analytic",
        description="How mean and std of S-IFD under noise are found. analytic: one forward and "
        "backward pass, deterministic, a tenth of the cost of sampling. hybrid: the analytic "
        "estimate, sharpened by a few noise neighbours. sampled: noise neighbours alone, as the "
        "paper does.",
    )
    neighbours: int | None = Field(
        default=None,
        ge=2,
        le=10_000,
        description="Perturbed copies per row, M. sampled: by default 30, as in the paper, which "
        "finds 10 nearly as good. hybrid: by default 8. analytic needs none.",
    )
    alpha: float = Field(
        default=5.0,
        gt=0.0,
        le=MOST_TIMES,
        description="Noise scale: U(-eps, eps) with eps = alpha/sqrt(L*C).",
    )
    scope: Literal["contenders", "all"] = Field(
        default="contenders",
        description="contenders: only rows that can still be selected are perturbed. all: every "
        "row, as published (implied by a recipe with method=reference).",
    )
    margin: float = Field(
        default=1.35,
        ge=1.0,
        le=MOST_TIMES,
        description="Contenders for each row of the largest gamma * budget; 16 are added to them.",
    )
