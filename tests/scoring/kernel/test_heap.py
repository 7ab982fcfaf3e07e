"""Memory that passes on CPU free stays with the process, where the C library is glibc."""

import platform
import subprocess
import sys

import pytest

PASSES = """
import resource, sys
import torch
from tshirt_assets.scoring.kernel.heap import keep_freed_memory

def layer():  # four tensors of 20 MiB, as a layer of a pass has them
    return [torch.ones(5 * 2**20) for _ in range(4)][0][0].item()

print(keep_freed_memory())
for _ in range(10):  # until the heap has found its form
    layer()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    layer()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def passes(**environment):
    """(whether freed memory is kept, page faults of five passes), in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", PASSES], env=environment, capture_output=True, text=True, check=True
    )
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_a_pass_finds_the_memory_of_the_one_before():
    kept, faults = passes()
    assert kept
    assert faults < 100  # of 5 * 4 * 5,120 pages


def test_settings_of_the_environment_are_left_as_they_are():
    kept, faults = passes(MALLOC_TRIM_THRESHOLD_="65536")
    assert not kept
    assert faults > 10_000 or platform.libc_ver()[0] != "glibc"
