from __future__ import annotations

import asyncio
import json
import threading
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from web_asgi import Talk, call, connect, http_scope
from web_shelf import Shelf

import entitlements
from entitlements import Entitlements, EntitlementsError, FeatureRequired, InvalidSettings, NotConfigured
from entitlements.bound import bound_view
from entitlements.guard import gates_of
from entitlements.web.starlette import (
    EntitlementsMiddleware,
    exception_handlers,
    install,
    requires_feature,
    webhook_route,
)

PRIVATE = "private, no-store"


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf, webhook_secrets=["whsec_test"]) as ents:
        yield ents


def user(connection):
    return connection.headers.get("x-user")


def app_of(*routes, **options):
    return Starlette(routes=list(routes), **options)


def get(app, who=None, path="/", **request):
    headers = [] if who is None else [(b"x-user", who.encode())]
    return asyncio.run(call(app, path=path, headers=headers + request.pop("headers", []), **request))


def talk(app, who, *texts, tells=False, gone=True):
    async def as_somebody(scope, receive, send):
        scope["headers"].append((b"x-user", who.encode()))
        await app(scope, receive, send)

    return asyncio.run(connect(as_somebody, *texts, tells=tells, gone=gone))


@requires_feature("exports")
async def exports(request):
    return PlainTextResponse("exported")


@requires_feature("exports")
async def live(websocket):
    await websocket.accept()
    await websocket.send_text("secret")


# --- whose feature ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["def", "async def", "class", "method", "async customer"])
def test_a_gate_s_customer_is_given_the_request(ents, kind):
    """`customer=` of a gate is called with the request, wherever that stands among the arguments, and may be async."""
    given = []

    def customer(request):
        given.append(type(request))
        return request.headers.get("x-user")

    async def acustomer(request):
        return customer(request)

    gate = requires_feature("exports", customer=acustomer if kind == "async customer" else customer)
    if kind == "def":
        endpoint = gate(lambda request: PlainTextResponse("exported"))
    elif kind in {"async def", "async customer"}:
        endpoint = gate(exports.__wrapped__)
    else:
        methods = {"get": lambda self, request: PlainTextResponse("exported")}
        if kind == "method":
            methods["get"] = gate(methods["get"])
        endpoint = type("Page", (HTTPEndpoint,), methods)
        endpoint = gate(endpoint) if kind == "class" else endpoint
    app = app_of(Route("/", endpoint))
    install(app, ents)
    assert [get(app, who).status for who in ("cus_1", "cus_2", None)] == [200, 402, 403]
    assert given == [Request] * 3


def test_a_plain_endpoint_has_no_async_customer():
    """Nobody could await it: that is said when the gate is made, for a function and for a method alike."""

    async def customer(request):
        raise AssertionError

    for target in (lambda request: None, staticmethod(lambda request: None)):
        with pytest.raises(TypeError, match="customer= is async"):
            requires_feature("exports", customer=customer)(target)
    assert requires_feature("exports", customer=customer)(staticmethod(exports.__wrapped__))


def test_a_gate_that_finds_no_request_says_so(ents):
    """A function that is given no request can't be asked whose it is, and doesn't run."""

    @requires_feature("exports", customer=user, entitlements=ents)
    def export(report):
        raise AssertionError

    with pytest.raises(NotConfigured, match="customer="):
        export("report")


def test_a_gate_within_an_endpoint_class_knows_its_request(ents):
    """A method that is no handler is asked about the request of its endpoint."""

    class Page(HTTPEndpoint):
        async def get(self, request):
            return PlainTextResponse(await self.export())

        @requires_feature("exports", customer=user)
        async def export(self):
            return "exported"

    app = app_of(Route("/", Page))
    install(app, ents)
    assert [get(app, who).status for who in ("cus_1", "cus_2")] == [200, 402]


def test_the_middleware_s_customer_is_given_the_connection(ents):
    """A request is Starlette's Request, a WebSocket its HTTPConnection; what it returns may be awaited."""
    given = []

    async def customer(connection):
        given.append((type(connection), connection.url.path))
        return user(connection)

    app = app_of(Route("/", exports), WebSocketRoute("/live", live))
    install(app, ents, customer)
    assert get(app, "cus_1").body == b"exported"
    assert talk(app, "cus_1")[-1] == {"type": "websocket.send", "text": "secret"}
    assert given == [(Request, "/"), (HTTPConnection, "/live")]


