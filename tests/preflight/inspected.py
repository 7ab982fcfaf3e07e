"""Corpora that nothing but preflight checks look at: files and options, no models."""

import json
from pathlib import Path
from typing import Any

from tshirt_assets.config import parse_config
from tshirt_assets.preflight.inspection import Inspection

GOOD = {"instruction": "name a river", "output": "the Elbe"}


def write(file: Path, *rows: dict[str, Any] | str) -> Path:
    """A JSONL file of these rows; a row that is text is written as it is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def inspection(folder: Path, **options: Any) -> Inspection:
    """A corpus of the files in `rows`, looked at without any model and without the hub."""
    values = {"name": "c", "paths": ["rows/*"], "store": "store", "export_dir": "exports"}
    config = parse_config(values | options, base=folder, source="corpus.yaml")
    return Inspection(config, models=(), online=False)
