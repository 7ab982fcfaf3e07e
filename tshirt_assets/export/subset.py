"""The selected subset as one frame: the samples joined with the scores that chose them."""

import polars as pl

from tshirt_assets.export.turns import with_turn_fields_in_messages
from tshirt_assets.incremental.stored_rows import PLACE, TEXT_COLUMNS


def join_selected(samples: pl.DataFrame, selected: pl.DataFrame) -> pl.DataFrame:
    """Rows of `selected` (a selected_subset table) with the texts of `samples`, in order of rank.

    Both carry sample_id, shard and row, by which they are joined; columns of `selected` follow
    those of `samples`, and turns have all their fields in `messages`. Raises `ValueError` when a
    selected row has no sample: the samples were materialized again after the selection.
    """
    texts = samples.select(TEXT_COLUMNS)
    scores = selected.drop([*TEXT_COLUMNS[len(PLACE) :]], strict=False)
    joined = texts.join(scores, on=PLACE, how="inner", suffix="_selected").sort("rank")
    if joined.height != selected.height:
        missing = selected.join(texts, on=PLACE, how="anti")["sample_id"].head(3).to_list()
        raise ValueError(
            f"{selected.height - joined.height} selected rows are not among the samples "
            f"(first: {', '.join(missing)}): the samples have changed since the selection; "
            "materialize selected_subset again"
        )
    return with_turn_fields_in_messages(joined)
