"""What is particular to Flask; what every gate owes is in test_flask_gates.py."""

from __future__ import annotations

import asyncio
import functools
import inspect
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    copy_current_request_context,
    g,
    render_template_string,
    request,
    session,
    stream_with_context,
)
from flask.views import MethodView
from web_shelf import Shelf
from web_wsgi import Visit, call
from werkzeug.exceptions import NotFound
from werkzeug.local import LocalProxy
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from entitlements import (
    Entitlements,
    EntitlementsError,
    EntitlementsUnavailable,
    FeatureRequired,
    InvalidInput,
    InvalidSettings,
    NotConfigured,
)
from entitlements.bound import bound_view
from entitlements.web.flask import FlaskEntitlements, current_entitlements, requires_feature
from entitlements.web.wsgi import EntitlementsMiddleware

HTML = "text/html,*/*;q=0.8"
PRIVATE = "private, no-store"


@requires_feature("exports")
def exported():
    return "exported"


def who_asks():
    return request.headers.get("X-Who")


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf) as ents:
        yield ents


@pytest.fixture
def app():
    """Make an application that has an open page, a gated one, and no FlaskEntitlements yet."""
    app = Flask("shop")
    app.secret_key = "not a secret"
    app.add_url_rule("/open", "open", lambda: "open to all")
    app.add_url_rule("/exports", "exports", exported)
    return app


@pytest.fixture
def gated(app, ents):
    """Give the application its FlaskEntitlements, with whatever it says of its refusals."""

    def gate(customer=who_asks, **options):
        FlaskEntitlements(app, ents, customer=customer, **options)
        return app

    return gate


def get(app, path="/exports", who="cus_1", **headers):
    """Get a page, with its whole body: what isn't read isn't made."""
    return app.test_client().get(path, headers={**({"X-Who": who} if who else {}), **headers}, buffered=True)


# --- applications, and factories of them -----------------------------------------------------------------------------


def test_one_object_serves_as_many_applications_as_it_is_given(ents):
    """An object made once serves each application that a factory makes, with an instance of its own if it has one."""
    gate = FlaskEntitlements(entitlements=ents, customer=who_asks)
    elsewhere = Shelf(cus_2={"exports"})

    def create_app(*instance):
        app = Flask("shop")
        app.add_url_rule("/exports", "exports", exported)
        gate.init_app(app, *instance)
        assert app.extensions["entitlements"] is gate
        return app

    with Entitlements(source=elsewhere) as other:
        apps = create_app(), create_app(), create_app(other)
        answers = [[get(app, who=who).status_code for who in ("cus_1", "cus_2")] for app in apps]
    assert answers == [[200, 402], [200, 402], [402, 200]]


def test_an_application_within_another_has_its_own_customers(app, gated, ents):
    """What one application asks another one is asked for the other's customer, and the first has its own view back."""
    inner = Flask("inner")
    inner.add_url_rule("/exports", "exports", exported)
    FlaskEntitlements(inner, ents, customer=lambda: "cus_2")

    @app.get("/both")
    def both():
        before = "exports" in current_entitlements
        return [before, get(inner).status_code, "exports" in current_entitlements]

    assert get(gated(), "/both").json == [True, 402, True]


def test_applications_beside_each_other_under_prefixes(app, gated, ents):
    """Mounted by werkzeug's dispatcher, each application is gated for its own customers and returns to its own path."""
    other = Flask("other")
    other.add_url_rule("/exports", "exports", exported)
    FlaskEntitlements(other, ents, customer=lambda: "cus_2", upgrade_url="/pricing")
    site = DispatcherMiddleware(gated(), {"/other": other})
    assert call(site, path="/exports", HTTP_X_WHO="cus_1").body == b"exported"
    assert call(site, path="/exports", HTTP_X_WHO="cus_2").status == 402
    away = call(site, path="/other/exports", HTTP_X_WHO="cus_1", accept=HTML)
    assert (away.status, away.headers["location"]) == (303, "/pricing?feature=exports&next=%2Fother%2Fexports")


