from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import suppress
from operator import attrgetter
from typing import Annotated

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Header, HTTPException, Request, WebSocket
from fastapi.openapi.models import OpenAPI
from fastapi.responses import PlainTextResponse, StreamingResponse
from lost_gates import APPS
from web_asgi import Talk, call, connect, http_scope
from web_shelf import Shelf

from entitlements import (
    Decision,
    Entitlements,
    FeatureRequired,
    InvalidInput,
    InvalidSettings,
    NotConfigured,
    Reason,
    requires_feature,
)
from entitlements.bound import bound_view
from entitlements.web.fastapi import RequiresFeature, install, webhook_router

PRIVATE = "private, no-store"
EXPORTS = RequiresFeature("exports")
AnyOne = Annotated[str | None, Header(alias="x-user")]


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf, webhook_secrets=["whsec_test"]) as ents:
        yield ents


def user(connection):
    return connection.headers.get("x-user")


def current_user(request: Request, who: AnyOne = None):
    assert request.headers.get("x-user") == who
    return who


def installed(ents, customer=user, **said):
    app = FastAPI()
    install(app, ents, customer, **said)
    return app


def get(app, who=None, path="/", **request):
    headers = [] if who is None else [(b"x-user", who.encode())]
    return asyncio.run(call(app, path=path, headers=headers + request.pop("headers", []), **request))


def talk(app, who, *texts, tells=False):
    async def as_somebody(scope, receive, send):
        scope["headers"].append((b"x-user", who.encode()))
        await app(scope, receive, send)

    return asyncio.run(connect(as_somebody, *texts, tells=tells, gone=True))


async def exported():
    return "exported"


# --- the gate as a dependency ----------------------------------------------------------------------------------------


def test_annotated_gives_the_decision(ents):
    """In `Annotated` the gate gives the decision that admitted, and refuses like anywhere else."""
    app, seen = installed(ents), []

    @app.get("/")
    async def page(decision: Annotated[Decision, RequiresFeature(any_of=["sso", "exports"])]):
        seen.append(decision)
        return decision.feature

    assert [get(app, who).status for who in ("cus_1", "cus_2")] == [200, 402]
    [decision] = seen
    assert (bool(decision), decision.reason, decision.customer) == (True, Reason.ENTITLED, "cus_1")
    assert decision.requirement.features == ("sso", "exports")


def test_the_default_value_of_a_parameter_is_a_gate_too(ents):
    """FastAPI's older way to write a dependency works as well."""
    app = installed(ents)

    @app.get("/")
    async def page(decision: Decision = EXPORTS):
        return decision.feature

    assert [get(app, who).status for who in ("cus_1", "cus_2")] == [200, 402]


def test_a_gate_of_the_application_stands_before_every_path_operation(ents, tmp_path):
    """In `FastAPI(dependencies=[...])` it gates routers, WebSockets and files, but not the webhook."""
    (tmp_path / "index.html").write_text("secret")
    app, router = FastAPI(dependencies=[EXPORTS]), APIRouter()
    install(app, ents, user)
    router.add_api_route("/router", exported)
    app.add_api_route("/", exported)
    app.include_router(router)
    app.include_router(webhook_router(ents))
    app.frontend("/files", directory=tmp_path)

    @app.websocket("/live")
    async def live(websocket: WebSocket):
        await websocket.accept()

    for path in ("/", "/router", "/files/"):
        assert [get(app, who, path).status for who in ("cus_1", "cus_2", None)] == [200, 402, 403]
    assert [message["type"] for message in talk(app, "cus_1")] == ["websocket.accept"]
    assert [message["code"] for message in talk(app, "cus_2")] == [1008]
    assert get(app, None, "/stripe/webhook", method="POST").status == 400


def test_a_websocket_is_refused_at_its_handshake(ents, shelf):
    """A gated WebSocket gives the decision, and refuses before it is accepted, with the response if the server can."""
    app = installed(ents)

    @app.websocket("/live")
    async def live(websocket: WebSocket, decision: Annotated[Decision, EXPORTS]):
        await websocket.accept()
        await websocket.send_text(decision.feature)

    assert talk(app, "cus_1")[-1] == {"type": "websocket.send", "text": "exports"}
    assert [message["code"] for message in talk(app, "cus_2")] == [1008]
    assert talk(app, "cus_2", tells=True)[0]["status"] == 402
    shelf.failing = True
    assert talk(app, "cus_3", tells=True)[0]["status"] == 503
    assert [message["code"] for message in talk(app, "cus_3")] == [1013]


