"""The state of a corpus as text, for the command line."""

from collections.abc import Iterator, Mapping

import dagster as dg

from tshirt_assets.commands.judge import count_lines
from tshirt_assets.commands.state import CorpusState, Selection, corpus_state
from tshirt_assets.commands.text import near, short
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.dataset import left_out_if_incomplete


def summary(instance: dg.DagsterInstance, config: CorpusConfig, source: str) -> str:
    """Rows by status, tau, each recipe's first and last row, overlaps, and where things are.

    `source` is the path of the corpus.yaml, for the command that opens the UI.
    """
    return "\n".join(_lines(corpus_state(instance, config), config, source))


def _lines(state: CorpusState, config: CorpusConfig, source: str) -> Iterator[str]:
    yield f"corpus {state.corpus}: {state.rows:,} rows in {state.shards} shards"
    if not state.shards:
        yield f"  {_unread(state, config, source)}"
    yield from (f"  {status:<22}{count:>8,}" for status, count in state.statuses.items())
    fate = "left out of selections" if left_out_if_incomplete(config) else "used as far as read"
    for shard, reason in state.incomplete.items():
        yield f"  incomplete, {fate}: {shard}: {reason}"
    yield from (f"  {line}" for line in state.outdated)
    yield from (f"  {line}" for line in count_lines(state.judgements))
    if state.tau is not None:
        yield ""
        yield (
            f"tau {state.tau:.4f} nats (tokens above it are informative: {state.keep_fraction:.0%})"
        )
    for recipe, selection in state.selections.items():
        yield ""
        yield from _selection_lines(recipe, selection)
    if state.overlap:
        yield from ("", "overlap of the selections", *_overlap_lines(state.overlap))
    yield ""
    yield f"tables   {near(state.store)}"
    yield f"exports  {near(state.exports)}"
    yield from (f"report   {near(path)}" for path in state.reports)
    yield f"UI       DAGSTER_HOME={state.dagster_home} TSHIRT_ASSETS_CORPUS={source} \\"
    yield "         dagster dev -m tshirt_assets.definitions"


def _unread(state: CorpusState, config: CorpusConfig, source: str) -> str:
    """What there is to read in a corpus of which nothing was read."""
    if config.source_asset is not None:
        return (
            f"no partition of {config.source_asset} is registered yet: tshirt-assets run {source}"
        )
    if state.listing_fault is not None:
        return f"its files cannot be listed: {state.listing_fault}"
    if state.new_shards:
        return f"{state.new_shards} new shards are not read yet: tshirt-assets run {source}"
    return f"no file matches {', '.join(config.paths)}"


def _selection_lines(recipe: str, selection: Selection) -> Iterator[str]:
    yield f"{recipe}: {selection.rows} rows, by {selection.by}"
    for row in selection.first_and_last:
        label = "top   " if row.rank == 1 else "bottom"
        text = f"{short(row.instruction)} -> {short(row.response)}"
        score = "–" if row.score is None else f"{row.score:.3f}"  # kept by hand
        yield f"  {label} {score:>8}  {text}"


def _overlap_lines(shares: Mapping[str, Mapping[str, float | None]]) -> Iterator[str]:
    width = max(map(len, shares))
    yield " " * (width + 3) + "  ".join(f"{i + 1:>4}" for i in range(len(shares)))
    for number, (name, row) in enumerate(shares.items(), start=1):
        cells = ["   –" if share is None else f"{share:>4.0%}" for share in row.values()]
        yield f"{number} {name:<{width}} " + "  ".join(cells)
