"""The models that a run needs: each is there, with its tokenizer, and its context suffices."""

from collections.abc import Callable, Iterator, Sequence

from tshirt_assets.config import CausalLMOptions, CorpusConfig, EmbedderOptions
from tshirt_assets.preflight.finding import Finding
from tshirt_assets.preflight.inspection import Inspection, ModelKind
from tshirt_assets.preflight.model_presence import absent, context_length

AnyModel = CausalLMOptions | EmbedderOptions

# Each says in one line each, with the remedy, why a model could not be used. The first that says
# anything is heard; those below would only say it again. None of them loads weights.
MODEL_CHECKS: tuple[Callable[[AnyModel, bool], Sequence[str]], ...] = (absent,)


def model_findings(inspection: Inspection) -> Iterator[Finding]:
    """What keeps a model that is needed from being loaded, and contexts that are too short."""
    for kind in inspection.models:
        options = _options(inspection.config, kind)
        if options is None:
            continue
        faults = next(filter(None, (c(options, inspection.online) for c in MODEL_CHECKS)), ())
        yield from (Finding("error", kind, fault) for fault in faults)
        if not faults and isinstance(options, CausalLMOptions):
            yield from _short_context(kind, options)


def _options(config: CorpusConfig, kind: ModelKind) -> AnyModel | None:
    """The options of a model; None for a target that is the scorer."""
    if kind == "target":
        return config.target if config.target != config.scorer else None
    return config.scorer if kind == "scorer" else config.embedder


def _short_context(kind: ModelKind, options: CausalLMOptions) -> Iterator[Finding]:
    context = context_length(options)
    if context is not None and options.max_length > context:
        yield Finding(
            "warning",
            f"{kind}.max_length",
            f"{options.max_length} is more than the {context} tokens of the model's context, "
            "where rows are cut",
            f"set {kind}.max_length to {context}, or take a model with a longer context",
        )