def test_a_hit_hops_to_no_thread(ents):
    """What is known is answered on the loop: neither the gate nor its customer takes a thread."""
    app, workers = installed(ents), []

    @app.get("/", dependencies=[EXPORTS, RequiresFeature("exports", customer=lambda request: user(request))])
    async def page():
        workers.extend(thread for thread in threading.enumerate() if "AnyIO" in thread.name)
        return threading.current_thread() is threading.main_thread()

    assert get(app, "cus_1").body == b"true"
    assert workers == []


def test_the_loop_goes_on_while_a_gate_waits(ents, shelf):
    """R29: a gate that must ask Stripe lets other requests be served meanwhile."""
    app = installed(ents)
    app.add_api_route("/", exported, dependencies=[EXPORTS])
    app.add_api_route("/open", exported)

    async def both():
        shelf.open.clear()
        waiting = asyncio.create_task(call(app, headers=[(b"x-user", b"cus_1")]))
        await asyncio.to_thread(shelf.asked.wait, 10)
        other, early = await call(app, path="/open"), waiting.done()
        shelf.open.set()
        return other.status, early, (await waiting).status

    assert asyncio.run(both()) == (200, False, 200)


# --- whose feature ---------------------------------------------------------------------------------------------------


async def acurrent_user(who: Annotated[str | None, Depends(current_user)]):
    await asyncio.sleep(0)
    return who


class Whose:
    def __init__(self, who: Annotated[str | None, Depends(current_user)]):
        self.stripe_customer_id = who


def whose(who: AnyOne = None):
    yield who


async def bare(connection):
    await asyncio.sleep(0)
    return user(connection)


@pytest.mark.parametrize(
    "customer",
    [user, bare, lambda anything: user(anything), current_user, acurrent_user, whose, Depends(current_user)],
    ids=["function", "async", "lambda", "dependency", "async dependency", "yield", "Depends"],
)
@pytest.mark.parametrize("around", ["installed", "by itself"])
def test_a_gate_s_customer_is_found_in_fastapi_s_ways(ents, customer, around):
    """A bare argument is the connection; whatever says more is a dependency, with its own dependencies."""
    app = FastAPI()
    if around == "installed":
        install(app, ents)
    gate = RequiresFeature("exports", customer=customer, entitlements=None if around == "installed" else ents)
    app.add_api_route("/", exported, dependencies=[gate])
    assert [get(app, who).status for who in ("cus_1", "cus_2", None)] == [200, 402, 403]

    @app.websocket("/live")
    async def live(websocket: WebSocket):
        await websocket.accept()

    if customer in {user, bare, whose}:
        app = FastAPI()
        app.add_api_websocket_route(
            "/live", live, dependencies=[RequiresFeature("exports", customer=customer, entitlements=ents)]
        )
        assert [talk(app, who)[-1].get("code") for who in ("cus_1", "cus_2")] == [None, 1008]


def test_a_class_finds_the_customer_too(ents):
    """A dependency that is a class is made, and its Stripe id is the customer; without one, nobody bought."""
    app = installed(ents, None)
    app.add_api_route("/", exported, dependencies=[RequiresFeature("exports", customer=Whose)])
    assert [get(app, who).status for who in ("cus_1", "cus_2", None)] == [200, 402, 402]


def test_a_path_says_whose_and_the_application_checks_that_it_may(ents):
    """A customer's dependency may read the path, and refuse by itself, as any dependency of FastAPI's."""

    def org_of(org: str, who: AnyOne = None):
        if org != who:
            raise HTTPException(404)
        return org

    app = installed(ents, None)
    app.add_api_route("/{org}/exports", exported, dependencies=[RequiresFeature("exports", customer=org_of)])
    statuses = [get(app, who, f"/{org}/exports").status for who, org in (("cus_1", "cus_1"), ("cus_2", "cus_1"))]
    assert [*statuses, get(app, "cus_2", "/cus_2/exports").status] == [200, 404, 402]


