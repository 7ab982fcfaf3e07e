"""Type check the package as it is installed: resources/ is tshirt_assets.resources.

python -m tests.typecheck

mypy finds modules by their folders and knows nothing of setuptools' mapping, so it is shown a
copy in which every package lies where it is installed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.sources import ROOT, folders


def lay_out(target: Path) -> None:
    """Copy the packages into `target`, each to the place where an installation has it."""
    for package, folder in folders().items():
        shutil.copytree(folder, target.joinpath(*package.split(".")), dirs_exist_ok=True)


def check(target: Path) -> int:
    """Run mypy over a fresh copy in `target`; returns its exit status."""
    shutil.rmtree(target, ignore_errors=True)
    lay_out(target)
    options = (f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={ROOT / '.mypy_cache'}")
    command = [sys.executable, "-m", "mypy", *options, "-p", "tshirt_assets"]
    return subprocess.run(command, cwd=target).returncode


if __name__ == "__main__":
    sys.exit(check(ROOT / "build" / "typed"))
