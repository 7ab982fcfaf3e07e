"""A user's own project: the wheel in a fresh environment, and what `dg` does with it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import NAME
from tests.documents import shell_blocks
from tests.tiny import bpe_tokenizer, causal_lm

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGED = ("pyproject.toml", "README.md", "LICENSE", "tshirt_assets", "resources")
DEFINITIONS = """
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
EXECUTOR = """
import dagster as dg

defs = dg.Definitions(executor=dg.in_process_executor)
"""
REGISTER = """
import dagster as dg
from lab.definitions import defs

with dg.DagsterInstance.get() as instance:
    context = dg.build_sensor_context(instance=instance, definitions=defs())
    [request] = defs().sensors[0](context).dynamic_partitions_requests
    instance.add_dynamic_partitions("support", request.partition_keys)
    print(*request.partition_keys)
"""
COMMAND = """#!{python}
import sys
from {module} import main
if __name__ == "__main__":
    sys.exit(main())
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Project:
    """A Dagster project with an environment of its own."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / ".venv" / "bin"

    @property
    def defs_yaml(self) -> Path:
        return self.folder / "src/lab/defs/support/defs.yaml"

    def run(self, *command: str, fails: bool = False) -> str:
        """Output of a command run in the project's environment."""
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            | {
                "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
                "VIRTUAL_ENV": str(self.folder / ".venv"),
                "DAGSTER_HOME": str(self.folder / "home"),
                "PYTHONWARNINGS": "ignore",
                "COLUMNS": "200",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a scaffolded corpus `support` over two rows and a random model."""
    pytest.importorskip("dagster_dg_cli", reason="needs dagster-dg-cli (extra `dev`)")
    folder = tmp_path_factory.mktemp("lab")
    project = Project(folder)
    make_environment(project, build_wheel(tmp_path_factory.mktemp("source")))
    defs = folder / "src/lab/defs"
    defs.mkdir(parents=True)
    (folder / "home").mkdir()
    (folder / "home/dagster.yaml").touch()
    (folder / "src/lab/definitions.py").write_text(DEFINITIONS)
    (defs / "executor.py").write_text(EXECUTOR)
    for module in (folder / "src/lab", defs):
        (module / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "lab"\nversion = "0"\n\n[tool.dg]\ndirectory_type = "project"\n\n'
        '[tool.dg.project]\nroot_module = "lab"\n'
    )
    rows = [{"prompt": f"Say {n}.", "response": f"{n} is what I say."} for n in ("one", "two")]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    causal_lm().save_pretrained(folder / "model")  # type: ignore[operator]
    bpe_tokenizer().save_pretrained(folder / "model")
    component = ["tshirt_assets.CurationComponent", "support"]
    options = ["--paths", str(folder / "rows.jsonl"), "--scorer", str(folder / "model")]
    project.run("dg", "scaffold", "defs", *component, *options)
    return project


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout, built away from it so that no build files stay behind."""
    pytest.importorskip("setuptools", minversion="77", reason="building the wheel needs it")
    source = folder / "source"
    source.mkdir()
    for name in PACKAGED:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *options, "-w", str(folder), str(source)], check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def make_environment(project: Project, wheel: Path) -> None:
    """A fresh environment with the wheel; its dependencies are borrowed from this environment.

    A path file adds this environment's packages but not its editable install of the checkout.
    """
    environment = project.folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = project.bin / "python"
    borrowed = {sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")}
    packages = sysconfig.get_path("purelib", vars={"base": str(environment)})
    Path(packages, "borrowed.pth").write_text(
        "\n".join([*sorted(borrowed), str(project.folder / "src")])
    )
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    options = ["--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True)
    for name, module in {"dg": "dagster_dg_cli.cli", "dagster": "dagster._cli"}.items():
        (project.bin / name).write_text(COMMAND.format(python=python, module=module))
        (project.bin / name).chmod(0o755)


def test_the_wheel_brings_its_own_modules(project: Project) -> None:
    code = "import tshirt_assets.resources as r, tshirt_assets.report as p; print(r.__file__)"
    assert str(project.folder / ".venv") in project.run("python", "-c", code)
    packages = project.run("python", "-c", "import tshirt_assets; print(tshirt_assets.__path__[0])")
    for name in ("py.typed", "report/report.css"):
        assert Path(packages.strip(), name).is_file()


def test_dg_lists_the_component(project: Project) -> None:
    listed = document(project.run("dg", "list", "components", "--json"))
    summaries = {component["key"]: component["summary"] for component in listed["items"]}
    assert "instruction-tuning corpus" in summaries["tshirt_assets.CurationComponent"]


def test_dg_accepts_and_lists_what_it_scaffolded(project: Project) -> None:
    assert "validated successfully" in project.run("dg", "check", "yaml")
    assert "loaded successfully" in project.run("dg", "check", "defs")
    listed = document(project.run("dg", "list", "defs", "--json"))
    keys = {asset["asset_key"] for asset in listed["assets"]}
    assert {"support/samples", "support/selected_subset"} <= keys
    assert [sensor["name"] for sensor in listed["sensors"]] == ["support_shards"]


def test_dg_names_a_typo_and_its_line(project: Project) -> None:
    good = project.defs_yaml.read_text()
    bad = good.replace("  name: support\n", "  name: support\n  robustness: {neighbors: 3}\n")
    project.defs_yaml.write_text(bad)
    line = bad.splitlines().index("  robustness: {neighbors: 3}") + 1
    try:
        said = project.run("dg", "check", "yaml", fails=True)
        assert "attributes.robustness.neighbors" in said
        assert f"defs.yaml:{line}" in said
        assert "neighbors" in project.run("dg", "check", "defs", "--no-check-yaml", fails=True)
    finally:
        project.defs_yaml.write_text(good)


def test_dg_does_what_the_documentation_says(project: Project) -> None:
    lines = [line for block in shell_blocks() for line in block.commands if line[:3] == "dg "]
    assert any("scaffold" in line for line in lines)
    try:
        for line in dict.fromkeys(lines):
            project.run(*shlex.split(line))
        scaffolded = (project.defs_yaml.parents[1] / NAME / "defs.yaml").read_text()
        assert f"name: {NAME}\n" in scaffolded
    finally:
        shutil.rmtree(project.defs_yaml.parents[1] / NAME, ignore_errors=True)


def test_dg_launches_an_asset(project: Project) -> None:
    shard = project.run("python", "-c", REGISTER).split()[-1]
    assets = "key:support/samples or key:support/token_scores"
    said = project.run("dg", "launch", "--assets", assets, "--partition", shard)
    assert "RUN_SUCCESS" in said
    code = (
        "from tshirt_assets.store.store import Store; import sys; "
        "print(Store(sys.argv[1]).read('support', 'token_scores', sys.argv[2]).num_rows)"
    )
    store = project.folder / ".tshirt/store"
    assert project.run("python", "-c", code, str(store), shard).split()[-1] == "2"


def document(output: str) -> dict[str, Any]:
    """The JSON object that ends the output, whatever was logged before it."""
    start = re.search(r"^\{", output, re.MULTILINE)
    assert start, output
    return json.loads(output[start.start() :])
