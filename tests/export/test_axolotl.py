"""axolotl takes the exports: its own schema and its own strategy for chat templates, from PyPI."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.export.rows import selected
from tests.export.test_round_trip import exported
from tests.export.test_trl_tools import qwen
from tests.export.tool_rows import LAST, OPENAI, PLAIN, SHAREGPT, as_samples
from tshirt_assets.export.formats import FORMATS

VERSION = "0.19.0"
# What of axolotl is used needs these beside what the tests have; all that it asks for (CUDA
# kernels, bitsandbytes, a PyTorch of its own) does not install everywhere.
NEEDED = (f"axolotl=={VERSION}", "colorama", "addict", "fire", "termcolor")
READER = Path(__file__).with_name("axolotl_reader.py")
PACKAGES = REPOSITORY / "build" / f"axolotl-{VERSION}"
ROWS = [OPENAI, SHAREGPT, LAST, PLAIN]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def packages() -> Path:
    """The folder with axolotl's code; it stays in build/ for the next time."""
    if not (PACKAGES / "ready").exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--no-deps"]
        subprocess.run([*install, "--target", str(PACKAGES), *NEEDED], check=True)
        (PACKAGES / "ready").touch()
    return PACKAGES


def documented(name: str) -> dict[str, object]:
    """The options of a data set as the card gives them."""
    import yaml

    usage = FORMATS[name].usage.format(file="FILE")
    found = re.search(r"axolotl: `(\{.*\})`", usage)
    assert found is not None
    return yaml.safe_load(found[1])


@pytest.mark.parametrize("name", ["messages", "sharegpt"])
def test_it_tokenizes_tools_and_trains_on_answers(
    packages: Path, name: str, tmp_path: Path
) -> None:
    files = exported(selected(as_samples(*ROWS)).sort("row"), tmp_path / "out", (name,))
    qwen().save_pretrained(tmp_path / "tokenizer")
    described = documented(name) | {"path": str(files[name].path)}
    result = subprocess.run(
        [
            sys.executable,
            str(READER),
            str(tmp_path / "tokenizer"),
            str(tmp_path / "cache"),
            json.dumps(described),
        ],
        env={**os.environ, "PYTHONPATH": str(packages), "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    (one, trained), _, (_, calling), (plain, _) = json.loads(result.stdout.splitlines()[-1])
    assert "<|im_start|>user\nSay hi<|im_end|>" in plain
    assert "It rains." in trained
    assert "How is" not in trained
    assert "<tools>" in one
    assert '"description": "The weather of a city."' in one
    assert "<tool_response>\nrain\n</tool_response>" in one
    assert '{"name": "clock", "arguments": {"zone": "here"}}' in calling
    if name == "messages":
        assert '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}' in trained
