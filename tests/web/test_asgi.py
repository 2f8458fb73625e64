from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import copy_context
from types import SimpleNamespace

import pytest
from web_asgi import Talk, call, connect, http_scope, websocket_scope
from web_shelf import Shelf

from entitlements import (
    Entitlements,
    EntitlementsUnavailable,
    FeatureRequired,
    InvalidInput,
    InvalidSettings,
    NotConfigured,
    requires_feature,
)
from entitlements.bound import bound_view
from entitlements.web.asgi import EntitlementsMiddleware

HTML = "text/html,*/*;q=0.8"
PRIVATE = "private, no-store"


async def begin(send, *headers):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), *headers]})


async def finish(send, body):
    await send({"type": "http.response.body", "body": body})


@requires_feature("exports")
async def exports(scope, receive, send):
    await begin(send)
    await finish(send, b"exported")


async def opened(scope, receive, send):
    await begin(send)
    await finish(send, b"open to all")


@requires_feature("exports")
async def rows():
    yield b"one, "
    await asyncio.sleep(0)
    yield b"two"


@requires_feature("exports")
async def allowed_to_export():
    return b"exported"


async def streamed(scope, receive, send):
    """Ask before the response begins, as a handler does that calls a gated generator."""
    stream = rows()
    first = await anext(stream)
    await begin(send)
    await send({"type": "http.response.body", "body": first, "more_body": True})
    async for row in stream:
        await send({"type": "http.response.body", "body": row, "more_body": True})
    await finish(send, b"")


async def refused_later(scope, receive, send):
    await begin(send)
    await finish(send, await allowed_to_export())


async def template(scope, receive, send):
    await begin(send)
    await finish(send, b"yes" if "exports" in scope["entitlements"] else b"no")


async def failing(scope, receive, send):
    await allowed_to_export()
    raise ZeroDivisionError


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf) as ents:
        yield ents


@pytest.fixture
def served(ents):
    def serve(app, customer="cus_1", **options):
        return EntitlementsMiddleware(app, ents, lambda scope: customer, **options)

    return serve


def get(app, **request):
    return asyncio.run(call(app, **request))


# --- four answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "body"), [(exports, b"exported"), (streamed, b"one, two"), (refused_later, b"exported")]
)
def test_who_has_the_feature_gets_the_page(served, app, body):
    """A gate within the middleware asks about the request's customer and lets who may pass."""
    reply = get(served(app))
    assert (reply.status, reply.body) == (200, body)


@pytest.mark.parametrize("app", [exports, streamed])
def test_who_lacks_it_is_told_so(served, app):
    """R19: refused before the response began, a client gets 402 whole, also where a generator was to make the body."""
    reply = get(served(app, "cus_2", upgrade_url="/pricing"))
    assert reply.problem == {
        "type": "urn:entitlements:feature-required",
        "title": "Plan upgrade required",
        "status": 402,
        "detail": "“exports” is not part of the current plan.",
        "feature": "exports",
        "reason": "not_entitled",
        "unlock_with": [],
        "upgrade_url": "/pricing?feature=exports",
    }
    assert (reply.headers["cache-control"], reply.headers["vary"]) == (PRIVATE, "Accept")


def test_a_browser_is_sent_to_the_upgrade_page(served):
    """A person who opens a page is sent to where it can be bought, and back to the same page from there."""
    reply = get(served(exports, "cus_2", upgrade_url="/pricing"), path="/shop/müller", query="y=1", accept=HTML)
    assert (reply.status, reply.headers["location"]) == (
        303,
        "/pricing?feature=exports&next=%2Fshop%2Fm%25C3%25BCller%3Fy%3D1",
    )


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "/\t/evil.example"])
def test_nobody_is_sent_to_another_site(served, path):
    """R17: a path that a browser would read as another host is not returned to."""
    reply = get(served(exports, "cus_2", upgrade_url="/pricing"), path=path, accept=HTML)
    assert reply.headers["location"] == "/pricing?feature=exports"


