"""Every snippet and command of the README is run, on a small corpus in place of the reader's."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from tests.corpora import Corpus
from tshirt_assets.cli import main
from tshirt_assets.config import parse_config

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def lines(start: str) -> list[str]:
    """Command lines of all plain blocks that begin with `start`, without their comments."""
    found = [line.split("#")[0].strip() for text in blocks("") for line in text.splitlines()]
    return [line for line in found if line.startswith(start)]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_configurations_are_valid(text: str, tmp_path: Path) -> None:
    parse_config(yaml.safe_load(text), base=tmp_path, source="README")


@pytest.mark.parametrize("command", lines("make "))
def test_make_targets_exist(command: str) -> None:
    subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("command", lines("tshirt-assets "))
def test_commands_work(command: str, materialized: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(materialized.folder)
    arguments = command.split()[1:]
    result = CliRunner().invoke(main, arguments, env={"DAGSTER_HOME": str(materialized.home)})
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("text", blocks("python"))
def test_snippets_run(text: str, materialized: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = materialized.folder
    shutil.copy(folder / "corpus.yaml", folder / "other.yaml")
    (folder / "other.yaml").write_text(
        (folder / "corpus.yaml").read_text().replace("name: tiny", "name: other")
    )
    monkeypatch.chdir(folder)
    if "as_=" in text and find_spec("datasets") is None:
        text = "\n".join(line for line in text.splitlines() if "as_=" not in line)
    text = text.replace(".tshirt/store", str(materialized.config.store))
    text = text.replace('"sample"', '"tiny"').replace('"tshirt-5pct"', '"tshirt"')
    exec(compile(text, "README.md", "exec"), {})


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_links_and_pictures_are_there(target: str) -> None:
    assert (ROOT / target).exists()