def test_an_application_without_any_admits_nobody(app):
    """A gate in an application that was forgotten fails closed, loudly, and says what to do."""
    app.add_url_rule("/asks", "asks", lambda: str("exports" in current_entitlements))
    assert get(app).status_code == 500
    app.testing = True
    with pytest.raises(NotConfigured, match="nothing says"):
        get(app)
    with pytest.raises(NotConfigured, match="FlaskEntitlements"):
        get(app, "/asks")


def test_a_middleware_taken_before_admits_nobody(app, gated):
    """Whoever kept hold of the application as it was before `init_app` meets gates that don't open."""
    app.testing = True
    before = app.wsgi_app
    gated()
    with pytest.raises(NotConfigured):
        call(before, path="/exports", HTTP_X_WHO="cus_1")


def test_what_can_not_be_right_is_said_at_start(app, ents):
    """R35: no instance, no callback, an async one, a status that is no refusal's, an application twice or none."""

    async def later(*_):
        return None

    for given in (
        {"customer": who_asks},
        {"customer": who_asks, "entitlements": "sk_test_123"},
        {"customer": "cus_1", "entitlements": ents},
        {"customer": later, "entitlements": ents},
        {"customer": who_asks, "entitlements": ents, "handler": later},
        {"customer": who_asks, "entitlements": ents, "handler": "no"},
        {"customer": who_asks, "entitlements": ents, "status": 200},
        {"customer": who_asks, "entitlements": ents, "hide": True, "status": 403},
        {"customer": who_asks, "entitlements": ents, "upgrade_url": "//evil.example"},
    ):
        with pytest.raises(InvalidSettings):
            FlaskEntitlements(app, **given)
    gate = FlaskEntitlements(app, ents, customer=who_asks)
    with pytest.raises(InvalidSettings, match="already"):
        gate.init_app(app)
    with pytest.raises(InvalidSettings, match="Flask application"):
        gate.init_app(app.wsgi_app)


def test_it_is_too_late_once_a_request_was_served(app, ents):
    """An application that serves already is not half attached: Flask says so, and nothing has changed."""
    get(app, "/open")
    with pytest.raises(AssertionError, match="first request"):
        FlaskEntitlements(app, ents, customer=who_asks)
    assert (get(app).status_code, app.extensions) == (500, {})


# --- who asks --------------------------------------------------------------------------------------------------------


def test_nobody_is_looked_for_unless_something_is_asked(gated, shelf):
    """A page that asks nothing finds no customer, fetches nothing, and is left to caches as it was."""
    reply = get(gated(lambda: 1 / 0), "/open")
    assert (reply.text, reply.headers.get("Cache-Control"), reply.headers.get("Vary")) == ("open to all", None, None)
    assert shelf.fetches == []


def test_the_customer_is_found_once_and_late(app, gated):
    """`customer=` runs at the first question, in the request's context, after whatever signs users in; and once."""
    found = []

    def customer():
        found.append(request.path)
        return g.user

    @app.before_request
    def sign_in():
        g.user = SimpleNamespace(stripe_customer_id=session.get("customer"))

    @app.get("/sign-in")
    def sign_in_page():
        session["customer"] = "cus_1"
        return ""

    @app.get("/page")
    @requires_feature("exports")
    def page():
        return str("exports" in current_entitlements and current_entitlements.features)

    client = gated(customer).test_client()
    assert client.get("/page").json["reason"] == "no_customer"
    client.get("/sign-in")
    assert client.get("/page").status_code == 200
    assert found == ["/page", "/page"]