def test_a_mount_does_not_hide_where_the_request_came_from(served):
    """What routers do to their scope changes neither the method nor the address that the refusal goes by."""

    async def mounting(scope, receive, send):
        scope.update(method="POST", path="/elsewhere", query_string=b"x=1")
        await exports(scope, receive, send)

    reply = get(served(mounting, "cus_2", upgrade_url="/pricing"), path="/here", accept=HTML)
    assert reply.headers["location"] == "/pricing?feature=exports&next=%2Fhere"


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "TRACE", "DELETE", "PROPFIND"])
def test_no_method_passes_the_gate(served, method):
    """R18: whatever the verb, the gated body doesn't run, and only navigation is redirected."""
    reply = get(served(exports, "cus_2", upgrade_url="/pricing"), method=method, accept=HTML)
    assert (reply.status, reply.problem["reason"]) == (402, "not_entitled")


def test_head_has_no_body_and_the_length_of_one(served):
    """R18: HEAD is gated like GET, and answered with its headers."""
    app = served(exports, "cus_2")
    full, head = get(app), get(app, method="HEAD")
    assert (head.status, head.headers, head.body) == (full.status, full.headers, b"")


def test_nobody_is_not_a_customer(served, shelf):
    """A callback that returns None means that nobody is signed in: 403, nothing to buy, nobody asked."""
    reply = get(served(exports, None, upgrade_url="/pricing", preload=True), accept=HTML)
    assert (reply.status, reply.problem["reason"]) == (403, "anonymous")
    assert "unlock_with" not in reply.problem
    assert shelf.fetches == []


def test_who_never_bought_is_refused_without_asking(served, shelf):
    """An account without a Stripe customer is not entitled, and Stripe isn't asked about it."""
    reply = get(served(exports, SimpleNamespace(stripe_customer_id=None), preload=True))
    assert (reply.status, reply.problem["reason"], reply.problem["unlock_with"]) == (402, "no_customer", [])
    assert shelf.fetches == []


@pytest.mark.parametrize("accept", ["", HTML])
def test_an_outage_is_not_a_no(served, shelf, accept):
    """R21: when it can't be told the answer is 503 with Retry-After, and nobody is sent to buy anything."""
    shelf.failing = True
    reply = get(served(exports, upgrade_url="/pricing"), accept=accept)
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert b"pricing" not in reply.body


# --- whose view ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preload", [False, True])
def test_a_callback_may_be_async(ents, preload):
    """The customer may have to be looked up: an async callback is awaited."""

    async def customer(scope):
        await asyncio.sleep(0)
        return dict(scope["headers"])[b"x-user"].decode()

    app = EntitlementsMiddleware(exports, ents, customer, preload=preload)
    assert [get(app, headers=[(b"x-user", who)]).status for who in (b"cus_1", b"cus_2")] == [200, 402]


@pytest.mark.parametrize("who", ["", 7, object(), "cus 1"])
def test_what_is_no_customer_is_an_error_not_a_guess(served, shelf, who):
    """R35, R11: a callback that returns nonsense is a bug to be seen, before anything is asked about anybody."""
    with pytest.raises(InvalidInput, match="customer"):
        get(served(opened, who))
    assert shelf.fetches == []


def test_settings_are_checked_when_they_are_given(ents):
    """A middleware that can't work says so at start."""
    for given in [(opened, None, lambda scope: None), (opened, ents, "cus_1")]:
        with pytest.raises(InvalidSettings):
            EntitlementsMiddleware(*given)
    with pytest.raises(InvalidSettings):
        EntitlementsMiddleware(opened, ents, lambda scope: None, upgrade_url="javascript:alert(1)")


def test_nothing_is_fetched_unless_something_is_asked(served, shelf):
    """A page that asks nothing costs Stripe nothing, even while Stripe is down."""
    shelf.failing = True
    assert get(served(opened)).body == b"open to all"
    assert shelf.fetches == []


