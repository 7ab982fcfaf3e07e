"""The options of automation: defaults, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from tshirt_assets.config import AutomationOptions, ConfigError, CorpusConfig, parse_config


def parsed(automation: Any) -> CorpusConfig:
    options = {"name": "c", "paths": ["*.jsonl"], "automation": automation}
    return parse_config(options, base=Path("/base"), source="corpus.yaml")


def test_it_is_off_by_default_and_on_with_no_options() -> None:
    assert CorpusConfig(name="c", paths=("x",)).automation is None
    assert parsed(None).automation is None
    assert parsed({}).automation == AutomationOptions(shards="missing", subsets="changed")


@pytest.mark.parametrize("cron", ["0 3 * * *", "*/5 0-3 1,15 * MON", "@daily"])
def test_cron_expressions_are_taken(cron: str) -> None:
    automation = parsed({"cron": cron}).automation
    assert automation is not None
    assert automation.cron == cron


@pytest.mark.parametrize(
    ("automation", "line"),
    [
        ({"cron": "nightly"}, "automation.cron: 'nightly' is no cron expression; write one such"),
        ({"cron": "0 3 * *"}, "automation.cron: '0 3 * *' is no cron expression"),
        (
            {"shards": "all"},
            "automation.shards: 'all' is not allowed; allowed: `missing`",
        ),
        ({"cron": "@daily", "subsets": "by_hand"}, "automation: cron runs the job that makes"),
        ({"shards": "by_hand", "subsets": "by_hand"}, "automation: nothing is left to be autom"),
    ],
)
def test_what_makes_no_sense_is_refused(automation: Any, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(automation)
    assert str(caught.value).startswith(f"corpus.yaml: {line}")
