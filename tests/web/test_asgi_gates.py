from __future__ import annotations

import asyncio
from contextlib import contextmanager

from web_asgi import exchanging
from web_uvicorn import over_uvicorn

from entitlements import requires_feature
from entitlements.testing import GateContract
from entitlements.web.asgi import EntitlementsMiddleware, webhook_endpoint

TEXT = [(b"content-type", b"text/plain")]


async def answer(send, status, *chunks):
    await send({"type": "http.response.start", "status": status, "headers": TEXT})
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def function(gate, endpoint):
    @gate
    async def text():
        return endpoint.run().encode()

    async def app(scope, receive, send):
        await answer(send, 200, await text())

    return app


def threaded(gate, endpoint):
    @gate
    def text():
        return endpoint.run().encode()

    async def app(scope, receive, send):
        await answer(send, 200, await asyncio.to_thread(text))

    return app


def whole(gate, endpoint):
    @gate
    async def app(scope, receive, send):
        await answer(send, 200, endpoint.run().encode())

    return app


def stream(gate, endpoint):
    @gate
    async def steps():
        for step in endpoint.steps():
            yield step.encode()

    async def app(scope, receive, send):
        stepping = steps()
        first = await anext(stepping)  # before the response begins: a refusal here can still become one
        await send({"type": "http.response.start", "status": 200, "headers": TEXT})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        async for step in stepping:
            await send({"type": "http.response.body", "body": step, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


def websocket(gate, endpoint):
    @gate
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": endpoint.run()})

    return app


KINDS = {"async def": function, "def": threaded, "application": whole, "stream": stream, "websocket": websocket}


class TestASGI(GateContract):
    """The bare middleware around applications that use the core's decorator."""

    kinds = tuple(KINDS)
    mounts = ("", "/mounted/here")
    hides_as_its_own = False

    client = staticmethod(exchanging)

    @contextmanager
    def serve(self, shop, endpoints, *, mount="", **said):
        apps = {
            endpoint.path: (
                endpoint,
                KINDS[endpoint.kind](requires_feature(*endpoint.features, **endpoint.options), endpoint),
            )
            for endpoint in endpoints
        }

        async def routed(scope, receive, send):
            endpoint, app = apps.get(scope["path"].removeprefix(mount), (None, None))
            if endpoint is None:
                await answer(send, 404, b"nothing here")
            elif scope["type"] == "http" and scope["method"] not in {*endpoint.methods, "HEAD"}:
                await answer(send, 405)
            else:
                await app(scope, receive, send)

        def customer(scope):
            return shop.customer(dict(scope["headers"]).get(b"x-who", b"").decode() or None)

        site = EntitlementsMiddleware(routed, shop.ents, customer, **said)
        hook = webhook_endpoint(shop.ents)

        async def served(scope, receive, send):
            await (hook if scope["path"] == self.webhook else site)(scope, receive, send)

        with self.client(served) as exchange:
            yield exchange


class TestOverUvicorn(TestASGI):
    """The same over the wire, by a real server and real clients."""

    kinds = ("async def", "stream", "websocket")
    mounts = ("/mounted",)
    client = staticmethod(over_uvicorn)
