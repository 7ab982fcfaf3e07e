"""Whatever is damaged, `verify` says so in one line, and following its advice mends it."""

import copy
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.corpora import NAME, Corpus, make_rows
from tests.runs import damage as d
from tests.runs.damage import Kind
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.commands.verify import recorded_versions, verify
from tshirt_assets.export.formats import FORMATS

OPTIONS = {
    "robustness": {"estimator": "analytic", "neighbours": 2},
    "recipes": {
        "hybrid": {"method": "tshirt", "budget": 3, "estimator": "hybrid"},
        "miwv": {"method": "miwv", "budget": 3},
        "analytic": {"method": "tshirt", "budget": 3},
    },
    "exports": [*FORMATS],
}

SAMPLES, EMBEDDINGS, TOKENS = (("samples", "a-"), ("embeddings", "a-"), ("token_scores", "a-"))
ROBUST, MIWV, DELTAS = (("robust_scores", "a-"), ("miwv_scores", "a-"), ("neighbour_deltas", "a-"))
ANALYTIC, HYBRID = ("analytic_scores", "a-"), ("hybrid_scores", "a-")
CONTENDERS, NEIGHBOURS, SEARCH = ("contenders", None), ("neighbours", None), ("search", None)
CALIBRATION, PILOT = ("calibration", None), ("pilot_deltas", None)
SUBSET = ("selected_subset", "hybrid")
SHARD = (SAMPLES, EMBEDDINGS, TOKENS, ROBUST, MIWV, DELTAS, ANALYTIC, HYBRID)
TABLES = (*SHARD, CONTENDERS, NEIGHBOURS, SEARCH, CALIBRATION, PILOT, SUBSET)

UNREADABLE = r"cannot be (read|opened); .*(damaged|has been changed)"
CHANGED = "its rows have changed since they were written; materialize"
# A column that the table's own readers would miss least, with a value to put there.
VALUES = {
    "samples": ("response", "another answer"),
    "embeddings": ("model", "0" * 16),
    "token_scores": ("ifd", 0.5),
    "robust_scores": ("s_ifd_std", 0.5),
    "miwv_scores": ("miwv", 0.5),
    "neighbour_deltas": ("ifd_mean", 0.5),
    "analytic_scores": ("s_ifd_mean", 0.5),
    "hybrid_scores": ("s_ifd_mean", 0.5),
    "contenders": ("s_ifd", 0.5),
    "neighbours": ("similarity", 0.5),
    "search": ("response", "another answer"),
    "calibration": ("sampled_std", 0.5),
    "pilot_deltas": ("ifd_mean", 0.5),
    "selected_subset": ("reason", "because"),
}


def of_every_table() -> Iterator[Kind]:
    for table in TABLES:
        name, place = table[0], f"{table[0]}"
        column, value = VALUES[name]
        gone = r"(table is gone|which is gone|no samples|which has no|is not stored)"
        search = name == "search"
        changed = r"search: its rows of .* are not those of samples" if search else CHANGED
        yield Kind(f"{name} dropped", place, d.dropped(table), gone)
        yield Kind(f"{name}: data deleted", place, d.deleted(table, "data"), UNREADABLE)
        yield Kind(f"{name}: data emptied", place, d.emptied(table, "data"), UNREADABLE)
        yield Kind(f"{name}: data cut", place, d.cut(table, "data"), UNREADABLE)
        yield Kind(f"{name}: a value flipped", place, d.flipped_value(table), changed)
        yield Kind(f"{name}: edited", place, d.replaced(table, d.edited(column, value)), changed)
        lacks = f"lacks the column {column}; materialize"
        yield Kind(f"{name}: column lost", place, d.replaced(table, d.without(column)), lacks)


def of_manifests_and_facts() -> Iterator[Kind]:
    short = "its first write was cut short; materialize it again"
    yield Kind("no manifest", "token_scores", d.deleted(TOKENS, "_versions"), short)
    for name, damage in (("emptied", d.emptied), ("cut", d.cut)):
        yield Kind(
            f"Lance manifest {name}",
            "miwv_scores",
            damage(MIWV, "_versions"),
            f"({UNREADABLE}|{short})",
        )
    yield Kind("Lance manifest flipped", "embeddings", d.flipped_header(EMBEDDINGS), UNREADABLE)
    for table in (TOKENS, CONTENDERS, CALIBRATION, SEARCH, SUBSET):
        name = table[0]
        yield Kind(f"{name}: data version flipped", name, d.flipped_fact(table), "has been changed")
        no = "data version is not recorded; materialize"
        yield Kind(f"{name}: no version", name, d.with_facts(table, data_version=None), no)
    bare = "has been changed"
    yield Kind(
        "facts removed", "contenders", d.with_facts(CONTENDERS, resealed=False, tau=None), bare
    )
    for table, fact in (
        (CONTENDERS, "tau"),
        (CALIBRATION, "calibration"),
        (ROBUST, "estimators"),
        (SEARCH, "fingerprint"),
        (SUBSET, "provenance"),
        (SUBSET, "inputs"),
    ):
        damage = d.with_facts(table, **{fact: None})
        said = f"recorded with it is incomplete: {fact}; materialize"
        yield Kind(f"{table[0]}: no {fact}", table[0], damage, said)
        if fact != "fingerprint":  # text, whatever it says
            damage = d.with_facts(table, **{fact: '["other"]'})
            said = "(cannot be read.*it again|not all of its rows are of other; materialize)"
            yield Kind(f"{table[0]}: other {fact}", table[0], damage, said)
    yield Kind(
        "search: other fingerprint",
        "search",
        d.with_facts(SEARCH, resealed=False, fingerprint="x"),
        "has been changed",
    )
    no = "its identity is not recorded; materialize"
    yield Kind("no identity", "miwv_scores", d.with_facts(MIWV, identity=None), no)
    other = r"\d+ rows have another identity; materialize"
    yield Kind("other identity", "embeddings", d.with_facts(EMBEDDINGS, identity="0" * 16), other)
    for version in ("", "one", "1.5"):
        damage = d.with_facts(TOKENS, schema_version=version)
        yield Kind(f"schema version {version!r}", "token_scores", damage, UNREADABLE)
    yield Kind(
        "schema version 99",
        "token_scores",
        d.newer(TOKENS),
        r"upgrade tshirt-assets .*; if none wrote it, delete .*\.lance and run again",
        advice=d.dropped(TOKENS),
    )


