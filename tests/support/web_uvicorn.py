"""Applications served by uvicorn, and requests as they go over the wire, for a GateContract.

with over_uvicorn(app) as exchange:       # in a thread of this process
    exchange(Ask("/gated", "none"))
with uvicorn_process("served:app") as port:
    wire(port, Ask("/gated"))             # a WebSocket too: its method is "WEBSOCKET"
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from web_servers import asgi_server
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from entitlements.testing import Ask, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from entitlements.web.asgi_types import ASGIApp

__all__ = ["over_uvicorn", "uvicorn_process", "wire"]

_ROOT = Path(__file__).parent.parent.parent


@contextmanager
def over_uvicorn(app: ASGIApp) -> Iterator[Callable[[Ask], Reply]]:
    """Serve an application, and exchange requests with it over the wire."""
    with asgi_server(app, lifespan="off") as port:
        yield partial(wire, port)


@contextmanager
def uvicorn_process(app: str, **environ: str) -> Iterator[int]:
    """Serve an application by uvicorn in a process of its own, on a socket that listens already; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-m", "uvicorn", app, "--fd", str(listening.fileno()), "--lifespan", "on"]
        path = os.pathsep.join([str(Path(__file__).parent), str(_ROOT)])
        process = subprocess.Popen(
            [*command, "--log-level", "warning"],
            pass_fds=[listening.fileno()],
            env={**os.environ, "PYTHONPATH": path, **environ},
        )
        try:
            yield listening.getsockname()[1]
        finally:
            process.terminate()
            process.wait(20)


def wire(port: int, ask: Ask) -> Reply:
    """Send one request, its target as it is written, and read what comes back."""
    return _opened(port, ask) if ask.method == "WEBSOCKET" else _answered(port, ask)


def _answered(port: int, ask: Ask) -> Reply:
    lines = [f"{ask.method} {ask.path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *_headers(ask)]
    if ask.body:
        lines.append(f"Content-Length: {len(ask.body)}")
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + ask.body)
        response = http.client.HTTPResponse(connection, method=ask.method)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        reply = Reply(response.status, headers, response.read())
        while connection.recv(65_536):  # HEAD is answered while its body is still being made
            pass
        return reply


def _opened(port: int, ask: Ask) -> Reply:
    given = dict(line.split(": ", 1) for line in _headers(ask))
    try:
        with connect(f"ws://127.0.0.1:{port}{ask.path}", additional_headers=given, open_timeout=20) as websocket:
            return Reply(101, {}, str(websocket.recv(20)).encode())
    except InvalidStatus as refused:
        headers = {name.lower(): value for name, value in refused.response.headers.raw_items()}
        return Reply(refused.response.status_code, headers, bytes(refused.response.body))
    except ConnectionClosed as closed:
        return Reply(1006 if closed.rcvd is None else closed.rcvd.code, {}, b"")


def _headers(ask: Ask) -> list[str]:
    given = {**ask.headers, **({} if ask.who is None else {"X-Who": ask.who})}
    return [f"{name}: {value}" for name, value in given.items()]
