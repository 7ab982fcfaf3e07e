"""What the checks look at: a configuration, and its files, each of which is read once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.addresses import with_access
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.listing import matching_files
from tshirt_assets.incremental.catalog import needed_assets
from tshirt_assets.preflight.file_sample import FileSample, sample_file
from tshirt_assets.preflight.finding import Finding

ModelKind = Literal["scorer", "target", "embedder"]
MODEL_KINDS: Final[tuple[ModelKind, ...]] = ("scorer", "target", "embedder")


def needed_models(config: CorpusConfig) -> tuple[ModelKind, ...]:
    """The kinds of models that a run of a corpus loads."""
    needed = {kind for record in needed_assets(config) for kind in record.resources}
    return tuple(kind for kind in MODEL_KINDS if kind in needed)


@dataclass(frozen=True)
class Inspection:
    """A corpus that is looked at.

    models: the kinds that are needed. online: whether the hub may be asked. most_files: how many
    files are opened, evenly spread; None for all.
    """

    config: CorpusConfig
    models: tuple[ModelKind, ...] = MODEL_KINDS
    online: bool = True
    most_files: int | None = None

    @cached_property
    def listed(self) -> tuple[list[str], list[Finding]]:
        """The files that `paths` stand for, sorted, and what is wrong with the patterns."""
        files: set[str] = set()
        findings = []
        for pattern in self.config.paths:
            try:
                files.update(matching_files(with_access(pattern, self.config)))
            except CorpusError as error:
                findings.append(Finding("error", "paths", str(error), in_part=True))
        return sorted(files), findings

    @cached_property
    def samples(self) -> list[FileSample]:
        """The first rows of the files; of more than `most_files` where none has a usable row."""
        if self.most_files == 0:
            return []
        files, _ = self.listed
        step = max(1, -(-len(files) // self.most_files)) if self.most_files else 1
        found = [sample_file(path, self.config) for path in files[::step]]
        others = (path for place, path in enumerate(files) if place % step)
        while not any(sample.usable for sample in found) and (path := next(others, None)):
            found.append(sample_file(path, self.config))
        return found
