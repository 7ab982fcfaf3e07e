"""Exports: what TRL, axolotl and LLaMA-Factory document is what is written, and atomically."""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tests.export.rows import (
    MULTI,
    PROVENANCE,
    SAMPLES,
    SINGLE,
    TOOL,
    sample,
    selected,
    selection_table,
)
from tshirt_assets.config.card_options import CardOptions
from tshirt_assets.corpus.sample import to_table
from tshirt_assets.export.exported import CARD, DATASET_INFO, MANIFEST, ExportedFile
from tshirt_assets.export.formats import FORMATS
from tshirt_assets.export.subset import join_selected
from tshirt_assets.export.weights import token_weights
from tshirt_assets.export.write import write_exports

ALL_FORMATS = ("messages", "prompt_completion", "alpaca", "sharegpt", "parquet")


def export(
    directory: Path, formats: tuple[str, ...] = ALL_FORMATS, **options: Any
) -> dict[str, ExportedFile]:
    files = write_exports(
        options.pop("rows", selected()),
        directory,
        corpus="demo",
        recipe="tshirt-5pct",
        formats=formats,
        token_weights=options.pop("token_weights", None),
        provenance=options.pop("provenance", PROVENANCE),
        card=options.pop("card", CardOptions()),
    )
    return {file.format: file for file in files}


def read_json(file: ExportedFile) -> Any:
    text = file.path.read_text(encoding="utf-8")
    if file.path.suffix == ".jsonl":
        return [json.loads(line) for line in text.split("\n")[:-1]]
    return json.loads(text)


def test_rows_come_in_order_of_rank_with_their_provenance(tmp_path: Path) -> None:
    records = read_json(export(tmp_path / "out")["messages"])
    assert [record["row"] for record in records] == [3, 2, 1, 0]
    assert records[0]["rank"] == 1
    assert records[0]["score"] == pytest.approx(0.8)
    assert records[0]["sample_id"] == TOOL.sample_id
    assert records[0]["recipe"] == "tshirt-5pct"


def test_messages_are_trl_conversational_rows(tmp_path: Path) -> None:
    _, multi, _, single = read_json(export(tmp_path / "out")["messages"])
    assert multi["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "2"},
    ]
    assert single["messages"][-1]["content"] == SINGLE.response


def test_alpaca_is_what_llama_factory_documents(tmp_path: Path) -> None:
    files = export(tmp_path / "out")
    multi, with_input, single = read_json(files["alpaca"])
    assert multi["system"] == "Be brief."
    assert multi["history"] == [["One?", "1"]]
    assert (multi["instruction"], multi["input"], multi["output"]) == ("Two?", "", "2")
    assert (with_input["instruction"], with_input["input"]) == ("Translate", "Hallo\nWelt")
    assert single["history"] == []
    info = read_json(files["dataset_info"])["demo_tshirt-5pct_alpaca"]
    assert info == {
        "file_name": "alpaca.json",
        "columns": {
            "prompt": "instruction",
            "query": "input",
            "response": "output",
            "system": "system",
            "history": "history",
        },
    }


def test_a_conversation_alpaca_cannot_express_is_left_out_and_counted(tmp_path: Path) -> None:
    files = export(tmp_path / "out")
    assert files["alpaca"].rows == 3
    assert "**alpaca** leaves out 1 row" in files["card"].path.read_text()


def test_sharegpt_is_what_llama_factory_documents(tmp_path: Path) -> None:
    files = export(tmp_path / "out")
    tool, multi, _, _ = read_json(files["sharegpt"])
    roles = [turn["from"] for turn in tool["conversations"]]
    assert roles == ["system", "human", "function_call", "observation", "gpt"]
    assert multi["conversations"][0] == {"from": "system", "value": "Be brief."}
    info = read_json(files["dataset_info"])
    assert info["demo_tshirt-5pct_sharegpt"] == {
        "file_name": "sharegpt.json",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations"},
    }
    assert info["demo_tshirt-5pct_messages"]["tags"]["observation_tag"] == "tool"


def test_llama_factory_would_keep_every_row(tmp_path: Path) -> None:
    """Its ShareGPT converter skips a row unless the two sides strictly alternate."""
    files = export(tmp_path / "out")
    info = read_json(files["dataset_info"])
    for export_format in ("sharegpt", "messages"):
        entry = info[f"demo_tshirt-5pct_{export_format}"]
        tags = {
            "role_tag": "from",
            "user_tag": "human",
            "assistant_tag": "gpt",
            "observation_tag": "observation",
            "function_tag": "function_call",
            "system_tag": "system",
        } | entry.get("tags", {})
        for record in read_json(files[export_format]):
            roles = [turn[tags["role_tag"]] for turn in record[entry["columns"]["messages"]]]
            roles = roles[1:] if roles[0] == tags["system_tag"] else roles
            assert set(roles[0::2]) <= {tags["user_tag"], tags["observation_tag"]}
            assert set(roles[1::2]) <= {tags["assistant_tag"], tags["function_tag"]}
            assert len(roles) % 2 == 0


@pytest.mark.parametrize("export_format", ["messages", "sharegpt"])
def test_axolotl_set_up_as_the_card_says_sees_every_turn(
    tmp_path: Path, export_format: str
) -> None:
    """Its chat_template strategy renames properties and roles; what has no role stays as it is."""
    files = export(tmp_path / "out")
    name = files[export_format].path.name
    card = files["card"].path.read_text(encoding="utf-8")
    [line] = re.findall(rf"axolotl: `({{path: {name},.*?}})`", card)
    dataset = yaml.safe_load(line)
    assert dataset["type"] == "chat_template"
    fields = dataset.get("message_property_mappings", {"role": "role", "content": "content"})
    roles = {old: new for new, olds in dataset.get("roles", {}).items() for old in olds}
    seen = [
        [
            {"role": roles.get(turn[fields["role"]], turn[fields["role"]]), "content": content}
            for turn in record[dataset.get("field_messages", "messages")]
            for content in [turn[fields["content"]]]
        ]
        for record in read_json(files[export_format])
    ]
    assert seen == [record["messages"] for record in read_json(files["messages"])]