STAND_INS = {
    "a proxy to an id": (lambda: LocalProxy(lambda: "cus_1"), 200, None),
    "a proxy to a customer": (lambda: LocalProxy(lambda: SimpleNamespace(stripe_customer_id="cus_1")), 200, None),
    "a proxy to nobody": (lambda: LocalProxy(lambda: None), 403, "anonymous"),
    "a proxy to a proxy to nobody": (lambda: LocalProxy(lambda: LocalProxy(lambda: None)), 403, "anonymous"),
    "an anonymous user": (lambda: SimpleNamespace(is_anonymous=True), 403, "anonymous"),
    "a proxy to an anonymous user": (
        lambda: LocalProxy(lambda: SimpleNamespace(is_anonymous=True)),
        403,
        "anonymous",
    ),
    "an anonymous user with no id": (
        lambda: SimpleNamespace(is_anonymous=True, stripe_customer_id=None),
        403,
        "anonymous",
    ),
    "a guest who has bought": (lambda: SimpleNamespace(is_anonymous=True, stripe_customer_id="cus_1"), 200, None),
    "a user who has not bought": (
        lambda: SimpleNamespace(is_anonymous=False, stripe_customer_id=None),
        402,
        "no_customer",
    ),
}


@pytest.mark.parametrize("of_the_gate", [False, True])
@pytest.mark.parametrize("kind", STAND_INS)
def test_what_stands_in_for_a_user_is_seen_through(app, gated, kind, of_the_gate):
    """`customer=` may return a proxy, as `current_user` is, and what a login extension has for nobody."""
    make, status, reason = STAND_INS[kind]
    if of_the_gate:
        app.add_url_rule("/own", "own", requires_feature("exports", customer=make)(lambda: "exported"))
    reply = get(gated(make), "/own" if of_the_gate else "/exports")
    assert (reply.status_code, reply.json and reply.json["reason"]) == (status, reason)


def test_an_async_gate_sees_through_a_proxy_too(app, gated):
    """Where the customer is awaited, what is found is seen through as it is elsewhere."""

    async def nobody():
        return LocalProxy(lambda: None)

    async def page():
        return "exported"

    app.add_url_rule("/own", "own", requires_feature("exports", customer=nobody)(page))
    assert get(gated(), "/own").json["reason"] == "anonymous"


@pytest.mark.parametrize("who", ["", 7, object(), "cus 1"])
def test_what_is_no_customer_is_an_error_not_a_guess(app, gated, shelf, who):
    """R35, R11: a callback that returns nonsense is a bug to be seen, and nobody is asked about anybody."""
    app.testing = True
    with pytest.raises(InvalidInput, match="customer"):
        get(gated(lambda: who))
    assert shelf.fetches == []


@pytest.mark.parametrize(
    "template",
    [
        "{% if entitlements.unavailable %}later{% elif 'exports' in entitlements %}yes{% else %}buy{% endif %}",
        "{% if 'exports' in entitlements %}yes{% elif entitlements.unavailable %}later{% else %}buy{% endif %}",
        "{{ entitlements.features }}",
    ],
)
@pytest.mark.parametrize("customer", [lambda: g.user.organisation, lambda: LocalProxy(lambda: g.user)])
def test_a_callback_that_fails_never_reads_as_a_no_in_a_template(app, gated, template, customer):
    """Jinja takes an AttributeError for "no such thing"; what a callback gets wrong is an error all the same."""
    app.testing = True
    app.add_url_rule("/page", "page", lambda: render_template_string(template))
    with pytest.raises(NotConfigured, match="customer= failed"):
        get(gated(customer), "/page")


def test_a_copied_context_does_not_carry_the_customer_to_another_thread(app, gated):
    """R37: work handed to a thread has no view there, and says so."""

    @app.get("/elsewhere")
    def elsewhere():
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(copy_current_request_context(exported)).result()

    app.testing = True
    with pytest.raises(NotConfigured):
        get(gated(), "/elsewhere")


# --- templates -------------------------------------------------------------------------------------------------------

PAGE = """
{%- from "macros.html" import button -%}
{%- if "exports" in entitlements %}yes{% elif entitlements.unavailable %}we could not tell{% else %}buy{% endif -%}
/{{ button() }}
"""
MACROS = "{% macro button() %}{{ 'exports' in entitlements }}{% endmacro %}"


