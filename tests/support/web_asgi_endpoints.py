"""Endpoints of a GateContract as bare ASGI applications, one maker for each kind, gated by the core's decorator.

app = asgi_app(shop, endpoints, mount="/mounted", path="/stripe/webhook", upgrade_url="/pricing")
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from entitlements import requires_feature
from entitlements.web.asgi import EntitlementsMiddleware, webhook_endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from entitlements.testing import Endpoint, Shop
    from entitlements.web.asgi_types import ASGIApp, Receive, Scope, Send

__all__ = ["KINDS", "asgi_app"]

_TEXT = [(b"content-type", b"text/plain")]


def _function(endpoint: Endpoint, gate: Callable[[Any], Any]) -> ASGIApp:
    @gate
    async def text() -> bytes:
        return endpoint.run().encode()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, 200, await text())

    return app


def _threaded(endpoint: Endpoint, gate: Callable[[Any], Any]) -> ASGIApp:
    @gate
    def text() -> bytes:
        return endpoint.run().encode()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, 200, await asyncio.to_thread(text))

    return app


def _whole(endpoint: Endpoint, gate: Callable[[Any], Any]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, 200, endpoint.run().encode())

    gated: ASGIApp = gate(app)
    return gated


def _stream(endpoint: Endpoint, gate: Callable[[Any], Any]) -> ASGIApp:
    @gate
    async def steps() -> AsyncIterator[bytes]:
        for step in endpoint.steps():
            yield step.encode()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        stepping = steps()
        first = await anext(stepping)  # before the response begins: a refusal here can still become one
        await send({"type": "http.response.start", "status": 200, "headers": _TEXT})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        async for step in stepping:
            await send({"type": "http.response.body", "body": step, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


def _websocket(endpoint: Endpoint, gate: Callable[[Any], Any]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": endpoint.run()})

    gated: ASGIApp = gate(app)
    return gated


async def _answer(send: Send, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _TEXT})
    await send({"type": "http.response.body", "body": body})


KINDS: dict[str, Callable[[Endpoint, Callable[[Any], Any]], ASGIApp]] = {
    "async def": _function,
    "def": _threaded,
    "application": _whole,
    "stream": _stream,
    "websocket": _websocket,
}


def asgi_app(shop: Shop, endpoints: list[Endpoint], mount: str, path: str, **said: Any) -> ASGIApp:
    gates = {each.path: requires_feature(*each.features, **each.options) for each in endpoints}
    apps = {each.path: KINDS[each.kind](each, gates[each.path]) for each in endpoints}
    methods = {each.path: {*each.methods, "HEAD"} for each in endpoints}

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        where = scope["path"].removeprefix(mount)
        if where not in apps:
            await _answer(send, 404, b"nothing here")
        elif scope["type"] == "http" and scope["method"] not in methods[where]:
            await _answer(send, 405, b"")
        else:
            await apps[where](scope, receive, send)

    site = EntitlementsMiddleware(routed, shop.ents, lambda scope: shop.customer(_who(scope)), **said)
    hook = webhook_endpoint(shop.ents)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for done in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{done}.complete"})
        else:
            await (hook if scope["path"] == path else site)(scope, receive, send)

    return app


def _who(scope: Scope) -> str | None:
    return dict(scope["headers"]).get(b"x-who", b"").decode() or None