def of_rows() -> Iterator[Kind]:
    yield Kind(
        "a row more", "token_scores", d.replaced(TOKENS, d.repeated, own=True), "7 rows where"
    )
    yield Kind("a row twice", "contenders", d.replaced(CONTENDERS, d.repeated), CHANGED)
    yield Kind("no rows", "embeddings", d.replaced(EMBEDDINGS, lambda r: r.slice(0, 0)), CHANGED)
    for table, column, kind in (
        (TOKENS, "ifd", pa.float32()),
        (ROBUST, "s_ifd_std", pa.string()),
        (SAMPLES, "row", pa.int32()),
        (CONTENDERS, "tau", pa.string()),
        (NEIGHBOURS, "similarity", pa.float64()),
        (SUBSET, "row", pa.string()),
    ):
        damage = d.replaced(table, d.retyped(column, kind))
        yield Kind(f"{table[0]}: other type", table[0], damage, f"in the column {column}, which")
    for table in TABLES:
        said = r"(is not the table that was materialized last|rows|exported from another)"
        yield Kind(f"{table[0]}: an older version", table[0], d.restored(table), said)


def of_places() -> Iterator[Kind]:
    yield Kind(
        "another shard's table",
        "miwv_scores",
        d.swapped(MIWV, ("miwv_scores", "b-")),
        "holds miwv_scores of shard b-.*; materialize",
    )
    yield Kind(
        "another asset's table",
        "contenders",
        d.swapped(CONTENDERS, NEIGHBOURS),
        "holds neighbours;",
    )
    other_recipe = d.swapped(SUBSET, ("selected_subset", "miwv"))
    holds = "holds selected_subset of shard miwv; materialize"
    yield Kind("another recipe's subset", "selected_subset", other_recipe, holds)
    yield Kind(
        "a copy", "copy", d.stray, r"holds token_scores.*or delete .*copy\.lance", advice=d.no_stray
    )
    said = "chunks of a shard that was not finished; run the asset again"
    yield Kind("chunks", "token_scores", d.staged(TOKENS), said)
    yield Kind("other chunks", "miwv_scores", d.staged_otherwise(MIWV), said)


