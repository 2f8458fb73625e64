"""An application behind a real WSGI server, in a process of its own.

with served("gunicorn", "flask", directory) as exchange:
    reply = exchange(Ask("/gated", "one"))
    exchange(Ask("/tests/ran"))               # which bodies ran, as JSON; and forgotten
    exchange(Ask("/tests/revoke"))            # from here on, one holds nothing, and nobody was told
    exchange(Ask("/tests/restore"))           # as it was, and everybody was told
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from web_exchange import header_lines

from entitlements.testing.gate_contract import Reply, Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from entitlements.testing.gate_contract import Ask

__all__ = ["build", "served"]

_PATIENCE = 20.0


def build(framework: str) -> WSGIApplication:
    """Make an application with the pages that the tests visit, and two to look behind the scenes."""
    shop = Shop()
    app = (_flask if framework == "flask" else _bare)(shop)

    def watched(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith("/tests/"):
            return app(environ, start_response)
        if environ["PATH_INFO"] == "/tests/revoke":
            shop.held["cus_one"] = set()
        if environ["PATH_INFO"] == "/tests/restore":
            shop.held["cus_one"] = {"exports"}
            shop.ents.invalidate("cus_one")
        ran = json.dumps(shop.ran).encode()
        shop.ran.clear()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(ran)))])
        return [ran]

    return watched


def _flask(shop: Shop) -> WSGIApplication:
    from web_flask import shop_app

    kinds = {"/gated": "def", "/gated/report": "blueprint", "/async": "async def", "/class": "MethodView"}
    pages = [shop.endpoint(path, kind, methods=("GET", "POST")) for path, kind in kinds.items()]
    stream = shop.endpoint("/stream", "stream_with_context")
    hidden = shop.endpoint("/hidden", "def", options={"hide": True})
    return shop_app(shop, [*pages, stream, hidden], upgrade_url="/pricing")


def _bare(shop: Shop) -> WSGIApplication:
    from web_bare import bare_app

    kinds = {"/gated": "def", "/gated/report": "generator", "/async": "within a body", "/class": "object"}
    pages = [shop.endpoint(path, kind) for path, kind in kinds.items()]
    stream = shop.endpoint("/stream", "stream")
    hidden = shop.endpoint("/hidden", "def", options={"hide": True})
    return bare_app(shop, [*pages, stream, hidden], upgrade_url="/pricing")


@contextmanager
def served(server: str, framework: str, directory: Path) -> Iterator[Callable[[Ask], Reply]]:
    """Start a server on a port that is open already, and leave nothing of it behind."""
    support = str(Path(__file__).parent)
    paths = os.pathsep.join(filter(None, (support, os.environ.get("PYTHONPATH"))))
    with socket.create_server(("127.0.0.1", 0)) as listener, (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *_COMMANDS[server](listener.fileno(), framework)],
            env={**os.environ, "PYTHONPATH": paths},
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=log,
        )
        try:
            yield lambda ask: _exchanged(listener.getsockname()[1], ask)
        finally:
            process.terminate()
            process.wait(_PATIENCE)


_WAITRESS = """
import socket, waitress, web_served
waitress.serve(web_served.build("{framework}"), sockets=[socket.socket(fileno={fd})], threads=4)
"""
_COMMANDS: dict[str, Callable[[int, str], list[str]]] = {
    # one process, so that what ran is known in one place; threads, as in production
    "gunicorn": lambda fd, framework: [
        *("-m", "gunicorn", "--bind", f"fd://{fd}", "--no-control-socket"),
        *("--worker-class", "gthread", "--threads", "4", f"web_served:build('{framework}')"),
    ],
    "waitress": lambda fd, framework: ["-c", _WAITRESS.format(fd=fd, framework=framework)],
}


def _exchanged(port: int, ask: Ask) -> Reply:
    """Say a request byte by byte: clients of some quality refuse to say what they shouldn't."""
    lines = {"Host": "shop.example", "Connection": "close", **header_lines(ask)}
    if "Transfer-Encoding" not in lines:
        lines["Content-Length"] = str(len(ask.body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        connection.sendall(f"{ask.method} {ask.path} HTTP/1.1\r\n{head}\r\n".encode() + ask.body)
        response = http.client.HTTPResponse(connection, method=ask.method)
        try:
            response.begin()
            body = response.read()
        except http.client.HTTPException as error:  # what is no HTTP needn't be answered in it
            return Reply(0, {}, str(error).encode())
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
