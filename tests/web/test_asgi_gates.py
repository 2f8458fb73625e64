from __future__ import annotations

from contextlib import contextmanager

from web_asgi import exchanging
from web_asgi_endpoints import KINDS, asgi_app
from web_uvicorn import over_uvicorn

from entitlements.testing import GateContract


class TestASGI(GateContract):
    """The bare middleware around applications that use the core's decorator."""

    kinds = tuple(KINDS)
    mounts = ("", "/mounted/here")
    hides_as_its_own = False
    client = staticmethod(exchanging)

    @contextmanager
    def serve(self, shop, endpoints, *, mount="", **said):
        with self.client(asgi_app(shop, endpoints, mount, self.webhook, **said)) as exchange:
            yield exchange


class TestOverUvicorn(TestASGI):
    """The same over the wire, by a real server and real clients."""

    kinds = ("async def", "stream", "websocket")
    mounts = ("/mounted",)
    client = staticmethod(over_uvicorn)
