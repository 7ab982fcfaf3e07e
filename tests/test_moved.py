"""Imports that worked before modules moved still work, with a warning that names the new place."""

import subprocess
import sys
from importlib import import_module

import pytest

from tshirt_assets.moved import MOVED

OLD_NAMES = {  # public names of modules that were divided, or that lost some
    "config": "CausalLMOptions ConfigError CorpusConfig EmbedderOptions Recipe parse_config",
    "headless": "contiguous forget_missing_shards open_instance register_shards run_corpus",
    "resources.causal_lm": "CausalLM LoadedCausalLM load_causal_lm load_tokenizer read_model",
    "resources.embedder": "LoadedEmbedder SentenceEmbedder load_embedder",
    "resources.lance": "Store StoreError TableInfo table_name",
    "resources.store": "LanceStore",
    "selection.nearest": "Neighbours nearest",
}


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """No old name has been imported in this process yet."""
    for old in MOVED:
        monkeypatch.delitem(sys.modules, f"tshirt_assets.{old}", raising=False)


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_is_the_module_at_its_new_place(old: str) -> None:
    homes = [f"tshirt_assets.{home}" for home in MOVED[old]]
    with pytest.warns(DeprecationWarning, match=f"{old} is now {' and '.join(homes)}"):
        found = import_module(f"tshirt_assets.{old}")
    if len(homes) == 1:
        assert found is import_module(homes[0])
    for home in map(import_module, homes):
        for name in vars(home):
            assert name.startswith("__") or hasattr(found, name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("old", OLD_NAMES)
def test_public_names_are_still_where_they_were(old: str) -> None:
    module = import_module(f"tshirt_assets.{old}")
    assert [name for name in OLD_NAMES[old].split() if not hasattr(module, name)] == []


def test_the_warning_points_at_the_line_that_imports() -> None:
    code = "import tshirt_assets\n\nfrom tshirt_assets.resources.lance import Store\n"
    command = [sys.executable, "-W", "default", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "<string>:3: DeprecationWarning: tshirt_assets.resources.lance is now" in done.stderr


@pytest.mark.parametrize("name", ["tshirt_assets.nowhere", "headless"])
def test_other_names_are_not_found(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"'{name}'"):
        import_module(name)
