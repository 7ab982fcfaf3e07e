"""Exported subsets as a dataset repository on the Hugging Face Hub."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tshirt_assets.config import CorpusConfig
from tshirt_assets.export.card import joint_card
from tshirt_assets.export.exported import CARD, MANIFEST
from tshirt_assets.export.manifest import Manifest, file_faults
from tshirt_assets.export.write import WRITTEN

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TOKEN = "HF_TOKEN"
"""Environment variable of the token; no other place is asked for one."""


class HubError(RuntimeError):
    """A push that did not happen; the message says what to do."""


def push_subsets(
    corpus: CorpusConfig, recipes: Sequence[str], repo: str, *, private: bool = False
) -> str:
    """Upload the exports of recipes to the dataset `repo` (OWNER/NAME), in one commit.

    One recipe fills the repository; several have a folder each, and a configuration named after
    them. The repository is created where there is none (`private`: so that nobody else sees it),
    and files that an earlier push left behind are deleted. The token is read from the environment
    variable HF_TOKEN. Returns the address of the commit; raises `HubError`.
    """
    from huggingface_hub import HfApi

    files = _files(corpus, recipes)
    token = os.environ.get(TOKEN)
    if not token:
        raise HubError(f"{TOKEN} is not set; export a token of the Hub that may write to {repo}")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    try:
        api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        return _commit(api, repo, corpus, files, f"{corpus.name}: {', '.join(recipes)}")
    except Exception as error:  # whatever the client raises: refusals, names, the network
        reason = " ".join(str(error).split()).replace(token, "...")
        raise HubError(f"{repo} was not pushed: {reason}") from None


def _files(corpus: CorpusConfig, recipes: Sequence[str]) -> dict[str, bytes | Path]:
    """All files of the repository by their path in it."""
    folders = {recipe: Path(corpus.export_dir) / corpus.name / recipe for recipe in recipes}
    manifests = {recipe: _sound(folder) for recipe, folder in folders.items()}
    several = len(folders) > 1
    files: dict[str, bytes | Path] = {
        (f"{recipe}/{name}" if several else name): folders[recipe] / name
        for recipe, manifest in manifests.items()
        for name in (*manifest.files, MANIFEST)
    }
    if several:
        files[CARD] = joint_card(corpus, manifests).encode()
    return files


def _sound(folder: Path) -> Manifest:
    manifest = Manifest.read(folder)
    if manifest is None:
        raise HubError(f"{folder} holds no export; materialize selected_subset of {folder.name}")
    for name, fault in file_faults(folder, manifest):
        raise HubError(f"{folder / name} {fault}; materialize selected_subset again")
    return manifest


def _commit(
    api: "HfApi", repo: str, corpus: CorpusConfig, files: dict[str, bytes | Path], message: str
) -> str:
    """Put the files in the place of those of an earlier push; files of others stay."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    there = map(PurePosixPath, api.list_repo_files(repo, repo_type="dataset"))
    ours = {str(path) for path in there if path.name in WRITTEN and _is_ours(path.parent, corpus)}
    added = [CommitOperationAdd(path, file) for path, file in files.items()]
    deleted = [CommitOperationDelete(path) for path in sorted(ours - files.keys())]
    info = api.create_commit(repo, [*added, *deleted], commit_message=message, repo_type="dataset")
    return str(info.commit_url)


def _is_ours(folder: PurePosixPath, corpus: CorpusConfig) -> bool:
    return str(folder) == "." or str(folder) in corpus.recipes
