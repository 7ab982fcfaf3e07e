"""Every exported file, read back as a corpus, gives the canonical rows it was written from."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.export.rows import PROVENANCE, SAMPLES, TOOL, selected
from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.card_options import CardOptions
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.sample import Sample, to_table
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.corpus.status import Status
from tshirt_assets.export.exported import ExportedFile
from tshirt_assets.export.subset import join_selected
from tshirt_assets.export.write import write_exports

FORMATS = ("messages", "prompt_completion", "alpaca", "sharegpt", "parquet")


def read_back(path: Path) -> list[Sample]:
    config = CorpusConfig(name="demo", paths=(str(path),))
    return [s for spec in discover_shards(config) for s in read_shard(spec, config)]


def conversations(samples: list[Sample]) -> list[tuple[tuple[str, str], ...]]:
    return [tuple((m.role, m.content) for m in sample.messages) for sample in samples]


def exported(
    rows: pl.DataFrame, folder: Path, formats: tuple[str, ...] = FORMATS
) -> dict[str, ExportedFile]:
    files = write_exports(
        rows,
        folder,
        corpus="demo",
        recipe="r",
        formats=formats,
        token_weights=None,
        provenance=PROVENANCE,
        card=CardOptions(),
    )
    return {file.format: file for file in files}


@pytest.mark.parametrize("name", ["messages", "sharegpt", "parquet"])
def test_conversations_survive(name: str, tmp_path: Path) -> None:
    back = read_back(exported(selected(), tmp_path / "out")[name].path)
    assert all(sample.status is Status.OK for sample in back)
    assert conversations(back) == conversations(SAMPLES[::-1])


def test_alpaca_rows_of_one_exchange_keep_even_their_sample_id(tmp_path: Path) -> None:
    plain = [s for s in SAMPLES if [m.role for m in s.messages] == ["user", "assistant"]]
    path = exported(selected(plain), tmp_path / "out")["alpaca"].path
    assert [s.sample_id for s in read_back(path)] == [s.sample_id for s in plain[::-1]]


def test_alpaca_with_history_as_llama_factory_reads_it(tmp_path: Path) -> None:
    """Our readers ignore `history`; this builds the messages the way LLaMA-Factory documents."""
    path = exported(selected(), tmp_path / "out")["alpaca"].path
    back = [llama_factory_messages(record) for record in json.loads(path.read_text())]
    assert back == conversations([s for s in SAMPLES[::-1] if s is not TOOL])


def llama_factory_messages(record: dict) -> tuple[tuple[str, str], ...]:
    def turns() -> Iterator[tuple[str, str]]:
        if record["system"]:
            yield "system", record["system"]
        for asked, answered in record["history"]:
            yield "user", asked
            yield "assistant", answered
        yield "user", "\n".join(filter(None, (record["instruction"], record["input"])))
        yield "assistant", record["output"]

    return tuple(turns())


@pytest.mark.parametrize("file", ["toolcall_sharegpt_300.json", "alpaca_zh_1000.json"])
def test_real_corpora_survive(file: str, shared_dir: Path, tmp_path: Path) -> None:
    samples = [s for s in read_back(shared_dir / "data" / file) if s.status is Status.OK][:200]
    unique = list({s.sample_id: s for s in samples}.values())
    table = pl.DataFrame(to_table(unique)).select("sample_id", "shard", "row")
    ranked = table.with_row_index("rank", 1).with_columns(score=pl.lit(1.0), recipe=pl.lit("r"))
    files = exported(join_selected(pl.DataFrame(to_table(unique)), ranked), tmp_path / "out")
    for name in ("messages", "sharegpt"):
        assert conversations(read_back(files[name].path)) == conversations(unique)