def listing(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda values: values["files"].update({name: {"rows": 0, "sha256": ""}})


def provenance(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda values: values["provenance"].update(changes)


def of_exports() -> Iterator[Kind]:
    again = "; materialize selected_subset miwv again"
    written = [form.file_name for form in FORMATS.values()] + ["README.md", "dataset_info.json"]
    for name in written:
        place = f"export {name}"
        for how, damage, said in (
            ("deleted", d.file_gone("miwv", name), "cannot be read"),
            ("emptied", d.file_written("miwv", name, lambda _: b""), "SHA-256 differs"),
            ("flipped", d.file_written("miwv", name, d.flip), "SHA-256 differs"),
        ):
            yield Kind(f"{name} {how}", place, damage, f"/miwv/{re.escape(name)}.*{said}.*{again}")
    unreadable = f"has no readable manifest.json{again}"
    place = "manifest"
    for how, damage in (
        ("deleted", d.file_gone("miwv", "manifest.json")),
        ("emptied", d.file_written("miwv", "manifest.json", lambda _: b"")),
        ("cut", d.file_written("miwv", "manifest.json", lambda text: text[:-40])),
        ("a list", d.manifest("miwv", lambda values: [values])),
        ("without rows", d.manifest("miwv", lambda values: values.pop("rows") and values)),
        ("of files in another shape", d.manifest("miwv", lambda v: v | {"files": [1]})),
        (
            "with a path",
            d.manifest("miwv", listing("../x")),
        ),
        (
            "with NUL",
            d.manifest("miwv", listing("a\0")),
        ),
    ):
        yield Kind(f"manifest {how}", place, damage, unreadable)
    for how, change, said in (
        ("other rows", lambda v: v | {"rows": 9}, "from another selection"),
        ("another recipe", lambda v: v | {"recipe": "x"}, "from another selection"),
        (
            "another version",
            lambda v: v["provenance"].update(data_version="0"),
            "another selection",
        ),
        (
            "another seed",
            lambda v: v["provenance"].update(seed=99),
            "otherwise than the subset of seed",
        ),
        (
            "other rows of a file",
            lambda v: v["files"]["README.md"].update(rows=9),
            "has changed since",
        ),
        ("a file less", lambda v: v["files"].pop("messages.jsonl") and v, "not in the manifest"),
        ("another key", lambda v: v | {"more": 1}, "has changed since"),
    ):
        yield Kind(f"manifest: {how}", place, d.manifest("miwv", change), f"{said}.*{again}")
    html = f"report.html.*{again}"
    for how, damage in (
        ("deleted", d.file_gone("miwv", "report.html")),
        ("emptied", d.file_written("miwv", "report.html", lambda _: b"")),
        ("cut", d.file_written("miwv", "report.html", lambda page: page[:-100])),
        ("flipped", d.file_written("miwv", "report.html", d.flip)),
    ):
        yield Kind(f"report {how}", "report", damage, html)
    killed = "was left by a run that was killed; run again, or `maintain`"
    yield Kind("a half export", "staged export", d.leftover("miwv", ""), killed)
    yield Kind("a half report", "staged report", d.leftover("miwv", "report.html"), killed)


KINDS = [*of_every_table(), *of_manifests_and_facts(), *of_rows(), *of_places(), *of_exports()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Corpus:
    """Two shards with everything that can be stored of them."""
    corpus = Corpus(tmp_path_factory.mktemp("whole") / "corpus", tiny_models, dict(OPTIONS))
    corpus.write("a.jsonl", make_rows(0, 6))
    corpus.write("b.jsonl", make_rows(1, 5))
    assert run_corpus(corpus.instance, corpus.config)
    return corpus


@pytest.fixture
def corpus(whole: Corpus, tmp_path: Path) -> Corpus:
    shutil.copytree(whole.folder, tmp_path / "corpus")
    return Corpus(tmp_path / "corpus", whole.models, dict(OPTIONS))


@pytest.fixture
def stored(whole: Corpus, tmp_path: Path) -> Corpus:
    """A copy of what is stored and exported alone: enough to look at."""
    copied = copy.copy(whole)
    places = {"store": whole.config.store, "export_dir": whole.config.export_dir}
    for option, folder in places.items():
        shutil.copytree(folder, tmp_path / option)
    copied.config = whole.config.model_copy(
        update={option: str(tmp_path / option) for option in places}
    )
    return copied


def said(corpus: Corpus) -> list[str]:
    recorded = recorded_versions(corpus.instance, corpus.config)
    return [str(f) for f in verify(corpus.store, corpus.config, corpus.shards, recorded).faults]


def test_they_are_many() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 53


def test_what_is_whole_has_no_fault(corpus: Corpus) -> None:
    found = verify(corpus.store, corpus.config, corpus.shards)
    assert (found.faults, found.notes) == ([], [])
    assert {info.asset for info in corpus.store.stored(NAME)} == {table for table, _ in TABLES}


def mostly_slow(values: Iterable[Any], step: int) -> list[Any]:
    """Test values of which every `step`-th, from the first on, is for every day."""
    return [
        pytest.param(value, marks=[pytest.mark.slow] if at % step else [])
        for at, value in enumerate(values)
    ]


@pytest.mark.parametrize("kind", mostly_slow(KINDS, 8), ids=lambda kind: kind.name)
def test_every_kind_is_found(stored: Corpus, kind: Kind) -> None:
    kind.damage(stored)
    lines = said(stored)
    assert any(re.search(kind.said, line) for line in lines), lines
    assert all("\n" not in line and "; " in line for line in lines)


def rounds() -> Iterator[list[Kind]]:
    """The kinds in as few rounds as there can be with one kind a place."""
    left = list(KINDS)
    while left:
        chosen: dict[str, Kind] = {}
        for kind in left:
            chosen.setdefault(kind.place, kind)
        left = [kind for kind in left if kind not in chosen.values()]
        yield list(chosen.values())


@pytest.mark.parametrize(
    "kinds", mostly_slow(rounds(), 99), ids=lambda kinds: f"{len(kinds)} kinds"
)
def test_following_the_advice_mends_it(corpus: Corpus, kinds: list[Kind]) -> None:
    before = {info.name: info.data_version for info in corpus.store.stored(NAME)}
    for kind in kinds:
        kind.damage(corpus)
    assert len(said(corpus)) >= len(kinds) / 2
    for kind in kinds:
        if kind.advice is not None:
            kind.advice(corpus)
    assert run_corpus(corpus.instance, corpus.config)
    assert said(corpus) == []
    assert {info.name: info.data_version for info in corpus.store.stored(NAME)} == before