@pytest.mark.parametrize("first", ["install", "authentication"])
def test_who_is_signed_in_is_known_whatever_was_added_first(ents, first):
    """`install` goes inside of all other middleware, so that its customer finds the user that they provide."""

    class Backend(AuthenticationBackend):
        async def authenticate(self, conn):
            who = conn.headers.get("x-user")
            return who and (AuthCredentials(), SimpleUser(who))

    def customer(request):
        return request.user.username if request.user.is_authenticated else None

    app = app_of(Route("/", exports))
    for each in [first, *({"install", "authentication"} - {first})]:
        if each == "install":
            install(app, ents, customer)
        else:
            app.add_middleware(AuthenticationMiddleware, backend=Backend())
    assert [get(app, who).status for who in ("cus_1", "cus_2", None)] == [200, 402, 403]


def test_a_user_nobody_provides_is_an_error_not_a_guess(ents):
    """A customer that asks for a user which no middleware provides fails loudly, and nothing runs."""
    app = app_of(Route("/", exports))
    install(app, ents, lambda request: request.user.username)
    with pytest.raises(AssertionError, match="AuthenticationMiddleware"):
        get(app, "cus_1")


# --- something was forgotten -----------------------------------------------------------------------------------------


def test_nothing_said_opens_nothing():
    """With neither middleware nor instance nor customer, a gate raises, and Starlette answers 500."""
    app, talking = app_of(Route("/", exports)), Talk()
    with pytest.raises(NotConfigured):
        asyncio.run(app(http_scope(), talking.receive, talking.send))
    assert talking.reply().status == 500


def test_a_gate_needs_neither_middleware_nor_handlers(ents):
    """A gate that was told everything answers in its own terms where `install` was forgotten, also for a WebSocket."""
    gate = requires_feature("exports", customer=user, entitlements=ents)
    app = app_of(
        Route("/", gate(exports.__wrapped__)),
        Route("/hidden", requires_feature("exports", customer=user, entitlements=ents, hide=True)(exports.__wrapped__)),
        Route("/class", gate(type("Page", (HTTPEndpoint,), {"get": lambda self, request: PlainTextResponse("it")}))),
        WebSocketRoute("/live", gate(live.__wrapped__)),
    )
    assert get(app, "cus_1").body == b"exported"
    assert get(app, "cus_2").problem["reason"] == "not_entitled"
    assert get(app, "cus_2", "/class").problem["reason"] == "not_entitled"
    assert (get(app, "cus_2", "/hidden").status, get(app, "cus_2", "/hidden").body) == (404, b"Not Found")
    assert talk(app, "cus_1")[-1] == {"type": "websocket.send", "text": "secret"}
    [closed] = talk(app, "cus_2")
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)


def test_where_nobody_said_whose_only_gates_that_say_it_answer(ents):
    """Installed without a customer, the instance is known and whose it is isn't: gates that don't say raise."""

    @requires_feature("exports", customer=user)
    async def own(request):
        return PlainTextResponse("exported")

    async def template(request):
        return PlainTextResponse(str("exports" in request.scope["entitlements"]))

    @requires_feature("exports", entitlements=Entitlements(source=Shelf()))
    async def elsewhere(request):
        raise AssertionError

    app = app_of(Route("/", exports), Route("/own", own), Route("/in", template), Route("/elsewhere", elsewhere))
    install(app, ents)
    assert [get(app, who, "/own").status for who in ("cus_1", "cus_2", None)] == [200, 402, 403]
    assert get(app, "cus_1", "/own").headers["cache-control"] == PRIVATE
    for path in ("/", "/in", "/elsewhere"):
        with pytest.raises(NotConfigured, match="whose"):
            get(app, "cus_1", path)
    [closed] = talk(app_with_live_by_itself(ents), "cus_2", tells=False)
    assert closed["code"] == 1008


def app_with_live_by_itself(ents):
    app = app_of(WebSocketRoute("/live", requires_feature("exports", customer=user)(live.__wrapped__)))
    install(app, ents)
    return app


def test_the_core_s_decorator_within_a_mounted_application_opens_nothing(ents):
    """A mounted application answers 500 to a refusal that it has no handler for; with the handlers it answers 402."""
    ran = []

    @entitlements.requires_feature("exports")
    async def gated(request):
        ran.append(1)

    def app(handlers):
        app = app_of(Mount("/sub", app_of(Route("/", gated), exception_handlers=handlers)))
        install(app, ents, user)
        return app

    talking = Talk()
    with pytest.raises(RuntimeError) as raised:
        asyncio.run(app(None)(http_scope("/sub/", headers=[(b"x-user", b"cus_2")]), talking.receive, talking.send))
    assert isinstance(raised.value.__cause__, FeatureRequired)
    assert talking.reply().status == 500
    assert get(app(exception_handlers), "cus_2", "/sub/").status == 402
    assert ran == []


