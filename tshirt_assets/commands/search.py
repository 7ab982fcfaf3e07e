"""Print the rows that a search found."""

from typing import Final

import polars as pl

from tshirt_assets.commands.text import exchange
from tshirt_assets.incremental.boilerplate import own_part

TEXTS: Final = 76  # columns of question and answer


def hit_lines(found: pl.DataFrame) -> str:
    """One line per row that a search found: similarity, where it is, question and answer."""
    return "\n".join(
        f"{row['similarity']:.3f}  {row['shard']}:{row['row']}  "
        + exchange(own_part(row["instruction"] or ""), row["response"] or "", TEXTS)
        for row in found.iter_rows(named=True)
    )
