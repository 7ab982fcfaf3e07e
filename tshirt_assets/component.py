"""CurationComponent: a corpus as a Dagster component, configured in defs.yaml."""

import logging
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import Self

import dagster as dg
from dagster.components import Scaffolder, ScaffoldRequest, scaffold_component, scaffold_with
from pydantic import BaseModel, Field

from tshirt_assets.config import ConfigError, CorpusConfig, parse_config
from tshirt_assets.config.scaffold import commented_options, corpus_name
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.preflight.checklist import LOADING_CHECKS, findings
from tshirt_assets.preflight.inspection import Inspection

logger = logging.getLogger(__name__)

PROJECT_FOLDERS = {
    "store": "{{ context.project_root }}/.tshirt/store",
    "export_dir": "{{ context.project_root }}/.tshirt/exports",
}
HEADER = """\
## An instruction-tuning corpus, curated by tshirt_assets. Options after a single # are at their
## defaults; remove the # to change one. `{{ env.NAME }}` reads an environment variable.
"""


class ScaffoldOptions(BaseModel):
    """What `dg scaffold defs` may be told about the corpus."""

    paths: str = Field(
        default="data/*.jsonl",
        description="File or glob of the corpus, relative to the new folder.",
    )
    scorer: str | None = Field(
        default=None, description="Surrogate LM: Hub id, folder, .gguf file or package:NAME/path."
    )
    embedder: str | None = Field(
        default=None, description="Embedding model: Hub id, folder or package:NAME/path."
    )


class CurationScaffolder(Scaffolder[ScaffoldOptions]):
    """Writes a defs.yaml in which every option is explained and most are commented out."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldOptions]:
        """Options of `dg scaffold defs tshirt_assets.CurationComponent`."""
        return ScaffoldOptions

    def scaffold(self, request: ScaffoldRequest[ScaffoldOptions]) -> None:
        """Write the file; with `--format python` Dagster's own stub."""
        if request.scaffold_format == "python":
            scaffold_component(request)
            return
        chosen = request.params.model_dump(exclude_none=True)
        folder = request.target_path.parent if request.append else request.target_path
        values = {"name": corpus_name(folder.name)} | chosen | PROJECT_FOLDERS
        options = textwrap.indent(commented_options(values | {"paths": [chosen["paths"]]}), "  ")
        text = f"{HEADER}type: {request.type_name}\n\nattributes:\n{options}\n"
        if request.append:
            with request.target_path.open("a", encoding="utf-8") as file:
                file.write(f"---\n{text}")
        else:
            (folder / "defs.yaml").write_text(text, encoding="utf-8")


@scaffold_with(CurationScaffolder)
@dataclass(frozen=True)
class CurationComponent(dg.Component, dg.Resolvable):
    """Curates an instruction-tuning corpus: scores every row, selects the ones worth training on.

    The attributes are the options of `corpus.yaml`; relative paths start at the folder of
    defs.yaml, and texts may use templates such as `{{ env.NAME }}`. The executor is left to the
    project: `dg.Definitions(executor=dg.in_process_executor)` beside the component runs every
    asset of a run in one process, which loads each model only once.
    """

    config: CorpusConfig

    def get_asset_spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        """Override to change key, group, tags, owners or anything else about an asset's spec.

        A new key must follow from `spec.key` and `spec.group_name` alone.
        """
        return spec

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The corpus's assets, checks, resources and shard sensor.

        What a run would fail of, as far as it can be seen quickly, is logged as a warning, which
        `dg check defs` prints: the code location loads all the same.
        """
        _refuse_shared_names(context)
        _warn_of_faults(self.config)
        return build_curation_defs(self.config, map_asset_spec=self.get_asset_spec, executor=None)

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The schema of the attributes."""
        return CorpusConfig

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """The component that a defs.yaml declares; without attributes it says what is missing."""
        return super().load(attributes or CorpusConfig.model_construct(), context)

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Self:
        """Resolve templates and relative paths; raises `ConfigError` naming the faulty keys."""
        place = dg.ComponentLoadContext.from_resolution_context(context)
        options = context.resolve_value(model.model_dump(exclude_unset=True))
        return cls(parse_config(dict(options), base=place.path, source=str(place.path)))


def _warn_of_faults(config: CorpusConfig) -> None:
    for finding in findings(Inspection(config, models=()), LOADING_CHECKS):
        logger.warning("%s: %s", config.name, finding)


def _refuse_shared_names(context: dg.ComponentLoadContext) -> None:
    """Raise `ConfigError` if two components of the project have one corpus name."""
    if context.path == context.defs_module_path:  # Dagster's test context: there is no project
        return
    components = context.component_tree.get_all_components(CurationComponent)
    names = Counter(component.config.name for component in components)
    shared = [name for name, count in names.items() if count > 1]
    if shared:
        raise ConfigError(
            f"{names[shared[0]]} components have the attribute `name: {shared[0]}`; names are "
            "asset key prefixes and must differ"
        )
