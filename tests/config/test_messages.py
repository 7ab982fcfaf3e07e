"""What a user reads who has made a mistake: the exact line, one per fault."""

import datetime
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from tshirt_assets.config import ConfigError, CorpusConfig, parse_config
from tshirt_assets.config.messages import fault_lines, key_text
from tshirt_assets.config.walker import options_of

SMALLEST: dict[str, Any] = {"name": "c", "paths": ["*.jsonl"]}
TOP = (
    "automation, card, checks, columns, embedder, exact_neighbours_up_to, exclude_duplicates, "
    "explore_url, export_dir, export_token_weights, exports, format, keep_fraction, max_bad_share, "
    "max_row_bytes, name, on_incomplete, on_missing_shards, owners, paths, prompt_format, "
    "reasoning, recipes, report_url, robustness, rows_per_shard, scorer, seed, semantic_search, "
    "shards_per_run, source_asset, source_options, storage_options, store, target, tau_tolerance, "
    "turns"
)
RECIPE = (
    "budget, dedupe_similarity, diversity, estimator, fuse, gamma, judgements, method, "
    + "min_relevance, quotas, seed"
)
SCORER = "allow_pickle, device, dtype, max_length, path, revision, trust_remote_code"

SEED = "whole number greater than or equal to 0 and less than or equal to 9_223_372_036_854_775_807"
TIMES = "number greater than or equal to 1 and less than or equal to 1_000_000"


def recipe(**options: Any) -> dict[str, Any]:
    return {"recipes": {"best": {"method": "ifd", "budget": 0.1} | options}}


def named(*names: str) -> dict[str, Any]:
    return {"recipes": {name: {"method": "ifd", "budget": 0.1} for name in names}}