def test_a_customer_is_found_once_for_all_who_depend_on_it(ents):
    """The dependency that finds the customer is the path operation's own, solved once in a request."""
    found = []

    def once(who: AnyOne = None):
        found.append(who)
        return who

    async def page(who: str = Depends(once)):
        return who

    gates = [RequiresFeature("exports", customer=once), RequiresFeature(any_of=["exports"], customer=once)]
    app = installed(ents, None)
    app.add_api_route("/", page, dependencies=gates)
    assert get(app, "cus_1").body == b'"cus_1"'
    assert found == ["cus_1"]


def test_something_built_in_is_given_the_connection(ents):
    """What has no signature to be read is called with the connection."""
    app = installed(ents, None)
    app.add_api_route("/", exported, dependencies=[RequiresFeature("exports", customer=attrgetter("state.customer"))])
    assert get(app, state={"customer": "cus_1"}).status == 200


def test_a_client_does_not_say_who_it_is(ents):
    """A function of one bare argument never reads it from the query, where a client would say who is to be asked."""
    app = installed(ents, None)
    app.add_api_route("/", exported, dependencies=[RequiresFeature("exports", customer=lambda who: user(who))])
    assert get(app, "cus_2", query="who=cus_1").status == 402


def test_what_is_no_customer_is_an_error_not_a_guess(ents):
    """R35: a dependency that returns nonsense is a bug to be seen, and the path operation doesn't run."""
    app = installed(ents, None)
    app.add_api_route("/", exported, dependencies=[RequiresFeature("exports", customer=lambda request: 7)])
    with pytest.raises(InvalidInput):
        get(app)


# --- used in the wrong place -----------------------------------------------------------------------------------------


def route(app, **options):
    app.add_api_route("/", exported, **options)


def with_parameter(app, annotation):
    async def page(decision):
        raise AssertionError

    page.__annotations__["decision"] = annotation
    app.add_api_route("/", page)


@pytest.mark.parametrize(
    ("misuse", "advice"),
    [
        (lambda app: EXPORTS(exported), "not a decorator"),
        (lambda app: route(app, dependencies=[Depends(EXPORTS)]), "without Depends"),
        (lambda app: route(app, dependencies=[Depends(RequiresFeature)]), "__signature__"),
        (lambda app: route(app, dependencies=[Depends(requires_feature("exports"))]), "RequiresFeature"),
        (lambda app: with_parameter(app, Annotated[Decision, Depends(EXPORTS)]), "without Depends"),
        (lambda app: with_parameter(app, Annotated[Decision, Depends(requires_feature("x"))]), "RequiresFeature"),
        (lambda app: with_parameter(app, Annotated[object, requires_feature("exports")]), "RequiresFeature"),
        (lambda app: with_parameter(app, Annotated[object, RequiresFeature]), "doesn't look"),
        (lambda app: with_parameter(app, Annotated[object, EXPORTS] | None), "doesn't look"),
        (lambda app: route(FastAPI(dependencies=[Depends(requires_feature("x"))])), "RequiresFeature"),
        (lambda app: route(APIRouter(dependencies=[Depends(EXPORTS)])), "without Depends"),
        (lambda app: RequiresFeature(), "at least one"),
        (lambda app: RequiresFeature("exports", any_of=["sso"]), "not both"),
        (lambda app: RequiresFeature("exports", customer="cus_1"), "give a function"),
        (lambda app: RequiresFeature("exports", entitlements=7), "give an Entitlements"),
        (lambda app: RequiresFeature(exported), "without a key"),
    ],
)
def test_a_gate_in_the_wrong_place_is_heard_at_import(misuse, advice):
    """What FastAPI would pass over, or take for something else, raises when the route is made, and says what to do."""
    with pytest.raises(TypeError, match=advice):
        misuse(FastAPI())


def test_a_gate_that_is_not_a_dependency_is_refused_by_fastapi():
    """The core's decorator in a list of dependencies is no dependency to FastAPI."""
    with pytest.raises(AttributeError, match="dependency"):
        route(FastAPI(), dependencies=[requires_feature("exports")])


