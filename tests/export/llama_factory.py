"""Run by LLaMA-Factory's own interpreter: what its loader makes of an export, as JSON.

Arguments: the folder of the export, a folder for caches, and names of data sets.
"""

import json
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

# It imports torchaudio for audio; there is none for every version of PyTorch.
audio = ModuleType("torchaudio")
audio.__spec__ = ModuleSpec("torchaudio", None)
sys.modules.setdefault("torchaudio", audio)

from llamafactory.data.formatter import FunctionFormatter, ToolFormatter  # noqa: E402
from llamafactory.data.loader import _load_single_dataset  # noqa: E402
from llamafactory.data.parser import get_dataset_list  # noqa: E402
from llamafactory.hparams import DataArguments  # noqa: E402


def loaded(folder: str, cache: str, name: str) -> list[dict]:
    """The rows of a data set as templates get them, calls and tools as Qwen's writes them."""
    [attributes] = get_dataset_list([name], folder)
    model = SimpleNamespace(cache_dir=cache, hf_hub_token=None, trust_remote_code=False)
    training = SimpleNamespace(local_process_index=0)
    data = DataArguments(dataset=name, dataset_dir=folder)
    rows = list(_load_single_dataset(attributes, model, data, training))
    calls = FunctionFormatter(slots=["{{content}}"], tool_format="qwen")
    tools = ToolFormatter(tool_format="qwen")
    for row in rows:
        turns = row["_prompt"] + row["_response"]
        spoken = [turn["content"] for turn in turns if turn["role"] == "function"]
        row["calls"] = [calls.apply(content=content) for content in spoken]
        row["tools"] = tools.apply(content=row["_tools"]) if row["_tools"] else []
    return rows


folder, cache, *names = sys.argv[1:]
print(json.dumps({name: loaded(folder, cache, name) for name in names}))
