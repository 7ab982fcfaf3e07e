"""The row browser as a server that this machine alone reaches."""

import socket
from collections.abc import Callable, Sequence
from typing import Final

from tshirt_assets.config import CorpusConfig
from tshirt_assets.report.serve import HOST, port_refused

PORT: Final = 3002


def explore_link(config: CorpusConfig, sample_id: str | None = None) -> str | None:
    """Where a browser finds a corpus, or a row of it; None without the option `explore_url`."""
    if config.explore_url is None:
        return None
    row = f"#row={sample_id}" if sample_id else ""
    return f"{config.explore_url.rstrip('/')}/{config.name}/{row}"


def serve_explore(
    corpora: Sequence[CorpusConfig], port: int, ready: Callable[[str], object]
) -> None:
    """Serve these corpora until the process is told to end. `ready` gets the address.

    Port 0 takes a free one. Raises `ConfigError` when the port cannot be had, or the extra
    `explore` is not installed.
    """
    import uvicorn

    from tshirt_assets.explore.app import explore_app

    app = explore_app(corpora)
    with listening(port) as bound:
        taken = bound.getsockname()[1]
        path = f"{corpora[0].name}/" if len(corpora) == 1 else ""
        ready(f"http://{HOST}:{taken}/{path}")
        options = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        uvicorn.Server(options).run(sockets=[bound])


def listening(port: int) -> socket.socket:
    """A socket of this machine alone at this port. Raises `ConfigError` when it cannot be had."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise port_refused(port, error, "explore_url") from None
