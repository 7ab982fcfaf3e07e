"""TRL tokenises exported tool calls with a template that knows of tools, nothing more or less."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.export.rows import selected
from tests.export.test_round_trip import exported
from tests.export.tool_rows import LAST, OPENAI, PARALLEL, PLAIN, SHAREGPT, as_samples, malformed
from tshirt_assets.export.load import as_dataset

datasets = pytest.importorskip("datasets", reason="needs the optional package `datasets`")
trl = pytest.importorskip("trl", reason="needs the optional package `trl`")

ROWS = [OPENAI, PARALLEL, SHAREGPT, LAST, PLAIN, malformed("{zone")]
FORMATS = ("messages", "prompt_completion")
WAYS = (*FORMATS, "load_subset")


def qwen() -> Any:
    """A tokenizer of bytes with the chat template of Qwen3, which TRL ships."""
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import PreTrainedTokenizerFast

    letters = {letter: i for i, letter in enumerate(sorted(ByteLevel.alphabet()))}
    raw = Tokenizer(BPE(vocab=letters | {"<eos>": len(letters)}, merges=[]))
    raw.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    if not template.exists():
        pytest.skip("this version of TRL ships no chat template of Qwen3")
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token="<eos>",
        pad_token="<eos>",
        chat_template=template.read_text(),
    )


def tiny_model(size: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=size,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
        )
    )


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What TRL tokenizes of the rows, in their order, by the way that they were given to it."""
    folder = tmp_path_factory.mktemp("trl")
    rows = selected(as_samples(*ROWS)).sort("row")
    files = exported(rows, folder / "out", FORMATS)
    loaded = {
        name: datasets.load_dataset(
            "json", data_files=str(files[name].path), split="train", cache_dir=str(folder / "cache")
        )
        for name in FORMATS
    }
    given = loaded | {"load_subset": as_dataset(rows)}
    return {way: tokenized(data, folder / way) for way, data in given.items()}


def tokenized(data: Any, folder: Path) -> list[str]:
    tokenizer = qwen()
    options = trl.SFTConfig(
        output_dir=str(folder),
        max_steps=1,
        per_device_train_batch_size=1,
        max_length=None,
        report_to="none",
        use_cpu=True,
        save_strategy="no",
        bf16=False,
    )
    trainer = trl.SFTTrainer(
        model=tiny_model(len(tokenizer)),
        args=options,
        train_dataset=data,
        processing_class=tokenizer,
    )
    assert trainer.train().global_step == 1
    return [tokenizer.decode(row["input_ids"]) for row in trainer.train_dataset]


@pytest.mark.parametrize("way", WAYS)
def test_the_template_writes_tools_and_calls(texts: dict[str, list[str]], way: str) -> None:
    one, parallel, spoken, last, plain, broken = texts[way]
    described = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in OPENAI["tools"])
    assert "<|im_start|>system\nBe brief.\n\n# Tools" in one
    assert f"<tools>\n{described}\n</tools>" in one
    assert '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>' in one
    assert "<tool_response>\nrain\n</tool_response>" in one
    assert parallel.count("<tool_call>\n{") == 3  # two, and one in the instructions
    assert '{"name": "clock", "arguments": {"zone": ["there", 1]}}' in parallel
    assert "Let me see.\n<tool_call>" in parallel
    assert '{"name": "clock", "arguments": {"zone": "here"}}\n</tool_call>' in spoken
    assert '{"type": "function", "function": {"name": "clock"' in spoken
    assert last.rstrip().removesuffix("<eos>").endswith("</tool_call><|im_end|>")
    assert "tool" not in plain
    assert '{"name": "clock", "arguments": {zone}\n</tool_call>' in broken
    for text in texts[way]:
        assert "Available tools" not in text
        assert "None" not in text
        assert "null" not in text


def test_all_ways_tokenize_alike(texts: dict[str, list[str]]) -> None:
    assert texts["messages"] == texts["load_subset"] == texts["prompt_completion"]
