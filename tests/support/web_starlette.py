"""Endpoints of a GateContract in Starlette's words, one maker for each kind.

route = route_of(endpoint)                # a Route or WebSocketRoute, gated by `requires_feature`
app = starlette_app(shop, endpoints, mount="/sub", path="/stripe/webhook")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from entitlements.web.starlette import requires_feature, webhook_route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import HTTPConnection, Request
    from starlette.websockets import WebSocket

    from entitlements.testing import Endpoint, Shop

__all__ = ["KINDS", "customer_of", "route_of", "starlette_app"]


def _function(endpoint: Endpoint, gate: Callable[[Any], Any]) -> BaseRoute:
    @gate
    def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(endpoint.run())

    return Route(endpoint.path, page, methods=endpoint.methods)


def _coroutine(endpoint: Endpoint, gate: Callable[[Any], Any]) -> BaseRoute:
    @gate
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(endpoint.run())

    return Route(endpoint.path, page, methods=endpoint.methods)


def _class(endpoint: Endpoint, gate: Callable[[Any], Any]) -> BaseRoute:
    async def answer(self: HTTPEndpoint, request: Request) -> PlainTextResponse:
        return PlainTextResponse(endpoint.run())

    methods = {method.lower(): answer for method in endpoint.methods}
    return Route(endpoint.path, gate(type("Page", (HTTPEndpoint,), methods)))


def _method(endpoint: Endpoint, gate: Callable[[Any], Any]) -> BaseRoute:
    @gate
    async def answer(self: HTTPEndpoint, request: Request) -> PlainTextResponse:
        return PlainTextResponse(endpoint.run())

    return Route(endpoint.path, type("Page", (HTTPEndpoint,), {name.lower(): answer for name in endpoint.methods}))


def _plain_method(endpoint: Endpoint, gate: Callable[[Any], Any]) -> BaseRoute:
    @gate
    def answer(self: HTTPEndpoint, request: Request) -> PlainTextResponse:
        return PlainTextResponse(endpoint.run())

    return Route(endpoint.path, type("Page", (HTTPEndpoint,), {name.lower(): answer for name in endpoint.methods}))


def _stream(endpoint: Endpoint, gate: Callable[[Any], Any]) -> BaseRoute:
    @gate
    async def page(request: Request) -> StreamingResponse:
        async def steps() -> AsyncIterator[str]:
            for step in endpoint.steps():
                yield step

        return StreamingResponse(steps(), media_type="text/plain")

    return Route(endpoint.path, page, methods=endpoint.methods)


def _websocket(endpoint: Endpoint, gate: Callable[[Any], Any]) -> BaseRoute:
    @gate
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(endpoint.run())

    return WebSocketRoute(endpoint.path, talk)


KINDS: dict[str, Callable[[Endpoint, Callable[[Any], Any]], BaseRoute]] = {
    "async def": _coroutine,
    "def": _function,
    "class": _class,
    "async method": _method,
    "method": _plain_method,
    "stream": _stream,
    "websocket": _websocket,
}


def route_of(endpoint: Endpoint) -> BaseRoute:
    return KINDS[endpoint.kind](endpoint, requires_feature(*endpoint.features, **endpoint.options))


def customer_of(shop: Shop) -> Callable[[HTTPConnection], object]:
    return lambda connection: shop.customer(connection.headers.get("X-Who"))


def starlette_app(shop: Shop, endpoints: list[Endpoint], mount: str, path: str) -> Starlette:
    """Make an application; under "/sub" its endpoints are those of another, with middleware and errors of its own."""
    routes = [route_of(endpoint) for endpoint in endpoints]
    if mount == "/sub":
        routes = [Mount(mount, Starlette(routes=routes))]
    elif mount:
        routes = [Mount(mount, routes=routes)]
    return Starlette(routes=[*routes, webhook_route(shop.ents, path)])
