"""Which files an entry of `paths` stands for, on this machine or elsewhere."""

import glob
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from tshirt_assets.corpus.addresses import GLOB_CHARACTERS, is_remote
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.files import is_supported
from tshirt_assets.corpus.remote import listed, open_file

FILES_BELOW: Final = os.path.join("**", "*")  # what a folder in `paths` stands for
STATE: Final = "state.json"  # of a folder that `datasets` saved: it names the files of the data
SPLITS: Final = "dataset_dict.json"  # names the splits, each of which has a folder of its own
SAVED_FILE: Final = re.compile(r"data-\d+-of-\d+\.arrow")


def matching_files(pattern: str, *, missing_ok: bool = False) -> list[str]:
    """The files that an entry of `paths` stands for; of a folder those in a known format.

    Of a folder that `datasets` saved only the data. Raises `CorpusError` where a source elsewhere
    cannot be asked and, unless `missing_ok`, where there are none.
    """
    files = _elsewhere(pattern) if is_remote(pattern) else _here(pattern)
    if not files and not missing_ok:
        raise CorpusError(f"{pattern}: no file matches; check `paths` of the corpus")
    return files


def _here(pattern: str) -> list[str]:
    if os.path.isfile(pattern):  # also a name that looks like a glob
        return [pattern]
    if os.path.isdir(pattern):
        below = os.path.join(glob.escape(pattern), FILES_BELOW)
        return _of_folder(filter(os.path.isfile, glob.glob(below, recursive=True)))
    return [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]


def _elsewhere(pattern: str) -> list[str]:
    found: list[str] = [*listed(pattern)]
    named = found == [pattern] or (GLOB_CHARACTERS.search(pattern) and not pattern.endswith("/"))
    return found if named else _of_folder(found)


def _of_folder(paths: Iterable[str]) -> list[str]:
    """The files of a folder that may hold rows."""
    folders: dict[str, dict[str, str]] = defaultdict(dict)
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders[folder][name] = path
    found: list[str] = []
    for files in folders.values():
        if STATE in files and any(map(SAVED_FILE.fullmatch, files)):
            found += _saved(files)
        else:
            found += [path for name, path in files.items() if name != SPLITS and is_supported(path)]
    return found


def _saved(files: dict[str, str]) -> list[str]:
    """The files of the data in a folder that `datasets` saved; an earlier saving may leave more."""
    names = {name for name in files if SAVED_FILE.fullmatch(name)}
    if len({name.rpartition("-")[2] for name in names}) > 1:
        with suppress(OSError, ValueError, KeyError, TypeError), open_file(files[STATE]) as state:
            names &= {part["filename"] for part in json.load(state)["_data_files"]}
    return [files[name] for name in sorted(names)]
