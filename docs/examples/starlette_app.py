"""A site whose live prices are for Pro: `python docs/examples/starlette_app.py`, and open the address that it prints.

Stripe is the emulator, on this machine; with a real key in its place, nothing else changes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from entitlements import Entitlements
from entitlements.emulator import StripeEmulator
from entitlements.web.starlette import install, requires_feature, webhook_route

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request
    from starlette.websockets import WebSocket

CATALOG = {
    "features": {"prices": "Prices", "live": "Live prices"},
    "products": {"pro": {"name": "Pro", "features": ["prices", "live"], "price": 2900}},
}
USERS = {"alice": "cus_alice", "bob": "cus_bob"}  # your users, and whom Stripe knows them as
HOME = (
    '<p>Sign in: <a href="/sign-in/alice">alice</a>, <a href="/sign-in/bob">bob</a>. Then: <a href="/prices">prices</a>'
)
PRICING = '<h1>Pro</h1><form action="/buy" method="post"><button>Buy</button></form>'


def customer_of(connection: HTTPConnection) -> str | None:
    return USERS.get(connection.cookies.get("user", ""))  # in your application: a session that can't be forged


@requires_feature("prices")
class Prices(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return JSONResponse({"tea": 4, "coffee": 5})


@requires_feature("live")  # refused at the handshake, and closed when it ends
class Live(WebSocketEndpoint):
    encoding = "text"

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        await websocket.send_text(f"{data}: 4")


async def home(request: Request) -> Response:
    return HTMLResponse(HOME)


async def sign_in(request: Request) -> Response:
    response = RedirectResponse("/", 303)
    response.set_cookie("user", request.path_params["user"], httponly=True)
    return response


async def pricing(request: Request) -> Response:
    return HTMLResponse(PRICING)


def create_app(ents: Entitlements, stripe: StripeEmulator) -> Starlette:
    def buy(request: Request) -> Response:
        customer = USERS[request.cookies["user"]]
        stripe.subscribe(customer, "pro")  # in your application: Stripe Checkout, which comes back to a page like this
        ents.refresh(customer)  # so that the next page has it, should the webhook come later
        return RedirectResponse("/prices", 303)

    app = Starlette(
        routes=[
            Route("/", home),
            Route("/prices", Prices),
            WebSocketRoute("/live", Live),
            Route("/pricing", pricing),
            Route("/buy", buy, methods=["POST"]),
            Route("/sign-in/{user}", sign_in),
            webhook_route(ents),
        ]
    )
    install(app, ents, customer_of, upgrade_url="/pricing")
    return app


def main() -> None:
    port = int(os.environ.get("PORT", "8000"))
    with StripeEmulator(catalog=CATALOG) as stripe:
        for customer in USERS.values():
            stripe.customer(customer)
        secret = stripe.webhook(f"http://127.0.0.1:{port}/stripe/webhook")
        with Entitlements(stripe.api_key, api_base=stripe.url, webhook_secrets=[secret]) as ents:
            print(f"the site: http://127.0.0.1:{port}/   its Stripe: {stripe.url}", flush=True)
            uvicorn.run(create_app(ents, stripe), port=port, log_level="warning")


if __name__ == "__main__":
    main()