@pytest.mark.parametrize(("who", "text"), [("cus_1", "yes/True"), ("cus_2", "buy/False"), (None, "buy/False")])
def test_templates_ask(app, gated, who, text):
    """`{% if "x" in entitlements %}` works in templates and in macros they import, and what was asked is private."""
    from jinja2 import DictLoader

    app.jinja_loader = DictLoader({"page.html": PAGE, "macros.html": MACROS})
    app.add_url_rule("/page", "page", lambda: app.jinja_env.get_template("page.html").render())
    reply = get(gated(), "/page", who)
    assert (reply.text, reply.headers["Cache-Control"]) == (text, PRIVATE)


def test_templates_never_sell_what_they_cannot_tell(app, gated, shelf):
    """R21: while nothing can be told, a template says that, and nothing else."""
    shelf.failing = True
    app.add_url_rule(
        "/page", "page", lambda: render_template_string(PAGE.replace("from", "#") and PAGE.split("-%}")[1])
    )
    reply = get(gated(), "/page")
    assert "buy" not in reply.text


def test_in_an_async_view_a_template_finds_what_the_gate_found(app, gated):
    """On a loop templates don't wait; what a gate has awaited is there."""

    @app.get("/page")
    @requires_feature("exports")
    async def page():
        return render_template_string("{{ 'exports' in entitlements }}")

    assert get(gated(), "/page").text == "True"


def test_outside_of_a_request_nobody_is_asked(app, gated):
    """A command, or a context without a request, has no customer: asking says so."""
    with gated().app_context(), pytest.raises(NotConfigured, match="outside of a request"):
        render_template_string("{{ 'exports' in entitlements }}")


def test_what_looks_at_modules_may_look(gated):
    """Importing `current_entitlements` into a module keeps nothing from inspecting it; it names nobody by itself."""
    assert inspect.unwrap(current_entitlements) is current_entitlements
    assert repr(current_entitlements) == "<the current request's entitlements>"
    with gated().test_request_context():
        assert "current request" in render_template_string("{{ entitlements }}")


# --- bound, and always unbound ---------------------------------------------------------------------------------------


def add_streams(app):
    @app.get("/stream")
    def stream():
        return Response(step() for step in [lambda: "begun, ", exported])

    @app.get("/kept")
    def kept():
        return Response(stream_with_context(step() for step in [lambda: "begun, ", exported]))

    @app.get("/asked")
    @requires_feature("exports")
    def asked():
        return stream()

    @app.get("/first")
    def first():
        return Response(stream_with_context(exported() for _ in range(1)))

    @app.get("/first-unkept")
    def first_unkept():
        return Response(exported() for _ in range(1))

    @app.get("/breaks")
    def breaks():
        "exports" in current_entitlements  # noqa: B015 - asking is the point
        raise ZeroDivisionError


@pytest.mark.parametrize("path", ["/exports", "/stream", "/kept", "/asked", "/first", "/first-unkept", "/breaks"])
@pytest.mark.parametrize("who", ["cus_1", "cus_2", None])
@pytest.mark.parametrize("testing", [False, True])
def test_a_reused_thread_sees_nothing_of_the_request_before(app, gated, path, who, testing):
    """R36, M22: on a pool of one thread, whatever a request did, the code that runs next has no customer."""
    add_streams(app)
    app.testing = testing
    app = gated()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(get, app, path, who).exception()
        assert pool.submit(bound_view).result() is None
        with pytest.raises(NotConfigured):
            pool.submit(exported).result()


@pytest.mark.parametrize("path", ["/kept", "/asked"])
def test_between_two_chunks_the_thread_is_free(app, gated, path):
    """R36: a server that serves others while a stream waits doesn't serve them as this customer."""
    add_streams(app)
    visit = Visit(gated(), path=path, HTTP_X_WHO="cus_1")
    visit.begin()
    assert bound_view() is None
    assert next(visit.body) == b"begun, "
    assert bound_view() is None
    assert next(visit.body) == b"exported"
    assert (list(visit.body), bound_view()) == ([], None)
    visit.end()


