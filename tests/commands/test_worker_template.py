"""What workers are copies of starts nothing that a copy could not use."""

import json
import subprocess
import sys

import pytest

from tshirt_assets.commands.worker_template import IMPORTED

CODE = """
import importlib, json, sys, torch
asked = []
for name in ("is_available", "device_count", "init"):
    setattr(torch.cuda, name, lambda name=name: asked.append(name) or 0)
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps([asked, torch.cuda.is_initialized(), "lancedb" in sys.modules]))
"""


@pytest.mark.slow
def test_the_template_starts_neither_cuda_nor_lancedb() -> None:
    command = [sys.executable, "-c", CODE, *IMPORTED]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [[], False, False]
