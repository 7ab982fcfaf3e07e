"""Prompts that already stand in a template are noticed; tasks and system prompts are not."""

from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.files import Record
from tshirt_assets.corpus.prompts import ALPACA_WITH_INPUT
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import to_table
from tshirt_assets.incremental.boilerplate import (
    DRAWN,
    boilerplate_outcome,
    corpus_beginning,
    own_part,
    shared_beginning,
)

SAID = ("cats", "sleep", "on", "roofs", "while", "rain", "falls", "into", "old", "rivers")
ASKED = [f"{word}, {i}" for i, word in enumerate(SAID)]
ALPACA = (
    "Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request.\n\n### Instruction:\n{}\n\n### Response:"
)
LONG = "You are a most patient teacher of children. Answer with care, and briefly.\nQ: "


def table(rows: list[dict[str, Any]]) -> pa.Table:
    config = CorpusConfig(name="c", paths=("x.jsonl",))
    return to_table(
        s for i, row in enumerate(rows) for s in samples_of(Record(row), "s", i, config)
    )


def pairs(*instructions: str, **more: Any) -> list[dict[str, Any]]:
    return [{"instruction": text, "output": "yes"} | more for text in instructions]


@pytest.mark.parametrize(
    "template",
    [
        ALPACA,
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",
        "<s>[INST] {} [/INST]",
        "### Instruction:\n{}",
    ],
)
def test_templates_are_known(template: str) -> None:
    outcome = boilerplate_outcome(table(pairs(*map(template.format, ASKED))))
    assert (outcome.passed, outcome.warn) == (False, True)
    assert outcome.detail.startswith("10 of 10 prompts already hold")
    assert "Set `prompt_format: plain`" in outcome.detail
    assert "`columns`" in outcome.detail


def test_a_template_in_a_part_of_the_rows_is_seen() -> None:
    wrapped = [ALPACA.format(text) for text in ASKED]
    outcome = boilerplate_outcome(table(pairs(*ASKED, *wrapped[:2])))
    assert outcome.detail.startswith("2 of 12 prompts already hold 'Below is an instruction")
    mentioned = pairs(*(f"{text} {i}" for i in range(3) for text in ASKED), "What is [INST] for?")
    assert boilerplate_outcome(table(mentioned)).passed


def test_what_most_prompts_begin_with_is_shown() -> None:
    prompts = [LONG + text for text in ASKED[:6]] + ASKED[6:]
    outcome = boilerplate_outcome(table(pairs(*prompts)))
    assert outcome.detail.startswith(
        f"6 of 10 prompts begin with the same {len(LONG)} characters, {LONG!r}. Set"
    )
    assert boilerplate_outcome(table(pairs(*prompts[1:]))).passed is False
    assert boilerplate_outcome(table(pairs(*prompts[2:]))).passed  # half are not most
    talks = [
        [("user", text), ("assistant", "yes"), ("user", text[::-1]), ("assistant", "no")]
        for text in prompts
    ]
    rows = [{"messages": [{"role": r, "content": c} for r, c in talk]} for talk in talks]
    assert boilerplate_outcome(table(rows)).detail == outcome.detail


@pytest.mark.parametrize(
    "rows",
    [
        pairs(*ASKED),
        pairs(*ASKED, system=LONG),
        [row | {"input": text} for row, text in zip(pairs(*[LONG] * 10), ASKED, strict=True)],
        pairs(*[LONG] * 10),
        pairs(*(LONG[:39] + text for text in ASKED)),
        pairs(*(LONG + text for text in ASKED[:3])),
        [{"instruction": ALPACA.format(text), "output": ""} for text in ASKED],  # none usable
        [],
    ],
    ids=["free", "system", "one task", "one prompt", "short", "few", "not ok", "no rows"],
)
def test_what_is_shared_by_design_does_not_count(rows: list[dict[str, Any]]) -> None:
    outcome = boilerplate_outcome(table(rows))
    assert outcome.passed, outcome.detail


WITH_INPUT = ALPACA_WITH_INPUT.format(instruction="{}", input="Some text.")


@pytest.mark.parametrize("template", [ALPACA, ALPACA.replace("\n\n", "\n"), WITH_INPUT])
def test_alpaca_prompts_show_their_own_part(template: str) -> None:
    assert own_part(template.format("Name two\nrivers.")) == "Name two\nrivers."
    assert own_part(template.format("")) == template.format("")  # nothing else would be left


def test_what_prompts_share_is_left_out_up_to_a_whole_word() -> None:
    prompts = [LONG + "careless", *(f"{LONG}carefree {said}" for said in SAID)]
    shared = shared_beginning(prompts)
    assert shared == LONG + "care"
    assert own_part(prompts[0], shared) == "careless"
    assert own_part(prompts[1], shared) == "carefree cats"
    assert own_part("Another prompt", shared) == "Another prompt"
    assert own_part(prompts[1]) == prompts[1]
    assert shared_beginning(ASKED) == shared_beginning(prompts[:3]) == ""


def test_what_a_corpus_shares_is_known_from_a_few_of_its_usable_rows() -> None:
    asked: list[pl.DataFrame] = []

    def read(rows: pl.DataFrame) -> pl.DataFrame:
        asked.append(rows)
        return rows.select(instruction=pl.lit(LONG) + pl.col("row").cast(pl.String))

    rows = pl.DataFrame({"shard": "s", "row": range(10 * DRAWN)}).with_columns(
        status=pl.when(pl.col("row") % 2 == 0).then(pl.lit("ok")).otherwise(pl.lit("not_text"))
    )
    assert corpus_beginning(rows, read) == LONG
    drawn = asked[0]["row"].to_list()
    assert drawn == list(range(0, 10 * DRAWN, 10))
    assert corpus_beginning(rows.filter(pl.col("status") != "ok"), read) == ""
    assert len(asked) == 1
