"""Judgements from files and to files, and how many there are, for the command line."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.judgement_counts import JudgementCounts
from tshirt_assets.incremental.judgement_files import Imported, import_judgements
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.noticing import UNREADABLE, notice
from tshirt_assets.store.store import Store


def judge_from_file(
    instance: dg.DagsterInstance, config: CorpusConfig, path: Path, who: str
) -> Imported:
    """Record the judgements of a file, and have Dagster know which subsets they make stale."""
    store = Store(config.store, config.storage_options)
    found = import_judgements(store, config.name, path, who)
    with suppress(*UNREADABLE):  # nothing is stored yet, or the next run will say what is wrong
        notice(instance, Binding(config), store)
    return found


def count_lines(counts: JudgementCounts | None) -> Iterator[str]:
    """How many rows people have judged, in a line; none where nobody has."""
    if counts is None:
        return
    said = [
        f"{number:,} {name}"
        for name, number in (
            ("kept", counts.kept),
            ("dropped", counts.dropped),
            ("labelled", counts.labelled),
            ("with a note", counts.noted),
        )
        if number
    ]
    if counts.gone:
        said.append(f"{counts.gone:,} no longer in the corpus")
    if counts.unusable:
        said.append(f"{counts.unusable:,} kept but unusable")
    yield f"judged by hand: {', '.join(said)}"
