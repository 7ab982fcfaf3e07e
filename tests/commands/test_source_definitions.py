"""Commands about a corpus whose rows an asset holds, which a module defines."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from tests.corpora import make_rows
from tests.upstream import Project
from tshirt_assets.cli import main
from tshirt_assets.commands import source_definitions
from tshirt_assets.config.source_checks import MODULE_VARIABLE

DAYS = ("2026-01-01", "2026-01-02")
MODULE = """
from pathlib import Path

import dagster as dg

from tests.upstream import Project

HERE = Path(__file__).parent
DAYS = dg.DynamicPartitionsDefinition(name="days")
defs = Project(HERE, HERE / "models", partitions=DAYS).defs
"""


@pytest.fixture
def project(
    tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """Two days of rows, and a module `their_project` with the whole of the project."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "models").symlink_to(tiny_models)
    recipes = {"ifd": {"method": "ifd", "budget": 4}, "random": {"method": "random", "budget": 3}}
    options = {"recipes": recipes}
    partitions = dg.DynamicPartitionsDefinition(name="days")
    project = Project(folder, folder / "models", options, partitions=partitions)
    project.instance.add_dynamic_partitions("days", [*DAYS])
    for seed, day in enumerate(DAYS):
        project.ingest(make_rows(seed, 5), day)
    (folder / "their_project.py").write_text(MODULE)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("DAGSTER_HOME", str(project.home))
    monkeypatch.setenv(MODULE_VARIABLE, "")
    yield project
    sys.modules.pop("their_project", None)
    source_definitions._loaded.cache_clear()


def tshirt(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_run_loads_the_asset_through_the_module_that_is_named(project: Project) -> None:
    corpus = str(project.file)
    result = tshirt("run", corpus, "-m", "their_project")
    assert result.exit_code == 0, result.output
    assert not os.environ[MODULE_VARIABLE]  # which the next command of this process would read
    assert project.frame("selected_subset", "ifd").height == 4
    assert project.frame("samples").height == 10
    project.ingest(make_rows(5, 6), "2026-01-02")
    again = tshirt("run", corpus, "-m", "their_project")
    assert again.exit_code == 0, again.output
    assert [project.metadata("token_scores", day)["computed"] for day in project.shards] == [0, 6]
    nothing = tshirt("run", corpus, "-m", "their_project")
    assert "nothing has changed since the last run" in nothing.output


def test_run_without_the_module_says_what_to_do(project: Project) -> None:
    result = tshirt("run", str(project.file))
    assert result.exit_code == 2
    assert (
        "error: source_asset: raw/conversations is loaded by the code that defines it; name the "
        "module (-m my_project.definitions, or TSHIRT_ASSETS_DEFINITIONS), or materialize tiny in "
        "Dagster"
    ) in result.output.splitlines()


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("no_such_module", "no_such_module: has no definitions that can be loaded"),
        ("tests.upstream", "tests.upstream: has no definitions that can be loaded"),
        ("other", "source_asset: raw/conversations is not defined in other"),
    ],
)
def test_a_module_without_the_asset_is_named(project: Project, module: str, said: str) -> None:
    (project.folder / "other.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    result = tshirt("run", str(project.file), "-m", module)
    assert result.exit_code == 2
    assert said in result.output


def test_shards_are_registered_without_the_module(project: Project) -> None:
    assert "corpus tiny: 0 rows in 0 shards" in tshirt("show", str(project.file)).output
    result = tshirt("shards", str(project.file), "--register")
    assert result.exit_code == 0, result.output
    assert "registered 2 new shards" in result.output
    assert "2026-01-02  registered" in result.output


def test_what_is_gone_upstream_is_dropped_by_maintain(project: Project) -> None:
    project.register()
    project.materialize("samples")
    project.instance.delete_dynamic_partition("days", "2026-01-02")
    result = tshirt("shards", str(project.file), "--register", "-m", "their_project")
    assert "left out from now on: 2026-01-02" in result.output
    verified = tshirt("verify", str(project.file))
    assert "orphaned: the shard's partition upstream is gone" in verified.output
    dropped = tshirt("maintain", str(project.file), "--orphans")
    assert "1 tables dropped" in dropped.output, dropped.output
    assert project.store.info("tiny", "samples", "2026-01-01") is not None


def test_validate_and_plan_say_what_they_cannot_see(project: Project) -> None:
    validated = tshirt("validate", str(project.file))
    assert "raw/conversations is looked at when it is read" in validated.output
    planned = tshirt("plan", str(project.file))
    assert planned.exit_code == 2
    assert "samples is not materialized yet, and a plan is made from it" in planned.output
    project.register()
    project.materialize("samples")
    planned = tshirt("plan", str(project.file))
    assert planned.exit_code == 0, planned.output
    assert "corpus tiny: 10 usable rows in 2 shards" in planned.output