def test_install_comes_before_the_first_request(ents):
    """What comes too late, or can't be right, says so at once."""
    app = app_of(Route("/", lambda request: PlainTextResponse("open")))
    for said in ({"upgrade_url": "javascript:alert(1)"}, {"status": 200}, {"handler": 1}, {"preload": True}):
        with pytest.raises(InvalidSettings):
            install(app, ents, **said)
    with pytest.raises(InvalidSettings):
        install(app, None, user)
    assert get(app).body == b"open"
    with pytest.raises(RuntimeError, match="before"):
        install(app, ents, user)


# --- whole classes ---------------------------------------------------------------------------------------------------


def test_a_subclass_passes_the_gate_of_its_class(ents):
    """What is built upon a gated class is gated, whatever it overrides."""
    ran = []

    @requires_feature("exports")
    class Page(HTTPEndpoint):
        async def get(self, request):
            raise AssertionError

    class More(Page):
        async def dispatch(self):
            ran.append(1)
            await PlainTextResponse("more")(self.scope, self.receive, self.send)

    app = app_of(Route("/", More))
    install(app, ents, user)
    assert [get(app, who).status for who in ("cus_2", "cus_1")] == [402, 200]
    assert ran == [1]


def test_a_gated_class_stays_itself_and_shows_its_gates():
    """The decorator gives back the very class; its gates, of several decorators too, can be read off it."""

    class Page(HTTPEndpoint):
        pass

    plain = Page.__await__
    assert requires_feature("sso")(requires_feature("exports")(Page)) is Page
    assert [str(gate.need) for gate in gates_of(Page.__await__)] == ["sso", "exports"]
    assert str(type("More", (Page,), {}).__entitlements_gate__.need) == "sso"
    assert HTTPEndpoint.__await__ is plain
    assert not hasattr(HTTPEndpoint, "__entitlements_gate__")


def test_gates_add_up(ents, shelf):
    """A method's own gate, and each of several decorators, must let the request through."""
    shelf.held.update(cus_3=frozenset({"exports", "sso"}), cus_4=frozenset({"sso"}))

    class Page(HTTPEndpoint):
        @requires_feature("audit")
        async def post(self, request):
            raise AssertionError

        async def get(self, request):
            return PlainTextResponse("it")

    app = app_of(Route("/", requires_feature("sso")(requires_feature("exports")(Page))))
    install(app, ents, user)
    assert [get(app, who).status for who in ("cus_1", "cus_2", "cus_3", "cus_4")] == [402, 402, 200, 402]
    assert get(app, "cus_3", method="POST").problem["feature"] == "audit"


def test_otherwise_is_given_what_a_function_would_be(ents):
    """For a whole class `otherwise=` is called with the request, or the WebSocket, and its response is sent."""

    async def instead(request):
        return PlainTextResponse(f"instead of {request.url.path}", 200)

    async def goodbye(websocket):
        await websocket.accept()
        await websocket.close(4402)

    @requires_feature("exports", otherwise=instead)
    class Page(HTTPEndpoint):
        async def get(self, request):
            return PlainTextResponse("exported")

    @requires_feature("exports", otherwise=goodbye)
    class Live(WebSocketEndpoint):
        async def on_connect(self, websocket):
            raise AssertionError

    app = app_of(
        Route("/", Page),
        Route("/plain", requires_feature("exports", otherwise=instead)(exports.__wrapped__)),
        WebSocketRoute("/live", Live),
    )
    install(app, ents, user)
    assert [get(app, who).body for who in ("cus_1", "cus_2")] == [b"exported", b"instead of /"]
    assert get(app, "cus_2", "/plain").body == b"instead of /plain"
    assert [message.get("code") for message in talk(app, "cus_2")] == [None, 4402]


@pytest.mark.parametrize("target", [object, type("Any", (), {"get": None}), Route("/", exports), app_of(), property()])
def test_what_can_t_be_guarded_is_refused(target):
    """A gate above what it can't stand before says so when it is put there."""
    with pytest.raises(TypeError, match="put"):
        requires_feature("exports")(target)


# --- WebSockets ------------------------------------------------------------------------------------------------------


