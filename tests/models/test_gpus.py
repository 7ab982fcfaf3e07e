"""Which GPUs workers divide among them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tshirt_assets.config import CorpusConfig
from tshirt_assets.models.gpus import claim_gpu, gpus_to_share, listed_gpus, visible_gpus

LISTING = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaa)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbb)
  MIG 1g.10gb     Device  0: (UUID: MIG-ccc)
  MIG 1g.10gb     Device  1: (UUID: MIG-ddd)
GPU 2: NVIDIA H100 80GB HBM3 (UUID: GPU-eee)
"""


def test_listed_gpus_are_named_and_divided_ones_by_their_instances() -> None:
    assert listed_gpus(LISTING) == ["GPU-aaa", "MIG-ccc", "MIG-ddd", "GPU-eee"]
    assert listed_gpus("No devices found.\n") == []


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("0, 2", ["0", "2"]),
        ("GPU-aaa,MIG-ccc", ["GPU-aaa", "MIG-ccc"]),
        ("1,-1,0", ["1"]),
        ("", []),
        ("NoDevFiles", []),
    ],
)
def test_visible_gpus_are_those_that_cuda_would_see(value: str, names: list[str]) -> None:
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": value}) == names


def config_with(device: str, tmp_path: Path) -> CorpusConfig:
    return CorpusConfig.model_validate(
        {
            "name": "tiny",
            "paths": [str(tmp_path)],
            "scorer": {"path": "lm", "device": device},
            "embedder": {"path": "embedder", "device": device},
        }
    )


@pytest.mark.parametrize(
    ("device", "names"), [("auto", ["3", "5"]), ("cuda", ["3", "5"]), ("cpu", []), ("cuda:1", [])]
)
def test_models_with_a_device_of_their_own_keep_it(
    device: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert gpus_to_share(config_with(device, tmp_path)) == names


def test_a_machine_without_gpus_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus_to_share(config_with("auto", tmp_path)) == []


def test_the_machines_gpus_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<END\n{LISTING}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert len(gpus_to_share(config_with("auto", tmp_path))) == 4


CLAIM = """
import os, sys
from tshirt_assets.config import CorpusConfig
from tshirt_assets.models.gpus import claim_gpu
config = CorpusConfig.model_validate({"name": "tiny", "paths": ["rows"]})
print(claim_gpu(config), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


def test_processes_claim_different_gpus_until_they_end(tmp_path: Path) -> None:
    def claimed() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", CLAIM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "4,MIG-7", "TMPDIR": str(tmp_path)},
        )
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    first, second, third = claimed(), claimed(), claimed()
    try:
        assert [said for _, said in (first, second, third)] == [
            "4 4",
            "MIG-7 MIG-7",
            "None 4,MIG-7",
        ]
        first[0].communicate()
        fourth = claimed()
        fourth[0].communicate()
        assert fourth[1] == "4 4"
    finally:
        for process, _ in (first, second, third):
            process.kill()
            process.communicate()


def test_one_gpu_needs_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert claim_gpu(config_with("auto", tmp_path)) is None
