"""`tshirt-assets evidence --train`, from the command line to the files."""

import json

from click.testing import CliRunner, Result

from tests.corpora import Corpus
from tshirt_assets.cli import main
from tshirt_assets.evidence.training.compare import training_folder


def test_it_says_the_cost_trains_and_compares(materialized: Corpus) -> None:
    def call(*options: str) -> Result:
        few = ["--no-full", "--orders", "1", "--learning-rates", "1e-3", "--held-out", "6"]
        command = ["evidence", str(materialized.file), "--train", *few, *options]
        return CliRunner(env={"DAGSTER_HOME": str(materialized.home)}).invoke(main, command)

    planned = call("--plan")
    assert planned.exit_code == 0
    assert "trainings to do" in planned.stdout
    assert not any((training_folder(materialized.config) / "cells").iterdir())
    done = call()
    assert done.exit_code == 0, done.output
    assert "trainings to do" in done.stderr
    assert "as many response tokens each, held-out rows" in done.stdout
    assert "than random" in done.stdout
    found = json.loads(call("--json").stdout)
    assert {verdict["name"] for verdict in found["verdicts"]} >= {"tshirt", "oracle", "longest"}
    assert found["cost"]["cells"] == found["cost"]["stored"]
    wrong = call("--learning-rates", "fast")
    assert wrong.exit_code == 2
    assert "numbers with commas between them" in wrong.output
    refused = call("--learning-rates", "2")
    assert refused.exit_code == 2
    assert "error: --learning-rates: different numbers between 0 and 1" in refused.output