def test_a_template_on_the_loop_finds_what_was_preloaded(served, shelf):
    """With `preload` a synchronous question finds its answer; without, it waits for nothing and can't tell."""
    assert get(served(template, preload=True)).body == b"yes"
    shelf.open.clear()

    async def unloaded(scope, receive, send):
        view = scope["entitlements"]
        await begin(send)
        await finish(send, repr(("exports" in view, view.unavailable)).encode())

    assert get(served(unloaded, "cus_3")).body == b"(False, True)"
    shelf.open.set()


def test_preloading_blocks_nobody_else(served, shelf):
    """R29: while one request waits for Stripe, the loop serves another."""

    async def both():
        shelf.open.clear()
        waiting = asyncio.create_task(call(served(exports, "cus_1", preload=True)))
        await asyncio.to_thread(shelf.asked.wait, 10)
        other = await call(served(opened, "cus_2"))
        done_early = waiting.done()
        shelf.open.set()
        return other.status, done_early, (await waiting).status

    assert asyncio.run(both()) == (200, False, 200)


def test_one_request_sees_one_truth(served, shelf, ents):
    """What the first question found holds for the request, whatever happens meanwhile; the next request sees news."""

    async def app(scope, receive, send):
        await begin(send)
        seen = ["exports" in scope["entitlements"]]
        shelf.held["cus_1"] = frozenset()
        ents.invalidate("cus_1")
        seen.append("exports" in scope["entitlements"])
        await finish(send, repr(seen).encode())

    bodies = [get(served(app, preload=True)).body for _ in range(2)]
    assert bodies == [b"[True, True]", b"[False, False]"]


# --- bound, and always unbound ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [exports, streamed, refused_later, failing])
@pytest.mark.parametrize("customer", ["cus_1", "cus_2", None])
def test_a_reused_task_sees_nothing_of_the_request_before(served, app, customer):
    """R36: whatever a request did, code that runs next in the same task and context has no customer."""

    async def one_after_the_other():
        with suppress(FeatureRequired, ZeroDivisionError):
            await call(served(app, customer))
        assert bound_view() is None
        with pytest.raises(NotConfigured):
            await allowed_to_export()

    copy_context().run(asyncio.run, one_after_the_other())


def test_requests_at_the_same_time_keep_to_their_own_customers(ents):
    """R36: a hundred requests that take turns on one loop are answered each for its own customer."""

    async def app(scope, receive, send):
        await asyncio.sleep(0)
        seen = bound_view()
        await allowed_to_export()
        await asyncio.sleep(0)
        assert bound_view() is seen is scope["entitlements"]
        await exports(scope, receive, send)

    middleware = EntitlementsMiddleware(app, ents, lambda scope: scope["path"].strip("/"))

    async def hundred():
        return await asyncio.gather(*(call(middleware, path=f"/cus_{1 + i % 2}") for i in range(100)))

    assert [reply.status for reply in asyncio.run(hundred())] == [200, 402] * 50


def test_a_cancelled_request_unbinds(served):
    """R36: a request whose client went away leaves no customer behind."""

    async def cancelled():
        app = served(lambda scope, receive, send: asyncio.Event().wait())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await call(app)
        return bound_view()

    assert asyncio.run(cancelled()) is None


def test_a_thread_of_the_loop_sees_the_view(served):
    """R37: work that asyncio hands to a thread is given the request's context, and so its customer."""

    @requires_feature("exports")
    def export():
        return b"exported"

    async def app(scope, receive, send):
        body = await asyncio.to_thread(export)
        await begin(send)
        await finish(send, body)

    assert [get(served(app, who)).status for who in ("cus_1", "cus_2")] == [200, 402]


# --- refused on the way ----------------------------------------------------------------------------------------------


def test_a_refusal_after_the_response_began_is_raised_to_the_server(served):
    """R19: once the response has begun the server is told, so that it breaks the connection."""

    async def visit():
        talk = Talk()
        with pytest.raises(FeatureRequired):
            await served(refused_later, "cus_2")(http_scope(), talk.receive, talk.send)
        return [message["type"] for message in talk.sent]

    assert asyncio.run(visit()) == ["http.response.start"]


