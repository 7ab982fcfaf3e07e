"""What the asset checks see: each must be able to fail."""

import math

import dagster as dg
import pyarrow as pa
import pytest

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental import checks
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.shard_loop import CheckOutcome, check_result


def statuses(**counts: int) -> pa.Table:
    names = [name for name, count in counts.items() for _ in range(count)]
    details = [None if name == "ok" else f"why {name}" for name in names]
    return pa.table({"status": names, "status_detail": details})


@pytest.mark.parametrize(
    ("table", "passes", "detail"),
    [
        (statuses(ok=19, empty_response=1), True, "1 of 20 rows not ok (empty_response 1)"),
        (statuses(ok=18, empty_response=2), False, "2 of 20 rows not ok (empty_response 2)"),
        (
            statuses(not_text=3, missing_field=5),
            False,
            "8 of 8 rows not ok (missing_field 5, not_text 3): why missing_field",
        ),
        (statuses(ok=4), True, "0 of 4 rows not ok"),
        (pa.table({"status": pa.array([], pa.string())}), False, "no rows"),
    ],
)
def test_usable(table: pa.Table, passes: bool, detail: str) -> None:
    outcome = checks.usable_outcome(table, max_bad_share=0.05)
    assert outcome == CheckOutcome(passes, detail, warn=True)


def test_carried() -> None:
    table = statuses(ok=3)
    assert checks.carried_outcome(table, 3).passed
    assert not checks.carried_outcome(table, 4).passed
    assert not checks.carried_outcome(table, 2).passed


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_finite(value: float | None) -> None:
    table = pa.table({"status": ["ok", "ok", "x"], "score": pa.array([1.0, 2.0, None])})
    assert checks.finite_outcome(table, ("score",)).passed
    wrong = pa.table({"status": ["ok", "ok"], "score": pa.array([1.0, value], pa.float64())})
    outcome = checks.finite_outcome(wrong, ("score",))
    assert not outcome.passed
    assert outcome.detail == "not finite: {'score': 1}"


def test_normalised() -> None:
    kind = pa.list_(pa.float32(), 2)
    good = pa.table({"vector": pa.array([[0.6, 0.8], None, [1.0, 0.0]], kind)})
    assert checks.normalised_outcome(good).passed
    assert not checks.normalised_outcome(
        pa.table({"vector": pa.array([[0.6, 0.8], [0.5, 0.5]], kind)})
    ).passed
    assert checks.normalised_outcome(pa.table({"vector": pa.array([None], kind)})).passed


def test_instruction_helps() -> None:
    assert checks.instruction_helps_outcome(pa.table({"ifd": [0.5, 0.9, 1.2, None]})).passed
    outcome = checks.instruction_helps_outcome(pa.table({"ifd": [1.5, 1.0, 0.2]}))
    assert not outcome.passed
    assert "IFD is 1 or above for 67% of rows" in outcome.detail
    assert "Try another prompt_format" in outcome.detail
    assert checks.instruction_helps_outcome(pa.table({"ifd": pa.array([], pa.float64())})).passed


def test_one_failing_shard_fails_the_check_of_the_run() -> None:
    binding = Binding(CorpusConfig(name="c", paths=("x",)))
    good, warned = CheckOutcome(True, "fine"), CheckOutcome(False, "so so", warn=True)
    broken = CheckOutcome(False, "broken")

    result = check_result(binding, "samples", "check", {"s1": good, "s2": good})
    assert result.passed
    assert result.description == "s1: fine; s2: fine"

    result = check_result(binding, "samples", "check", {"s1": good, "s2": warned})
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.description == "s2: so so"
    assert result.metadata["failed"].value == 1

    result = check_result(binding, "samples", "check", {"s1": broken, "s2": warned})
    assert result.severity is dg.AssetCheckSeverity.ERROR
    assert result.asset_key == dg.AssetKey(["c", "samples"])
