import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.sample import Message, Sample
from tshirt_assets.corpus.shards import ShardSpec, discover_shards
from tshirt_assets.corpus.status import Status


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8", newline="")


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(text, encoding="utf-8", newline="")


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        for row in rows:
            flat = {k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()}
            writer.writerow(flat)


def sharegpt(turns: list[tuple[str, str]]) -> dict[str, Any]:
    names = {"user": "human", "assistant": "gpt", "tool": "observation", "system": "system"}
    return {"conversations": [{"from": names[role], "value": text} for role, text in turns]}


def messages(turns: list[tuple[str, str]]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def typed(turns: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "messages": [
            {"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns
        ]
    }


def alpaca(turns: list[tuple[str, str]]) -> dict[str, Any]:
    return {"instruction": turns[0][1], "input": "", "output": turns[1][1]}


def prompt_response(turns: list[tuple[str, str]]) -> dict[str, Any]:
    return {"prompt": turns[0][1], "response": turns[1][1]}


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "json": write_json,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
    "csv": write_csv,
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
TEXT = st.text(min_size=1).filter(str.strip)
PAIR = st.tuples(TEXT, TEXT).map(lambda t: [("user", t[0]), ("assistant", t[1])])
DIALOGUE = st.tuples(
    st.lists(st.tuples(st.just("system"), TEXT), max_size=1),
    st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), TEXT), max_size=4),
    PAIR,
).map(lambda parts: [turn for part in parts for turn in part])


def read_back(
    path: Path, writer: str, packer: str, rows: list[dict[str, Any]]
) -> list[tuple[tuple[str, str], ...]]:
    file = path / f"x.{writer}{packer}"
    WRITERS[writer](file, rows)
    file.write_bytes(PACKERS[packer](file.read_bytes()))
    config = CorpusConfig(name="c", paths=(str(file),), rows_per_shard=2)
    samples = [s for spec in discover_shards(config) for s in read_shard(spec, config)]
    assert {sample.status for sample in samples} == {Status.OK}
    return [tuple((m.role, m.content) for m in sample.messages) for sample in samples]


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(PAIR, min_size=1, max_size=5),
    dialogues=st.lists(DIALOGUE, min_size=1, max_size=5),
)
def test_any_text_in_any_format_gives_the_same_messages(
    tmp_path: Path, writer: str, packer: str, pairs: Any, dialogues: Any
) -> None:
    for shape in (alpaca, prompt_response, sharegpt, messages, typed):
        rows = [shape(turns) for turns in pairs]
        assert read_back(tmp_path, writer, packer, rows) == [tuple(turns) for turns in pairs]
    for shape in (sharegpt, messages, typed):
        rows = [shape(turns) for turns in dialogues]
        assert read_back(tmp_path, writer, packer, rows) == [tuple(turns) for turns in dialogues]


def read(path: Path, text: str, **options: Any) -> list[Sample]:
    path.write_text(text)
    config = CorpusConfig(name="c", paths=(str(path),), **options)
    return [s for spec in discover_shards(config) for s in read_shard(spec, config)]


def test_rows_are_numbered_within_their_shard(tmp_path: Path) -> None:
    lines = ['{"prompt": "Q", "response": "A"}', "broken", '{"prompt": "Q"}'] * 2
    path = tmp_path / "x.jsonl"
    samples = read(path, "\n".join(lines), rows_per_shard=4)
    assert [(s.row, str(s.status)) for s in samples] == [
        (0, "ok"),
        (1, "unreadable_line"),
        (2, "missing_field"),
        (3, "ok"),
        (0, "unreadable_line"),
        (1, "missing_field"),
    ]
    assert len({s.shard for s in samples}) == 2
    assert samples[4].status_detail == "line 5: Expecting value (column 1)"


def test_samples_of_one_conversation_share_their_row(tmp_path: Path) -> None:
    turns = [("user", "Q1"), ("assistant", "A1"), ("user", "Q2"), ("assistant", "A2")]
    text = "\n".join(json.dumps(messages(turns)) for _ in range(2))
    samples = read(tmp_path / "x.jsonl", text, turns="all")
    assert [(s.row, s.response) for s in samples] == [(0, "A1"), (0, "A2"), (1, "A1"), (1, "A2")]
    assert samples[1].messages[-1] == Message("assistant", "A2")


def test_a_file_of_only_broken_rows_is_read(tmp_path: Path) -> None:
    samples = read(tmp_path / "x.jsonl", "one\ntwo\nthree")
    assert Counter(s.status for s in samples) == {Status.UNREADABLE_LINE: 3}


def test_a_spec_without_end_reads_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_jsonl(path, [{"prompt": str(n), "response": "A"} for n in range(5)])
    config = CorpusConfig(name="c", paths=(str(path),))
    assert [s.instruction for s in read_shard(ShardSpec("k", str(path), 3), config)] == ["3", "4"]


# Rows of the README beside the files; (rows, samples with `turns: all`). Every row is usable.
SHARED = {
    "alpaca_en_999.json": (999, 999),
    "alpaca_zh_1000.json": (1000, 1000),
    "dolly_prompt_response_1000.jsonl": (1000, 1000),
    "identity_alpaca_91.json": (91, 91),
    "identity_sharegpt_500.json": (500, 1000),
    "messages_typed_500.jsonl": (500, 500),
    "roleplay_3146.json": (3146, 3146),
    "self_instruct_seed_tasks.jsonl": (175, 175),
    "toolcall_sharegpt_300.json": (300, 957),
}


def test_every_shared_file_is_read(shared_dir: Path, record_property: Callable) -> None:
    counts: dict[str, dict[str, tuple[int, dict[str, int]]]] = {}
    for turns in ("last", "all"):
        config = CorpusConfig(name="c", paths=(f"{shared_dir}/data/*.json*",), turns=turns)
        for spec in discover_shards(config):
            samples = list(read_shard(spec, config))
            name = Path(spec.path).name
            by_status = dict(Counter(str(s.status) for s in samples))
            counts.setdefault(name, {})[turns] = (len({s.row for s in samples}), by_status)
    for name, found in counts.items():
        record_property(name, str(found))
    assert counts == {
        name: {"last": (rows, {"ok": rows}), "all": (rows, {"ok": turns})}
        for name, (rows, turns) in SHARED.items()
    }
