from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import subprocess
import sys
import time

import pytest
from web_servers import asgi_server, ask, wsgi_server
from web_shelf import Shelf

from entitlements import Entitlements, requires_feature
from entitlements.bound import bound_view
from entitlements.web import asgi, wsgi

HTML = "text/html,*/*;q=0.8"
TYPE = ("Content-Type", "text/plain")
EVENT = json.dumps(
    {
        "id": "evt_1",
        "type": "entitlements.active_entitlement_summary.updated",
        "livemode": False,
        "data": {"object": {"customer": "cus_1"}},
    }
).encode()


@requires_feature("exports")
def row(number):
    return b"%d\n" % number


@requires_feature("exports")
async def arow(number):
    return b"%d\n" % number


def wsgi_app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/unbound":  # served on the same thread as all before: whatever they left behind would be seen
        start_response("200 OK", [TYPE])
        return [b"bound" if environ["unbound"] is not None else b"unbound"]
    if path == "/breaks":
        start_response("200 OK", [TYPE, ("Content-Length", "100")])
        return (chunk() for chunk in [lambda: b"begun\n", lambda: row(1)])
    start_response("200 OK", [TYPE])
    return (row(number) for number in range(3))


async def asgi_app(scope, receive, send):
    if scope["type"] == "lifespan":
        for done in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{done}.complete"})
        return
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
    if scope["path"] == "/breaks":
        await send(start)
        await send({"type": "http.response.body", "body": b"begun\n", "more_body": True})
        await arow(1)
    first = await arow(0)
    await send(start)
    await send({"type": "http.response.body", "body": first, "more_body": True})
    for number in (1, 2):
        await send({"type": "http.response.body", "body": await arow(number), "more_body": True})
    await send({"type": "http.response.body"})


def served_by_wsgi(ents):
    site = wsgi.EntitlementsMiddleware(
        wsgi_app, ents, lambda environ: environ.get("HTTP_X_USER"), upgrade_url="/pricing"
    )
    hook = wsgi.webhook_endpoint(ents)

    def app(environ, start_response):
        environ["unbound"] = bound_view()
        return (hook if environ["PATH_INFO"] == "/stripe" else site)(environ, start_response)

    return wsgi_server(app)


def served_by_asgi(ents):
    def user(scope):
        return dict(scope["headers"]).get(b"x-user", b"").decode() or None

    site = asgi.EntitlementsMiddleware(asgi_app, ents, user, upgrade_url="/pricing")
    hook = asgi.webhook_endpoint(ents)

    async def app(scope, receive, send):
        await (hook if scope.get("path") == "/stripe" else site)(scope, receive, send)

    return asgi_server(app)


servers = pytest.mark.parametrize("serve", [served_by_wsgi, served_by_asgi])


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf, webhook_secrets=["whsec_test"]) as ents:
        yield ents


def signed(body):
    stamp = int(time.time())
    digest = hmac.new(b"whsec_test", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={digest}", "Content-Type": "application/json"}


@servers
def test_a_real_server_sends_each_answer(serve, ents, shelf):
    """Through a real server: streamed, refused, redirected, nobody, HEAD, a form, and cannot tell."""
    with serve(ents) as port:

        def status(user=None, method="GET", accept="*/*"):
            headers = {"Accept": accept, **({"X-User": user} if user else {})}
            return ask(port, "/rows", method, headers=headers).status

        page = ask(port, "/rows", headers={"X-User": "cus_1"})
        assert (page.status, page.body) == (200, b"0\n1\n2\n")
        assert page.headers["cache-control"] == "private, no-store"
        refusal = ask(port, "/rows", headers={"X-User": "cus_2"})
        assert refusal.problem["reason"] == "not_entitled"
        head = ask(port, "/rows", "HEAD", headers={"X-User": "cus_2"})
        assert (head.status, head.body, head.headers["content-length"]) == (402, b"", refusal.headers["content-length"])
        away = ask(port, "//evil.example/rows?x=1", headers={"X-User": "cus_2", "Accept": HTML})
        assert away.status == 303
        assert away.headers["location"].startswith("/pricing?feature=exports")
        assert "next=%2F%2F" not in away.headers["location"]  # some servers make one slash of the two
        back = ask(port, "/rows?x=1", headers={"X-User": "cus_2", "Accept": HTML})
        assert back.headers["location"] == "/pricing?feature=exports&next=%2Frows%3Fx%3D1"
        assert status("cus_2", "POST", HTML) == 402
        assert status(accept=HTML) == 403
        shelf.failing = True
        assert status("cus_3", accept=HTML) == 503


@servers
def test_a_stream_refused_midway_is_seen_to_break(serve, ents, capfd):
    """R19: once bytes are out, a refusal breaks the connection, so that nobody takes the part for the whole."""
    with serve(ents) as port, pytest.raises(http.client.IncompleteRead) as broken:
        ask(port, "/breaks", headers={"X-User": "cus_2"})
    assert broken.value.partial in {b"begun\n", b""}


def test_the_thread_of_a_real_server_is_left_clean(ents, capfd):
    """R36, M22: the one thread that served others, well and badly, has no customer when the next request comes."""
    with served_by_wsgi(ents) as port:
        for user in ("cus_1", "cus_2"):
            ask(port, "/rows", headers={"X-User": user})
            assert ask(port, "/unbound").body == b"unbound"


@servers
def test_a_real_server_hands_over_the_raw_webhook(serve, ents, shelf):
    """R82: an event through a real server is verified on its own bytes, and changes what is answered."""
    with serve(ents) as port:
        assert ents.has_feature("cus_1", "exports")
        shelf.held["cus_1"] = frozenset()
        assert ask(port, "/stripe", "POST", headers=signed(EVENT), body=EVENT).body == b'{"received": true}'
        assert not ents.has_feature("cus_1", "exports")
        assert ask(port, "/stripe", "POST", headers=signed(EVENT), body=EVENT + b" ").status == 400
        assert ask(port, "/stripe", "POST", headers={"Stripe-Signature": "t=1,v1=\xfc"}, body=EVENT).status == 400
        assert ask(port, "/stripe").headers["allow"] == "POST"


def test_a_chunked_webhook_arrives_through_uvicorn(ents):
    """R93: a body sent in chunks, without a length, is read whole, and refused when it is too long."""
    with served_by_asgi(ents) as port:
        pieces = (EVENT[at : at + 7] for at in range(0, len(EVENT), 7))
        assert ask(port, "/stripe", "POST", headers=signed(EVENT), body=pieces).status == 200
        assert ask(port, "/stripe", "POST", headers=signed(b""), body=iter([b"x" * 262_145])).status == 413


@pytest.mark.parametrize(
    ("importing", "absent"),
    [
        ("entitlements", ["entitlements.web", "asyncio", "http"]),
        ("entitlements.web.wsgi", ["entitlements.web.asgi", "asyncio", "requests", "pydantic", "http.client"]),
        ("entitlements.web.asgi", ["entitlements.web.wsgi", "starlette", "uvicorn", "requests", "pydantic"]),
    ],
)
def test_nothing_is_imported_that_is_not_used(importing, absent):
    """Importing the library loads no integration, and an integration no other."""
    code = f"import sys, {importing}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
