"""Rows of another domain, from a file: whether what a selection teaches holds elsewhere."""

from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.files import read_records
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.training.held_out import stratified

MOST_RECORDS: Final = 10_000  # of the file that are looked at


def outside_samples(
    file: Path, config: CorpusConfig, count: int, known: Collection[str]
) -> list[Sample]:
    """`count` usable rows of a file, of all lengths, none of them among the `known` ids.

    The file is read as those of the corpus are. Raises `EvidenceError` where no row is left, and
    `CorpusError` where it cannot be read.
    """
    records = islice(read_records(str(file), max_row_bytes=config.max_row_bytes), MOST_RECORDS)
    samples: dict[str, Sample] = {}
    for row, record in enumerate(records):
        for sample in samples_of(record, file.name, row, config):
            if sample.status is Status.OK and sample.sample_id not in known:
                samples.setdefault(sample.sample_id, sample)
    if not samples:
        raise EvidenceError(
            f"{file}: no row can be used that is not in the corpus; give another file to measure on"
        )
    lengths = [len(sample.response or "") for sample in samples.values()]
    domains = [None] * len(samples)
    rows = pl.DataFrame({"sample_id": [*samples], "length": lengths}).with_columns(
        domain=pl.Series(domains, dtype=pl.String)
    )
    return [samples[sample_id] for sample_id in stratified(rows, count)]
