"""The component: same options as corpus.yaml, one schema, one hook, clear errors."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import jsonschema
import pytest
import yaml
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox
from dagster.components.testing.utils import component_defs

from tshirt_assets import CurationComponent, build_curation_defs
from tshirt_assets.config import ConfigError, CorpusConfig

TYPE = "tshirt_assets.CurationComponent"
OPTIONS: dict[str, Any] = {
    "name": "support",
    "paths": ["rows/*.jsonl"],
    "scorer": "some/folder",
    "robustness": {"neighbours": 7},
    "recipes": {"best": {"method": "tshirt", "budget": 3}},
    "owners": ["team:data"],
}
ASSETS = ["files", "samples", "embeddings", "token_scores", "contenders"]
ASSETS += ["robust_scores", "neighbours", "miwv_scores", "selected_subset"]

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


def declare(sandbox: DefsFolderSandbox, folder: str, attributes: dict[str, Any] | None) -> Path:
    contents = {"type": TYPE} | ({} if attributes is None else {"attributes": attributes})
    return sandbox.scaffold_component(CurationComponent, folder, defs_yaml_contents=contents)


@contextmanager
def built(
    sandbox: DefsFolderSandbox, folder: Path
) -> Iterator[tuple[CorpusConfig, dg.Definitions]]:
    with sandbox.load_component_and_build_defs(defs_path=folder) as (component, defs):
        assert isinstance(component, CurationComponent)
        yield component.config, defs


def load(attributes: dict[str, Any] | None) -> CorpusConfig:
    with create_defs_folder_sandbox() as sandbox:
        folder = declare(sandbox, "here", attributes)
        with built(sandbox, folder) as (config, _):
            return config


def all_messages(error: BaseException | None) -> str:
    messages = []
    while error is not None:
        messages.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(messages)


def test_importing_the_package_loads_neither_dagster_nor_a_model_library() -> None:
    code = "import sys, tshirt_assets; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "tshirt_assets" in loaded.split()
    assert not {"dagster", "torch", "polars", "transformers", "pydantic"} & set(loaded.split())


def test_defs_yaml_means_what_corpus_yaml_means() -> None:
    with create_defs_folder_sandbox() as sandbox:
        folder = declare(sandbox, "here", OPTIONS)
        (folder / "corpus.yaml").write_text(yaml.safe_dump(OPTIONS))
        expected = CorpusConfig.from_yaml(folder / "corpus.yaml")
        with built(sandbox, folder) as (config, defs):
            assert config == expected
            assert expected.paths == (str(folder / "rows/*.jsonl"),)
            assert expected.scorer.path == "some/folder"
            keys = {spec.key for spec in defs.resolve_all_asset_specs()}
            assert keys >= {dg.AssetKey(["support", asset]) for asset in ASSETS}
            assert all(key.path[0] == "support" for key in keys)
            [sensor] = defs.sensors or []
            assert sensor.name == "support_shards"


def test_texts_may_be_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSHIRT_TEST_STORE", "s3://bucket/prefix")
    templates = {"store": "{{ env.TSHIRT_TEST_STORE }}", "paths": ["{{ context.project_root }}/x"]}
    config = load(OPTIONS | templates)
    assert config.store == "s3://bucket/prefix"
    assert re.fullmatch(r"/.+/x", config.paths[0])


@pytest.mark.parametrize(
    ("attributes", "faults"),
    [
        ({"pahts": ["x"]}, ["pahts"]),
        ({"robustness": {"neighbors": 10}}, ["robustness", "neighbors"]),
        ({"scorer": {"pth": "gpt2"}}, ["scorer", "pth"]),
        ({"target": {"pth": "gpt2"}}, ["target", "pth"]),
        (
            {"recipes": {"a": {"method": "tshirt", "budget": 0.1, "gama": 3}}},
            ["recipes", "a", "gama"],
        ),
        ({"prompt_format": "alpacca"}, ["prompt_format", "chat_template"]),
    ],
)
def test_a_typo_is_named_by_the_schema_and_when_loading(
    attributes: dict[str, Any], faults: list[str]
) -> None:
    schema = CurationComponent.model().model_json_schema()
    [error] = jsonschema.Draft202012Validator(schema).iter_errors(OPTIONS | attributes)
    said = f"{list(error.absolute_path)} {error.message}"
    assert all(fault in said for fault in faults)
    with pytest.raises(ComponentTreeException) as raised:
        load(OPTIONS | attributes)
    assert all(fault in all_messages(raised.value) for fault in faults)


@pytest.mark.parametrize(
    ("recipe", "fault"),
    [
        ({"method": "tshirt", "budget": 0}, "recipes.best"),
        ({"method": "tshirt", "budget": 1.5}, "recipes.best"),
        ({"method": "fusion", "budget": 0.1, "fuse": ["gone", "lost"]}, "no recipe named 'gone'"),
    ],
)
def test_an_impossible_recipe_is_refused(recipe: dict[str, Any], fault: str) -> None:
    with pytest.raises(ComponentTreeException) as raised:
        load(OPTIONS | {"recipes": {"best": recipe}})
    assert fault in all_messages(raised.value)


def test_missing_attributes_are_named() -> None:
    with pytest.raises(ComponentTreeException) as raised:
        load(None)
    assert "name: Field required" in all_messages(raised.value)
    assert "paths: Field required" in all_messages(raised.value)


def test_every_option_has_a_description_in_the_schema() -> None:
    schema = CurationComponent.model().model_json_schema()
    for options in (schema, *schema["$defs"].values()):
        for name, option in options["properties"].items():
            assert option.get("description"), name


def test_the_scaffold_explains_every_option_and_shows_its_default() -> None:
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(CurationComponent, "Our Corpus-2")
        text = (folder / "defs.yaml").read_text()
        with built(sandbox, folder) as (config, _):
            assert config.name == "our_corpus_2"
            assert config.paths == (str(folder / "data/*.jsonl"),)
            assert config.store == str(sandbox.project_root / ".tshirt/store")
            scaffolded = config
    uncommented = yaml.safe_load(re.sub(r"^(\s*)# ", r"\1", text, flags=re.MULTILINE))
    options = uncommented["attributes"]
    assert set(options) == set(CorpusConfig.model_fields)
    written = CorpusConfig.model_validate(
        options | scaffolded.model_dump(include={"paths", "store", "export_dir"})
    )
    assert written == scaffolded


def test_the_scaffold_takes_paths_and_models() -> None:
    chosen = {"paths": "/corpora/*.parquet", "scorer": "Qwen/Qwen3-0.6B", "embedder": "e5"}
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(CurationComponent, "c", scaffold_params=chosen)
        with built(sandbox, folder) as (config, _):
            assert config.paths == ("/corpora/*.parquet",)
            assert config.scorer.path == "Qwen/Qwen3-0.6B"
            assert config.embedder.path == "e5"


class Laboratory(CurationComponent):
    """A user's own component."""

    def get_asset_spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(
            key=spec.key.with_prefix("lab"), group_name="curation", owners=["team:lab"]
        ).merge_attributes(tags={"tier": "gold"})


