"""The Dagster UI with its daemon, and the report server, as a user starts them."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

START_SECONDS = 240
STOP_SECONDS = 60
PR_SET_PDEATHSIG = 1  # of prctl(2)
LOCATION = "sample_corpus"
WORKSPACE = f"""load_from:
  - python_module:
      module_name: tshirt_assets.definitions
      location_name: {LOCATION}
"""


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def dagster_dev(corpus: Path, home: Path, workspace: str = WORKSPACE) -> Iterator[str]:
    """`dagster dev` on a corpus.yaml and a DAGSTER_HOME; yields the address of the UI.

    `workspace`: text of a workspace.yaml.
    """
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(files("tshirt_assets").joinpath("dagster.yaml").read_text())
    port = free_port()
    variables = {"DAGSTER_HOME": str(home.resolve()), "TSHIRT_ASSETS_CORPUS": str(corpus.resolve())}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "workspace.yaml"
        file.write_text(workspace)
        command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
        url = f"http://127.0.0.1:{port}"
        with _running([*command, "-w", str(file)], variables, f"{url}/server_info"):
            yield url


@contextmanager
def reports_served(corpus: Path, port: int) -> Iterator[str]:
    """`tshirt-assets reports` on a corpus.yaml; yields its address."""
    program = Path(sys.executable).with_name("tshirt-assets")
    url = f"http://127.0.0.1:{port}"
    with _running([str(program), "reports", str(corpus), "--port", str(port)], {}, url):
        yield url


@contextmanager
def _running(command: Sequence[str], variables: dict[str, str], url: str) -> Iterator[None]:
    """A program in a session of its own, from when it answers; at the end all of it is ended."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            program = subprocess.Popen(
                command,
                env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_stop_with_us,
            )
        try:
            _wait_for(url, program, log)
            yield
        finally:
            _end(program)


def _stop_with_us() -> None:
    """Listen to Ctrl-C, and get one when the test runner dies, however it does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a runner in the background ignores it
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _wait_for(url: str, program: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if program.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError(f"{program.args!r} does not answer:\n{log.read_text()[-4000:]}")


def _end(program: subprocess.Popen[bytes]) -> None:
    """Ctrl-C for the program; what is left of its session after a while is killed."""
    session = [process for process in psutil.process_iter() if _session(process) == program.pid]
    if program.poll() is None:
        os.killpg(program.pid, signal.SIGINT)
    _, left = psutil.wait_procs(session, timeout=STOP_SECONDS)
    for process in left:
        process.kill()
    program.wait()


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None