def faults(options: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(options, base=Path("/base"), source="corpus.yaml")
    return str(caught.value).split("\n")


def fault(options: dict[str, Any]) -> str:
    [line] = faults(SMALLEST | options)
    return line.removeprefix("corpus.yaml: ")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"keep_fracton": 0.5},
            f"keep_fracton: unknown key; allowed here: {TOP}; did you mean keep_fraction?",
        ),
        ({"zebra": 1}, f"zebra: unknown key; allowed here: {TOP}"),
        ({7: 1}, f"7: unknown key; allowed here: {TOP}"),
        (
            {"SCORER": "gpt2"},
            f"SCORER: unknown key; allowed here: {TOP}; did you mean scorer?",
        ),
        (
            recipe(gama=3),
            f"recipes.best.gama: unknown key; allowed here: {RECIPE}; did you mean gamma?",
        ),
        (recipe(zebra=3), f"recipes.best.zebra: unknown key; allowed here: {RECIPE}"),
        (
            {"scorer": {"pth": "x"}},
            f"scorer.pth: unknown key; allowed here: {SCORER}; did you mean path?",
        ),
        (
            {"target": {"pth": "x"}},
            f"target.pth: unknown key; allowed here: {SCORER}; did you mean path?",
        ),
        ({"scorer": {"zebra": "x"}}, f"scorer.zebra: unknown key; allowed here: {SCORER}"),
        (
            {"robustness": {"neighbors": 9}},
            "robustness.neighbors: unknown key; allowed here: alpha, estimator, margin, "
            "neighbours, scope; did you mean neighbours?",
        ),
        (
            {"robustness": {"m": 9}},
            "robustness.m: unknown key; allowed here: alpha, estimator, margin, neighbours, scope",
        ),
        (
            recipe(diversity={"pol": 2}),
            "recipes.best.diversity.pol: unknown key; allowed here: method, pool; "
            "did you mean pool?",
        ),
        (
            recipe(diversity={"zebra": 2}),
            "recipes.best.diversity.zebra: unknown key; allowed here: method, pool",
        ),
    ],
    ids=lambda value: value.partition(":")[0] if isinstance(value, str) else "",
)
def test_unknown_keys(options: dict[Any, Any], line: str) -> None:
    assert fault(options) == line


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"paths": "*.jsonl"}, "paths: expected a list, not text; write a list: ['*.jsonl']"),
        ({"exports": "parquet"}, "exports: expected a list, not text; write a list: [parquet]"),
        (
            {"paths": "a b " * 10},
            f"paths: expected a list, not text; write a list: ['{'a b ' * 10}']",
        ),
        ({"paths": "a\nb\n"}, "paths: expected a list, not text; write a list: [..]"),
        ({"paths": "é " * 500}, "paths: expected a list, not text; write a list: [..]"),
        (
            {"seed": -(16**5000)},
            f"seed: a number is not allowed; allowed: {SEED}",
        ),
        (
            {"exports": {"parquet": True}},
            "exports: expected a list, not a mapping; "
            "allowed: list of `messages`, `prompt_completion`, `alpaca`, `sharegpt`, `parquet`",
        ),
        (
            {"owners": None},
            "owners: expected a list, not an empty value; leave the key out for the default",
        ),
        ({"paths": [7]}, "paths.0: expected text, not a number; put it in quotes"),
        (
            {"columns": {"domain": ["a"]}},
            "columns.domain: expected text, not a list",
        ),
        (
            {"name": datetime.date(2024, 1, 1)},
            "name: expected text, not a date; put it in quotes",
        ),
        (
            {"paths": ["s3://b/a.jsonl", "ftp://host/x"]},
            "paths: ftp:// cannot be read; use s3://, gs://, az://, hf://, https:// or a path of "
            "this machine",
        ),
        (
            {"source_options": {"secrets": "x"}},
            "source_options: secrets is no option of a source; allowed here: account_key, "
            "account_name, anon, client_id, client_secret, connection_string, endpoint, "
            "endpoint_url, key, password, profile, project, region, requester_pays, sas_token, "
            "secret, tenant_id, token, username; those of one kind of several as in 'hf.token'",
        ),
        (
            {"storage_options": {"allow_http": True}},
            "storage_options.allow_http: expected text, not true; put it in quotes",
        ),
        (
            {"storage_options": "secret"},
            "storage_options: expected a mapping, not text; allowed: {name: text}",
        ),
        (
            {"recipes": [1]},
            "recipes: expected a mapping, not a list; allowed: {name: options}",
        ),
        (
            {"recipes": {"best": "ifd"}},
            f"recipes.best: expected options, not text; allowed here: {RECIPE}",
        ),
        (
            {"recipes": {"best": None}},
            f"recipes.best: expected options, not an empty value; allowed here: {RECIPE}",
        ),
        (
            {"recipes": {7: {"method": "ifd", "budget": 1}}},
            "recipes.7: expected text, not a number; put it in quotes",
        ),
        (
            {"scorer": 5},
            f"scorer: expected text or options, not a number; allowed here: {SCORER}",
        ),
        (
            {"robustness": None},
            "robustness: expected options, not an empty value; leave the key out for the default",
        ),
        (
            recipe(diversity="k_center"),
            "recipes.best.diversity: expected options, not text; allowed here: method, pool",
        ),
        (
            {"exclude_duplicates": "maybe"},
            "exclude_duplicates: expected true or false, not 'maybe'",
        ),
        (
            {"seed": 1.5},
            f"seed: expected a whole number, not 1.5; allowed: {SEED}",
        ),
        (
            recipe(seed="a" * 500),
            f"recipes.best.seed: expected a whole number, not '{'a' * 27}...{'a' * 28}'",
        ),
    ],
    ids=lambda value: value.partition(":")[0] if isinstance(value, str) else "",
)
def test_values_of_the_wrong_type(options: dict[str, Any], line: str) -> None:
    assert fault(options) == line


