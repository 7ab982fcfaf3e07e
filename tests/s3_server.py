"""An S3 server on this machine (moto) with one bucket, and faults that a test asks for."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

KEY, SECRET = "AKIASOURCESEXAMPLE01", "sources-secret-0123456789"
BUCKET = "corpora"


@dataclass
class S3:
    """A running server.

    client: boto3's. faults: of the next requests, one each: the code of an error and its HTTP
    status, what is done before an answer, or None. asked: method and path of every request.
    """

    endpoint: str
    client: Any
    faults: list[tuple[str, int] | Callable[[], None] | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def options(self) -> dict[str, str]:
        """The `source_options` that reach it."""
        return {"key": KEY, "secret": SECRET, "endpoint_url": self.endpoint, "region": "us-east-1"}

    def put(self, name: str, data: bytes) -> None:
        """Write an object, without a fault."""
        self.client.put_object(Bucket=BUCKET, Key=name, Body=data)


@contextmanager
def s3_server() -> Iterator[S3]:
    """A server with an empty bucket, while it runs."""
    import threading

    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    moto = DomainDispatcherApplication(create_backend_app)

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if "boto3/" in environ.get("HTTP_USER_AGENT", "").lower():  # the test itself
            return moto(environ, start)
        s3.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        fault = s3.faults.pop(0) if s3.faults else None
        if isinstance(fault, tuple):
            code, status = fault
            start(f"{status} {code}", [("Content-Type", "application/xml")])
            return [f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()]
        if fault is not None:
            fault()
        return moto(environ, start)

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
    s3 = S3(endpoint, client)
    client.create_bucket(Bucket=BUCKET)
    yield s3
    server.shutdown()
    thread.join()
