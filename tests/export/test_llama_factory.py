"""LLaMA-Factory reads the exports: its own loader from PyPI, in an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import REPOSITORY
from tests.export.rows import PROVENANCE, selected
from tests.export.tool_rows import LAST, OPENAI, PARALLEL, PLAIN, SHAREGPT, as_samples
from tshirt_assets.config.card_options import CardOptions
from tshirt_assets.export.write import write_exports

VERSION = "0.9.5"
# What the loader imports, in the versions that LLaMA-Factory asks for. All of its dependencies
# cannot be installed: torchaudio and torchvision have no build for every version of PyTorch.
NEEDED = (
    *("transformers>=4.55,<=5.6.0", "datasets<=4.0.0", "accelerate<=1.11.0", "peft<=0.18.1"),
    *("trl<=0.24.0", "omegaconf", "sentencepiece", "tiktoken", "protobuf", "einops", "scipy"),
)
READER = Path(__file__).with_name("llama_factory.py")
ENVIRONMENT = REPOSITORY / "build" / f"llamafactory-{VERSION}"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def interpreter() -> Path:
    """Python with LLaMA-Factory; it stays in build/ for the next time."""
    python, ready = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, f"torch=={torch.__version__.split('+')[0]}", *NEEDED], check=True)
        subprocess.run([*install, "--no-deps", f"llamafactory=={VERSION}"], check=True)
        ready.touch()
    return python


@pytest.fixture(scope="module")
def read(interpreter: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The rows of every data set of two exports, with tools and without, by its name."""
    folder = tmp_path_factory.mktemp("llama-factory")
    found: dict[str, Any] = {}
    for recipe, rows in (("tools", [OPENAI, PARALLEL, SHAREGPT, LAST, PLAIN]), ("plain", [PLAIN])):
        write_exports(
            selected(as_samples(*rows)).sort("row"),
            folder / recipe,
            corpus="demo",
            recipe=recipe,
            formats=("messages", "alpaca", "sharegpt"),
            token_weights=None,
            provenance=PROVENANCE,
            card=CardOptions(),
        )
        names = json.loads((folder / recipe / "dataset_info.json").read_text())
        result = subprocess.run(
            [str(interpreter), str(READER), str(folder / recipe), str(folder / "cache"), *names],
            env={**os.environ, "HF_HOME": str(folder / "hf"), "DISABLE_VERSION_CHECK": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-2000:]
        found |= json.loads(result.stdout.splitlines()[-1])
    return found


def roles(row: dict[str, Any]) -> list[str]:
    return [turn["role"] for turn in row["_prompt"] + row["_response"]]


def test_it_finds_the_files_it_can_read(read: dict[str, Any]) -> None:
    assert list(read) == [
        *("demo_tools_alpaca", "demo_tools_sharegpt"),
        *("demo_plain_messages", "demo_plain_alpaca", "demo_plain_sharegpt"),
    ]


def test_calls_tools_and_results(read: dict[str, Any]) -> None:
    one, parallel, spoken, last, plain = read["demo_tools_sharegpt"]
    assert roles(one) == ["user", "function", "observation", "assistant"]
    assert one["_system"] == "Be brief."
    assert json.loads(one["_tools"]) == OPENAI["tools"]
    [[call]] = one["calls"]
    assert '{"name": "weather", "arguments": {"city": "Köln"}}' in call
    [described] = one["tools"]
    assert '"description": "The weather of a city."' in described
    assert one["_prompt"][2]["content"] == "rain"
    assert roles(parallel) == []  # two results in a row: left out, as the card says
    assert roles(spoken) == ["user", "function", "observation", "assistant"]
    [[call]] = spoken["calls"]
    assert '"arguments": {"zone": "here"}' in call
    [described] = spoken["tools"]
    assert '"name": "clock"' in described
    assert roles(last) == ["user", "function"]
    assert (roles(plain), plain["_tools"]) == (["user", "assistant"], None)


def test_rows_without_tools_are_the_same_in_every_format(read: dict[str, Any]) -> None:
    [row] = read["demo_plain_messages"]
    assert row["_prompt"] == [{"role": "user", "content": "Say hi"}]
    assert row["_response"] == [{"role": "assistant", "content": "hi"}]
    for name in ("demo_plain_alpaca", "demo_plain_sharegpt"):
        [other] = read[name]
        assert (other["_prompt"], other["_response"]) == (row["_prompt"], row["_response"])
