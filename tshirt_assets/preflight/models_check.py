"""The models that a run needs: each is there, is what it has to be, and renders its prompts."""

from collections.abc import Iterator

from tshirt_assets.config import CausalLMOptions
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.models.model_files import located_model
from tshirt_assets.preflight.finding import Finding
from tshirt_assets.preflight.inspection import Inspection, ModelKind
from tshirt_assets.preflight.model_presence import AnyModel, absent


def model_findings(inspection: Inspection) -> Iterator[Finding]:
    """What keeps a model that is needed from being used, and what its scores would suffer from.

    No weights are loaded; of a hub id that is not cached only its presence is known.
    """
    for kind in inspection.models:
        options = _options(inspection, kind)
        if options is None:
            continue
        faults = absent(options, inspection.online)
        yield from (Finding("error", kind, fault) for fault in faults)
        if faults or not isinstance(options, CausalLMOptions):
            continue
        if located_model(options.path, options.revision) is not None:
            yield from _of_causal_lm(inspection, kind, options)


def _options(inspection: Inspection, kind: ModelKind) -> AnyModel | None:
    """The options of a model; None for a target that is the scorer."""
    config = inspection.config
    if kind == "target":
        return config.target if config.target != config.scorer else None
    return config.scorer if kind == "scorer" else config.embedder


def _of_causal_lm(
    inspection: Inspection, kind: ModelKind, options: CausalLMOptions
) -> Iterator[Finding]:
    from tshirt_assets.models.suitability import inspect_model

    config = inspection.config
    found = inspect_model(options, config.recipes if kind == "scorer" else None)
    yield from (Finding("error", kind, fault) for fault in found.faults)
    yield from (Finding("warning", kind, remark) for remark in found.remarks)
    if not found.faults and config.prompt_format == "chat_template":
        yield from _of_template(kind, options)


def _of_template(kind: ModelKind, options: CausalLMOptions) -> Iterator[Finding]:
    from tshirt_assets.models.causal_lm import load_tokenizer
    from tshirt_assets.scoring.template_faults import template_faults, template_notes

    if options.path.endswith(".gguf"):  # its tokenizer comes with its weights
        return
    try:
        tokenizer = load_tokenizer(options)
        faults, notes = template_faults(tokenizer).values(), template_notes(tokenizer)
    except CorpusError as error:
        yield Finding("error", kind, str(error))
        return
    yield from (Finding("warning", kind, line) for line in (*faults, *notes))
