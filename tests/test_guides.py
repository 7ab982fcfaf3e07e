"""The guides of CONTRIBUTING, followed to the letter on a copy of the package, give what runs."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.additions import ASSET, EXPORT, METHOD, SHAPE, Edit
from tests.conftest import REPOSITORY
from tests.typecheck import lay_out

GUIDES = {
    "Add an asset": ASSET,
    "Add a recipe method": METHOD,
    "Add an export format": EXPORT,
    "Row shape": SHAPE,
}
SCRIPT = """
import sys
from pathlib import Path
import polars as pl
from tests.corpora import NAME, Corpus, make_rows
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.commands.show import summary
from tshirt_assets.commands.verify import verify
from tshirt_assets.incremental.catalog import phases

corpus = Corpus(Path(sys.argv[1]), Path(sys.argv[2]), {
    "format": "qa",
    "recipes": {"short": {"method": "shortest", "budget": 3}},
    "exports": ["pairs"],
})
rows = [{"question": r["instruction"], "answer": r["output"]} for r in make_rows(1, 9)]
corpus.write("a.jsonl", rows)
assert run_corpus(corpus.instance, corpus.config)
[shard] = corpus.shards

samples = corpus.frame("samples", shard)
assert samples["status"].to_list() == ["ok"] * 9
assert samples["response"].to_list() == [row["answer"] for row in rows]

counts = corpus.frame("word_counts", shard)
assert counts["n_words"].to_list() == [len(row["answer"].split(" ")) for row in rows]
made = {record.name for phase in phases(corpus.config) for record in phase}
assert "word_counts" in made
assert not [asset for asset, _ in corpus.stale() if asset in made]

lengths = corpus.frame("token_scores", shard)["n_response_tokens"].sort()
chosen = corpus.frame("selected_subset", "short")
assert chosen["n_response_tokens"].sort().to_list() == lengths.head(3).to_list()
assert chosen["reason"].str.contains("response tokens").all()
assert "short: 3 rows, by fewest response tokens" in summary(corpus.instance, corpus.config, "c")

exported = pl.read_ndjson(corpus.folder / "exports" / NAME / "short" / "pairs.jsonl")
assert exported.columns == ["prompt", "completion"]
assert set(exported["completion"]) <= {row["answer"] for row in rows}
card = (corpus.folder / "exports" / NAME / "short" / "README.md").read_text()
assert "TRL: pairs of `pairs.jsonl`." in card

assert verify(corpus.store, corpus.config, corpus.shards).faults == []
print("all of it works")
"""


def apply(package: Path, edits: Sequence[Edit]) -> None:
    for edit in edits:
        file = package / edit.file
        if not edit.anchor:
            file.write_text(edit.text)
            continue
        source = file.read_text()
        assert source.count(edit.anchor) == 1, f"{edit.file}: {edit.anchor!r}"
        file.write_text(source.replace(edit.anchor, edit.text + edit.anchor))


@pytest.mark.parametrize("title", GUIDES)
def test_a_guide_names_the_files_that_are_opened(title: str) -> None:
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text()
    found = re.search(rf"{title}\W*\((\d) files\)(.*?)(?=\n###|\n- \*\*|\Z)", guide, re.DOTALL)
    assert found is not None
    files = {edit.file for edit in GUIDES[title]}
    assert len(files) == int(found[1])
    for file in files:
        assert file.replace("word_counts", "NAME") in found[2]


@pytest.mark.slow
def test_what_the_guides_add_runs_end_to_end(tmp_path: Path, tiny_models: Path) -> None:
    lay_out(tmp_path / "copy")
    for edits in GUIDES.values():
        apply(tmp_path / "copy" / "tshirt_assets", edits)
    paths = [str(tmp_path / "copy"), str(REPOSITORY)]  # the copy is found first
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "corpus"), str(tiny_models)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == "all of it works"