def test_streams_that_take_turns_keep_to_their_own_customers(app, gated):
    """R19: two streams interleaved on one thread are answered each for its own customer."""

    @app.get("/turns")
    def turns():
        "exports" in current_entitlements  # noqa: B015 - asking is the point
        return Response(step() for step in [lambda: "begun, ", lambda: str("exports" in current_entitlements)])

    app = gated()
    one, two = (Visit(app, path="/turns", HTTP_X_WHO=who) for who in ("cus_1", "cus_2"))
    one.begin()
    two.begin()
    assert [next(each.body) for each in (one, two, one, two)] == [b"begun, ", b"begun, ", b"True", b"False"]
    one.end()
    two.end()


def test_threads_do_not_see_each_other(app, gated):
    """R36: requests at the same time on several threads are answered each for its own customer."""
    barrier = threading.Barrier(8)

    @app.get("/together")
    def together():
        barrier.wait(timeout=10)
        return exported()

    app = gated()
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(get, app, "/together", f"cus_{1 + i % 2}") for i in range(8)]
        assert [each.result().status_code for each in calls] == [200, 402] * 4


def test_what_tears_a_request_down_still_sees_its_customer(app, gated):
    """The view is there for teardown functions, and after them for nobody."""
    seen = []
    app.teardown_request(lambda error: seen.append("exports" in current_entitlements))
    get(gated(), "/open")
    assert (seen, bound_view()) == ([True], None)


# --- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_within_its_context_asks_when_it_likes(app, gated):
    """With `stream_with_context` the first question may come from the body: who may gets all of it."""
    add_streams(app)
    app = gated()
    assert [get(app, path).text for path in ("/kept", "/first")] == ["begun, exported", "exported"]


@pytest.mark.parametrize("hide", [False, True])
def test_a_refusal_before_the_first_chunk_becomes_the_response(app, gated, hide):
    """R19: a body that is refused when it is made is answered as if its view had been: 402, or the site's own 404."""
    add_streams(app)
    app.register_error_handler(404, lambda error: ("we have looked everywhere", 404))
    app.after_request(lambda response: response.headers.set("X-After", "1") or response)
    app = gated(hide=hide)
    reply, usual = get(app, "/first", "cus_2"), get(app, "/exports", "cus_2")
    assert reply.status_code == (404 if hide else 402)
    assert (reply.data, list(reply.headers)) == (usual.data, list(usual.headers))
    assert reply.headers["X-After"] == "1"


def test_a_refusal_after_the_first_chunk_breaks_the_stream(app, gated):
    """R19: once headers are out the server is told, so that it breaks the connection rather than ending it well."""
    add_streams(app)
    visit = Visit(gated(), path="/kept", HTTP_X_WHO="cus_2", valid=False)
    visit.begin()
    visit.write(next(visit.body))
    with pytest.raises(FeatureRequired):
        next(visit.body)
    visit.end()


@pytest.mark.parametrize("path", ["/stream", "/first-unkept"])
def test_a_stream_without_its_context_can_not_find_out_who_asks(app, gated, path):
    """Without `stream_with_context`, and unasked before, a stream fails closed and says what to do."""
    add_streams(app)
    with pytest.raises(NotConfigured, match="stream_with_context"):
        get(gated(), path)


def test_a_stream_read_within_another_request_is_not_taken_for_that_one(app, gated, ents):
    """R36: a stream whose own request is over doesn't take whoever makes the request around it for its customer."""
    inner = Flask("inner")
    add_streams(inner)
    FlaskEntitlements(inner, ents, customer=who_asks)
    app.add_url_rule("/around", "around", lambda: get(inner, "/first-unkept", "cus_2").text)
    app.testing = True
    with pytest.raises(NotConfigured, match="stream_with_context"):
        get(gated(), "/around", "cus_1")


