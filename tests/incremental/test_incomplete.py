"""A file that breaks off: its shard is incomplete, whatever share of it could be read."""

import gzip
import json
import os

import dagster as dg
import pytest
from click.testing import CliRunner

from tests.corpora import NAME, Corpus, make_rows
from tests.incremental.test_dataset import failure
from tshirt_assets.cli import main
from tshirt_assets.incremental.staleness import changed_inputs


def cut(corpus: Corpus, name: str = "d.jsonl.gz", rows: int = 40) -> str:
    """Add a compressed file of which a part arrived; the key of its shard."""
    text = "".join(f"{json.dumps(row)}\n" for row in make_rows(7, rows))
    whole = gzip.compress(text.encode())
    corpus.path(name).write_bytes(whole[: len(whole) // 2])
    corpus.register()
    return corpus.shard("d-")


def mend(corpus: Corpus) -> None:
    text = "".join(f"{json.dumps(row)}\n" for row in make_rows(7, 40))
    corpus.path("d.jsonl.gz").write_bytes(gzip.compress(text.encode()))


def call(corpus: Corpus, *arguments: str) -> tuple[int, str]:
    os.environ.pop("DAGSTER_HOME", None)
    result = CliRunner().invoke(main, list(arguments), env={"DAGSTER_HOME": str(corpus.home)})
    assert "Traceback" not in result.output
    return result.exit_code, result.output


@pytest.mark.parametrize("policy", ["error", "ignore"])
def test_it_is_left_out_until_it_is_acknowledged(materialized: Corpus, policy: str) -> None:
    d = cut(materialized)
    materialized.configure(on_missing_shards=policy, max_bad_share=0.2)
    found = materialized.checks(
        materialized.materialize("samples", "embeddings", "token_scores", partitions=[d])
    )
    check = found["samples.shard_complete"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "the gzip data is cut off" in check.description
    assert found["samples.rows_usable"].passed  # one row of many
    assert "cut off" in materialized.metadata("samples", d)["incomplete"]
    statuses = materialized.frame("samples", d)["status"].to_list()
    assert statuses[:-1] == ["ok"] * (len(statuses) - 1)
    assert statuses[-1] == "file_ends_early"

    found = materialized.checks(materialized.materialize("contenders", "neighbours"))
    assert not found["contenders.all_shards_used"].passed
    assert f"incomplete, left out: {d}" in found["contenders.all_shards_used"].description
    assert list(materialized.metadata("contenders")["incomplete_shards"]) == [d]
    assert d not in set(materialized.frame("contenders")["shard"])
    registered = materialized.shards
    assert changed_inputs(materialized.store, materialized.config, registered) == {}

    # Acknowledged: nothing is read or scored again.
    before = [materialized.store.info(NAME, a, d) for a in ("samples", "token_scores")]
    materialized.configure(on_incomplete="keep")
    found = materialized.checks(materialized.materialize("contenders", "neighbours"))
    assert found["contenders.all_shards_used"].passed
    assert d in set(materialized.frame("contenders")["shard"])
    assert before == [materialized.store.info(NAME, a, d) for a in ("samples", "token_scores")]
    found = materialized.checks(materialized.materialize("samples", partitions=[d]))
    assert found["samples.shard_complete"].severity is dg.AssetCheckSeverity.WARN
    assert not found["samples.shard_complete"].passed


def test_only_the_range_in_which_reading_ended(corpus: Corpus) -> None:
    corpus.configure(rows_per_shard=10)
    cut(corpus, rows=3000)
    corpus.materialize("samples")
    shards = [shard for shard in corpus.shards if shard.startswith("d-")]
    assert len(shards) > 2
    incomplete = [s for s in shards if "incomplete" in corpus.metadata("samples", s)]
    assert incomplete == shards[-1:]


def test_of_incomplete_shards_alone_nothing_is_selected(corpus: Corpus) -> None:
    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        corpus.path(name).unlink()
    d = cut(corpus)
    corpus.materialize("samples", "token_scores")
    message = failure(corpus.materialize("contenders", succeeds=False))
    assert f"break off ({d}: " in message
    assert "set on_incomplete to keep" in message


def test_run_fails_says_so_and_goes_on_when_the_file_is_whole(corpus: Corpus) -> None:
    cut(corpus)
    file = str(corpus.file)
    code, said = call(corpus, "run", file)
    d = corpus.shard("d-")
    assert code == 1
    assert f"error: samples: {d} is incomplete: " in said
    assert f"incomplete, left out of selections: {d}: " in said
    assert d not in set(corpus.frame("selected_subset", "random")["shard"])
    report = (corpus.folder / "exports" / NAME / "random" / "report.html").read_text()
    assert f"The file of shard {d} could not be read to its end" in report
    assert "incomplete" in call(corpus, "shards", file)[1]
    assert call(corpus, "verify", file)[0] == 0

    corpus.configure(on_incomplete="keep")
    code, said = call(corpus, "run", file)
    assert code == 0
    assert f"warning: samples: {d} is incomplete: " in said
    assert f"incomplete, used as far as read: {d}: " in said
    assert corpus.metadata("token_scores", d)["computed"] == 0
    assert call(corpus, "verify", file)[0] == 0

    corpus.configure(on_incomplete="fail")
    mend(corpus)
    code, said = call(corpus, "run", file)
    assert code == 0
    assert "incomplete" not in said
    assert corpus.frame("samples", d).height == 40


@pytest.mark.parametrize("command", ["show", "shards", "verify", "run"])
def test_no_file_stops_a_command(corpus: Corpus, command: str) -> None:
    path = corpus.path("flipped.parquet")
    path.write_bytes(b"PAR1" + bytes(range(256)) * 4 + b"\xff\x00\x00\x00PAR1")
    corpus.path("deep.json").write_text('[{"a":' * 100_000)
    corpus.path("x.arrow").write_bytes(b"ARROW1\x00\x00\xff\xff")
    corpus.path("zero.jsonl").write_bytes(bytes(1000))
    corpus.path("pointer.csv").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert call(corpus, "shards", "--register", str(corpus.file))[0] == 0
    code, said = call(corpus, command, str(corpus.file))
    assert code == (1 if command == "run" else 0)
    assert "corpus tiny" in said or command in ("verify", "shards")
