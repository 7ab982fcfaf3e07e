"""What the options of a corpus might be, from a look at the first rows of its files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, Final

from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.options import ColumnOptions
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.files import read_records
from tshirt_assets.corpus.pairs import is_turns
from tshirt_assets.corpus.records import Record
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.status import Status
from tshirt_assets.preflight.file_sample import ROWS, FileSample, sample_file
from tshirt_assets.preflight.inspection import Inspection

MOST_FILES: Final = 20  # that are opened
INSTRUCTIONS: Final = (
    *("instruction", "question", "query", "prompt", "problem", "task", "request", "user"),
    *("human", "inputs", "source", "context"),
)
RESPONSES: Final = (
    *("response", "output", "answer", "completion", "solution", "target", "targets", "reply"),
    *("assistant", "chosen", "label", "answers"),
)
DOMAINS: Final = ("domain", "category", "source", "task", "task_name", "dataset", "subset", "topic")
MOST_DOMAINS: Final = 50
LONGEST_DOMAIN: Final = 60  # characters


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a corpus: its files, and the columns that its rows need named.

    columns: those that are not found by their usual names. domains: the values of the column that
    might be the domain, by how many rows seen have each.
    """

    samples: tuple[FileSample, ...]
    files: int
    columns: Mapping[str, str]
    domains: Mapping[str, int]

    @property
    def usable(self) -> bool:
        """Whether any row seen can be used."""
        return any(sample.usable for sample in self.samples)


def look_at(config: CorpusConfig) -> Look:
    """Look at the first rows of the files of a corpus. Raises `CorpusError` if there is none."""
    inspection = Inspection(config, most_files=MOST_FILES)
    files, faults = inspection.listed
    if not files:
        reasons = "; ".join(fault.problem for fault in faults)
        raise CorpusError(reasons or f"no file matches {', '.join(config.paths)}")
    samples, columns = inspection.samples, dict[str, str]()
    records = list(_first_records(samples, config))
    rows = [record.fields for record in records]
    if not any(sample.usable for sample in samples):
        columns = _renamed(records, config)
        if columns:
            renamed = _with_columns(config, columns)
            samples = [sample_file(sample.path, renamed) for sample in samples]
    domain, counts = _domain(rows, set(columns.values()))
    if domain is not None:
        columns |= {"domain": domain}
    return Look(tuple(samples), len(files), columns, counts)


def _first_records(samples: Sequence[FileSample], config: CorpusConfig) -> Iterator[Record]:
    for sample in samples:
        if sample.fault is None:
            records = read_records(sample.path, max_row_bytes=config.max_row_bytes)
            yield from islice(records, ROWS)


def _renamed(records: Sequence[Record], config: CorpusConfig) -> dict[str, str]:
    """The first names of columns by which any of the records can be used; empty if none do."""
    rows = [record.fields for record in records]
    fields = list(dict.fromkeys(name for row in rows for name in row))
    by_name = {name.lower(): name for name in fields}
    turns = [name for name in fields if any(is_turns(row.get(name)) for row in rows)]
    guesses: list[dict[str, str]] = [{"messages": name} for name in turns]
    questions, answers = (
        [by_name[name] for name in names if name in by_name] for names in (INSTRUCTIONS, RESPONSES)
    )
    guesses += [
        {"instruction": question, "response": answer}
        for question, answer in product(questions, answers)
        if question != answer
    ]
    return next((guess for guess in guesses if _fits(records, _with_columns(config, guess))), {})


def _fits(records: Sequence[Record], config: CorpusConfig) -> bool:
    samples = (s for record in records for s in samples_of(record, "", 0, config))
    return any(sample.status is Status.OK for sample in samples)


def _with_columns(config: CorpusConfig, columns: Mapping[str, str]) -> CorpusConfig:
    return config.model_copy(update={"columns": ColumnOptions(**columns)})


def _domain(
    rows: Sequence[Mapping[str, Any]], taken: set[str]
) -> tuple[str | None, dict[str, int]]:
    """The column whose few short values say where a row comes from, and how often each is seen."""
    for name in DOMAINS:
        values = [row[name] for row in rows if isinstance(row.get(name), str)]
        counts = {value: values.count(value) for value in sorted(set(values))}
        few = 2 <= len(counts) <= min(MOST_DOMAINS, len(values) // 2)
        if name not in taken and few and max(map(len, counts)) <= LONGEST_DOMAIN:
            return name, counts
    return None, {}
