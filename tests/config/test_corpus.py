"""corpus.yaml: defaults, paths, and errors that name the key and what is allowed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tshirt_assets.config import ConfigError, CorpusConfig, parse_config

SMALLEST = {"name": "c", "paths": ["*.jsonl"]}


def written(folder: Path, **options: Any) -> Path:
    file = folder / "corpus.yaml"
    file.write_text(yaml.safe_dump(SMALLEST | options))
    return file


def fault(**options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(SMALLEST | options, base=Path("/base"), source="corpus.yaml")
    return str(caught.value)


def test_a_name_and_paths_are_enough(tmp_path: Path) -> None:
    config = CorpusConfig.from_yaml(written(tmp_path))
    assert config.keep_fraction == 0.75
    assert config.estimators == ["analytic"]
    assert config.robustness.alpha == 5.0
    assert config.prompt_format == "plain"
    assert config.target_model == config.scorer
    assert not config.perturbs_all_rows
    assert {recipe.method for recipe in config.recipes.values()} == {
        "tshirt",
        "miwv",
        "ifd",
        "longest",
        "random",
    }


def test_relative_paths_are_relative_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    file = written(tmp_path, paths=["rows/*.jsonl", "/elsewhere/x.json"], store="s3://bucket/p")
    config = CorpusConfig.from_yaml(file)
    assert config.paths == (str(tmp_path / "rows/*.jsonl"), "/elsewhere/x.json")
    assert config.store == "s3://bucket/p"
    assert Path(config.export_dir).is_relative_to(tmp_path)


def test_a_model_may_be_its_path_alone() -> None:
    config = parse_config(
        SMALLEST | {"scorer": "gpt2", "target": {"path": "x", "max_length": 9}, "embedder": "e"},
        base=Path("/"),
        source="",
    )
    assert config.scorer.path == "gpt2"
    assert config.target_model.max_length == 9
    assert config.embedder.path == "e"


@pytest.mark.parametrize(
    ("options", "key", "words"),
    [
        ({"recipies": {}}, "recipies", ["unknown key", "allowed here", "recipes", "keep_fraction"]),
        ({"scorer": {"pth": "x"}}, "scorer.pth", ["unknown key", "path", "max_length"]),
        ({"robustness": {"m": 3}}, "robustness.m", ["unknown key", "neighbours", "alpha"]),
        ({"columns": {"answer": "x"}}, "columns.answer", ["unknown key", "response", "domain"]),
        ({"prompt_format": "chatml"}, "prompt_format", ["plain", "alpaca", "chat_template"]),
        ({"format": "csv"}, "format", ["auto", "alpaca", "sharegpt", "messages"]),
        ({"on_missing_shards": "skip"}, "on_missing_shards", ["error", "warn", "ignore"]),
        ({"keep_fraction": 1.5}, "keep_fraction", ["less than or equal to 1"]),
        ({"keep_fraction": "much"}, "keep_fraction", ["number"]),
        (
            {"robustness": {"neighbours": 1}},
            "robustness.neighbours",
            ["greater than or equal to 2"],
        ),
        ({"robustness": {"alpha": 0}}, "robustness.alpha", ["greater than 0"]),
        ({"rows_per_shard": 0}, "rows_per_shard", ["greater than or equal to 1"]),
        ({"seed": -1}, "seed", ["greater than or equal to 0"]),
        ({"name": "Big Name"}, "name", ["^[a-z][a-z0-9_]*$"]),
        ({"name": "../up"}, "name", ["^[a-z][a-z0-9_]*$"]),
        ({"paths": []}, "paths", ["at least 1 item"]),
        ({"exports": ["csv"]}, "exports.0", ["messages", "alpaca", "sharegpt", "parquet"]),
        ({"scorer": {"path": "x", "dtype": "fp8"}}, "scorer.dtype", ["float32", "bfloat16"]),
        ({"recipes": {}}, "recipes", ["at least one is needed"]),
        ({"recipes": {"a b": {"method": "ifd", "budget": 1}}}, "recipes.a b", ["letters, digits"]),
        (
            {"recipes": {"a": {"method": "best", "budget": 1}}},
            "recipes.a.method",
            ["tshirt", "miwv"],
        ),
        ({"recipes": {"a": {"method": "ifd"}}}, "recipes.a.budget", ["required"]),
        (
            {"recipes": {"a": {"method": "ifd", "budget": 1.5}}},
            "recipes.a",
            ["budget", "1.5", "share"],
        ),
        ({"recipes": {"a": {"method": "ifd", "budget": 0}}}, "recipes.a", ["budget", "at least 1"]),
        (
            {"recipes": {"a": {"method": "ifd", "budget": 1, "gama": 2}}},
            "recipes.a.gama",
            ["gamma"],
        ),
        (
            {"recipes": {"f": {"method": "fusion", "budget": 1, "fuse": ["a", "b"]}}},
            "recipes.f.fuse",
            ["no recipe named 'a'"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors_name_the_key_and_what_is_allowed(
    options: dict[str, Any], key: str, words: list[str]
) -> None:
    message = fault(**options)
    [line] = message.splitlines()
    assert line.startswith("corpus.yaml: ")
    assert key in line
    for word in words:
        assert word in line


def test_every_fault_gets_its_own_line() -> None:
    lines = fault(seed=-1, keep_fraction=2, colour="red").splitlines()
    assert len(lines) == 3
    assert all(line.startswith("corpus.yaml: ") for line in lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [", "not valid YAML"),
        ("- a\n- b\n", "expected a mapping of options, at least `name` and `paths`"),
        ("", "expected a mapping"),
    ],
)
def test_files_that_are_no_options(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "corpus.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=str(file)) as caught:
        CorpusConfig.from_yaml(file)
    assert words in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot be read: No such file"):
        CorpusConfig.from_yaml(tmp_path / "no.yaml")


@pytest.mark.parametrize(
    ("budget", "available", "rows"),
    [(0.05, 1000, 50), (0.05, 3, 1), (0.05, 0, 0), (7, 1000, 7), (7, 5, 5), (1.0, 9, 9), (1, 9, 1)],
)
def test_budgets_are_shares_or_counts(budget: float | int, available: int, rows: int) -> None:
    config = parse_config(
        SMALLEST | {"recipes": {"r": {"method": "ifd", "budget": budget}}},
        base=Path("/"),
        source="",
    )
    assert config.recipes["r"].rows(available) == rows


def test_a_reference_recipe_perturbs_every_row() -> None:
    config = parse_config(
        SMALLEST | {"recipes": {"r": {"method": "reference", "budget": 1}}},
        base=Path("/"),
        source="",
    )
    assert config.perturbs_all_rows
    assert config.needs_reference


def parsed(**options: object) -> CorpusConfig:
    return parse_config(SMALLEST | options, base=Path("/"), source="")


def test_recipes_without_an_estimator_take_that_of_the_corpus() -> None:
    recipes = {
        "own": {"method": "tshirt", "budget": 1, "estimator": "hybrid"},
        "common": {"method": "tshirt", "budget": 1},
        "other": {"method": "miwv", "budget": 1},
    }
    config = parsed(recipes=recipes, robustness={"estimator": "analytic"})
    assert [recipe.estimator for recipe in config.recipes.values()] == ["hybrid", "analytic", None]
    assert config.estimators == ["analytic", "hybrid"]
    assert config.needs_calibration
    assert config.neighbours == 8


def test_only_what_is_used_is_drawn() -> None:
    tshirt = {"t": {"method": "tshirt", "budget": 1}}
    analytic = parsed(recipes=tshirt, robustness={"estimator": "analytic", "neighbours": 12})
    assert analytic.neighbours == 0
    assert not analytic.perturbs_all_rows
    both = tshirt | {"r": {"method": "reference", "budget": 1}}
    beside = parsed(recipes=both, robustness={"estimator": "analytic"})
    assert beside.neighbours == 30
    assert beside.measures_all_rows("sampled")
    assert not beside.measures_all_rows("analytic")
    assert parsed(recipes={"m": {"method": "miwv", "budget": 1}}).estimators == []


def test_an_estimator_goes_with_tshirt_only() -> None:
    recipe = {"method": "miwv", "budget": 1, "estimator": "analytic"}
    with pytest.raises(ConfigError, match=r"recipes\.m: estimator: goes with method=tshirt only"):
        parsed(recipes={"m": recipe})


def test_an_asset_may_hold_the_rows_instead_of_files() -> None:
    values = {"name": "c", "source_asset": "raw/conversations"}
    config = parse_config(values, base=Path("/base"), source="c")
    assert (config.source_asset, config.paths) == ("raw/conversations", ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"paths": ["x"], "source_asset": "raw"},
            "c: paths: the rows come from `source_asset` (raw); leave one of the two out",
        ),
        ({}, "c: paths: Field required: a list of files or globs"),
        ({"source_asset": None}, "c: paths: Field required: a list of files or globs"),
        ({"source_asset": "raw/"}, "c: source_asset: 'raw/' is not allowed; allowed: text"),
        ({"source_asset": "my raw"}, "c: source_asset: 'my raw' is not allowed; allowed: text"),
        ({"source_asset": ["raw", "x"]}, "c: source_asset: expected text, not a list"),
    ],
)
def test_there_is_one_source(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"name": "c"} | options, base=Path("/base"), source="c")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
