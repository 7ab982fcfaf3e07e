"""Prompts that already stand in a template: what most instructions of a shard begin with alike."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

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
DRAWN = 200  # rows of a corpus whose instructions are compared
IN_ALPACA = re.compile(
    re.escape(ALPACA_PREAMBLE) + r".*?### Instruction:(.*?)(?:\n\s*### (?:Input|Response):|\Z)",
    re.DOTALL,
)
BEGUN_WORD = re.compile(r"\b\w+\Z")

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
    if shared := shared_beginning(texts):
        rows = sum(text.startswith(shared) for text in texts)
        begin = f"{shared[:SHOWN]!r}{'…' * (len(shared) > SHOWN)}"
        alike_rows = f"{rows} of {len(texts)} prompts begin with the same {len(shared)} characters"
        return _found(f"{alike_rows}, {begin}")
    return CheckOutcome(True, f"{len(texts)} prompts, no template in front of most", warn=True)


def shared_beginning(texts: Sequence[str]) -> str:
    """What more than half of the different texts begin with alike; empty where that is short."""
    different = sorted(set(texts))
    heads = Counter(text[:ALIKE_CHARACTERS] for text in different if len(text) > ALIKE_CHARACTERS)
    head, count = heads.most_common(1)[0] if heads else ("", 0)
    if len(different) < FEWEST or count <= ALIKE_SHARE * len(different):
        return ""
    alike = [text for text in different if text.startswith(head)]
    return alike[0][: shared_length(alike[0], alike[-1])]


def corpus_beginning(rows: pl.DataFrame, read_texts: Callable[[pl.DataFrame], pl.DataFrame]) -> str:
    """`shared_beginning` of the instructions of a corpus, going by usable rows evenly spaced in it.

    rows: columns shard, row and status. read_texts: gives the samples of rows with shard and row.
    """
    usable = rows.lazy().filter(pl.col("status") == "ok").select("shard", "row").collect()
    if usable.is_empty():
        return ""
    drawn = usable.gather_every(-(-usable.height // DRAWN))
    return shared_beginning(read_texts(drawn)["instruction"].drop_nulls().to_list())


def own_part(instruction: str, shared: str = "") -> str:
    """What of an instruction is its own: without the Alpaca template, or what all share.

    `shared`: as `shared_beginning` has it; a word that goes on behind it stays whole. All of the
    instruction where nothing else is left of it.
    """
    if found := IN_ALPACA.match(instruction):
        own = found[1]
    else:
        own = instruction.removeprefix(BEGUN_WORD.sub("", shared))
    return own.strip() or instruction


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