def test_cannot_tell_on_the_way_is_503(served):
    """An error without a question, as `refresh` may raise it, becomes a response as well."""

    async def app(scope, receive, send):
        raise EntitlementsUnavailable(message="half a fence", retry_after=7)

    reply = get(served(app))
    assert (reply.status, reply.headers["retry-after"]) == (503, "7")
    assert b"fence" not in reply.body


def test_other_errors_are_the_servers(served):
    """What the library didn't raise, it doesn't answer."""
    with pytest.raises(ZeroDivisionError):
        get(served(failing))


# --- in the application's own way ------------------------------------------------------------------------------------


def teapot(error, scope):
    """Answer a no with a body of the application's own; leave what can't be told to the usual answer."""
    if isinstance(error, EntitlementsUnavailable):
        return None

    async def own(scope, receive, send):
        await send({"type": "http.response.start", "status": 418, "headers": [(b"content-type", b"text/plain")]})
        await finish(send, f"{error.decision.reason} at {scope['path']}".encode())

    return own


async def ateapot(error, scope):
    await asyncio.sleep(0)
    return teapot(error, scope)


@pytest.mark.parametrize(
    ("said", "statuses"),
    [
        ({}, [402, 403, 503]),
        ({"status": 403}, [403, 403, 503]),
        ({"hide": True}, [404, 403, 503]),
        ({"hide": True, "upgrade_url": "/pricing"}, [404, 403, 503]),
        ({"handler": teapot}, [418, 418, 503]),
        ({"handler": ateapot, "hide": True}, [418, 418, 503]),
        ({"handler": lambda error, scope: None, "status": 451}, [451, 403, 503]),
    ],
)
def test_an_application_says_how_its_no_is_shown(served, shelf, said, statuses):
    """Status, 404 or an answer of its own is for a no; nobody is 403 and a don't-know 503, unless the handler says."""
    no, nobody = (get(served(exports, customer, **said)).status for customer in ("cus_2", None))
    shelf.failing = True
    assert [no, nobody, get(served(exports, "cus_3", **said)).status] == statuses


def test_an_application_s_own_answer_is_kept_out_of_caches(served):
    """R47: a handler's response is made for whoever asked, so no cache may keep it, whatever raised the refusal."""

    async def raising(scope, receive, send):
        await scope["raises"]()

    async def raise_by_hand():
        raise EntitlementsUnavailable(message="by hand")

    def never(error, scope):
        return opened

    assert get(served(exports, "cus_2", handler=never)).headers["cache-control"] == PRIVATE
    assert get(served(raising, "cus_2", handler=never), raises=raise_by_hand).headers["cache-control"] == PRIVATE


def test_what_is_hidden_names_nothing(served):
    """A hidden no says neither what it hides nor that there is anything."""
    reply = get(served(exports, "cus_2", hide=True), accept=HTML)
    assert reply.problem == {"type": "about:blank", "title": "Not Found", "status": 404}


def test_a_handler_that_fails_is_seen_to_fail(served):
    """A fault in the application's own answer is the server's to report, and opens nothing."""

    def failing_handler(error, scope):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        get(served(exports, "cus_2", handler=failing_handler))


@pytest.mark.parametrize(
    "said", [{"status": 200}, {"status": True}, {"hide": 1}, {"hide": True, "status": 403}, {"handler": "page"}]
)
def test_terms_are_checked_when_they_are_given(served, said):
    """A middleware that is told what can't be right says so at start."""
    with pytest.raises(InvalidSettings):
        served(opened, **said)


# --- caches ----------------------------------------------------------------------------------------------------------


async def asking(scope, receive, send):
    await scope["entitlements"].arequire("exports")
    await opened(scope, receive, send)


@requires_feature("exports")
async def own_rules(scope, receive, send):
    await begin(send, (b"cache-control", b"private, max-age=60"))
    await finish(send, b"exported")


async def without_headers(scope, receive, send):
    await allowed_to_export()
    await send({"type": "http.response.start", "status": 204})
    await finish(send, b"")