def test_only_a_json_call_is_a_function_call_turn(tmp_path: Path) -> None:
    """LLaMA-Factory parses every function_call turn as JSON and stops where it is not."""
    spoken = sample(
        0, ("user", "?"), ("assistant", "Let me look."), ("tool", "1"), ("assistant", "1")
    )
    record = read_json(export(tmp_path / "out", rows=selected([spoken]))["sharegpt"])[0]
    roles = [turn["from"] for turn in record["conversations"]]
    assert roles == ["human", "gpt", "observation", "gpt"]


def test_parquet_has_every_column(tmp_path: Path) -> None:
    frame = pl.read_parquet(export(tmp_path / "out")["parquet"].path)
    assert frame["rank"].to_list() == [1, 2, 3, 4]
    assert frame["identity"].to_list() == ["abc"] * 4
    assert frame["messages"].to_list()[3] == [
        {"role": m.role, "content": m.content} for m in SINGLE.messages
    ]


def test_token_weights_by_hand() -> None:
    # tau is strict: a delta of exactly tau is not informative (T-SHIRT's abs(D) > tau).
    assert token_weights([0.5, -0.5, 0.25, 0.0], 1, 0.25) == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert token_weights([0.5], 0, 0.25) == [1.0]


def test_token_weights_are_written_to_messages_and_parquet(tmp_path: Path) -> None:
    weights = {s.sample_id: [1.0, 0.0] for s in SAMPLES}
    files = export(tmp_path / "out", token_weights=weights)
    assert read_json(files["messages"])[0]["token_weights"] == [1.0, 0.0]
    frame = pl.read_parquet(files["parquet"].path)
    assert frame.schema["token_weights"] == pl.List(pl.Float32)
    assert "token_weights" not in read_json(files["alpaca"])[0]
    assert "tokenizer" in files["card"].path.read_text()


def test_a_score_that_is_not_finite_becomes_null(tmp_path: Path) -> None:
    rows = selected().with_columns(score=pl.lit(float("nan")))
    assert read_json(export(tmp_path / "out", rows=rows)["messages"])[0]["score"] is None


def test_an_empty_subset_gives_empty_files(tmp_path: Path) -> None:
    files = export(tmp_path / "out", rows=selected().clear())
    assert read_json(files["messages"]) == []
    assert read_json(files["alpaca"]) == []
    assert pl.read_parquet(files["parquet"].path).height == 0


def test_card_has_front_matter_provenance_and_both_citations(tmp_path: Path) -> None:
    text = export(tmp_path / "out")["card"].path.read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["size_categories"] == ["n<1K"]
    assert front["configs"][0] == {
        "config_name": "messages",
        "data_files": "messages.jsonl",
        "default": True,
    }
    assert "| scorer.path | gpt2 |" in text
    assert "| tau | 0.02 |" in text
    assert "arXiv:2506.01317" in text
    assert "arXiv:2511.07074" in text
    assert "perplexity ratio" in text
    assert "| domain math | 1 |" in text


def test_manifest_lists_the_digest_of_every_other_file(tmp_path: Path) -> None:
    files = export(tmp_path / "out")
    manifest = read_json(files["manifest"])
    assert manifest["rows"] == 4
    assert manifest["provenance"]["scorer"] == {"path": "gpt2"}
    assert set(manifest["files"]) == {f.path.name for f in files.values()} - {"manifest.json"}
    for name, entry in manifest["files"].items():
        content = (tmp_path / "out" / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert files["messages"].bytes == files["messages"].path.stat().st_size


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = export(tmp_path / "one"), export(tmp_path / "two")
    assert {n: f.sha256 for n, f in first.items()} == {n: f.sha256 for n, f in second.items()}


def test_a_format_no_longer_wanted_is_removed_and_other_files_stay(tmp_path: Path) -> None:
    export(tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    export(tmp_path / "out", formats=("messages",))
    left = {path.name for path in (tmp_path / "out").iterdir()}
    wanted = {FORMATS["messages"].file_name, DATASET_INFO, CARD, MANIFEST}
    assert left == wanted | {"notes.txt"}


def test_a_failure_while_writing_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(os, "fsync", _disk_full)
    with pytest.raises(OSError, match="No space"):
        export(tmp_path / "out", rows=selected([SINGLE]))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _disk_full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_selection_older_than_the_samples_is_refused() -> None:
    samples = pl.DataFrame(to_table([SINGLE, MULTI]))
    with pytest.raises(ValueError, match="materialize selected_subset again"):
        join_selected(samples, selection_table(SAMPLES))


def test_names_of_domains_and_files_are_text_in_the_card(tmp_path: Path) -> None:
    domain = "a|b\n## Counts <img src=x> `c` \x1b[2J\u202e"
    rows = selected().with_columns(domain=pl.lit(domain))
    origin = PROVENANCE.model_copy(update={"scorer": {"path": "./<b>\n---\n|models|"}})
    text = export(tmp_path / "out", rows=rows, provenance=origin)["card"].path.read_text("utf-8")
    assert r"| domain a\|b \#\# Counts \<img src=x\> \`c\` \[U+001B\]\[2J\[U+202E\] | 4 |" in text
    assert r"| scorer.path | ./\<b\> --- \|models\| |" in text
    assert text.count("\n## Counts") == 1
    assert yaml.safe_load(text.split("---\n")[1])["pretty_name"]
