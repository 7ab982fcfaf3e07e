"""The rows that the files of a corpus have now: all of them, or of a large corpus a sample.

They are read from the files and not from the stored table `samples`, because a run reads the files
again as well, and nothing but their content says whether they have changed.
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.file_index import file_index
from tshirt_assets.corpus.files import read_records
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.shards import ShardSpec, discover_shards
from tshirt_assets.corpus.status import Status

ALL_ROWS_UP_TO = 100_000
"""Rows of a corpus that is read in whole: some ten seconds, and 200 MiB while it is looked at."""
SAMPLED_ROWS = 20_000
BLOCK_ROWS = 100


@dataclass(slots=True)
class PresentShard:
    """What was read of a shard.

    records: rows of its file's part; read: how many of them were read. samples: the usable ones by
    id, each distinct one once; usable: how many there were with duplicates. characters: of the
    texts and other fields of all rows read. incomplete: whether the file breaks off.
    """

    key: str
    records: int = 0
    read: int = 0
    usable: int = 0
    characters: int = 0
    incomplete: bool = False
    samples: dict[str, Sample] = field(default_factory=dict)

    @property
    def weight(self) -> float:
        """How many rows of the shard each row that was read stands for."""
        return self.records / self.read if self.read else 0.0

    def add(self, sample: Sample) -> None:
        """Count a sample of a row that was read."""
        self.characters += len(sample.extra or "") + len(sample.instruction) + len(sample.input)
        self.characters += sum(len(message.content) for message in sample.messages)
        self.incomplete |= sample.status is Status.FILE_ENDS_EARLY
        if sample.status is Status.OK:
            self.usable += 1
            self.samples.setdefault(sample.sample_id, sample)


@dataclass(frozen=True, slots=True)
class PresentRows:
    """The shards of a corpus as its files are now.

    unreadable: the fault of every shard that cannot be read at all, by its key. seconds: what
    reading took for each row.
    """

    shards: list[PresentShard]
    unreadable: dict[str, str]
    seconds_per_row: float

    @property
    def complete(self) -> bool:
        """Whether every row was read."""
        return all(shard.read >= shard.records for shard in self.shards)

    @property
    def records(self) -> int:
        """Rows of all shards."""
        return sum(shard.records for shard in self.shards)

    @property
    def usable(self) -> int:
        """Rows that can be used, duplicates included; of a sample the estimate."""
        return round(sum(shard.usable * shard.weight for shard in self.shards))


def present_rows(config: CorpusConfig, known: Collection[str] = ()) -> PresentRows:
    """Read the files of a corpus; of one with more than ALL_ROWS_UP_TO rows, SAMPLED_ROWS.

    The sample is spread over all shards, in blocks of neighbouring rows at even distances. known:
    keys of shards that are stored. Raises `CorpusError` as `discover_shards` does.
    """
    started = time.perf_counter()
    specs = discover_shards(config, known, missing_ok=bool(known))
    unreadable: dict[str, str] = {}
    counts: dict[str, int] = {}
    for spec in specs:
        try:
            rows = file_index(spec.path, config).rows - spec.start
            counts[spec.key] = max(
                0, rows if spec.stop is None else min(rows, spec.stop - spec.start)
            )
        except CorpusError as error:
            unreadable[spec.key] = str(error)
    total = sum(counts.values())
    share = share_to_read(total)
    shards = []
    for spec in specs:
        if spec.key in unreadable:
            continue
        try:
            shards.append(_read(spec, counts[spec.key], share, config))
        except CorpusError as error:
            unreadable[spec.key] = str(error)
    read = sum(shard.read for shard in shards)
    return PresentRows(shards, unreadable, (time.perf_counter() - started) / max(1, read))


def share_to_read(rows: int) -> float:
    """The share of a corpus of so many rows that is looked at."""
    return 1.0 if rows <= ALL_ROWS_UP_TO else SAMPLED_ROWS / rows


def _read(spec: ShardSpec, count: int, share: float, config: CorpusConfig) -> PresentShard:
    shard = PresentShard(spec.key, records=count)
    index = file_index(spec.path, config)
    for start, stop in blocks(count, share):
        records = read_records(
            spec.path,
            spec.start + start,
            spec.start + stop,
            max_row_bytes=config.max_row_bytes,
            index=index,
        )
        for row, record in enumerate(islice(records, stop - start), start):
            shard.read += 1
            for sample in samples_of(record, spec.key, row, config):
                shard.add(sample)
    return shard


def blocks(count: int, share: float) -> Iterator[tuple[int, int]]:
    """Ranges of rows, at even distances, that hold about this share of `count` rows."""
    if share >= 1.0 or count <= BLOCK_ROWS:
        yield 0, count
        return
    number = max(1, round(count * share / BLOCK_ROWS))
    distance = count / number
    for place in range(number):
        start = round(place * distance)
        yield start, min(count, start + BLOCK_ROWS)