@pytest.mark.parametrize(
    ("app", "customer", "rule"),
    [
        (exports, "cus_1", PRIVATE),
        (exports, "cus_2", PRIVATE),
        (exports, None, PRIVATE),
        (streamed, "cus_1", PRIVATE),
        (asking, "cus_1", PRIVATE),
        (without_headers, "cus_1", PRIVATE),
        (own_rules, "cus_1", "private, max-age=60"),
        (own_rules, "cus_2", PRIVATE),
        (opened, "cus_1", None),
        (opened, None, None),
    ],
)
@pytest.mark.parametrize("preload", [False, True])
def test_what_depends_on_an_answer_is_kept_out_of_caches(served, app, customer, rule, preload):
    """R47: a response whose making asked the view is private unless it says otherwise; preloading isn't asking."""
    assert get(served(app, customer, preload=preload)).headers.get("cache-control") == rule


# --- scopes ----------------------------------------------------------------------------------------------------------


def test_lifespan_passes_untouched(ents):
    """R16: start and stop are the application's, with nobody's view and the very messages of the server."""
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send, bound_view()))

    def nobody(scope):
        raise AssertionError("nobody is asking")

    scope, talk = {"type": "lifespan", "asgi": {"version": "3.0"}}, Talk()
    receive, send = talk.receive, talk.send
    asyncio.run(EntitlementsMiddleware(app, ents, nobody)(scope, receive, send))
    assert seen == [({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send, None)]
    assert seen[0][0] is scope


def test_an_unknown_scope_is_refused(served):
    """R16: what can't be gated doesn't pass."""
    ran = []

    async def app(scope, receive, send):
        ran.append(1)

    with pytest.raises(InvalidInput, match="'webtransport'"):
        asyncio.run(served(app)({"type": "webtransport"}, None, None))
    assert ran == []


# --- WebSockets ------------------------------------------------------------------------------------------------------


@requires_feature("exports")
async def live(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "secret"})


