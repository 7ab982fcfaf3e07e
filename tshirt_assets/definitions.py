"""The default code location: the sample corpus, or the corpora that an environment variable names.

`TSHIRT_ASSETS_CORPUS=corpus.yaml dagster dev -m tshirt_assets.definitions` opens the UI on any
corpus; several files are separated like the entries of PATH.
"""

import os
from pathlib import Path

import dagster as dg

from tshirt_assets.config import ConfigError
from tshirt_assets.factory import build_curation_defs

CORPUS_VARIABLE = "TSHIRT_ASSETS_CORPUS"
SAMPLE = Path(__file__).parents[1] / "data" / "corpus.yaml"


def corpus_files() -> list[str]:
    """Paths of the corpora to define. Raises `ConfigError` when there are none."""
    named = os.environ.get(CORPUS_VARIABLE, "")
    if named:
        return named.split(os.pathsep)
    if SAMPLE.is_file():
        return [str(SAMPLE)]
    raise ConfigError(f"no corpus: set {CORPUS_VARIABLE} to the path of a corpus.yaml")


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, checks, sensors and resources of the configured corpora."""
    return build_curation_defs(corpus_files())
