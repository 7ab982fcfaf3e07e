import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import ShardSpec, _file_key, _natural, discover_shards


def put(folder: Path, name: str, rows: int = 1) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    row = json.dumps({"prompt": "Q", "response": "A"})
    path.write_text("\n".join([row] * rows))
    return path


def discover(*paths: Path, **options: Any) -> list[ShardSpec]:
    return discover_shards(CorpusConfig(name="c", paths=tuple(map(str, paths)), **options))


def keys(*paths: Path, **options: Any) -> list[str]:
    return [spec.key for spec in discover(*paths, **options)]


def names(*paths: Path) -> list[str]:
    return [os.path.basename(spec.path) for spec in discover(*paths)]


def test_natural_order(tmp_path: Path) -> None:
    for name in ("part-10.jsonl", "part-2.jsonl", "part-1.jsonl", "Part-1.jsonl"):
        put(tmp_path, name)
    assert names(tmp_path / "*.jsonl") == [
        "Part-1.jsonl",
        "part-1.jsonl",
        "part-2.jsonl",
        "part-10.jsonl",
    ]


@given(st.lists(st.text(alphabet="a1²٣०/", max_size=6)))
def test_any_names_can_be_ordered(paths: list[str]) -> None:
    backwards = paths[::-1]
    assert sorted(backwards, key=_natural) == sorted(paths, key=_natural)


def test_ranges_of_a_large_file(tmp_path: Path) -> None:
    small, large = put(tmp_path, "a.jsonl", 3), put(tmp_path, "b.jsonl", 7)
    specs = discover(tmp_path / "*.jsonl", rows_per_shard=3)
    assert [(s.path, s.start, s.stop) for s in specs] == [
        (str(small), 0, 3),
        (str(large), 0, 3),
        (str(large), 3, 6),
        (str(large), 6, 9),
    ]
    assert [s.key.removeprefix(specs[1].key) for s in specs[1:]] == ["", "-00001", "-00002"]


def test_keys_stay_when_files_are_added_and_when_they_grow(tmp_path: Path) -> None:
    put(tmp_path, "a/x.jsonl", 2)
    pattern = tmp_path / "**" / "*.jsonl"
    before = keys(pattern, rows_per_shard=3)
    put(tmp_path, "a/x.jsonl", 8)
    grown = keys(pattern, rows_per_shard=3)
    put(tmp_path, "x.jsonl")
    put(tmp_path, "b/x.jsonl")
    more = keys(pattern, rows_per_shard=3)
    assert before == grown[:1]
    assert len(grown) == 3
    assert set(grown) < set(more)
    assert len(set(more)) == 5


def test_keys_survive_moving_the_corpus(tmp_path: Path) -> None:
    for home in ("one", "two/three"):
        put(tmp_path / home, "a/x.jsonl")
        put(tmp_path / home, "b/x.jsonl")
    here, there = (keys(tmp_path / home / "*" / "*.jsonl") for home in ("one", "two/three"))
    assert here == there
    # Vouched for from outside: blake2b of "a/x.jsonl" with a digest of four bytes (b2sum -l 32).
    assert here[0] == "a-x-dbc68aa2"


def test_files_of_one_name_have_different_keys(tmp_path: Path) -> None:
    put(tmp_path, "a/x.jsonl")
    put(tmp_path, "a-x.jsonl")
    put(tmp_path, "a-x.json")
    assert len(set(keys(tmp_path / "**" / "*.json*"))) == 3


@given(st.text(alphabet=st.characters(exclude_characters="\0"), min_size=1, max_size=80))
def test_keys_are_safe_names(name: str) -> None:
    assert re.fullmatch(r"\w[\w-]{0,64}", _file_key(f"/data/{name}", "/data"))


def test_letters_of_any_script_are_in_the_key(tmp_path: Path) -> None:
    for name in ("数据.jsonl", "данные.jsonl", "größe 2.jsonl"):
        put(tmp_path, name)
    found = keys(tmp_path / "*.jsonl")
    assert [re.sub("-[0-9a-f]{16}$", "", key) for key in found] == ["größe-2", "данные", "数据"]