def test_a_page_for_what_is_hidden_late_may_ask_too(app, gated):
    """A 404 page that shows what the customer has does so also when a body is refused before its first chunk."""
    add_streams(app)
    app.register_error_handler(404, lambda error: (f"you have {sorted(current_entitlements.features)}", 404))
    reply = get(gated(hide=True), "/first", "cus_2")
    assert (reply.status_code, reply.text) == (404, "you have []")


def test_a_stream_without_its_context_knows_who_was_asked_about(app, gated):
    """Without `stream_with_context`, a stream whose view was asked before goes on for the same customer."""
    add_streams(app)
    assert get(gated(), "/asked").text == "begun, exported"


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [{"TESTING": True}, {"PROPAGATE_EXCEPTIONS": True}, {"DEBUG": True}, {"TRAP_BAD_REQUEST_ERRORS": True}, {}],
)
def test_a_refusal_is_an_answer_and_no_crash(app, gated, config):
    """However an application is told to treat its errors, a refusal is a response."""
    app.config.update(config)
    app = gated()
    assert [get(app, who=who).status_code for who in ("cus_1", "cus_2", None)] == [200, 402, 403]


@pytest.mark.parametrize("base", [Exception, FeatureRequired, EntitlementsError, EntitlementsUnavailable])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("of_blueprint", [False, True])
def test_only_a_handler_for_refusals_goes_before_ours(app, ents, base, first, of_blueprint):
    """A catch-all of the application or of a blueprint swallows no refusal; a handler for refusals has its say."""

    def attach():
        FlaskEntitlements(app, ents, customer=who_asks)

    blueprint = Blueprint("part", "part")
    blueprint.add_url_rule("/part", "page", exported)
    if first:
        attach()
    (blueprint if of_blueprint else app).register_error_handler(base, lambda error: ("in our own words", 418))
    app.register_blueprint(blueprint)
    if not first:
        attach()
    reply = get(app, "/part", "cus_2")
    assert reply.status_code == (418 if base in {FeatureRequired, EntitlementsError} else 402)
    assert reply.headers["Cache-Control"] == PRIVATE


@pytest.mark.parametrize("accept", ["*/*", HTML])
def test_head_has_no_body_and_the_headers_of_one(gated, accept):
    """HEAD is answered with the headers of GET, the length among them."""
    client = gated(lambda: "cus_2", upgrade_url="/pricing").test_client()
    get, head = (client.open("/exports", method=method, headers={"Accept": accept}) for method in ("GET", "HEAD"))
    assert (head.status, list(head.headers), head.data) == (get.status, list(get.headers), b"")


def test_a_refusal_that_code_raises_is_an_answer_too(app, gated, ents):
    """What `require` raises in a view is answered as what a gate raises is, and as privately."""
    app.add_url_rule("/code", "code", lambda: str(ents.require("cus_2", "exports")))
    reply = get(gated(), "/code")
    assert (reply.status_code, reply.content_type, reply.headers["Cache-Control"]) == (
        402,
        "application/problem+json",
        PRIVATE,
    )


@pytest.mark.parametrize("kept", [(), (ValueError(),)])
def test_tasks_of_a_view_are_refused_as_it_is(app, gated, kept):
    """A group of tasks that were all refused is a refusal; one in which something else failed is that failure."""

    @app.get("/tasks")
    async def tasks():
        async with asyncio.TaskGroup() as group:
            group.create_task(requires_feature("exports")(asyncio.sleep)(0))
            for error in kept:
                group.create_task(failing(error))

    async def failing(error):
        raise error

    app = gated()
    assert [get(app, "/tasks", who).status_code for who in ("cus_2", None)] == ([500, 500] if kept else [402, 403])


