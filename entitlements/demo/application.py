"""The application that the walk visits: an ordinary one, which has users and guards what it sells with the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from entitlements import requires_feature
from entitlements.demo.cost import measure
from entitlements.demo.site import COST, EXPORTS, HOME, SESSION, WEBHOOK
from entitlements.web.asgi import EntitlementsMiddleware, webhook_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Scope

    from entitlements import Entitlements

__all__ = ["build"]


def build(entitlements: Entitlements, users: Mapping[str, str]) -> ASGIApp:
    """Build the application for its users: their names, and whom Stripe knows them as."""

    def customer(scope: Scope) -> str | None:
        # A real session can't be forged; that the customer is looked up here, and not told by the client, is the point.
        return users.get(Request(scope).cookies.get(SESSION, ""))

    def home(_: Request) -> Response:
        return PlainTextResponse("Data for everybody, exports on Pro.\n")

    @requires_feature("exports")
    async def exports(request: Request) -> Response:
        # The gate has let us in. Asking once more shows what such an answer rests on.
        decision = await entitlements.acheck(customer(request.scope), "exports")
        return JSONResponse({"exports": ["a.csv", "b.csv"], "source": decision.source, "age": decision.age})

    def cost(request: Request) -> Response:
        return JSONResponse(measure(entitlements, customer(request.scope) or "", "exports").as_json())

    return Starlette(
        routes=[
            Route(HOME, home),
            Route(EXPORTS, exports),
            Route(COST, cost),
            Mount(WEBHOOK, webhook_endpoint(entitlements)),
        ],
        middleware=[Middleware(EntitlementsMiddleware, entitlements, customer)],
    )
