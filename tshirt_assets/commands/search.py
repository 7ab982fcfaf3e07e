"""Print the rows that a search found."""

import polars as pl

from tshirt_assets.commands.text import short


def hit_lines(found: pl.DataFrame) -> str:
    """One line per row that a search found: similarity, where it is, question and answer."""
    return "\n".join(
        f"{row['similarity']:.3f}  {row['shard']}:{row['row']}  "
        f"{short(row['instruction'] or '')} -> {short(row['response'] or '')}"
        for row in found.iter_rows(named=True)
    )