class Echo(WebSocketEndpoint):
    encoding = "text"
    ended: list[int]
    hears = staticmethod(lambda text: None)

    async def on_receive(self, websocket, data):
        self.hears(data)
        await websocket.send_text(data)

    async def on_disconnect(self, websocket, close_code):
        self.ended.append(close_code)


def test_a_websocket_class_is_refused_at_its_handshake(ents):
    """Nothing of the class runs, and the server that can is given the refusal."""
    ended = []
    app = app_of(WebSocketRoute("/live", requires_feature("exports")(type("Live", (Echo,), {"ended": ended}))))
    install(app, ents, user)
    assert [message["type"] for message in talk(app, "cus_1", "hello")] == ["websocket.accept", "websocket.send"]
    refused = talk(app, "cus_2", "hello", tells=True)
    assert (refused[0]["status"], json.loads(refused[1]["body"])["reason"]) == (402, "not_entitled")
    assert [message["code"] for message in talk(app, "cus_2", "hello")] == [1008]
    assert ended == [1001]


@pytest.mark.parametrize(
    ("said", "answers", "ends"),
    [(("before", "after"), [None, "before", 1008], 1011), (("before",), [None, "before"], 1001)],
)
def test_r48_a_websocket_class_ends_with_the_entitlement(ents, shelf, said, answers, ends):
    """A socket that is open for hours hears nothing of who was revoked meanwhile; its end is an end all the same."""
    ended, heard = [], []

    async def never(websocket):
        raise AssertionError

    def hears(text):
        heard.append(text)
        shelf.held["cus_1"] = frozenset()
        ents.invalidate("cus_1")

    gate = requires_feature("exports", otherwise=never)
    gated = gate(type("Live", (Echo,), {"ended": ended, "hears": staticmethod(hears)}))
    app = app_of(WebSocketRoute("/live", type("More", (gated,), {})))
    install(app, ents, user)
    sent = talk(app, "cus_1", *said)
    assert [message.get("text", message.get("code")) for message in sent] == answers
    assert (heard, ended) == (["before"], [ends])


def test_a_websocket_s_questions_are_answered_as_of_now(ents, shelf):
    """R48: what a WebSocket asks while it is open is answered as of now, not as of its handshake."""

    @requires_feature("exports")
    async def conversation(websocket):
        await websocket.accept()
        view = websocket.scope["entitlements"]
        await websocket.send_text(str(bool(await view.acheck("exports"))))
        shelf.held["cus_1"] = frozenset()
        ents.invalidate("cus_1")
        await websocket.send_text(str(bool(await view.acheck("exports"))))

    app = app_of(WebSocketRoute("/live", conversation))
    install(app, ents, user)
    assert [message.get("text") for message in talk(app, "cus_1")] == [None, "True", "False"]


@pytest.mark.parametrize("tells", [False, True])
def test_a_hidden_websocket_ends_as_one_that_leads_nowhere(ents, tells):
    """What is hidden is closed in the very message with which Starlette closes an unknown path."""
    gate = requires_feature("exports", hide=True)
    app = app_of(WebSocketRoute("/live", gate(live.__wrapped__)))
    install(app, ents, user)
    nowhere = app_of()
    assert talk(app, "cus_2", tells=tells) == talk(nowhere, "cus_2", tells=tells)
    by_itself = requires_feature("exports", hide=True, customer=user, entitlements=ents)(live.__wrapped__)
    assert talk(app_of(WebSocketRoute("/live", by_itself)), "cus_2", tells=tells) == talk(nowhere, "cus_2", tells=tells)


# --- how a refusal is answered ---------------------------------------------------------------------------------------


def test_a_refusal_passes_through_all_other_middleware(ents):
    """What other middleware does to responses, as CORS does, is done to refusals, whatever was added first."""
    app = app_of(Route("/", exports))
    app.add_middleware(CORSMiddleware, allow_origins=["https://app.example"])
    install(app, ents, user)
    reply = get(app, "cus_2", headers=[(b"origin", b"https://app.example")])
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (402, "https://app.example")


def test_a_middleware_that_answers_every_error_sees_none(ents):
    """A middleware of the application's own that turns errors into responses doesn't meet refusals."""

    async def catch_all(request, call_next):
        try:
            return await call_next(request)
        except Exception:  # noqa: BLE001 - as some applications do
            return PlainTextResponse("error", 500)

    app = app_of(Route("/", exports))
    install(app, ents, user)
    app.add_middleware(BaseHTTPMiddleware, dispatch=catch_all)
    assert [get(app, who).status for who in ("cus_1", "cus_2")] == [200, 402]