def places(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every option that takes a number, as one would write its key."""
    for option in options_of(model):
        name = {"one": (), "list": ("0",), "mapping": ("x",)}[option.holds]
        here = (*path, option.name, *name)
        if option.options is not None:
            yield from places(option.options, here)
        elif "number" in option.item:
            yield here


@pytest.mark.parametrize("path", list(places(CorpusConfig)), ids=".".join)
@pytest.mark.parametrize("truth", [True, False])
def test_true_and_false_are_no_numbers(path: tuple[str, ...], truth: bool) -> None:
    value: Any = truth
    for name in reversed(path):
        value = {name: value}
    if "recipes" in value:
        value["recipes"]["x"] = {"method": "ifd", "budget": 1} | value["recipes"]["x"]
    said = fault(value)
    assert said.startswith(f"{'.'.join(path)}: expected a ")
    assert f"number, not {str(truth).lower()}" in said


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"store": "a\0b"}, "store: holds a NUL character; remove it"),
        ({"paths": ["ok", "a\0b"]}, "paths: holds a NUL character; remove it"),
        (
            {"scorer": "\ud800"},
            "scorer: holds half of a surrogate pair, which is no character; remove it",
        ),
        (
            {"storage_options": {"key": "\udfff"}},
            "storage_options: holds half of a surrogate pair, which is no character; remove it",
        ),
        ({"name": "a" * 101}, "name: longer than 100 characters; shorten it"),
        (
            recipe(budget=10**13),
            "recipes.best: budget: more than 1_000_000_000_000 rows; write a smaller number",
        ),
    ],
    ids=lambda value: ascii(value)[:40] if isinstance(value, str) else "",
)
def test_what_nothing_can_hold_is_refused(options: dict[str, Any], line: str) -> None:
    assert fault(options) == line


@pytest.mark.parametrize(
    ("written", "meant"),
    [("20%", "0.2"), ("5 %", "0.05"), ("33.3%", "0.333"), ("100%", "1.0")],
)
def test_shares_written_in_per_cent(written: str, meant: str) -> None:
    said = f"expected a number, not {written!r}; write {meant}"
    assert fault(recipe(budget=written)) == f"recipes.best.budget: {said}"
    assert fault({"keep_fraction": written}) == f"keep_fraction: {said}"


def test_a_number_that_is_no_share_gets_no_wrong_advice() -> None:
    assert fault(recipe(budget="much")) == (
        "recipes.best.budget: expected a number, not 'much'; allowed: number or whole number"
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"prompt_format": "alpacca"},
            "prompt_format: 'alpacca' is not allowed; "
            "allowed: `plain`, `alpaca`, `chat_template`; did you mean alpaca?",
        ),
        (
            {"format": "csv"},
            "format: 'csv' is not allowed; "
            "allowed: `auto`, `alpaca`, `prompt_response`, `sharegpt`, `messages`",
        ),
        (
            {"exports": ["csv"]},
            "exports.0: 'csv' is not allowed; allowed: `messages`, `prompt_completion`, `alpaca`, "
            "`sharegpt`, `parquet`",
        ),
        (
            recipe(method="best"),
            "recipes.best.method: 'best' is not allowed; allowed: `tshirt`, `reference`, `miwv`, "
            "`ifd`, `longest`, `random`, `fusion`",
        ),
        (
            recipe(estimator="exact"),
            "recipes.best.estimator: 'exact' is not allowed; "
            "allowed: `sampled`, `analytic`, `hybrid`",
        ),
        (
            {"keep_fraction": 1.5},
            "keep_fraction: 1.5 is not allowed; "
            "allowed: number greater than 0 and less than or equal to 1",
        ),
        (
            {"rows_per_shard": 0},
            "rows_per_shard: 0 is not allowed; allowed: whole number greater than or equal to 1 "
            "and less than or equal to 10_000_000",
        ),
        (
            {"rows_per_shard": 10**20},
            "rows_per_shard: 100000000000000000000 is not allowed; allowed: whole number greater "
            "than or equal to 1 and less than or equal to 10_000_000",
        ),
        (
            recipe(gamma=1e300),
            f"recipes.best.gamma: 1e+300 is not allowed; allowed: {TIMES}",
        ),
        (
            {"paths": []},
            "paths: an empty list is not allowed; allowed: list of text with at least 1 item",
        ),
        (
            {"report_url": "ftp://x"},
            "report_url: 'ftp://x' is not allowed; allowed: text matching `^https?://`",
        ),
        ({"name": "Big"}, "name: 'Big' is not allowed; allowed: text matching `^[a-z][a-z0-9_]*$`"),
        (
            {"name": "c\n"},
            r"name: 'c\n' is not allowed; allowed: text matching `^[a-z][a-z0-9_]*$`",
        ),
    ],
    ids=lambda value: value.partition(":")[0] if isinstance(value, str) else "",
)
def test_impossible_values(options: dict[str, Any], line: str) -> None:
    assert fault(options) == line


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        (["keep_fraction"], "number greater than 0 and less than or equal to 1"),
        (["max_bad_share"], "number greater than or equal to 0 and less than or equal to 1"),
        (["robustness", "alpha"], "number greater than 0 and less than or equal to 1_000_000"),
        (["robustness", "margin"], TIMES),
        (["recipes", "best", "gamma"], TIMES),
        (["recipes", "best", "budget"], "number or whole number"),
        (["recipes", "best", "quotas", "code"], "number"),
        (
            ["recipes", "best", "dedupe_similarity"],
            "number greater than 0 and less than or equal to 1",
        ),
        (["recipes", "best", "diversity", "pool"], TIMES),
    ],
    ids=str,
)
def test_numbers_are_finite(number: float, options: list[str], allowed: str) -> None:
    values = SMALLEST | recipe()
    group = values
    for name in options[:-1]:
        group = group.setdefault(name, {})
    group[options[-1]] = number
    assert faults(values) == [
        f"corpus.yaml: {'.'.join(options)}: expected a finite number, not {number}; "
        f"allowed: {allowed}"
    ]


def test_missing_keys_are_explained() -> None:
    assert faults({}) == [
        "corpus.yaml: name: Field required; allowed: text matching `^[a-z][a-z0-9_]*$`. Key prefix "
        "and group of the corpus's assets: lower-case letters, digits and underscores.",
        "corpus.yaml: paths: Field required: a list of files or globs, such as [raw/*.jsonl]; or "
        "set `source_asset` to the key of an asset of yours that holds the rows",
    ]
    assert fault({"recipes": {"best": {"method": "ifd"}}}) == (
        "recipes.best.budget: Field required; allowed: number or whole number. Share of the usable "
        "rows (a number with a decimal point, above 0, at most 1.0) or number of rows (a whole "
        "number, at least 1)."
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"recipes": {}}, "recipes: at least one is needed"),
        (
            recipe(budget=0),
            "recipes.best: budget: 0 is neither a share above 0 and up to 1.0 "
            "nor a count of at least 1",
        ),
        (
            recipe(budget=1.5),
            "recipes.best: budget: 1.5 is not a share above 0 and up to 1.0; "
            "write a whole number for a count of rows",
        ),
        (
            recipe(fuse=["a", "b"]),
            "recipes.best: fuse: name at least two recipes with method=fusion, none otherwise",
        ),
        (
            recipe(method="fusion", fuse=["a", "a"]),
            "recipes.best: fuse: name at least two different recipes",
        ),
        (
            recipe(method="fusion", fuse=["best", "other"]),
            "recipes.best.fuse: 'best' is itself a fusion; name its recipes",
        ),
        (
            recipe(method="fusion", fuse=["gone", "other"]),
            "recipes.best.fuse: no recipe named 'gone'; allowed: recipes that are no fusion",
        ),
        (
            recipe(method="fusion", fuse=["g" * 3000, "other"]),
            f"recipes.best.fuse: no recipe named '{'g' * 27}...{'g' * 28}'; allowed: recipes that "
            "are no fusion",
        ),
        (
            {
                "recipes": {
                    "ifd": {"method": "ifd", "budget": 1},
                    "miwv": {"method": "miwv", "budget": 1},
                    "both": {"method": "fusion", "budget": 1, "fuse": ["ifd", "miwd"]},
                }
            },
            "recipes.both.fuse: no recipe named 'miwd'; allowed: ifd, miwv",
        ),
        (
            recipe(quotas={"code": 2}),
            "recipes.best: quotas: write shares between 0 and 1 that add up to at most 1",
        ),
        (
            recipe(quotas={"code": 0.5}),
            "recipes.best.quotas: set columns.domain, the domains' column",
        ),
        (
            named("best", "Best"),
            "recipes.Best: differs from recipes.best only in case; rename one",
        ),
        (
            named("a" * 101),
            f"recipes.'{'a' * 27}...{'a' * 28}': longer than 100 characters; shorten it",
        ),
        *(
            (
                named(name),
                f"recipes.{shown}: use letters, digits, '.', '_' and '-' only, "
                "and first a letter or digit",
            )
            for name, shown in [
                ("best\n", r"'best\n'"),
                ("a/b", "a/b"),
                (".best", ".best"),
                ("bést", "bést"),
            ]
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_options_that_contradict_each_other(options: dict[str, Any], line: str) -> None:
    assert fault(options) == line


def test_names_at_the_limits_are_accepted() -> None:
    options = SMALLEST | named("a" * 100, "Best-1.0_x", "0")
    assert list(CorpusConfig.model_validate(options).recipes) == list(options["recipes"])


def test_every_fault_has_a_line_and_no_fault_has_two() -> None:
    assert faults(
        {"name": "c", "paths": [1, "x"], "seed": -1, "colour": 2} | recipe(budget="x", gamma=0.5)
    ) == [
        "corpus.yaml: paths.0: expected text, not a number; put it in quotes",
        f"corpus.yaml: seed: -1 is not allowed; allowed: {SEED}",
        "corpus.yaml: recipes.best.budget: expected a number, not 'x'; "
        "allowed: number or whole number",
        f"corpus.yaml: recipes.best.gamma: 0.5 is not allowed; allowed: {TIMES}",
        f"corpus.yaml: colour: unknown key; allowed here: {TOP}",
    ]


def test_faults_of_any_other_type_keep_the_words_of_pydantic() -> None:
    class Even(BaseModel):
        number: int = Field(multiple_of=2)

    with pytest.raises(ValidationError) as caught:
        Even.model_validate({"number": 3})
    assert fault_lines(caught.value, Even, "x") == [
        "x: number: Input should be a multiple of 2; allowed: whole number"
    ]


def test_a_key_stays_on_one_short_line() -> None:
    assert key_text(["recipes", "a\nb", 3]) == r"recipes.'a\nb'.3"
    assert len(key_text(["a" * 10_000])) <= 62
