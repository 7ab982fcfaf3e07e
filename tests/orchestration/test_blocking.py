"""`checks: block`: nothing is made from what a check has failed on, in this run or a later one."""

import dagster as dg
import pytest

from tests.corpora import Corpus, make_rows
from tshirt_assets.assets import samples as samples_asset
from tshirt_assets.incremental.checks import CheckOutcome


@pytest.fixture
def blocked(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """A corpus of which the samples of one shard have failed a check."""
    corpus.configure(checks="block", recipes={"ifd": {"method": "ifd", "budget": 4}})
    corpus.register()

    def fails_on_b(incomplete: object, policy: str) -> CheckOutcome:
        return CheckOutcome(not failing, "as the test wants it")

    process = samples_asset.process
    failing = False

    def processed(run, specs, progress, shard):  # type: ignore[no-untyped-def]
        nonlocal failing
        failing = shard.startswith("b-")
        return process(run, specs, progress, shard)

    with monkeypatch.context() as patched:
        patched.setattr(samples_asset, "complete_outcome", fails_on_b)
        patched.setattr(samples_asset, "process", processed)
        corpus.materialize("samples", succeeds=False)
    return corpus


def reasons(result: dg.ExecuteInProcessResult) -> str:
    [failure] = result.get_step_failure_events()
    return str(failure.step_failure_data.user_failure_data)


def test_nothing_is_made_from_a_shard_until_its_check_passes(blocked: Corpus) -> None:
    a, b, _ = blocked.shards
    assert blocked.records("samples", b)  # it is there to be looked at
    scored = blocked.materialize("token_scores", succeeds=False)
    assert f"samples of {b} failed the check shard_complete; mend the rows" in reasons(scored)
    assert blocked.records("token_scores", a)
    assert not blocked.records("token_scores", b)
    selected = blocked.materialize("selected_subset", succeeds=False)
    assert f"samples of {b} failed the check shard_complete" in reasons(selected)

    blocked.write("b.jsonl", make_rows(1, 11))
    blocked.materialize("samples", partitions=[b])
    blocked.materialize("token_scores", partitions=[b])
    blocked.materialize("selected_subset")


def test_it_says_so_in_the_run_and_the_checks_are_blocking_in_dagster(blocked: Corpus) -> None:
    [failed] = [
        check
        for check in blocked.defs.get_repository_def().asset_graph.asset_check_keys
        if check.name == "matches_current_scores"
    ]
    graph = blocked.defs.get_repository_def().asset_graph
    assert graph.get(failed).blocking
    blocked.configure(checks="warn")
    graph = blocked.defs.get_repository_def().asset_graph
    assert not graph.get(failed).blocking
    blocked.materialize("token_scores")  # what only warns stops nothing