def test_the_hook_changes_keys_groups_tags_and_owners(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "Say hi.", "response": "Hi there."}\n')
    own = {"paths": [str(tmp_path / "rows.jsonl")], "store": str(tmp_path / "store")}
    defs = component_defs(component=Laboratory.from_attributes_dict(attributes=OPTIONS | own))
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    assert set(specs) >= {dg.AssetKey(["lab", "support", asset]) for asset in ASSETS}
    assert all(key.path[:2] == ["lab", "support"] for key in specs)
    for spec in specs.values():
        assert (spec.group_name, spec.owners, spec.tags["tier"]) == (
            "curation",
            ["team:lab"],
            "gold",
        )
        assert {dep.asset_key for dep in spec.deps} <= set(specs)

    key = dg.AssetKey(["lab", "support", "samples"])
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        [sensor] = defs.sensors or []
        found = sensor(dg.build_sensor_context(instance=instance))
        assert isinstance(found, dg.SensorResult)
        assert found.dynamic_partitions_requests
        [shard] = found.dynamic_partitions_requests[0].partition_keys or ()
        assert [event.asset_key for event in found.asset_events] == [
            dg.AssetKey(["lab", "support", "files"])
        ]
        instance.add_dynamic_partitions("support", [shard])
        job = defs.resolve_implicit_global_asset_job_def()
        run = job.execute_in_process(instance=instance, asset_selection=[key], partition_key=shard)
        assert run.success
        assert instance.get_materialized_partitions(key) == {shard}


def test_a_hook_that_contradicts_itself_is_refused() -> None:
    class Contrary(CurationComponent):
        def get_asset_spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
            return spec.replace_attributes(key=spec.key.with_prefix(str(bool(spec.description))))

    with pytest.raises(ConfigError, match="derive keys from"):
        component_defs(component=Contrary.from_attributes_dict(attributes=OPTIONS))


def test_what_runs_would_fail_of_is_a_warning_of_a_component_that_loads(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    recipes = {"one": {"method": "ifd", "budget": 1}}
    attributes = OPTIONS | {"recipes": recipes, "store": str(tmp_path / "file/store")}
    defs = component_defs(component=CurationComponent.from_attributes_dict(attributes=attributes))
    assert defs.assets
    assert "support: warning: recipes.one.budget: 1 is a single row; write 1.0" in caplog.text
    assert f"support: error: store: {tmp_path}/file is no folder" in caplog.text


def test_two_components_with_one_name_are_refused() -> None:
    with create_defs_folder_sandbox() as sandbox:
        declare(sandbox, "one", OPTIONS)
        declare(sandbox, "two", OPTIONS)
        with (
            sandbox.build_component_tree() as tree,
            pytest.raises(ComponentTreeException) as raised,
        ):
            tree.build_defs()
    assert "2 components have the attribute `name: support`" in all_messages(raised.value)


def test_two_corpora_with_one_name_are_refused() -> None:
    corpus = CorpusConfig.model_validate(OPTIONS)
    with pytest.raises(ConfigError, match="two corpora are named 'support'"):
        build_curation_defs([corpus, corpus])


def test_several_corpora_and_an_executor_of_the_project_live_side_by_side() -> None:
    with create_defs_folder_sandbox() as sandbox:
        declare(sandbox, "one", OPTIONS)
        declare(sandbox, "two", OPTIONS | {"name": "other"})
        (sandbox.defs_folder_path / "executor.py").write_text(
            "import dagster as dg\ndefs = dg.Definitions(executor=dg.in_process_executor)\n"
        )
        with sandbox.build_component_tree() as tree:
            defs = tree.build_defs()
    assert defs.executor is dg.in_process_executor
    prefixes = {spec.key.path[0] for spec in defs.resolve_all_asset_specs()}
    assert prefixes == {"support", "other"}
