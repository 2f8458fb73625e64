"""What type checkers see of Starlette's integration: the signatures that were written. Checked, and never run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, assert_type

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from entitlements import Entitlements, EntitlementsUnavailable, FeatureRequired
from entitlements.web.starlette import (
    EntitlementsMiddleware,
    exception_handlers,
    install,
    requires_feature,
    webhook_route,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.requests import HTTPConnection, Request
    from starlette.websockets import WebSocket

ents = Entitlements("sk_test_123", webhook_secrets=["whsec_123"])


def customer(connection: HTTPConnection) -> str | None:
    return connection.headers.get("x-user")


async def acustomer(connection: HTTPConnection) -> object:
    return connection.user


@requires_feature("exports")
def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("page")


@requires_feature("exports", "sso", customer=acustomer, hide=True)
async def apage(request: Request, year: int = 2024) -> Response:
    return Response(str(year))


@requires_feature(any_of=["exports", "sso"], customer=customer)
async def steps(request: Request) -> AsyncIterator[bytes]:
    yield b"step"


@requires_feature("exports", otherwise=apage)
class Page(HTTPEndpoint):
    @requires_feature("sso")
    async def post(self, request: Request) -> Response:
        return Response()


@requires_feature("live")
class Live(WebSocketEndpoint):
    pass


@requires_feature("live")
async def live(websocket: WebSocket) -> None:
    await websocket.accept()


def answer(error: FeatureRequired | EntitlementsUnavailable, connection: HTTPConnection) -> Response | None:
    return PlainTextResponse(str(error)) if isinstance(error, FeatureRequired) else None


assert_type(Page, type[Page])
assert_type(Live, type[Live])


async def calls(request: Request) -> None:
    assert_type(page(request), PlainTextResponse)
    assert_type(await apage(request, year=2025), Response)
    later: Coroutine[Any, Any, Response] = apage(request)
    later.close()
    assert_type(steps(request), AsyncIterator[bytes])


app = Starlette(
    routes=[Route("/", page), Route("/class", Page), WebSocketRoute("/live", live), webhook_route(ents)],
    middleware=[Middleware(EntitlementsMiddleware, entitlements=ents, customer=acustomer, handler=answer)],
    exception_handlers=exception_handlers,
)
install(app, ents, customer, upgrade_url="/pricing", handler=answer)
install(app, ents, lambda request: request.user, status=403, preload=True)
