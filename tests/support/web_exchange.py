"""Requests of a GateContract, sent to a WSGI application as servers send them.

exchange = exchanging(app)
reply = exchange(Ask("/gated?x=1", "one"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from web_wsgi import call

from entitlements.testing import gate_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from entitlements.testing.gate_contract import Ask

__all__ = ["exchanging", "header_lines", "mounted"]


def exchanging(app: WSGIApplication) -> Callable[[Ask], gate_contract.Reply]:
    """Give what sends a request to an application, and reads the whole of its reply."""

    def exchange(ask: Ask) -> gate_contract.Reply:
        path, _, query = ask.path.partition("?")
        fields = {_variable(name): value for name, value in header_lines(ask).items()}
        raw_path = unquote_to_bytes(path).decode("latin-1")  # as PEP 3333 has it: percent signs are read by the server
        reply = call(app, valid=False, method=ask.method, path=raw_path, query=query, body=ask.body, **fields)
        return gate_contract.Reply(reply.status, reply.headers, reply.body)

    return exchange


def header_lines(ask: Ask) -> dict[str, str]:
    """Give the headers of a request, whoever makes it among them."""
    return {**ask.headers, **({} if ask.who is None else {"X-Who": ask.who})}


def mounted(app: WSGIApplication, prefix: str) -> WSGIApplication:
    """Serve an application under a prefix, as PEP 3333 has it, and nothing anywhere else."""
    if not prefix:
        return app

    def mounting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith(f"{prefix}/"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"nothing is mounted here"]
        return app({**environ, "SCRIPT_NAME": prefix, "PATH_INFO": path.removeprefix(prefix)}, start_response)

    return mounting


def _variable(header: str) -> str:
    name = header.upper().replace("-", "_")
    return name if name in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{name}"