async def gated_message(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    message = await receive()
    await allowed_to_export()
    await send({"type": "websocket.send", "text": f"{message['text']}: exported"})


async def refused_after_the_end(scope, receive, send):
    await receive()
    await send({"type": "websocket.close", "code": 1000})
    await allowed_to_export()


async def refused_when_gone(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    await receive()
    await allowed_to_export()


def test_a_websocket_with_the_feature_is_served(served):
    """R16: who may, is connected."""
    assert asyncio.run(connect(served(live))) == [
        {"type": "websocket.accept"},
        {"type": "websocket.send", "text": "secret"},
    ]


def test_a_websocket_is_refused_before_it_is_accepted(served):
    """R16, M21: nothing is delivered; a server that can only close, closes, with 1008 for a no."""
    assert asyncio.run(connect(served(live, "cus_2", upgrade_url="/pricing"))) == [
        {"type": "websocket.close", "code": 1008, "reason": "“exports” is not part of the current plan."}
    ]


@pytest.mark.parametrize(("customer", "status"), [("cus_2", 402), (None, 403), ("cus_down", 503)])
def test_a_websocket_is_refused_with_a_response_where_the_server_can(served, shelf, customer, status):
    """R16: the handshake is answered like a request for data would be: never with a redirect, whatever it accepts."""
    shelf.failing = customer == "cus_down"
    talk = Talk()
    talk.sent = asyncio.run(connect(served(live, customer, upgrade_url="/pricing"), tells=True))
    reply = talk.reply("websocket.http.response")
    assert (reply.status, reply.problem["status"]) == (status, status)
    assert reply.headers["cache-control"] == PRIVATE


def test_a_websocket_is_told_to_come_back(served, shelf):
    """R21: when it can't be told the code is 1013, before and after it was accepted."""
    shelf.failing = True
    early = asyncio.run(connect(served(live)))
    late = asyncio.run(connect(served(gated_message), "report"))
    assert [message.get("code") for message in early] == [1013]
    assert [message.get("code") for message in late] == [None, 1013]


async def conversation(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        scope["hears"](message["text"])
        await allowed_to_export()
        await send({"type": "websocket.send", "text": "exported"})


def test_r48_an_open_websocket_ends_with_the_entitlement(ents, served, shelf):
    """A connection that stays open for hours is asked about as of now: it admits nobody who was revoked."""

    def hears(text):
        if text == "after":
            shelf.held["cus_1"] = frozenset()
            ents.invalidate("cus_1")

    async def with_ears(scope, receive, send):
        await conversation({**scope, "hears": hears}, receive, send)

    sent = asyncio.run(connect(served(with_ears), "before", "after", gone=True))
    assert [(message["type"], message.get("code")) for message in sent] == [
        ("websocket.accept", None),
        ("websocket.send", None),
        ("websocket.close", 1008),
    ]


@pytest.mark.parametrize(("customer", "status"), [("cus_2", 402), (None, 403)])
def test_a_refusal_in_a_task_group_is_a_refusal(served, customer, status):
    """Tasks of a group that raise nothing but refusals are answered as one; a fault among them is a fault."""

    async def together(scope, receive, send):
        async with asyncio.TaskGroup() as group:
            group.create_task(allowed_to_export())
            group.create_task(allowed_to_export())

    async def with_a_fault(scope, receive, send):
        async with asyncio.TaskGroup() as group:
            group.create_task(allowed_to_export())
            group.create_task(fault())

    async def fault():
        raise ZeroDivisionError

    assert get(served(together, customer)).status == status
    with pytest.raises(ExceptionGroup):
        get(served(with_a_fault, customer))


@pytest.mark.parametrize("tells", [False, True])
def test_an_open_websocket_is_closed_when_it_is_refused(served, tells):
    """R48: a question refused in the middle of a conversation ends it, with 1008."""
    sent = asyncio.run(connect(served(gated_message, "cus_2"), "report", tells=tells))
    assert [(message["type"], message.get("code")) for message in sent] == [
        ("websocket.accept", None),
        ("websocket.close", 1008),
    ]


@pytest.mark.parametrize("tells", [False, True])
def test_a_hidden_websocket_names_nothing(served, tells):
    """A handshake that is hidden ends as one that leads nowhere: with no code or word that tells why."""
    [first, *_] = asyncio.run(connect(served(live, "cus_2", hide=True), tells=tells))
    assert first.get("status") == 404 if tells else first == {"type": "websocket.close", "code": 1000, "reason": ""}
    accepted = asyncio.run(connect(served(gated_message, "cus_2", hide=True), "report", tells=tells))
    assert accepted[-1]["code"] == 1008


def test_a_websocket_s_own_answer_is_given_where_the_server_can(served):
    """A handler answers a handshake too; a server that can only close, closes."""

    def own(error, scope):
        async def answer(scope, receive, send):
            await send({"type": "websocket.http.response.start", "status": 418, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"no"})

        return answer

    tells, closes = (asyncio.run(connect(served(live, "cus_2", handler=own), tells=able)) for able in (True, False))
    assert [message.get("status", message.get("body")) for message in tells] == [418, b"no"]
    assert [message["code"] for message in closes] == [1008]


@pytest.mark.parametrize("app", [refused_after_the_end, refused_when_gone])
def test_a_refusal_after_the_end_is_raised(served, app):
    """Nobody is left to be told, so the server is."""
    with pytest.raises(FeatureRequired):
        asyncio.run(connect(served(app, "cus_2"), gone=True))


def test_a_reason_fits_its_frame(served, ents):
    """RFC 6455: a reason has at most 123 bytes; a longer one is cut, never within a character."""
    long = "ü" * 80

    @requires_feature(long)
    async def app(scope, receive, send):
        raise AssertionError

    [close] = asyncio.run(connect(served(app, "cus_2")))
    assert len(close["reason"].encode()) <= 123
    assert close["reason"].startswith("“üü")


def test_the_view_is_in_the_scope_of_a_websocket(served):
    """A WebSocket's code finds its view where a request's does."""
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["entitlements"] is bound_view())

    asyncio.run(served(app)(websocket_scope(), None, None))
    assert seen == [True]