def test_terms_are_checked_when_the_gate_is_made():
    """A status that is none, or a key that can't be one, is refused at import."""
    with pytest.raises(InvalidSettings):
        RequiresFeature("exports", status=200)
    with pytest.raises(InvalidInput):
        RequiresFeature("")


@pytest.mark.parametrize("name", APPS)
def test_a_gate_that_fastapi_loses_keeps_the_application_shut(ents, name):
    """A gate that is written and not in force, by FastAPI's reading, stops the start and every request."""
    app, advice = APPS[name]()
    install(app, ents, user)

    async def start():
        talking = Talk({"type": "lifespan.startup"})
        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, talking.receive, talking.send)
        return talking.sent

    [failed] = asyncio.run(start())
    assert failed["type"] == "lifespan.startup.failed"
    assert advice in failed["message"]
    for path in ("/lost", "/open", "/openapi.json"):
        with pytest.raises((NotConfigured, TypeError), match=advice):
            get(app, "cus_1", path)


def test_nothing_said_opens_nothing():
    """With neither an instance nor a customer a gate raises, and FastAPI answers 500."""
    app, talking = FastAPI(), Talk({"type": "http.request", "body": b""})
    app.add_api_route("/", exported, dependencies=[EXPORTS])
    with pytest.raises(NotConfigured, match="which Entitlements"):
        asyncio.run(app(http_scope(), talking.receive, talking.send))
    assert talking.reply().status == 500


# --- OpenAPI ---------------------------------------------------------------------------------------------------------


def responses(app, path="/", method="get"):
    schema = app.openapi()
    OpenAPI.model_validate(schema)
    return {status: body for status, body in schema["paths"][path][method]["responses"].items() if status != "200"}


def test_openapi_shows_what_a_gate_answers(ents):
    """Each gated operation shows 402, 403 and 503 as problems, and what they hold; others show nothing of it."""
    app = installed(ents)
    app.add_api_route("/", exported, dependencies=[EXPORTS])
    app.add_api_route("/", exported, dependencies=[EXPORTS], methods=["POST"])
    app.add_api_route("/open", exported)
    for method in ("get", "post"):
        shown = responses(app, method=method)
        assert [*shown] == ["402", "403", "503"]
        assert all([*body["content"]] == ["application/problem+json"] for body in shown.values())
    assert shown["402"]["content"]["application/problem+json"]["schema"] == {
        "$ref": "#/components/schemas/EntitlementsFeatureRequired"
    }
    assert shown["503"]["headers"]["Retry-After"]["schema"] == {"type": "integer"}
    assert responses(app, "/open") == {}
    schemas = app.openapi()["components"]["schemas"]
    said = get(app, "cus_2").problem
    assert set(said) <= set(schemas["EntitlementsFeatureRequired"]["properties"])
    assert set(schemas["EntitlementsFeatureRequired"]["required"]) <= set(said)
    assert set(get(app, None).problem) <= set(schemas["EntitlementsAnonymous"]["properties"])


def test_openapi_knows_every_way_to_gate(ents):
    """Gates of the application, of routers, of parameters, of dependencies and the core's decorator are all shown."""
    app, outer = FastAPI(), APIRouter(prefix="/outer", dependencies=[EXPORTS])
    install(app, ents, user)
    inner = APIRouter()

    @inner.get("/inner")
    async def within(): ...

    @app.get("/parameter")
    async def parameter(decision: Annotated[Decision, EXPORTS]): ...

    def gated(decision: Annotated[Decision, EXPORTS]): ...

    @app.get("/dependency", dependencies=[Depends(gated)])
    async def dependency(): ...

    @app.get("/decorated")
    @requires_feature("exports")
    @requires_feature("sso", status=451)
    async def decorated(): ...

    outer.include_router(inner)
    app.include_router(outer)
    app.include_router(inner, prefix="/including", dependencies=[EXPORTS])
    for path in ("/outer/inner", "/parameter", "/dependency", "/including/inner"):
        assert [*responses(app, path)] == ["402", "403", "503"], path
    assert [*responses(app, "/decorated")] == ["402", "451", "403", "503"]
    every = FastAPI(dependencies=[EXPORTS])
    install(every, ents, user)
    every.add_api_route("/", exported)
    assert [*responses(every)] == ["402", "403", "503"]


