"""The corpus of the host benchmark: Alpaca-like rows, stubbed models, four recipes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.alpaca_like import FILES, write_rows
from tests.benchmarks.rows import ROOT
from tests.benchmarks.stub_models import save_tokenizer
from tshirt_assets.config import CorpusConfig

BUILD = ROOT / "build" / "host"
METHODS = ("tshirt", "miwv", "ifd", "random")
BUDGET, OTHER_BUDGET = 0.05, 0.06


@dataclass(frozen=True)
class HostCorpus:
    """A corpus in a folder of its own."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, rows: int, files: int = FILES) -> "HostCorpus":
        """A corpus of so many rows in files of equal length."""
        corpus = cls(folder)
        write_rows(folder / "rows", rows, files)
        corpus.configure()
        return corpus

    @property
    def file(self) -> Path:
        """Its corpus.yaml."""
        return self.folder / "corpus.yaml"

    @property
    def paths(self) -> list[Path]:
        """Its files, in order."""
        return sorted((self.folder / "rows").iterdir())

    @property
    def config(self) -> CorpusConfig:
        """Its configuration, as it is written."""
        return CorpusConfig.from_yaml(self.file)

    def configure(self, budget: float = BUDGET, **options: Any) -> None:
        """Write corpus.yaml; `budget` is that of the recipe `tshirt`."""
        recipes = {f"{name}-5pct": {"method": name, "budget": BUDGET} for name in METHODS}
        recipes["tshirt-5pct"]["budget"] = budget
        values = {
            "name": "host",
            "paths": ["rows/*"],
            "scorer": str(save_tokenizer(BUILD / "model")),
            "embedder": "stub",
            "recipes": recipes,
            "store": "store",
            "export_dir": "exports",
        }
        self.file.write_text(yaml.safe_dump(values | options))