def test_a_gate_before_the_request_answers_too(app, gated):
    """A gate at an application's own `before_request` shuts all of it."""
    app.before_request(requires_feature("exports")(lambda: None))
    app = gated()
    assert [get(app, "/open", who).status_code for who in ("cus_1", "cus_2")] == [200, 402]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("plain", (200, b"plain")),
        (("with a status", 418), (418, b"with a status")),
        ({"json": 1}, (200, b'{"json":1}\n')),
        (lambda: Response("made", 402), (402, b"made")),
    ],
)
def test_an_application_answers_in_its_own_words(gated, answer, expected):
    """A handler is given the refusal and the request, and returns whatever a view may; it is kept out of caches."""
    seen = []

    def handler(error, request):
        seen.append((error.decision.reason, request.path))
        return answer() if callable(answer) else answer

    reply = get(gated(handler=handler), who="cus_2")
    assert ((reply.status_code, reply.data), reply.headers["Cache-Control"]) == (expected, PRIVATE)
    assert seen == [("not_entitled", "/exports")]


def test_a_handler_may_leave_some_to_us(gated, shelf):
    """A handler that returns None for a refusal has the usual answer given."""
    app = gated(handler=lambda error, request: "soon" if isinstance(error, EntitlementsUnavailable) else None)
    assert get(app, who="cus_2").json["reason"] == "not_entitled"
    shelf.failing = True
    assert get(app, who="cus_3").text == "soon"


# --- hidden ----------------------------------------------------------------------------------------------------------


def bare(reply):
    return reply.status, sorted(reply.headers), reply.data


