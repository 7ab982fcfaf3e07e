"""The first rows of a file: how many can be used, what is wrong with the first that cannot."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.bytestream import content_size
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.files import file_format, read_records
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status

ROWS = 100  # that are looked at
ROWS_WITHOUT_A_USABLE_ONE = 10_000  # after which a file counts as having none


@dataclass(slots=True)
class FileSample:
    """What the first rows of a file are like.

    fault: why it cannot be read at all. bad: rows that cannot be used, of all `rows` seen. first:
    the first of them. characters: of the messages and other fields of all rows seen.
    """

    path: str
    format: str = ""
    size: int = 0
    fault: str | None = None
    rows: int = 0
    bad: int = 0
    first: Sample | None = None
    ends_early: bool = False
    characters: int = 0
    fields: dict[str, None] = field(default_factory=dict)
    """Names of the fields of the rows seen, in the order in which they were found."""
    ids: set[str] = field(default_factory=set)
    """Sample ids of the usable rows."""

    @property
    def usable(self) -> int:
        """Rows seen that can be used."""
        return self.rows - self.bad


def sample_file(path: str, config: CorpusConfig) -> FileSample:
    """Look at the first rows of a file; if none is usable, at many more. Never raises."""
    seen = FileSample(path)
    try:
        seen.format = file_format(path)
        seen.size = content_size(path)
        for samples in _rows(path, config):
            _count(seen, samples)
            if seen.rows >= (ROWS if seen.usable else ROWS_WITHOUT_A_USABLE_ONE):
                break
    except CorpusError as error:
        seen.fault = str(error).removeprefix(f"{path}: ")
    except OSError as error:
        seen.fault = f"cannot be read ({error.strerror}); check the path and its permissions"
    return seen


def _rows(path: str, config: CorpusConfig) -> Iterator[tuple[list[str], list[Sample]]]:
    """(names of the fields, samples) of every row, the first ones."""
    records = read_records(path, max_row_bytes=config.max_row_bytes)
    for row, record in enumerate(islice(records, ROWS_WITHOUT_A_USABLE_ONE)):
        yield [*record.fields], samples_of(record, "", row, config)


def _count(seen: FileSample, row: tuple[list[str], list[Sample]]) -> None:
    fields, samples = row
    seen.rows += 1
    seen.fields |= dict.fromkeys(fields)
    usable = [sample for sample in samples if sample.status is Status.OK]
    seen.ids |= {sample.sample_id for sample in usable}
    seen.characters += sum(
        len(sample.extra or "") + sum(len(message.content) for message in sample.messages)
        for sample in samples
    )
    if not usable:
        seen.bad += 1
        seen.first = seen.first or samples[0]
        seen.ends_early |= samples[0].status is Status.FILE_ENDS_EARLY
