"""Real servers on loopback, one thread each: the standard library's for WSGI, uvicorn for ASGI.

with wsgi_server(app) as url: ...
reply = ask(url, "/report", headers={"Accept": "text/html"})
"""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from wsgiref.simple_server import WSGIRequestHandler, make_server

import uvicorn
from web_reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from wsgiref.types import WSGIApplication

    from entitlements.web.asgi_types import ASGIApp

__all__ = ["asgi_server", "ask", "wsgi_server"]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def wsgi_server(app: WSGIApplication) -> Iterator[int]:
    """Serve on one thread, which every request reuses; give the port."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def asgi_server(app: ASGIApp, *, lifespan: Literal["on", "off"] = "on") -> Iterator[int]:
    """Serve with uvicorn, WebSockets too; give the port."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan=lifespan)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 10
        while not server.started:
            assert thread.is_alive(), "uvicorn did not start"
            assert time.monotonic() < until, "uvicorn did not start in time"
            time.sleep(0.005)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def ask(
    port: int,
    path: str = "/",
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
) -> Reply:
    """Send a request; an iterable body goes out in chunks, without a length."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {}, encode_chunked=not isinstance(body, bytes | None))
        response = connection.getresponse()
        return Reply.of(response.status, response.getheaders(), response.read())
    finally:
        connection.close()
