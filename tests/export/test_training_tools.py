"""The exports in the tools they are written for; each test needs an optional package."""

from pathlib import Path
from typing import Any

import pytest

from tests.export.rows import MULTI, PROVENANCE, SINGLE, TOOL, WITH_INPUT, selected
from tshirt_assets.config.card_options import CardOptions
from tshirt_assets.export.write import write_exports

TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Paths of the files by format; `datasets` caches into the test's own folder."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    rows = selected([SINGLE, WITH_INPUT, MULTI, TOOL])
    files = write_exports(
        rows,
        tmp_path / "out",
        corpus="demo",
        recipe="tshirt-5pct",
        formats=("messages", "prompt_completion", "alpaca", "sharegpt", "parquet"),
        token_weights={key: [1.0, 0.0] for key in rows["sample_id"]},
        provenance=PROVENANCE,
        card=CardOptions(),
    )
    return {file.format: str(file.path) for file in files}


def load(path: str, tmp_path: Path) -> Any:
    datasets = pytest.importorskip("datasets", reason="needs the optional package `datasets`")
    builder = "parquet" if path.endswith(".parquet") else "json"
    return datasets.load_dataset(
        builder, data_files=path, split="train", cache_dir=str(tmp_path / "cache")
    )


@pytest.mark.parametrize("name", ["messages", "prompt_completion", "alpaca", "sharegpt", "parquet"])
def test_datasets_reads_every_format(exported: dict[str, str], name: str, tmp_path: Path) -> None:
    rows = load(exported[name], tmp_path)
    samples = (MULTI, WITH_INPUT, SINGLE) if name == "alpaca" else (TOOL, MULTI, WITH_INPUT, SINGLE)
    assert rows["sample_id"][:] == [sample.sample_id for sample in samples]


def test_the_card_is_a_hub_dataset_configuration(exported: dict[str, str], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the optional package `datasets`")
    folder, cache = str(Path(exported["card"]).parent), str(tmp_path / "cache")
    assert datasets.get_dataset_config_names(folder) == [
        "messages",
        "prompt_completion",
        "alpaca",
        "sharegpt",
        "parquet",
    ]
    rows = datasets.load_dataset(folder, "sharegpt", split="train", cache_dir=cache)
    assert rows[3]["conversations"][0]["from"] == "human"


def test_trl_trains_on_the_messages(exported: dict[str, str], tmp_path: Path) -> None:
    trl = pytest.importorskip("trl", reason="needs the optional package `trl`")
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = {letter: i for i, letter in enumerate(sorted(ByteLevel.alphabet()))}
    raw = Tokenizer(BPE(vocab=letters | {"<eos>": len(letters)}, merges=[]))
    raw.pre_tokenizer = ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<eos>", pad_token="<eos>", chat_template=TEMPLATE
    )
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
        )
    )
    options = trl.SFTConfig(
        output_dir=str(tmp_path / "trained"),
        max_steps=1,
        per_device_train_batch_size=2,
        report_to="none",
        use_cpu=True,
        save_strategy="no",
        bf16=False,
    )
    rows = load(exported["messages"], tmp_path)
    trainer = trl.SFTTrainer(
        model=model, args=options, train_dataset=rows, processing_class=tokenizer
    )
    # What TRL tokenizes is the conversation through the tokenizer's own template.
    texts = [str(tokenizer.decode(row["input_ids"])) for row in trainer.train_dataset]
    for text, sample in zip(texts, (TOOL, MULTI), strict=False):
        assert text.startswith("".join(f"{m.role}: {m.content}\n" for m in sample.messages))
    assert trainer.train().global_step == 1