@pytest.mark.parametrize("kind", [FeatureRequired, EntitlementsError])
def test_an_application_s_own_exception_handler_goes_first(ents, kind):
    """A handler that the application registered for a refusal, or for a class above it, is the one that answers."""

    async def own(request, error):
        return PlainTextResponse(f"own: {error.decision.reason}", 418)

    app = app_of(
        Route("/", requires_feature("exports", customer=user, entitlements=ents)(exports.__wrapped__)),
        exception_handlers={kind: own},
    )
    assert (get(app, "cus_2").status, get(app, "cus_2").body) == (418, b"own: not_entitled")


@pytest.mark.parametrize("placed", ["installed", "middleware"])
def test_a_handler_answers_in_the_application_s_words(ents, shelf, placed):
    """`handler=` is given the refusal and the request, and returns a response, or None for the usual one."""

    async def handler(error, request):
        if error.decision.unavailable:
            return None
        method = request.scope.get("method", "WEBSOCKET")
        return PlainTextResponse(f"{method} {request.url.path}: {error.decision.reason}", 418)

    async def by_hand(request):
        raise FeatureRequired(await ents.acheck("cus_2", "exports"))

    app = app_of(
        Route("/", exports, methods=["GET", "POST"]), Route("/by-hand", by_hand), WebSocketRoute("/live", live)
    )
    if placed == "installed":
        install(app, ents, user, handler=handler, hide=True)
    else:
        app.user_middleware = [Middleware(EntitlementsMiddleware, ents, user, handler=handler, hide=True)]
    reply = get(app, "cus_2", method="POST")
    assert (reply.status, reply.body, reply.headers["cache-control"]) == (418, b"POST /: not_entitled", PRIVATE)
    assert get(app, None).body == b"GET /: anonymous"
    assert get(app, "cus_1", "/by-hand").headers["cache-control"] == PRIVATE
    assert [message.get("status", message.get("body")) for message in talk(app, "cus_2", tells=True)] == [
        418,
        b"WEBSOCKET /live: not_entitled",
    ]
    assert [message["code"] for message in talk(app, "cus_2")] == [1000]  # hidden, where nothing can be said
    shelf.failing = True
    assert get(app, "cus_3").status == 503


@pytest.mark.parametrize("how", ["status", "class", "plain"])
def test_what_is_hidden_is_the_application_s_own_404(ents, how):
    """A page for 404 that the application has, however it is registered, is what a hidden no shows."""

    async def lost(request, error):
        return PlainTextResponse(f"{error.detail}: {request.url.path}", error.status_code)

    def lost_plainly(request, error):
        return PlainTextResponse(f"{error.detail}: {request.url.path}", error.status_code)

    handlers = {"status": {404: lost}, "class": {HTTPException: lost}, "plain": {404: lost_plainly}}[how]
    app = app_of(Route("/it", exports), exception_handlers=handlers)
    install(app, ents, user, hide=True)
    hidden, nothing = get(app, "cus_2", "/it"), get(app, "cus_2", "/no")
    assert (hidden.status, hidden.body) == (404, b"Not Found: /it")
    assert nothing.body == b"Not Found: /no"
    assert hidden.headers["cache-control"] == PRIVATE


def test_the_address_that_was_asked_for_is_the_one_to_come_back_to(ents):
    """A browser is sent back to the address it asked for, through mounts and a mounted application."""
    inner = app_of(Route("/page", exports), Route("/elsewhere", exports))

    async def rewriting(scope, receive, send):
        await inner({**scope, "path": "/elsewhere", "root_path": ""}, receive, send)

    app = app_of(Mount("/a", routes=[Mount("/b", inner)]), Mount("/c", rewriting))
    install(app, ents, user, upgrade_url="/pricing")
    moved = get(app, "cus_2", "/c/page", accept="text/html")
    assert moved.headers["location"] == "/pricing?feature=exports&next=%2Fc%2Fpage"
    reply = get(app, "cus_2", "/a/b/page", query="x=1", accept="text/html")
    assert (reply.status, reply.headers["location"]) == (303, "/pricing?feature=exports&next=%2Fa%2Fb%2Fpage%3Fx%3D1")