def test_a_file_keeps_the_key_that_it_is_known_by(tmp_path: Path) -> None:
    put(tmp_path, "数据.jsonl", rows=3)
    config = CorpusConfig(name="c", paths=(f"{tmp_path}/*.jsonl",), rows_per_shard=2)
    # What 0.1.0 gave it: nothing of its name, and blake2b with a digest of four bytes.
    old = f"file-{hashlib.blake2b('数据.jsonl'.encode(), digest_size=4).hexdigest()}"
    assert [spec.key for spec in discover_shards(config, [old])] == [old, f"{old}-00001"]
    [new, _] = [spec.key for spec in discover_shards(config, ["file-00000000"])]
    assert new.startswith("数据-")


def test_two_files_of_one_key_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a x.jsonl")
    put(tmp_path, "a-x.jsonl")
    pattern = tmp_path / "*.jsonl"
    assert len(set(keys(pattern))) == 2
    real = hashlib.blake2b
    monkeypatch.setattr(hashlib, "blake2b", lambda data, digest_size: real(b"", digest_size=4))
    with pytest.raises(CorpusError, match=r"a x\.jsonl and .*a-x\.jsonl: both give the shard"):
        keys(pattern)


def test_a_folder_means_its_supported_files(tmp_path: Path) -> None:
    for name in ("x.jsonl", "deep/er/y.csv", "README.md", ".hidden.jsonl", "deep/[z].json.gz"):
        put(tmp_path, f"raw/{name}")
    (tmp_path / "raw" / "z.parquet").mkdir()
    assert names(tmp_path / "raw") == ["[z].json.gz", "y.csv", "x.jsonl"]
    whole = tmp_path / "raw" / "**" / "*.*"
    (tmp_path / "raw" / "README.md").unlink()
    assert keys(tmp_path / "raw") == keys(whole)
    assert names(put(tmp_path, "[raw]/x.jsonl").parent) == ["x.jsonl"]


def test_a_name_cannot_leave_its_place(tmp_path: Path) -> None:
    path = put(tmp_path, "..,evil name\n\\..\\[1].jsonl")
    (key,) = keys(path)
    assert re.fullmatch(r"evil-name-1-[0-9a-f]{8}", key)
    assert discover(path)[0].path == str(path)


def test_a_file_matched_twice_is_one_shard(tmp_path: Path) -> None:
    path = put(tmp_path, "x.jsonl")
    again = tmp_path / "y" / ".." / "x.jsonl"
    (tmp_path / "y").mkdir()
    assert names(path, tmp_path / "*.jsonl", again) == ["x.jsonl"]


def test_a_pattern_without_a_match_is_named(tmp_path: Path) -> None:
    put(tmp_path, "x.jsonl")
    (tmp_path / "empty").mkdir()
    for absent in (tmp_path / "*.parquet", tmp_path / "y.jsonl", tmp_path / "empty"):
        with pytest.raises(CorpusError, match=re.escape(f"{absent}: no file matches")):
            discover(tmp_path / "x.jsonl", absent)


def test_other_files_and_places_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "README.md")
    with pytest.raises(CorpusError, match="not a supported format"):
        discover(tmp_path / "*")
    with pytest.raises(ValueError, match=r"ftp:// cannot be read; use s3://, gs://, az://, hf://"):
        CorpusConfig(name="c", paths=("ftp://host/x.jsonl",))


def test_a_broken_or_empty_file_hides_no_other(tmp_path: Path) -> None:
    put(tmp_path, "x.jsonl")
    (tmp_path / "broken.parquet").write_bytes(b"no Parquet")
    (tmp_path / "empty.jsonl").touch()
    assert names(tmp_path / "*.*") == ["broken.parquet", "empty.jsonl", "x.jsonl"]
