"""The state of a corpus as text, for the command line."""

from collections.abc import Iterator
from typing import Final

import dagster as dg

from tshirt_assets.commands.judge import count_lines
from tshirt_assets.commands.overlap_table import overlap_lines
from tshirt_assets.commands.state import CorpusState, Selection, corpus_state
from tshirt_assets.commands.text import COLUMNS, exchange, near, pasted, wrapped
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.boilerplate import own_part
from tshirt_assets.incremental.dataset import left_out_if_incomplete

FIRST: Final = 8  # columns of `top` and `bottom`, with those before them
SCORE: Final = 9  # columns of a score, with the space before it


def summary(instance: dg.DagsterInstance, config: CorpusConfig, source: str) -> str:
    """Rows by status, tau, each recipe's first and last row, overlaps, and where things are.

    `source` is the path of the corpus.yaml, for the command that opens the UI.
    """
    return "\n".join(summary_lines(corpus_state(instance, config), config, source))


def summary_lines(state: CorpusState, config: CorpusConfig, source: str) -> Iterator[str]:
    """The summary of a state.

    No line is longer than 80 columns, but for what cannot be broken: paths and names of shards.
    """
    yield from wrapped(f"corpus {state.corpus}: {state.rows:,} rows in {state.shards:,} shards")
    for remark in _remarks(state, config, source):
        yield from wrapped(remark, "  ")
    if state.tau is not None:
        yield ""
        yield (
            f"tau {state.tau:.4f} nats (tokens above it are informative: {state.keep_fraction:.0%})"
        )
    for recipe, selection in state.selections.items():
        yield ""
        yield from wrapped(f"{recipe}: {selection.rows:,} rows, by {selection.by}")
        yield from _row_lines(selection, state.shared_beginning)
    if state.overlap:
        yield from ("", "overlap of the selections", *overlap_lines(state.overlap))
    yield ""
    yield f"tables   {near(state.store)}"
    yield f"exports  {near(state.exports)}"
    yield from (f"report   {near(path)}" for path in state.reports)
    if state.recipes_compared:
        yield f"compared {near(state.recipes_compared)}"
    yield f"UI       DAGSTER_HOME={pasted(state.dagster_home)} \\"
    yield f"         TSHIRT_ASSETS_CORPUS={pasted(source)} \\"
    yield "         dagster dev -m tshirt_assets.definitions"


def _remarks(state: CorpusState, config: CorpusConfig, source: str) -> Iterator[str]:
    """Of which rows the corpus consists, and what there is to know of them."""
    if not state.shards:
        yield _unread(state, config, source)
    yield from (f"{status:<22}{count:>8,}" for status, count in state.statuses.items())
    fate = "left out of selections" if left_out_if_incomplete(config) else "used as far as read"
    for shard, reason in state.incomplete.items():
        yield f"incomplete, {fate}: {shard}: {reason}"
    yield from state.outdated
    yield from count_lines(state.judgements)


def _unread(state: CorpusState, config: CorpusConfig, source: str) -> str:
    """What there is to read in a corpus of which nothing was read."""
    run = f"tshirt-assets run {pasted(source)}"
    if config.source_asset is not None:
        return f"no partition of {config.source_asset} is registered yet: {run}"
    if state.listing_fault is not None:
        return f"its files cannot be listed: {state.listing_fault}"
    if state.new_shards:
        return f"{state.new_shards} new shards are not read yet: {run}"
    return f"no file matches {', '.join(config.paths)}"


def _row_lines(selection: Selection, shared_beginning: str) -> Iterator[str]:
    """The first and the last row; of a recipe with two stages under the names of its scores."""
    if selection.two_stages:
        yield " " * FIRST + f"{'mean':>{SCORE}}{'std':>{SCORE}}"
    for row in selection.first_and_last:
        scores = (row.score, row.std) if selection.two_stages else (row.score,)
        line = f"  {'top' if row.rank == 1 else 'bottom':<{FIRST - 2}}"
        line += "".join(map(_score, scores)) + "  "
        own = own_part(row.instruction, shared_beginning)
        yield line + exchange(own, row.response, COLUMNS - len(line))


def _score(score: float | None) -> str:
    return f"{'–' if score is None else f'{score:.3f}':>{SCORE}}"  # none: kept by hand
