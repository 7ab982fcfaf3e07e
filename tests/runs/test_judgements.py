"""A judgement makes subsets stale, the next run selects by it, and nothing else is done again."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from tests.corpora import NAME, Corpus, fill
from tshirt_assets.cli import main
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.commands.verify import verify
from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.judgements import Judgement, read_judgements, record
from tshirt_assets.incremental.retention import maintain_corpus

RECIPES = {
    "longest": {"method": "longest", "budget": 4},
    "all": {"method": "longest", "budget": 4, "judgements": "ignore"},
}
UNREAD = "nothing has changed since the last run"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Corpus:
    corpus = fill(Corpus(tmp_path_factory.mktemp("judged"), tiny_models, {"recipes": RECIPES}))
    assert run_corpus(corpus.instance, corpus.config)
    return corpus


def judge(corpus: Corpus, *arguments: str) -> tuple[int, str]:
    environment = {"DAGSTER_HOME": str(corpus.home)}
    result = CliRunner().invoke(main, ["judge", str(corpus.file), *arguments], env=environment)
    return result.exit_code, result.output


def test_a_judgement_from_a_file_to_a_subset(
    ran: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = ran
    assert run_corpus(corpus.instance, corpus.config)
    assert UNREAD in "".join(capsys.readouterr())
    assert judge(corpus) == (0, "nobody has judged a row yet\n")
    assert not corpus.instance.fetch_observations(corpus.key("judgements"), limit=1).records
    assert f"{NAME}.judgements" not in corpus.store.database.names()
    before = {name: corpus.frame("selected_subset", name) for name in RECIPES}
    usable = corpus.frame("token_scores").filter(status="ok").unique("sample_id")
    left = usable.filter(~usable["sample_id"].is_in(before["longest"]["sample_id"].implode()))
    drop, keep = before["longest"]["sample_id"][0], left["sample_id"].sort()[0]
    bad = corpus.frame("samples").filter(status="empty_response")["sample_id"][0]
    file = corpus.folder / "said.csv"
    file.write_text(f"sample_id,verdict\n{drop},drop\n{keep},keep\n{bad},keep\n{'0' * 32},keep\n")

    status, output = judge(corpus, "--import", str(file), "--as", "ada")
    assert (status, output.splitlines()[0]) == (0, "4 new judgements in 4 lines")
    assert "3 kept, 1 dropped, 1 no longer in the corpus, 1 kept but unusable" in output
    stale = {place: reasons for place, reasons in corpus.stale().items() if "subset" in place[0]}
    assert list(stale) == [("selected_subset", "longest")]
    evaluated = corpus.instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(corpus.key("selected_subset"), "matches_current_scores")]
    )
    assert [str(found.status) for found in evaluated.values()] == [
        "AssetCheckExecutionRecordStatus.FAILED"
    ]

    runs = len(corpus.instance.get_runs())
    assert run_corpus(corpus.instance, corpus.config)
    assert len(corpus.instance.get_runs()) == runs + 1
    after = corpus.frame("selected_subset", "longest")
    assert after["sample_id"][0] == keep
    assert after["reason"][0].startswith("kept by ada on ")
    assert drop not in after["sample_id"]
    assert after.height == 4
    assert corpus.frame("selected_subset", "all").equals(before["all"])
    metadata = corpus.metadata("selected_subset", "longest")
    assert (metadata["kept_by_hand"], metadata["dropped_by_hand"]) == (1, 1)
    assert r"1 kept rows cannot be selected: empty\_response" in metadata["notes"]
    facts = TableFacts.of(corpus.store.info(NAME, "selected_subset", "longest"))
    assert facts.provenance is not None
    assert facts.provenance.judgements
    assert not [place for place in corpus.stale() if place[0] == "selected_subset"]
    capsys.readouterr()
    assert run_corpus(corpus.instance, corpus.config)
    assert UNREAD in "".join(capsys.readouterr())
    labelled = [Judgement(keep, label="good")]
    assert record(corpus.store, NAME, labelled) == 1
    assert run_corpus(corpus.instance, corpus.config)
    assert UNREAD in "".join(capsys.readouterr())

    held = verify(corpus.store, corpus.config, corpus.shards)
    assert held.faults == []
    report = maintain_corpus(corpus.store, corpus.config, older_than=timedelta(0), orphans=True)
    assert f"{NAME}.judgements" in report.compacted
    assert read_judgements(corpus.store, NAME).height == 4
    assert verify(corpus.store, corpus.config, corpus.shards).faults == []
    record(corpus.store, NAME, [Judgement(drop, "keep"), Judgement(keep, "drop")])
    corpus.sensor_tick()
    assert ("selected_subset", "longest") in corpus.stale()


def test_no_judgement_is_a_step_of_a_run(ran: Corpus) -> None:
    assert "judgements" not in ASSETS
    assert ran.config.recipes["longest"].model_dump(mode="json").get("judgements") is None


def test_damage_is_told_and_not_mended(ran: Corpus) -> None:
    record(ran.store, NAME, [Judgement("f" * 32, "keep")])
    table = ran.store.database.open(f"{NAME}.judgements")
    assert table is not None
    table.update(where=f"sample_id = '{'f' * 32}'", values={"verdict": "drop"})
    faults = verify(ran.store, ran.config, ran.shards).faults
    assert [(fault.place, fault.problem) for fault in faults] == [
        ("judgements", "1 entries are not what was recorded")
    ]
    assert "backup" in faults[0].remedy