def test_openapi_shows_the_terms_of_gate_and_application(ents):
    """A status of one's own is the one shown, what is hidden isn't, and what an operation says itself stays."""
    app = installed(ents, status=451)
    app.add_api_route("/", exported, dependencies=[EXPORTS])
    app.add_api_route("/403", exported, dependencies=[RequiresFeature("exports", status=403)])
    app.add_api_route("/hidden", exported, dependencies=[RequiresFeature("exports", hide=True)])
    app.add_api_route("/own", exported, dependencies=[EXPORTS], responses={503: {"description": "mine"}})
    assert [*responses(app)] == ["451", "403", "503"]
    assert responses(app, "/403")["403"]["description"] == "The current plan doesn't include it"
    assert [*responses(app, "/hidden")] == ["403", "503"]
    assert responses(app, "/own")["503"] == {"description": "mine"}


def test_openapi_is_made_once_and_again_when_there_are_new_routes(ents):
    """What FastAPI keeps of its schema it keeps with the gates, and a route that is added later is shown too."""
    app = installed(ents)
    app.add_api_route("/", exported, dependencies=[EXPORTS])
    assert app.openapi() is app.openapi()
    app.add_api_route("/later", exported, dependencies=[EXPORTS])
    assert [*responses(app, "/later")] == [*responses(app)] == ["402", "403", "503"]


def test_an_application_without_a_gate_has_its_schema_untouched(ents):
    """Nothing is added where nothing is gated, and an application without OpenAPI serves without it."""
    app, plain = installed(ents), FastAPI()
    for each in (app, plain):
        each.add_api_route("/", exported)
    assert app.openapi() == plain.openapi()
    silent = FastAPI(openapi_url=None)
    install(silent, ents, user)
    silent.add_api_route("/", exported, dependencies=[EXPORTS])
    assert get(silent, "cus_1").status == 200


# --- around a path operation -----------------------------------------------------------------------------------------


def test_what_was_opened_before_a_refusal_is_closed(ents):
    """A dependency with `yield` that was entered before the gate sees the refusal pass, and cleans up."""
    app, seen = installed(ents), []

    async def session():
        try:
            yield
        except FeatureRequired as error:
            seen.append(error.decision.feature)
            raise
        finally:
            seen.append("closed")

    app.add_api_route("/", exported, dependencies=[Depends(session), EXPORTS])
    assert [get(app, who).status for who in ("cus_2", "cus_1")] == [402, 200]
    assert seen == ["exports", "closed", "closed"]


def test_a_dependency_that_swallows_a_refusal_opens_nothing(ents):
    """A dependency with `yield` that swallows every error breaks the request; the path operation doesn't run."""
    app, ran = installed(ents), []

    async def swallowing():
        with suppress(Exception):  # as some applications do
            yield

    async def page():
        ran.append(1)

    app.add_api_route("/", page, dependencies=[Depends(swallowing), EXPORTS])
    with pytest.raises(Exception, match="Response not awaited"):
        get(app, "cus_2")
    assert ran == []


@pytest.mark.parametrize("gate_first", [True, False])
def test_a_gate_comes_before_complaints_about_the_request(ents, gate_first):
    """Who may not is refused before FastAPI says what is wrong with the parameters of the path operation."""
    app = installed(ents)
    gate = {"dependencies": [EXPORTS]} if gate_first else {}

    @app.get("/", **gate)
    async def page(number: int, decision: Annotated[Decision, EXPORTS]):
        raise AssertionError

    assert [get(app, who, query="number=x").status for who in ("cus_2", "cus_1")] == [402, 422]


def test_background_tasks_see_the_customer_of_their_request(ents):
    """What runs after the response is asked about the same customer, and a refusal there is the server's to report."""
    app, seen = installed(ents), []

    def after():
        seen.append(bound_view().stripe_customer_id)

    @requires_feature("sso")
    async def gated():
        seen.append("ran")

    @app.get("/", dependencies=[EXPORTS])
    async def page(tasks: BackgroundTasks):
        tasks.add_task(after)
        tasks.add_task(gated)
        return "done"

    talking = Talk({"type": "http.request", "body": b""})
    with pytest.raises(RuntimeError) as raised:
        asyncio.run(app(http_scope(headers=[(b"x-user", b"cus_1")]), talking.receive, talking.send))
    assert isinstance(raised.value.__cause__, FeatureRequired)
    assert (talking.reply().body, seen) == (b'"done"', ["cus_1"])