def test_the_webhook_s_route_is_named_and_answers_any_method(ents):
    """The route has a name to be found by; what isn't a POST is told so by the endpoint."""
    app = app_of(webhook_route(ents, "/hook", name="stripe"))
    assert str(app.url_path_for("stripe")) == "/hook"
    assert get(app, path="/hook").problem["detail"] == "Stripe delivers events by POST."
    assert get(app, path="/hook", method="POST", headers=[(b"stripe-signature", b"t=1,v1=00")]).status == 400


# --- on the way ------------------------------------------------------------------------------------------------------


def test_a_plain_endpoint_is_checked_in_its_thread_and_an_async_one_on_the_loop(ents):
    """A plain endpoint's gate waits in Starlette's thread; an async one hops to no thread at all."""
    threads = []

    @requires_feature("exports")
    def plain(request):
        threads.append(threading.current_thread())
        return PlainTextResponse("exported")

    @requires_feature("exports")
    async def on_the_loop(request):
        workers = [thread for thread in threading.enumerate() if "AnyIO" in thread.name]
        threads.append((threading.current_thread(), workers))
        return PlainTextResponse("exported")

    app = app_of(Route("/", plain), Route("/async", on_the_loop))
    install(app, ents, user)
    assert get(app, "cus_1", "/async").status == 200
    assert get(app, "cus_1").status == 200
    assert threads[0] == (threading.main_thread(), [])
    assert threads[1] is not threading.main_thread()


@pytest.mark.parametrize("kind", ["async def", "def"])
def test_a_background_task_sees_the_customer_of_its_request(ents, kind):
    """What runs after the response is asked about the same customer; a refusal there is the server's to report."""
    seen, body = [], []

    @requires_feature("sso")
    def plain():
        body.append(1)

    @requires_feature("sso")
    async def awaited():
        body.append(1)

    async def page(request):
        return PlainTextResponse("done", background=BackgroundTask(after))

    def after():
        seen.append(bound_view().stripe_customer_id)
        if kind == "def":
            plain()

    async def aafter():
        seen.append(bound_view().stripe_customer_id)
        await awaited()

    after = aafter if kind == "async def" else after
    app, talking = app_of(Route("/", page)), Talk({"type": "http.request", "body": b""})
    install(app, ents, user)
    with pytest.raises(RuntimeError) as raised:
        asyncio.run(app(http_scope(headers=[(b"x-user", b"cus_1")]), talking.receive, talking.send))
    assert isinstance(raised.value.__cause__, FeatureRequired)
    assert (talking.reply().body, seen, body) == (b"done", ["cus_1"], [])
    assert bound_view() is None


def test_a_stream_s_body_sees_the_customer_of_its_request(ents):
    """A streamed body, whether async or made in threads, asks about the request's customer while it is sent."""

    @requires_feature("exports")
    def line():
        return f"{bound_view().stripe_customer_id}\n"

    async def async_lines():
        for _ in range(2):
            yield line()
            await asyncio.sleep(0)

    async def page(request):
        return StreamingResponse(async_lines() if request.url.path == "/async" else (line() for _ in range(2)))

    app = app_of(Route("/", page), Route("/async", page))
    install(app, ents, user)
    assert [get(app, "cus_1", path).body for path in ("/", "/async")] == [b"cus_1\ncus_1\n"] * 2


def test_an_object_that_never_bought_is_told_what_would_unlock_it(ents, shelf):
    """An account without a Stripe customer is not entitled, in 402's words, and Stripe isn't asked."""
    app = app_of(Route("/", exports))
    install(app, ents, lambda request: SimpleNamespace(stripe_customer_id=None))
    assert get(app).problem["reason"] == "no_customer"
    assert shelf.fetches == []


# --- before anything is served ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", [entitlements.requires_feature, requires_feature], ids=["the core's", "Starlette's"])
def test_a_route_that_leads_past_its_gate_keeps_the_application_shut(ents, gate):
    """A function that is gated, and routed as it was before, is open; so the application doesn't start, nor serve."""

    async def late(request):
        return PlainTextResponse("ran")

    guarded = gate("exports")(late)
    app = app_of(Route("/late", late), Route("/right", guarded))
    install(app, ents, user)

    async def start():
        talking = Talk({"type": "lifespan.startup"})
        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, talking.receive, talking.send)
        return talking.sent

    [failed] = asyncio.run(start())
    assert failed["type"] == "lifespan.startup.failed"
    assert "GET /late: the route leads past the gate" in failed["message"]
    for path in ("/late", "/right"):
        with pytest.raises(NotConfigured, match="the route leads past the gate"):
            get(app, "cus_1", path)
