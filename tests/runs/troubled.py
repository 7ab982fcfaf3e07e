"""What goes wrong in the processes of `tshirt-assets run --workers`, and what they load.

`troubled(...)` gives the environment of such a command: its processes import this module first,
and at the table that is named they are killed, fail or hang.
"""

import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.store.store_workers import say

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "TSHIRT_TROUBLE"
INSTALL = "from tests.runs.troubled import install\ninstall()\n"


class Trouble(NamedTuple):
    """What happens when a table is to be written: the first time, or (`always`) every time."""

    asset: str
    does: Literal["kill", "fail", "hang"]
    shard: str = ""  # how its key begins
    always: bool = False


def troubled(folder: Path, *troubles: Trouble) -> dict[str, str]:
    """Environment variables of a command with these troubles, which keeps its log in `folder`."""
    site = folder / "site"
    site.mkdir(parents=True)
    (site / "sitecustomize.py").write_text(INSTALL)
    return {
        "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))),
        VARIABLE: json.dumps([str(folder), troubles]),
    }


def install() -> None:
    """Make trouble in this process, and log the models that it loads."""
    from tshirt_assets.models import cache
    from tshirt_assets.store.store import Store

    folder, listed = json.loads(os.environ[VARIABLE])
    troubles = [Trouble(*values) for values in listed]
    write, shared = Store.write, cache.shared

    def troubled_write(self: Store, corpus: str, asset: str, shard: str | None, *rest: Any) -> Any:
        _suffer(Path(folder), troubles, asset, shard or "")
        return write(self, corpus, asset, shard, *rest)

    def logged_shared(key: Any, load: Any) -> Any:
        def logged() -> Any:
            say(Path(folder) / "loads", f"{os.getpid()} {key}")
            return load()

        return shared(key, logged)

    Store.write = troubled_write  # type: ignore[method-assign]
    cache.shared = logged_shared


def _suffer(folder: Path, troubles: Sequence[Trouble], asset: str, shard: str) -> None:
    for number, trouble in enumerate(troubles):
        if trouble.asset != asset or not shard.startswith(trouble.shard):
            continue
        if not trouble.always and not _is_first(folder / f"{number}.done"):
            continue
        say(folder / "troubles", f"{trouble.does} {asset} {shard}")
        if trouble.does == "fail":
            raise RuntimeError("the device is broken")
        if trouble.does == "hang":
            time.sleep(600)
        os.kill(os.getpid(), signal.SIGKILL)


def _is_first(mark: Path) -> bool:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
