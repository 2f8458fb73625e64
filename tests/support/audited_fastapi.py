"""A FastAPI application with every mistake that an audit finds, and what is right beside it."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request  # noqa: TC002 - FastAPI reads annotations
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket  # noqa: TC002 - see above

from entitlements import requires_feature
from entitlements.web import starlette
from entitlements.web.fastapi import RequiresFeature

app = FastAPI(openapi_url=None)
admin = APIRouter(prefix="/admin", dependencies=[RequiresFeature("sso")])


@app.get("/")
async def home() -> None: ...


@requires_feature("exports")
@app.get("/above")
async def above() -> None: ...


@app.get("/right", dependencies=[RequiresFeature("exports")])
async def right() -> None: ...


@app.get("/below")
@requires_feature("exports")
async def below() -> None: ...


@admin.put("/misspelt", dependencies=[RequiresFeature("ssso")])
async def misspelt() -> None: ...


@starlette.requires_feature("exports")
async def page(request: Request) -> Response:
    del request
    return Response()


class Endpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return Response(str(request.url))

    @starlette.requires_feature("sso")
    async def post(self, request: Request) -> Response:
        return Response(str(request.url))


async def bare(request: Request) -> Response:
    del request
    return Response()


async def live(websocket: WebSocket) -> None:
    await websocket.close()


gated_live = starlette.requires_feature("exports")(live)
gated_bare = requires_feature("exports")(bare)  # and the bare one is what the route has

app.include_router(admin)
app.mount(
    "/mounted",
    Starlette(
        routes=[
            Route("/page", page),
            Route("/bare", bare),
            Route("/class", Endpoint),
            WebSocketRoute("/live", gated_live),
        ]
    ),
)
