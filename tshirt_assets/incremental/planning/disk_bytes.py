"""What the tables, exports and reports of a corpus will take more of the disk."""

from typing import Final

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.planning.present_rows import PresentRows
from tshirt_assets.incremental.planning.work import Work

ROW_BYTES: Final = 150
"""Of a stored row of scores, beside its lists of numbers."""
TABLE_BYTES: Final = 18_000
"""Of a table with few rows: its manifests, and the ends of its columns."""
REPORT_BYTES: Final = 200_000
"""Of a recipe's report and manifest."""
NUMBER: Final = 4  # float32


def disk_bytes(
    asset: str,
    config: CorpusConfig,
    present: PresentRows,
    work: Work,
    response_tokens: float,
    width: int,
) -> int:
    """Bytes that the tables of an asset take more, for the rows that it computes.

    response_tokens: of a row, on average; width: of a vector.
    """
    if not work.rows:
        return 0
    shards = len(present.shards)
    characters = sum(shard.characters * shard.weight for shard in present.shards)
    text = characters / max(1, present.records)
    numbers = response_tokens * NUMBER
    neighbours = config.neighbours
    tables, row = {
        "samples": (shards, 2 * text),
        "embeddings": (shards, width * NUMBER),
        "relevance": (shards, width * NUMBER),
        "token_scores": (shards, 2 * numbers),
        "calibration": (2, 8 * numbers),
        "search": (1, text + width * NUMBER),
        "robust_scores": (
            shards * (1 + len(config.estimators)),
            neighbours * numbers + ROW_BYTES * len(config.estimators),
        ),
        "miwv_scores": (shards, 0),
        "selected_subset": (len(config.recipes), text * (1 + len(config.exports))),
    }.get(asset, (1, 0))
    reports = len(config.recipes) * REPORT_BYTES * (asset == "selected_subset")
    return round(tables * TABLE_BYTES + work.rows * (ROW_BYTES + row) + reports)
