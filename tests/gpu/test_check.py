"""The GPU check itself: all of it on a small scale here; its exactness where there is a card."""

import subprocess
import sys

import pytest
import torch

from tests.benchmarks.rows import ROOT
from tests.gpu.bench import Bench, n_tokens, tokenizer
from tests.gpu.check import SECTIONS, check, faults
from tests.gpu.page import NOTHING, page

SMALL = Bench(torch.device("cpu"), small=True)
RIGHT = ("noise", "parity", "invariance", "neighbours", "two_devices", "out_of_memory")
ON_CARD_ONLY = {"two_devices", "out_of_memory"}


@pytest.mark.slow
def test_every_section_runs_on_a_cpu() -> None:
    found = check(SMALL)
    assert faults(found["sections"]) == []
    assert found["sections"].keys() == SECTIONS.keys()
    skipped = {name for name, section in found["sections"].items() if "skipped" in section}
    assert skipped == ON_CARD_ONLY
    speed = found["sections"]["throughput"]["gpt2 fp32"]
    assert all(entry["tokens per second"] > 0 for entry in speed.values())
    assert found["sections"]["corpus"]["computed"]["token_scores"] == 60
    text = page(found)
    assert "CPU, a dry run that measures nothing" in text
    assert "| parity" not in text
    assert "| gpt2, fp32, right | yes |" in text


def test_what_is_wrong_is_found_wherever_it_is() -> None:
    found = {
        "noise": {"right": False},
        "parity": {"gpt2": {"fp32": {"right": True}, "tf32": {"right": False}}},
        "corpus": {"error": "RuntimeError()"},
        "two_devices": {"skipped": "1"},
    }
    assert faults(found) == ["noise", "parity gpt2 tf32", "corpus"]


def test_a_section_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(bench: Bench) -> dict[str, object]:
        raise RuntimeError("a card fell off")

    monkeypatch.setitem(SECTIONS, "ceilings", fails)
    found = check(SMALL, ["ceilings", "noise"])
    assert faults(found["sections"]) == ["ceilings"]
    assert "**Failed**: RuntimeError('a card fell off')" in page(found)


def test_rows_are_the_same_everywhere_and_of_alpaca_like_length() -> None:
    rows = SMALL.rows("gpt2", 60)
    assert rows[3].prompt_ids.tolist() == SMALL.rows("llama", 4)[3].prompt_ids.tolist()
    assert 60 < n_tokens(rows) / len(rows) < 600
    assert len(tokenizer()) > 4000


def test_the_page_says_that_nothing_was_measured_until_something_is() -> None:
    text = (ROOT / "docs" / "gpu.md").read_text()
    assert text == page(None) or NOTHING.split(".")[0] not in text


def test_without_a_card_one_line_says_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    command = [sys.executable, "-m", "tests.gpu.check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "no CUDA device can be seen here: nothing was measured\n"


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", RIGHT)
def test_the_card_is_right(name: str) -> None:
    found = check(Bench(torch.device("cuda", 0)), [name])
    assert faults(found["sections"]) == []
