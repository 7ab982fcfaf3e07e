"""A PostgreSQL server of its own for a test, from Debian's package `postgresql`."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.webserver import free_port

INSTALLED = Path("/usr/lib/postgresql")
USER = "postgres"  # who the package runs the server as; it refuses to run as root


def missing() -> str | None:
    """Why there can be no server here."""
    return None if _programs() else "needs PostgreSQL: apt-get install postgresql"


@contextmanager
def postgres_server() -> Iterator[str]:
    """A server with an empty database on this machine's loopback address; yields its URL."""
    programs, port = _programs(), free_port()
    assert programs is not None
    demoted: dict[str, Any] = {"user": USER, "group": USER} if os.getuid() == 0 else {}
    with TemporaryDirectory() as folder:
        if demoted:
            shutil.chown(folder, USER, USER)
        data = f"{folder}/data"
        create = [programs / "initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync"]
        subprocess.run(create, check=True, capture_output=True, cwd=folder, **demoted)
        listen = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), *listen],
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **demoted,
        )
        try:
            _wait_for(programs, port, server)
            yield f"postgresql+psycopg2://{USER}@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(60)


def _programs() -> Path | None:
    """The folder of the newest server's programs."""
    found = sorted(INSTALLED.glob("*/bin/postgres"))
    return found[-1].parent if found else None


def _wait_for(programs: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
    deadline = time.monotonic() + 120
    while subprocess.run(ready).returncode != 0:
        assert server.poll() is None, "PostgreSQL does not start"
        assert time.monotonic() < deadline, "PostgreSQL does not answer"
        time.sleep(0.2)
