"""The report across recipes, of a small corpus with all recipes and of cuts of it."""

import logging
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tests.corpora import RECIPES, Corpus
from tshirt_assets.commands.verify import verify
from tshirt_assets.evidence.evidence_files import evidence_folder
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.report.across import AcrossData, across_data
from tshirt_assets.report.across_page import across_html, made_across, write_across

SOURCE = "0123456789abcdef"


def data_of(corpus: Corpus) -> AcrossData:
    log = logging.getLogger("tests")
    return across_data(CorpusScores(corpus.store, corpus.config, corpus.shards, log), SOURCE)


@pytest.fixture(scope="module")
def data(finished: Corpus) -> AcrossData:
    return data_of(finished)


def page_of(corpus: Corpus) -> Path:
    return Path(corpus.config.export_dir) / corpus.config.name / "report.html"


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', page.replace('<section class="', "<section "))


def test_all_recipes_are_compared(data: AcrossData) -> None:
    assert list(data.methods) == sorted(RECIPES) == list(data.comparison.names)
    assert data.usable == 30
    assert set(data.domains) == {"even", "odd"}
    for shares in (data.domains, data.scripts):
        assert [sum(column) for column in zip(*shares.values(), strict=True)] == (
            [pytest.approx(1.0)] * (1 + len(RECIPES))
        )


def test_rows_say_what_each_recipe_makes_of_them(data: AcrossData) -> None:
    assert data.disputed
    for row in data.disputed:
        assert row.places.keys() == RECIPES.keys()
        taken = [name for name, (selected, _) in row.places.items() if selected]
        assert 0 < len(taken) < len(RECIPES)
        assert row.instruction
    for name, (count, rows) in data.only.items():
        assert len(rows) == min(count, 5)
        for row in rows:
            assert [one for one, (selected, _) in row.places.items() if selected] == [name]


def test_the_page_is_small_and_links_to_every_report(finished: Corpus, data: AcrossData) -> None:
    page = across_html(data)
    assert sections(page) == ["agreement", "disputed", "only", "mix"]
    for name in RECIPES:
        assert f'href="{name}/report.html"' in page
        assert (page_of(finished).parent / name / "report.html").is_file()
    assert len(page) < 100_000
    assert "<details open" not in page


class Templated(CorpusScores):
    """Scores of a corpus whose instructions all begin alike."""

    def texts(self, wanted: pl.DataFrame) -> pl.DataFrame:
        return super().texts(wanted).with_columns(pl.lit(BEGINNING) + pl.col("instruction"))


BEGINNING = "You are a most patient teacher of children. Answer with care: "


def test_what_instructions_share_is_left_out(finished: Corpus, data: AcrossData) -> None:
    scores = Templated(finished.store, finished.config, finished.shards, logging.getLogger())
    found = across_data(scores, SOURCE)
    assert [row.instruction for row in found.disputed] == [row.instruction for row in data.disputed]


def test_text_of_rows_is_no_markup(data: AcrossData) -> None:
    hostile = replace(data.disputed[0], instruction="<script>1</script>" * 9, response="<b>\u202e")
    page = across_html(replace(data, disputed=[hostile]))
    assert page.count("<script") == 1
    assert "<b>" not in page
    assert "\u202e" not in page


def test_one_recipe_without_domains(materialized: Corpus) -> None:
    materialized.configure(recipes={"ifd": RECIPES["ifd"]})
    data = data_of(materialized)
    page = across_html(replace(data, domains={}))
    assert sections(page) == ["mix"]
    assert "Domains</h3>" not in page
    assert "Writing systems</h3>" in page


def test_a_recipe_without_scores_is_left_out(materialized: Corpus) -> None:
    for shard in materialized.shards:
        materialized.store.drop(materialized.config.name, "miwv_scores", shard)
    assert list(data_of(materialized).methods) == ["ifd", "random", "tshirt"]


def test_it_is_known_what_a_whole_page_was_made_from(data: AcrossData, tmp_path: Path) -> None:
    page = tmp_path / "below" / "report.html"
    assert made_across(page) is None
    write_across(data, page)
    assert made_across(page) == SOURCE
    page.write_bytes(page.read_bytes().replace(b"Recipes compared", b"Recipes Compared", 1))
    assert made_across(page) is None


def test_it_is_written_again_only_where_a_recipe_is_made_from_something_else(
    materialized: Corpus,
) -> None:
    page = page_of(materialized)
    reports = [page.parent / name / "report.html" for name in RECIPES]
    before, kept = page.read_bytes(), [report.read_bytes() for report in reports]
    assert all(b'<a href="../report.html">Recipes compared</a>' in report for report in kept)

    stamp = page.stat().st_mtime_ns
    materialized.materialize("selected_subset")
    assert page.stat().st_mtime_ns == stamp

    page.write_bytes(before[:-100])
    found = verify(materialized.store, materialized.config, materialized.shards)
    assert [(fault.place, fault.remedy) for fault in found.faults] == [
        (str(page), "materialize selected_subset again")
    ]
    page.unlink()
    assert not verify(materialized.store, materialized.config, materialized.shards).faults
    materialized.materialize("selected_subset", partitions=["ifd"])
    assert made_across(page) is not None
    assert [report.read_bytes() for report in reports] == kept  # they are current

    source = made_across(page)
    evidence = evidence_folder(materialized.config)
    evidence.mkdir()
    (evidence / "evidence.html").write_text("<!doctype html>")
    materialized.configure(recipes={**RECIPES, "ifd": {"method": "ifd", "budget": 3}})
    materialized.materialize("selected_subset")
    assert made_across(page) != source
    now = [report.read_bytes() for report in reports]
    assert [name for name, old, new in zip(RECIPES, kept, now, strict=True) if old != new] == [
        "ifd"
    ]
    assert b'href="../_evidence/evidence.html">Evidence</a>' in now[list(RECIPES).index("ifd")]
