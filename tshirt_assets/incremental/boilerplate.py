"""Prompts that already stand in a template: what most instructions of a shard begin with alike."""

from collections import Counter

import polars as pl
import pyarrow as pa

from tshirt_assets.corpus.prompts import ALPACA_PREAMBLE, shared_length
from tshirt_assets.incremental.checks import CheckOutcome
from tshirt_assets.store.frames import to_frame

MARKS = (
    ALPACA_PREAMBLE,
    "### Instruction:",
    "### Human:",
    "<|im_start|>",
    "<|start_header_id|>",
    "<start_of_turn>",
    "<|user|>",
    "[INST]",
)
MARKED_SHARE = 0.05  # a mark is unmistakable, but an instruction may well be about templates
ALIKE_SHARE = 0.5  # of the different instructions
ALIKE_CHARACTERS = 40
FEWEST = 4  # different instructions, below which sharing a beginning is no pattern
SHOWN = 80

REMEDY = (
    "Set `prompt_format: plain`, as another format would wrap them in a second template; better, "
    "name the field with the bare instruction in `columns`, or strip the template from the file, "
    "because neighbours and duplicates are found by what is in the instruction"
)


def boilerplate_outcome(samples: pa.Table) -> CheckOutcome:
    """Warn where many of the usable prompts already hold a template, or most begin alike.

    `samples` is a samples table. Looked at is the first turn that is not the system's, without the
    row's `input`. Prompts that are the same from end to end are one prompt.
    """
    turns = _first_turns(samples)
    for mark in MARKS:
        marked = turns.str.contains(mark, literal=True).sum()
        if marked > MARKED_SHARE * len(turns):
            return _found(f"{marked} of {len(turns)} prompts already hold {mark!r}")
    texts = turns.to_list()
    different = sorted(set(texts))
    heads = Counter(text[:ALIKE_CHARACTERS] for text in different if len(text) > ALIKE_CHARACTERS)
    head, count = heads.most_common(1)[0] if heads else ("", 0)
    if len(different) >= FEWEST and count > ALIKE_SHARE * len(different):
        alike = [text for text in different if text.startswith(head)]
        shared = alike[0][: shared_length(alike[0], alike[-1])]
        rows = sum(text.startswith(shared) for text in texts)
        begin = f"{shared[:SHOWN]!r}{'…' * (len(shared) > SHOWN)}"
        alike_rows = f"{rows} of {len(texts)} prompts begin with the same {len(shared)} characters"
        return _found(f"{alike_rows}, {begin}")
    return CheckOutcome(True, f"{len(texts)} prompts, no template in front of most", warn=True)


def _found(what: str) -> CheckOutcome:
    return CheckOutcome(False, f"{what}. {REMEDY}", warn=True)


def _first_turns(samples: pa.Table) -> pl.Series:
    """The first turn of each usable row that is not the system's, without the row's input."""
    frame = to_frame(samples.select(["status", "messages", "input"]))
    turns = (
        frame.filter(pl.col("status") == "ok")
        .select("messages", "input")
        .with_row_index("at")
        .explode("messages")
        .unnest("messages")
        .filter(pl.col("role") != "system")
        .unique("at", keep="first", maintain_order=True)
        .with_columns(end="\n" + pl.col("input"))
    )
    return turns.select(pl.col("content").str.strip_suffix(pl.col("end"))).to_series()
