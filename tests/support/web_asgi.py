"""An ASGI server of one request or WebSocket.

reply = asyncio.run(call(app, path="/report", accept="text/html"))
sent = asyncio.run(connect(app, "one message"))
with exchanging(app) as exchange: ...     # what a GateContract asks for
"""

from __future__ import annotations

import asyncio
import string
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from web_reply import Reply

from entitlements.testing import Reply as Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from entitlements.testing import Ask
    from entitlements.web.asgi_types import ASGIApp, Message

__all__ = ["Talk", "call", "connect", "exchanging", "http_scope", "websocket_scope"]


class Talk:
    """What comes in, in order, and what went out; when nothing more comes, receiving waits for ever."""

    def __init__(self, *incoming: Message) -> None:
        self.incoming = list(incoming)
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if not self.incoming:
            await asyncio.Event().wait()
        return self.incoming.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def reply(self, kind: str = "http.response") -> Reply:
        start, *rest = self.sent
        assert start["type"] == f"{kind}.start"
        assert {message["type"] for message in rest} == {f"{kind}.body"}
        assert not rest[-1].get("more_body", False)
        headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
        assert all(name == name.lower() for name, _ in headers)
        return Reply.of(start["status"], headers, b"".join(message.get("body", b"") for message in rest))


def http_scope(
    path: str = "/",
    method: str = "GET",
    query: str = "",
    accept: str = "",
    headers: Iterable[tuple[bytes, bytes]] = (),
    **more: object,
) -> dict[str, Any]:
    given = [(b"host", b"app.example"), (b"accept", accept.encode()), *headers]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path}
    return {**scope, "query_string": query.encode(), "root_path": "", "headers": given, **more}


def websocket_scope(path: str = "/live", **more: Any) -> dict[str, Any]:
    scope = http_scope(path, accept="text/html", **more)
    del scope["method"]
    return {**scope, "type": "websocket", "subprotocols": []}


async def call(app: ASGIApp, *, chunks: Iterable[bytes] = (b"",), **request: Any) -> Reply:
    """Do one request to its end."""
    *first, last = chunks
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in first]
    talk = Talk(*messages, {"type": "http.request", "body": last, "more_body": False})
    await app(http_scope(**request), talk.receive, talk.send)
    return talk.reply()


async def connect(
    app: Callable[..., Awaitable[None]], *texts: str, tells: bool = False, gone: bool = False
) -> list[Message]:
    """Open a WebSocket and say some things; give what came back. `tells`: the server can refuse with a response."""
    scope = websocket_scope(extensions={"websocket.http.response": {}} if tells else None)
    said: list[Message] = [{"type": "websocket.receive", "text": text} for text in texts]
    left: list[Message] = [{"type": "websocket.disconnect", "code": 1001}] if gone else []
    talk = Talk({"type": "websocket.connect"}, *said, *left)
    await app(scope, talk.receive, talk.send)
    return talk.sent


@contextmanager
def exchanging(app: ASGIApp) -> Iterator[Callable[[Ask], Answer]]:
    """Exchange requests for replies with an application, its errors passed on."""
    yield lambda ask: asyncio.run(_opened(app, ask) if ask.method == "WEBSOCKET" else _answered(app, ask))


async def _answered(app: ASGIApp, ask: Ask) -> Answer:
    reply = await call(app, chunks=[ask.body], method=ask.method, headers=_headers(ask), **_target(ask))
    return Answer(reply.status, reply.headers, b"" if ask.method == "HEAD" else reply.body)


async def _opened(app: ASGIApp, ask: Ask) -> Answer:
    talk = Talk({"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001})
    scope = websocket_scope(extensions={"websocket.http.response": {}}, headers=_headers(ask), **_target(ask))
    await app(scope, talk.receive, talk.send)
    first, *rest = talk.sent
    if first["type"] == "websocket.http.response.start":
        reply = talk.reply("websocket.http.response")
        return Answer(reply.status, reply.headers, reply.body)
    closed = [message["code"] for message in talk.sent if message["type"] == "websocket.close"]
    return Answer(closed[0] if closed else 101, {}, b"" if closed else rest[0]["text"].encode())


def _headers(ask: Ask) -> list[tuple[bytes, bytes]]:
    given = {**ask.headers, **({} if ask.who is None else {"X-Who": ask.who})}
    return [(name.lower().encode(), value.encode()) for name, value in given.items()]


def _target(ask: Ask) -> dict[str, Any]:
    """Read a request's target as servers do."""
    raw, _, query = quote(ask.path, safe=string.punctuation).partition("?")
    return {"path": unquote(raw), "raw_path": raw.encode(), "query": query}
