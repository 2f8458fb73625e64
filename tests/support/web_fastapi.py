"""Endpoints of a GateContract in FastAPI's words, one maker for each way to gate them.

app = fastapi_app(shop, endpoints, mount="/sub", path="/stripe/webhook")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

from entitlements import Decision, requires_feature
from entitlements.web.fastapi import RequiresFeature, exception_handlers, webhook_router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from entitlements.testing import Endpoint, Shop

__all__ = ["KINDS", "fastapi_app", "router_of"]

Text = PlainTextResponse


def _gate(endpoint: Endpoint) -> RequiresFeature:
    return RequiresFeature(*endpoint.features, **endpoint.options)


def _coroutine(router: APIRouter, endpoint: Endpoint) -> None:
    async def page() -> str:
        return endpoint.run()

    _add(router, endpoint, page, dependencies=[_gate(endpoint)])


def _function(router: APIRouter, endpoint: Endpoint) -> None:
    def page() -> str:
        return endpoint.run()

    _add(router, endpoint, page, dependencies=[_gate(endpoint)])


def _annotated(router: APIRouter, endpoint: Endpoint) -> None:
    gate = _gate(endpoint)

    async def page(decision: Annotated[Decision, gate]) -> str:
        assert decision
        return endpoint.run()

    page.__annotations__["decision"] = Annotated[Decision, gate]  # as it is where annotations aren't strings
    _add(router, endpoint, page)


def _nested(router: APIRouter, endpoint: Endpoint) -> None:
    """Gate a router that is included in one that is."""
    inner, outer = APIRouter(dependencies=[_gate(endpoint)]), APIRouter()

    def page() -> str:
        return endpoint.run()

    _add(inner, endpoint, page)
    outer.include_router(inner)
    router.include_router(outer)


def _including(router: APIRouter, endpoint: Endpoint) -> None:
    inner = APIRouter()

    async def page() -> str:
        return endpoint.run()

    _add(inner, endpoint, page)
    router.include_router(inner, dependencies=[_gate(endpoint)])


def _decorated(router: APIRouter, endpoint: Endpoint) -> None:
    @requires_feature(*endpoint.features, **endpoint.options)
    async def page() -> str:
        return endpoint.run()

    _add(router, endpoint, page)


def _stream(router: APIRouter, endpoint: Endpoint) -> None:
    async def page() -> StreamingResponse:
        async def steps() -> AsyncIterator[str]:
            for step in endpoint.steps():
                yield step

        return StreamingResponse(steps(), media_type="text/plain")

    _add(router, endpoint, page, dependencies=[_gate(endpoint)])


def _websocket(router: APIRouter, endpoint: Endpoint) -> None:
    @router.websocket(endpoint.path, dependencies=[_gate(endpoint)])
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(endpoint.run())


def _add(router: APIRouter, endpoint: Endpoint, page: Callable[..., Any], **more: Any) -> None:
    router.add_api_route(endpoint.path, page, methods=list(endpoint.methods), response_class=Text, **more)


KINDS: dict[str, Callable[[APIRouter, Endpoint], None]] = {
    "async def": _coroutine,
    "def": _function,
    "annotated": _annotated,
    "router": _nested,
    "including": _including,
    "decorated": _decorated,
    "stream": _stream,
    "websocket": _websocket,
}


def router_of(endpoints: list[Endpoint]) -> APIRouter:
    router = APIRouter()
    for endpoint in endpoints:
        KINDS[endpoint.kind](router, endpoint)
    return router


def fastapi_app(shop: Shop, endpoints: list[Endpoint], mount: str, path: str) -> FastAPI:
    """Make an application; under "/sub" its endpoints are those of another, with errors of its own."""
    app, router = FastAPI(), router_of(endpoints)
    if mount == "/sub":
        # The core's decorator leaves its refusal to whoever answers errors; FastAPI's gate brings that with it.
        decorated = any(endpoint.kind == "decorated" for endpoint in endpoints)
        sub = FastAPI(exception_handlers=dict(exception_handlers) if decorated else None)
        sub.include_router(router)
        app.mount(mount, sub)
    else:
        app.include_router(router, prefix=mount)
    app.include_router(webhook_router(shop.ents, path))
    return app
