from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.routing import Mount, Route, WebSocketRoute

from entitlements.audit import audit
from entitlements.web.fastapi import RequiresFeature, webhook_router
from entitlements.web.starlette import requires_feature


def gates(app):
    """List what an audit says of an application's own routes."""
    found = audit(app)
    assert (found.mistakes, found.unseen) == ((), ())
    own = [route for route in found.routes if not route.endpoint.startswith("fastapi.")]
    return {str(route): [str(need) for need in route.gates] for route in own}


def test_an_audit_reads_starlette_s_gates():
    """What gates a function, a class, a subclass of it and each method is what the audit says."""

    @requires_feature("whole")
    class Page(HTTPEndpoint):
        @requires_feature("method")
        async def get(self, request): ...

        async def post(self, request): ...

    class More(Page):
        pass

    @requires_feature("first")
    @requires_feature("second")
    async def page(request): ...

    live = requires_feature("live")(type("Live", (WebSocketEndpoint,), {}))
    routes = [Route("/page", page), Mount("/in", routes=[Route("/class", More), WebSocketRoute("/live", live)])]
    assert gates(Starlette(routes=routes)) == {
        "GET /page": ["first", "second"],
        "GET /in/class": ["whole", "method"],
        "POST /in/class": ["whole"],
        "WEBSOCKET /in/live": ["live"],
    }


def test_an_audit_reads_fastapi_s_gates():
    """Gates of the application, of an inclusion, of routers and of parameters are found, in their order."""
    app = FastAPI(dependencies=[RequiresFeature("application")])
    outer, inner = APIRouter(), APIRouter(dependencies=[RequiresFeature("router")])

    @inner.get("/page")
    async def page(decision: Annotated[object, RequiresFeature("parameter")]): ...

    @inner.websocket("/live")
    async def live(websocket: WebSocket): ...

    outer.include_router(inner, prefix="/inner", dependencies=[RequiresFeature("inclusion")])
    app.include_router(outer, prefix="/outer")
    app.add_api_route("/own", lambda: None, dependencies=[RequiresFeature(any_of=["own", "other"])])
    assert gates(app) == {
        "GET /outer/inner/page": ["application", "inclusion", "router", "parameter"],
        "WEBSOCKET /outer/inner/live": ["application", "inclusion", "router"],
        "GET /own": ["application", "own or other"],
    }


def test_the_webhook_s_route_is_seen_and_has_no_gate():
    """The audit lists the webhook among the routes that an application's own dependencies don't gate."""
    from entitlements import Entitlements

    app = FastAPI(dependencies=[RequiresFeature("application")])
    with Entitlements("sk_test_123", webhook_secrets=["whsec_123"]) as ents:
        app.include_router(webhook_router(ents), prefix="/v1")
    assert gates(app) == {"any /v1/stripe/webhook": []}
