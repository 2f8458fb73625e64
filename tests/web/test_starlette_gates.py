from __future__ import annotations

from contextlib import contextmanager

import pytest
from starlette.middleware import Middleware
from web_asgi import exchanging
from web_starlette import KINDS, customer_of, starlette_app
from web_uvicorn import over_uvicorn

from entitlements.testing import GateContract
from entitlements.web.starlette import EntitlementsMiddleware, install


class TestInstalled(GateContract):
    """An application that called `install`."""

    kinds = tuple(KINDS)
    mounts = ("", "/mounted", "/sub")

    client = staticmethod(exchanging)

    @contextmanager
    def serve(self, shop, endpoints, *, mount="", **said):
        app = starlette_app(shop, endpoints, mount, self.webhook)
        self.guard(app, shop, said)
        with self.client(app) as exchange:
            yield exchange

    def guard(self, app, shop, said):
        install(app, shop.ents, customer_of(shop), **said)


@pytest.mark.soak
class TestMiddlewareAlone(TestInstalled):
    """An application that was given the middleware, and forgot the exception handlers."""

    def guard(self, app, shop, said):
        app.user_middleware = [Middleware(EntitlementsMiddleware, shop.ents, customer_of(shop), **said)]


@pytest.mark.soak
class TestAround(TestInstalled):
    """An application that was wrapped as a whole, so that its own answer to an error comes before the middleware's."""

    @contextmanager
    def serve(self, shop, endpoints, *, mount="", **said):
        app = starlette_app(shop, endpoints, mount, self.webhook)
        with self.client(EntitlementsMiddleware(app, shop.ents, customer_of(shop), **said)) as exchange:
            yield exchange


class TestOverUvicorn(TestInstalled):
    """The same over the wire, by a real server and real clients."""

    kinds = ("async def", "stream", "websocket")
    mounts = ("/sub",)
    client = staticmethod(over_uvicorn)
