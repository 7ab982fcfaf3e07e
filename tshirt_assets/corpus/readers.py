"""Reading one shard into canonical samples."""

from collections.abc import Iterator

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.files import read_records
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.shards import ShardSpec


def read_shard(spec: ShardSpec, config: CorpusConfig) -> Iterator[Sample]:
    """Samples of a shard in file order; `row` is the record's position in the shard.

    Every record gives at least one sample, whatever is wrong with it. With `turns: all` the
    samples of one conversation share their row number.

    Raises `CorpusError` when the file cannot be read at all.
    """
    for row, record in enumerate(read_records(spec.path, spec.start, spec.stop)):
        yield from samples_of(record, spec.key, row, config)
