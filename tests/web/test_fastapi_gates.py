from __future__ import annotations

from contextlib import contextmanager

import pytest
from web_asgi import exchanging
from web_fastapi import KINDS, fastapi_app
from web_starlette import customer_of
from web_uvicorn import over_uvicorn

from entitlements.testing import GateContract
from entitlements.web.fastapi import EntitlementsMiddleware, install


class TestInstalled(GateContract):
    """An application that called `install`, its path operations gated in every way there is."""

    kinds = tuple(KINDS)
    mounts = ("", "/prefix", "/sub")

    client = staticmethod(exchanging)

    @contextmanager
    def serve(self, shop, endpoints, *, mount="", **said):
        app = fastapi_app(shop, endpoints, mount, self.webhook)
        self.guard(app, shop, said)
        with self.client(app) as exchange:
            yield exchange

    def guard(self, app, shop, said):
        install(app, shop.ents, customer_of(shop), **said)


@pytest.mark.soak
class TestMiddlewareAlone(TestInstalled):
    """An application that was given the middleware and nothing else."""

    def guard(self, app, shop, said):
        app.add_middleware(EntitlementsMiddleware, entitlements=shop.ents, customer=customer_of(shop), **said)


class TestOverUvicorn(TestInstalled):
    """The same over the wire, by a real server and real clients."""

    kinds = ("async def", "stream", "websocket")
    mounts = ("/sub",)
    client = staticmethod(over_uvicorn)
