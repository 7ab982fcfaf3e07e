"""A checkout is a whole package wherever it stands in the path, installed or not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT

FROM = (
    "import tshirt_assets as t, tshirt_assets.resources.store as s; print(t.__file__, s.__file__)"
)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the checkout, beside which another one is installed here."""
    for name in ("tshirt_assets", "resources"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "resources")
        )
    shutil.copytree(ROOT / "resources", tmp_path / "resources", dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def imported_in(folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", FROM], cwd=folder, capture_output=True, text=True, check=True
    )
    return [str(Path(path).relative_to(folder)) for path in done.stdout.split()]


def test_a_checkout_in_front_of_an_installed_package_has_its_own_resources(copied: Path) -> None:
    assert imported_in(copied) == ["tshirt_assets/__init__.py", "resources/store.py"]


def test_a_folder_of_that_name_beside_an_installed_package_is_not_taken(copied: Path) -> None:
    (copied / "pyproject.toml").unlink()  # as in site-packages
    (copied / "resources").rename(copied / "tshirt_assets" / "resources")
    (copied / "resources").mkdir()
    (copied / "resources" / "__init__.py").write_text("raise RuntimeError('not ours')")
    assert imported_in(copied)[1] == "tshirt_assets/resources/store.py"