@pytest.mark.parametrize("config", [{}, {"DEBUG": True}, {"TESTING": True}])
@pytest.mark.parametrize("words", [None, "handler", "handler for all"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_hidden_can_not_be_told_from_what_is_not_there(app, gated, config, words, method):
    """`hide=True` in a blueprint of many words: status, headers and body are those of a path that leads nowhere."""
    app.config.update(config)
    blueprint = Blueprint("part", "part")
    blueprint.add_url_rule("/hidden/<int:number>", "page", lambda number: exported())
    blueprint.register_error_handler(404, lambda error: ("not in this part", 404))
    blueprint.after_request(lambda response: response.headers.set("X-Part", "1") or response)
    app.register_blueprint(blueprint)
    app.after_request(
        lambda response: response.headers.set("X-Route", f"{request.endpoint} {request.routing_exception}") or response
    )
    if words:
        app.register_error_handler(404 if words == "handler" else NotFound, lambda error: (f"no page: {error}", 404))
    app = gated(lambda: session.get("nobody") or "cus_2", hide=True)
    client = app.test_client()
    assert bare(client.open("/hidden/1", method=method)) == bare(client.open("/hidden/", method=method))
    assert client.get("/hidden/1").status_code == 404


def test_what_a_blueprint_sets_up_it_tears_down(app, gated):
    """Hidden or not, a request that began in a blueprint ends in it."""
    seen = []
    blueprint = Blueprint("part", "part")
    blueprint.add_url_rule("/hidden", "page", exported)
    blueprint.before_request(lambda: seen.append("up"))
    blueprint.teardown_request(lambda error: seen.append("down"))
    app.register_blueprint(blueprint)
    assert get(gated(hide=True), "/hidden", "cus_2").status_code == 404
    assert seen == ["up", "down"]


def test_a_trapped_404_is_trapped_when_it_is_hidden_too(app, gated):
    """An application that has its HTTP errors raised has this one raised, and the view doesn't run."""
    app.config.update(TRAP_HTTP_EXCEPTIONS=True, TESTING=True)
    app = gated(hide=True)
    for path in ("/exports", "/nothing"):
        with pytest.raises(NotFound):
            get(app, path, "cus_2")


# --- in the wrong place ----------------------------------------------------------------------------------------------


def signed_in(view):
    """Stand for any other decorator."""
    return functools.wraps(view)(lambda: view())


@pytest.mark.parametrize("path", ["/wrong", "/wrong/with/another", "/wrong/and/right"])
@pytest.mark.parametrize("who", ["cus_1", "cus_2", None])
def test_a_gate_above_its_route_fails_closed_and_loudly(app, gated, path, who):
    """A decorator above `@app.route` guards nothing that Flask calls: whoever asks, the view doesn't run."""
    ran = []

    @requires_feature("exports")
    @app.get("/wrong")
    def wrong():
        ran.append(1)

    @requires_feature("exports")
    @signed_in
    @app.get("/wrong/with/another")
    def wrong_with_another():
        ran.append(1)

    @requires_feature("sso")
    @app.get("/wrong/and/right")
    @requires_feature("exports")
    def wrong_and_right():
        ran.append(1)

    app.testing = True
    with pytest.raises(NotConfigured, match=r"below @app\.route"):
        get(gated(), path, who)
    assert ran == []


def test_what_stands_around_a_gate_changes_nothing(app, gated):
    """Other decorators may stand above a gate and below it, and a route of its own may go without."""
    app.add_url_rule("/around", "around", signed_in(requires_feature("exports")(signed_in(lambda: "around"))))
    app.add_url_rule("/free", "free", lambda: "free")
    app = gated()
    assert [get(app, path, "cus_2").status_code for path in ("/around", "/free")] == [402, 200]
    assert get(app, "/around").text == "around"


def test_a_gate_on_a_class_says_where_it_belongs():
    """A class is not what is called: the gate says so when it is put there."""
    with pytest.raises(TypeError, match="methods"):
        requires_feature("exports")(type("Page", (MethodView,), {}))


# --- among other middleware ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outside", [False, True])
def test_a_method_that_is_overridden_is_gated_as_what_it_became(app, gated, outside):
    """Where the application lets a header choose the method, what then runs ran through its gate."""
    ran = []

    class Page(MethodView):
        @requires_feature("exports")
        def delete(self):
            ran.append(1)
            return ""

        def get(self):
            return "open"

    def overriding(inner):
        def site(environ, start_response):
            environ["REQUEST_METHOD"] = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", environ["REQUEST_METHOD"])
            return inner(environ, start_response)

        return site

    app.add_url_rule("/page", view_func=Page.as_view("page"))
    if not outside:
        app.wsgi_app = overriding(app.wsgi_app)
    app = gated()
    if outside:
        app.wsgi_app = overriding(app.wsgi_app)
    override = {"X-HTTP-Method-Override": "DELETE"}
    assert get(app, "/page", "cus_2", **override).status_code == 402
    assert ran == []
    assert get(app, "/page", "cus_1", **override).status_code == 200
    assert (ran, get(app, "/page", "cus_2").text) == ([1], "open")


def test_within_the_bare_middleware_the_application_s_own_view_counts(gated, ents):
    """R36: around a Flask application that has its own, a WSGI middleware changes nothing, and has its view back."""
    seen = []

    def around(environ, start_response):
        body = gated_app(environ, start_response)
        seen.append(bound_view().stripe_customer_id)
        return body

    gated_app = gated()
    site = EntitlementsMiddleware(around, ents, lambda environ: "cus_2")
    assert call(site, path="/exports", HTTP_X_WHO="cus_1").body == b"exported"
    assert seen == ["cus_2"]


# --- what is imported ------------------------------------------------------------------------------------------------


def test_only_flask_is_needed():
    """Importing the integration loads Flask, and no other framework and no other integration."""
    absent = ["django", "starlette", "fastapi", "uvicorn", "asgiref", "requests", "pydantic"]
    absent += [f"entitlements.web.{name}" for name in ("wsgi", "asgi", "starlette", "fastapi", "django")]
    code = f"import sys, entitlements.web.flask; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_flask_the_extra_is_named():
    """Where Flask isn't installed, the error says what to install, and is one that can be caught as such."""
    code = (
        "import sys; sys.modules['flask'] = None\n"
        "try: import entitlements.web.flask\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("install it with: pip install 'entitlements[flask]'")