def test_a_streamed_body_is_gated_and_sees_its_customer(ents):
    """A stream begins only for who may, FastAPI's own streams of a generator too, and asks about who it is for."""
    app, ran = installed(ents), []

    def lines():
        ran.append(1)
        yield f"{bound_view().stripe_customer_id}"

    @app.get("/response", dependencies=[EXPORTS])
    async def response():
        return StreamingResponse(lines())

    @app.get("/generator", dependencies=[EXPORTS])
    async def generator():
        for line in lines():
            yield line

    @app.get("/decorated")
    @requires_feature("exports")
    async def decorated():
        for line in lines():
            yield line

    for path in ("/response", "/generator", "/decorated"):
        del ran[:]
        assert get(app, "cus_2", path).status == 402
        assert ran == []
        assert b"cus_1" in get(app, "cus_1", path).body


def test_a_test_that_opens_a_gate_says_so(ents):
    """Only an override of the very gate opens it; one of another gate for the same feature doesn't."""
    app = installed(ents)
    app.add_api_route("/", exported, dependencies=[EXPORTS])
    app.dependency_overrides[RequiresFeature("exports").dependency] = lambda: None
    assert get(app, "cus_2").status == 402
    app.dependency_overrides = {EXPORTS.dependency: lambda: None}
    assert get(app, "cus_2").status == 200


def test_a_test_may_say_who_is_signed_in(ents):
    """An override of the dependency that finds the customer is asked in its place, as FastAPI's tests do it."""
    app = installed(ents, None)
    app.add_api_route("/", exported, dependencies=[RequiresFeature("exports", customer=current_user)])
    app.dependency_overrides[current_user] = lambda: "cus_1"
    assert get(app, "cus_2").status == 200


def test_a_mounted_application_s_gates_answer_for_themselves(ents):
    """A mounted application knows nothing of its parent's handlers, and its gates answer 402 and its own 404 there."""
    app, sub = installed(ents), FastAPI()
    sub.add_api_route("/", exported, dependencies=[EXPORTS])
    sub.add_api_route("/hidden", exported, dependencies=[RequiresFeature("exports", hide=True)])
    app.mount("/sub", sub)
    assert [get(app, who, "/sub/").status for who in ("cus_1", "cus_2")] == [200, 402]
    assert get(app, "cus_2", "/sub/hidden").body == get(app, "cus_2", "/sub/nothing").body == b'{"detail":"Not Found"}'


def test_a_handler_of_the_application_answers_fastapi_s_refusals(ents):
    """`handler=` is given the refusal and the request, and its response is kept out of caches."""

    def handler(error, request):
        return PlainTextResponse(f"{request.method}: {error.decision.feature}", 418)

    app = installed(ents, handler=handler)
    app.add_api_route("/", exported, dependencies=[EXPORTS])
    reply = get(app, "cus_2")
    assert (reply.status, reply.body, reply.headers["cache-control"]) == (418, b"GET: exports", PRIVATE)


# --- imports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "absent", "extra"),
    [("fastapi", "fastapi", "fastapi"), ("fastapi", "starlette", "fastapi"), ("starlette", "starlette", "starlette")],
)
def test_without_its_framework_an_integration_names_the_extra(module, absent, extra):
    """R91: what is missing is said with the command that installs it."""
    code = f"""
import sys
sys.modules[{absent!r}] = None
try:
    import entitlements.web.{module}
except ModuleNotFoundError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip().endswith(f"install it with: pip install 'entitlements[{extra}]'")


@pytest.mark.parametrize(
    ("module", "absent"),
    [("starlette", ["fastapi", "flask", "django", "uvicorn"]), ("fastapi", ["flask", "django", "uvicorn"])],
)
def test_an_integration_loads_its_own_framework_only(module, absent):
    """Importing an integration imports no other framework, and no server."""
    code = f"import sys, entitlements.web.{module}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
