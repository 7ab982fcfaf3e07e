"""Folders as other tools write them: of each the files that hold rows, and no others."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.listing import matching_files
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.shards import discover_shards

ROWS = {"prompt": [f"q{n}" for n in range(10)], "response": [f"a{n}" for n in range(10)]}


def names(folder: Path) -> list[str]:
    return sorted(str(Path(path).relative_to(folder)) for path in matching_files(str(folder)))


def responses(folder: Path) -> list[str]:
    config = CorpusConfig(name="c", paths=(str(folder),), store=str(folder.parent / "store"))
    specs = discover_shards(config)
    return [sample.response for spec in specs for sample in read_shard(spec, config)]


def test_a_folder_that_datasets_saved(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "saved"
    datasets.Dataset.from_dict(ROWS).save_to_disk(folder, num_shards=2)
    expected = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    assert names(folder) == expected
    assert responses(folder) == ROWS["response"]
    shutil.copy(folder / expected[0], folder / "data-00000-of-00001.arrow")  # of an earlier saving
    assert names(folder) == expected
    (folder / "state.json").write_text("{")
    assert len(names(folder)) == 3


def test_a_folder_with_splits_that_datasets_saved(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    split = datasets.Dataset.from_dict(ROWS)
    folder = tmp_path / "saved"
    datasets.DatasetDict({"train": split, "test": split}).save_to_disk(folder)
    assert names(folder) == ["test/data-00000-of-00001.arrow", "train/data-00000-of-00001.arrow"]
    assert names(folder / "train") == ["data-00000-of-00001.arrow"]
    assert responses(folder) == ROWS["response"] * 2


def test_other_folders_keep_what_they_had(tmp_path: Path) -> None:
    for name in ("state.json", "rows.jsonl", "data-x.arrow", "notes.txt"):
        (tmp_path / name).write_text("{}")
    assert names(tmp_path) == ["data-x.arrow", "rows.jsonl", "state.json"]


def test_an_arrow_stream_and_a_file(tmp_path: Path) -> None:
    table = pa.table(ROWS)
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as stream:
        stream.write_table(table, 3)
    with pa.ipc.new_file(tmp_path / "b.arrow", table.schema) as file:
        file.write_table(table, 3)
    assert responses(tmp_path) == ROWS["response"] * 2


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no file matches; check `paths` of the corpus"):
        matching_files(str(tmp_path / "*.jsonl"))
    assert matching_files(str(tmp_path / "*.jsonl"), missing_ok=True) == []
