"""kill -9 of real runs at random instants: nothing is lost, nothing kept is computed twice."""

import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from tests.corpora import ASSETS, NAME, SCORED, Corpus, make_rows
from tests.runs.processes import CHUNK, run_all, start
from tests.store.store_workers import said, wait_for

KILLS = 32
NEW = {
    "prompt_format": "alpaca",
    "recipes": {
        "tshirt": {"method": "tshirt", "budget": 3},
        "miwv": {"method": "miwv", "budget": 3},  # so that every score is needed
    },
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Corpus:
    """Two scored shards; then one file changes, and the configuration."""
    corpus = Corpus(tmp_path_factory.mktemp("before") / "corpus", tiny_models)
    corpus.write("a.jsonl", make_rows(0, 8))
    corpus.write("b.jsonl", make_rows(1, 6))
    corpus.materialize_all()
    corpus.write("b.jsonl", make_rows(2, 9))
    corpus.configure(**NEW)
    return corpus


def copied(corpus: Corpus, folder: Path) -> Corpus:
    shutil.copytree(corpus.folder, folder)
    return Corpus(folder, corpus.models, corpus.options)


def run_undisturbed(corpus: Corpus, log: Path) -> None:
    process = start(run_all, corpus.folder, corpus.models, corpus.options, log)
    process.join()
    assert process.exitcode == 0
    assert said(log)[-1] == "finished"


def run_and_kill(corpus: Corpus, log: Path, draw: random.Random) -> bool:
    """Kill a run a moment after some event in its log; True if it had not finished by then.

    The kinds of events take turns: most of a run passes after writes, in Dagster's bookkeeping.
    """
    kind = draw.choice(["compute", "compute", "kept", "write", "write", "written"])
    last = events(log, kind) + draw.randint(1, 9)
    process = start(run_all, corpus.folder, corpus.models, corpus.options, log)
    try:
        wait_for(lambda: events(log, kind) >= last or not process.is_alive(), 300)
        time.sleep(draw.uniform(0.0, 0.02))
    finally:
        process.kill()
        process.join()
    finished = said(log)[-1] == "finished"
    assert finished or process.exitcode == -9, said(log)[-3:]
    return not finished


def events(log: Path, kind: str) -> int:
    """How many events of a kind are in a log."""
    return sum(line.split()[0] == kind for line in said(log))


def identities(corpus: Corpus, asset: str) -> Iterator[tuple[str, int, str]]:
    """(shard, rows, identity) of every stored table, each of which has one identity only."""
    for info in corpus.store.stored(NAME, asset):
        frame = corpus.frame(asset, info.meta["shard"])
        assert frame.height == info.rows
        found = frame["identity"].unique().to_list()
        assert found in ([], [info.meta["identity"]])
        yield info.meta["shard"], info.rows, info.meta["identity"]


def test_killed_runs_go_on_and_end_like_an_undisturbed_one(before: Corpus, tmp_path: Path) -> None:
    draw = random.Random(20)
    expected = copied(before, tmp_path / "undisturbed")
    run_undisturbed(expected, tmp_path / "undisturbed.log")
    allowed = {
        asset: {*identities(before, asset), *identities(expected, asset)} for asset in SCORED
    }

    kills = repeated = 0
    instants = Counter[str]()
    for number in range(KILLS):
        corpus = copied(before, tmp_path / str(number))
        log = tmp_path / f"{number}.log"
        while run_and_kill(corpus, log, draw):
            kills += 1
            instants[said(log)[-1].split()[0]] += 1
            for asset in SCORED:  # every table is the old or the new one
                assert set(identities(corpus, asset)) <= allowed[asset]
        run_undisturbed(corpus, log)
        repeated += computed_again(log)
        for asset in ASSETS:
            for partition in [*corpus.config.recipes] if asset == "selected_subset" else [None]:
                assert_frame_equal(
                    corpus.frame(asset, partition), expected.frame(asset, partition), abs_tol=2e-5
                )
        assert not [name for name in corpus.store.database.names() if "_staging" in name]
        assert corpus.stale() == {}
        if kills >= KILLS:
            break
    print(f"{kills} kills ({dict(instants)}), {repeated} rows computed twice, 0 lost")
    assert kills >= KILLS
    assert repeated <= kills * 2 * CHUNK  # that in the model and the one being written


def computed_again(log: Path) -> int:
    """Rows computed more than once; none of them after its chunk was kept."""
    kept: set[tuple[str, str]] = set()
    computed = Counter[tuple[str, str]]()
    for line in said(log):
        event, *place_and_ids = line.split()
        rows = [(place_and_ids[0], sample_id) for sample_id in place_and_ids[1:]]
        if event == "compute":
            assert not kept.intersection(rows), f"computed although it was kept: {line}"
            computed.update(rows)
        elif event == "kept":
            kept.update(rows)
    return computed.total() - len(computed)
