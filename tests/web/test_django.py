"""Django's middleware: who asks, what becomes of a refusal, what no cache may keep, and what stays bound how long."""

from __future__ import annotations

import asyncio
import io
import threading

import pytest
from django.db import connection
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import cache_page
from web_django import MIDDLEWARE, AnonymousUser, exchange_with, project, wsgi_handler
from web_shelf import Shelf

from entitlements import Entitlements, EntitlementsUnavailable, FeatureRequired
from entitlements.bound import bound_view
from entitlements.testing import Ask, override
from entitlements.web.django import requires_feature

PRIVATE = "private, no-store"
HTML = {"Accept": "text/html,*/*;q=0.8"}


@requires_feature("exports")
def report(request):
    return HttpResponse("the report")


@requires_feature("exports")
async def areport(request):
    return HttpResponse("the report")


@requires_feature("exports", hide=True)
def hidden(request):
    return HttpResponse("the report")


@requires_feature("exports")
def may_export():
    return "exported"


def plain(request):
    return HttpResponse("for all")


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf) as ents:
        yield ents


@pytest.fixture(params=["wsgi", "asgi"])
def transport(request):
    return request.param


def by_header(request):
    return request.headers.get("X-Who")


@pytest.fixture
def ask(ents, transport):
    """Ask the project for one page, whoever asks."""

    def ask(view, who="cus_1", *, at="/page", also=None, headers=None, method="GET", **said):
        said = {"INSTANCE": ents, "CUSTOMER": by_header, **said}
        with project([path("page", view), path("other", plain)], also=also, **said):
            return exchange_with(transport)(Ask(at, who, method, headers or {}))

    return ask


# --- who asks --------------------------------------------------------------------------------------------------------


def test_nobody_is_looked_for_before_something_is_asked(ask, shelf):
    """A page that asks nothing costs nothing: no customer is found, nothing is fetched, and caches may keep it."""
    reply = ask(plain, CUSTOMER=lambda request: 1 / 0)
    assert (reply.status, reply.headers.get("cache-control"), shelf.fetches) == (200, None, [])


class User:
    is_authenticated = True

    def __init__(self, customer):
        self.stripe_customer_id = customer


class Stranger:
    is_authenticated = True


def signed_in(user):
    """Be the middleware that knows the user, as late as Django's own does."""

    def middleware(get_response):
        def handle(request):
            request.user = SimpleLazyObject(lambda: user)
            return get_response(request)

        return handle

    return middleware


as_customer, as_buyer, as_nobody, as_stranger = map(signed_in, (User("cus_1"), User(None), AnonymousUser(), Stranger()))


@pytest.mark.parametrize(
    ("who", "status"), [("as_customer", 200), ("as_buyer", 402), ("as_nobody", 403), ("as_stranger", 500)]
)
@pytest.mark.parametrize("view", [report, areport])
def test_whoever_is_signed_in_is_the_customer(ask, view, who, status):
    """Without CUSTOMER it is the user's stripe_customer_id: a user without one is an error that admits nobody."""
    assert ask(view, CUSTOMER=None, also={"MIDDLEWARE": [f"{__name__}.{who}", MIDDLEWARE]}).status == status


def test_a_user_model_that_can_have_no_customer_is_named(ask, caplog):
    """Whoever forgot to give users a stripe_customer_id reads what to do."""
    assert ask(report, CUSTOMER=None, also={"MIDDLEWARE": [f"{__name__}.as_stranger", MIDDLEWARE]}).status == 500
    assert "the user 'Stranger' has no stripe_customer_id: give the user model one, or say how" in caplog.text


def test_without_a_user_nobody_is_admitted(ask, caplog):
    """A project that forgot AuthenticationMiddleware is told so, loudly."""
    assert ask(report, CUSTOMER=None).status == 500
    assert "put Django's AuthenticationMiddleware before" in caplog.text


def test_the_middleware_may_stand_before_the_users(ask):
    """The customer is found when the view asks, so that a user who is known later is known early enough."""
    assert ask(report, CUSTOMER=None, also={"MIDDLEWARE": [MIDDLEWARE, f"{__name__}.as_customer"]}).status == 200


async def by_header_async(request):
    await asyncio.sleep(0)
    return by_header(request)


class ByHeader:
    async def __call__(self, request):
        return by_header(request)


@pytest.mark.parametrize("customer", [by_header_async, ByHeader(), lambda request: by_header_async(request)])
@pytest.mark.parametrize("view", [report, areport])
def test_an_async_callback_finds_the_customer_everywhere(ask, view, customer):
    """CUSTOMER may be async, whatever the view is and whatever serves it."""
    assert [ask(view, who, CUSTOMER=customer).status for who in ("cus_1", "cus_2", None)] == [200, 402, 403]


def test_djangos_anonymous_user_is_nobody(ask):
    """A callback that returns `request.user` needs not ask whether that is anybody."""
    assert ask(report, CUSTOMER=lambda request: AnonymousUser()).status == 403


def test_a_callback_that_may_wait_is_kept_off_the_loop(ents):
    """A plain CUSTOMER runs a query, perhaps: an async view's gate calls it in Django's thread, and once a request."""
    threads = []

    def customer(request):
        threads.append(threading.current_thread())
        return "cus_1"

    @requires_feature("exports")
    async def page(request):
        for _ in range(20):
            await areport(request)
        assert [threading.current_thread()] != threads
        return HttpResponse("seen")

    with project([path("page", page)], INSTANCE=ents, CUSTOMER=customer):
        assert exchange_with("asgi")(Ask("/page")).body == b"seen"
    assert len(threads) == 1


@pytest.mark.parametrize("customer", ["", 7, object()])
def test_a_callback_that_finds_no_customer_admits_nobody(ask, customer):
    """What can't be a customer is an error, not a guess."""
    assert ask(report, CUSTOMER=lambda request: customer).status == 500


async def failing_async(request):
    return request.nothing


@pytest.mark.parametrize("customer", [lambda request: request.nothing, failing_async])
@pytest.mark.parametrize("view", [report, areport])
def test_a_callback_that_fails_admits_nobody(ask, view, customer, caplog):
    """An AttributeError in CUSTOMER, which a template would pass over, is said to be CUSTOMER's."""
    assert ask(view, CUSTOMER=customer).status == 500
    assert "customer= failed to find out who asks" in caplog.text


def test_one_request_has_one_customer(ents):
    """Two questions that are awaited at once find the customer twice, and the first one found stays."""
    found = []

    async def customer(request):
        found.append(f"cus_{len(found) + 1}")
        mine = found[-1]
        await asyncio.sleep(0)
        return mine

    async def page(request):
        first, second = await asyncio.gather(
            request.entitlements.acheck("exports"), request.entitlements.acheck("exports")
        )
        return HttpResponse(f"{first.customer} {second.customer} {request.entitlements.stripe_customer_id}")

    with project([path("page", page)], INSTANCE=ents, CUSTOMER=customer):
        assert exchange_with("asgi")(Ask("/page")).body == b"cus_1 cus_1 cus_1"
    assert len(found) == 2


# --- what a refusal becomes ------------------------------------------------------------------------------------------


def rendered(request):
    """Refuse when the template is rendered, long after the view returned."""
    return TemplateResponse(request, "page.html", {"may_export": may_export})


TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.locmem.Loader",
                    {"page.html": "{{ may_export }}", "404.html": "{{ request_path }}: {{ exception }}"},
                )
            ]
        },
    }
]


async def in_a_group(request):
    async with asyncio.TaskGroup() as group:
        group.create_task(areport(request))


async def arendered(request):
    return rendered(request)


@pytest.mark.parametrize("view", [report, areport, rendered, arendered, in_a_group])
def test_a_refusal_raised_anywhere_in_a_view_is_answered(ask, view):
    """A refusal is the response, whether the view, a task of its, or its template raised it."""
    assert ask(view, "cus_2", also={"TEMPLATES": TEMPLATES}).status == 402


def test_what_else_is_raised_is_djangos_to_answer(ask):
    """Other errors are none of ours, also beside a refusal."""

    def missing(request):
        raise Http404

    async def both(request):
        async with asyncio.TaskGroup() as group:
            group.create_task(areport(request))
            group.create_task(failing())

    async def failing():
        raise ValueError

    assert [ask(view, "cus_2").status for view in (missing, both)] == [404, 500]


def test_what_is_hidden_is_seen_by_nothing(ask):
    """A hidden page is a path that leads nowhere: the same body, whatever 404.html shows, and the same headers."""
    reply, nothing = (ask(hidden, "cus_2", at=at, also={"TEMPLATES": TEMPLATES}) for at in ("/page", "/none"))
    assert reply.body == b"/page: Resolver404"
    assert (reply.status, reply.body.replace(b"page", b"none")) == (404, nothing.body)
    assert {**reply.headers, "content-length": ""} == {**nothing.headers, "content-length": ""}
    assert reply.headers["cache-control"] == PRIVATE


def own(request, error):
    kind = "no" if isinstance(error, FeatureRequired) else "unknown"
    return None if request.headers.get("X-Usual") else HttpResponse(f"{kind}: {request.path}", status=418)


async def aown(request, error):
    return own(request, error)


def own_template(request, error):
    return TemplateResponse(request, "404.html", {"exception": error.decision.feature}, status=418)


@pytest.mark.parametrize("handler", [own, aown])
@pytest.mark.parametrize("view", [report, areport, hidden, rendered])
def test_a_project_answers_in_its_own_words(ask, shelf, view, handler):
    """HANDLER gives the response to a refusal, or None for the usual one; no cache keeps it."""
    reply = ask(view, "cus_2", HANDLER=handler, also={"TEMPLATES": TEMPLATES})
    assert (reply.status, reply.body, reply.headers["cache-control"]) == (418, b"no: /page", PRIVATE)
    usual = ask(view, "cus_2", HANDLER=handler, headers={"X-Usual": "1"}, also={"TEMPLATES": TEMPLATES})
    assert usual.status in {402, 404}
    shelf.failing = True
    assert ask(view, "cus_3", HANDLER=handler, also={"TEMPLATES": TEMPLATES}).body == b"unknown: /page"


@pytest.mark.parametrize("view", [report, rendered])
def test_a_project_s_own_words_may_be_a_template(ask, view):
    """What HANDLER returns is rendered, also where it takes the place of a template that failed."""
    reply = ask(view, "cus_2", HANDLER=own_template, also={"TEMPLATES": TEMPLATES})
    assert (reply.status, reply.body) == (418, b": exports")


def test_a_project_s_own_words_are_kept_out_of_caches_too(ask, ents):
    """What HANDLER answers to a refusal that `require` raised depends on the customer, whoever was asked."""

    def requiring(request):
        ents.require("cus_2", "exports")

    reply = ask(requiring, HANDLER=lambda request, error: HttpResponse("please ask us"))
    assert (reply.status, reply.headers["cache-control"]) == (200, PRIVATE)


def test_a_handler_that_answers_nothing_sensible_admits_nobody(ask, caplog):
    """HANDLER gives a response or None; anything else is an error."""
    assert ask(report, "cus_2", HANDLER=lambda request, error: "no").status == 500
    assert "return an HttpResponse, or None" in caplog.text


def test_a_change_that_could_not_be_spread_is_503(ask):
    """What `refresh` raises in a view says that another try makes sense."""

    def refreshing(request):
        raise EntitlementsUnavailable(retry_after=7)

    reply = ask(refreshing)
    assert (reply.status, reply.headers["retry-after"]) == (503, "7")


# --- caches ----------------------------------------------------------------------------------------------------------


def test_what_depends_on_an_answer_is_kept_out_of_caches(ask):
    """R47: yes, no and nobody alike; a page that says something of caches itself is left as it is."""

    @requires_feature("exports")
    def said(request):
        return HttpResponse("once", headers={"Cache-Control": "max-age=5"})

    assert [ask(report, who).headers["cache-control"] for who in ("cus_1", "cus_2", None)] == [PRIVATE] * 3
    assert ask(said).headers["cache-control"] == "max-age=5"


def cookied(get_response):
    def middleware(request):
        response = get_response(request)
        patch_vary_headers(response, ["Cookie"])
        return response

    return middleware


def test_what_other_middleware_says_of_vary_is_kept(ask):
    """A refusal varies by Accept, and by what others add."""
    reply = ask(report, "cus_2", also={"MIDDLEWARE": [f"{__name__}.cookied", MIDDLEWARE]})
    assert reply.headers["vary"] == "Accept, Cookie"


def shown(request):
    return HttpResponse("exports" if "exports" in request.entitlements else "no exports")


async def ashown(request):
    return HttpResponse("exports" if "exports" in await request.entitlements.apinned() else "no exports")


LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
CACHED = {
    "cache_page": (cache_page(600), []),
    "a cache in front of us": (lambda view: view, [0]),
    "a cache behind us": (lambda view: view, [1]),
}


@pytest.mark.parametrize("cache", CACHED)
@pytest.mark.parametrize(("view", "other"), [(report, 402), (shown, 200), (rendered, 402)])
def test_djangos_caches_show_nobody_what_is_another_s(ask, cache, view, other, transport):
    """R47: a page that one customer may see is not stored and shown to the next, wherever the cache stands."""
    wrap, places = CACHED[cache]
    order = [MIDDLEWARE]
    for place in places:
        order[place:place] = ["django.middleware.cache.UpdateCacheMiddleware"]
    order += ["django.middleware.cache.FetchFromCacheMiddleware"] if places else []
    names = {
        "LOCATION": f"{cache} {view.__name__} {transport}",
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    }
    with override_settings(CACHES={"default": names}):
        also = {"MIDDLEWARE": order, "TEMPLATES": TEMPLATES}
        mine, theirs = (ask(wrap(view), who, also=also) for who in ("cus_1", "cus_2"))
    assert (mine.status, theirs.status) == (200, other)
    assert mine.body != theirs.body


# --- streams ---------------------------------------------------------------------------------------------------------


def steps(notes):
    try:
        yield "exports" in bound_view()
        yield may_export()
    finally:
        notes.append(bound_view() is not None)


async def asteps(notes):
    for step in steps(notes):
        yield step


def test_a_streamed_body_asks_for_the_request_s_customer(ask, transport):
    """R48: the view is bound at each step of a body and when it is closed, and at no other time."""
    notes = []

    @requires_feature("exports")
    def page(request):
        return StreamingHttpResponse((asteps if transport == "asgi" else steps)(notes))

    assert ask(page).body == b"Trueexported"
    assert notes == [True]
    assert bound_view() is None


def test_a_body_that_is_left_early_is_closed_as_it_was_made(ents):
    """What a stream does to clean up after itself is done for the same customer."""
    notes = []
    with project(
        [path("page", lambda request: StreamingHttpResponse(steps(notes)))], INSTANCE=ents, CUSTOMER=by_header
    ):
        response = wsgi_handler().get_response(RequestFactory().get("/page", headers={"X-Who": "cus_1"}))
        assert next(iter(response)) == b"True"
        response.close()
    assert (notes, bound_view()) == ([True], None)


def test_a_file_is_left_to_the_server(ask, ents):
    """A FileResponse stays one: a server hands its file to the kernel."""

    @requires_feature("exports")
    def page(request):
        return FileResponse(io.BytesIO(b"a file"), filename="report.csv")

    with project([path("page", page)], INSTANCE=ents, CUSTOMER=by_header):
        response = wsgi_handler().get_response(RequestFactory().get("/page", headers={"X-Who": "cus_1"}))
        assert response.file_to_stream is not None
        assert b"".join(response) == b"a file"
        response.close()


# --- on the loop's own thread ----------------------------------------------------------------------------------------


async def asks_without_await(request):
    return HttpResponse(f"{'exports' in request.entitlements} {request.entitlements.unavailable}")


def needs_a_thread(request):
    connection.ensure_connection()


def test_what_is_asked_without_await_never_waits(ents, caplog):
    """On the loop's thread a question whose customer takes a query to find reads as unavailable, and says why."""
    with project([path("page", asks_without_await)], INSTANCE=ents, CUSTOMER=needs_a_thread):
        assert exchange_with("asgi")(Ask("/page")).body == b"False True"
    with project([path("page", asks_without_await)], INSTANCE=ents, CUSTOMER=by_header_async):
        assert exchange_with("asgi")(Ask("/page", "cus_1")).body == b"False True"
    assert "await request.entitlements.apinned()" in caplog.text


def test_what_was_awaited_once_is_at_hand(ents):
    """`apinned` finds the customer and pins, so that templates on the loop's thread have their answer."""

    async def page(request):
        await request.entitlements.apinned()
        return await asks_without_await(request)

    with project([path("page", page)], INSTANCE=ents, CUSTOMER=by_header_async):
        assert exchange_with("asgi")(Ask("/page", "cus_1")).body == b"True False"


def test_a_project_may_have_every_request_pinned(ents, shelf):
    """PRELOAD does that before every async view."""
    with project([path("page", asks_without_await)], INSTANCE=ents, CUSTOMER=by_header_async, PRELOAD=True):
        assert exchange_with("asgi")(Ask("/page", "cus_1")).body == b"True False"
        assert exchange_with("asgi")(Ask("/page")).body == b"False False"
    assert shelf.fetches == ["cus_1"]


def test_the_awaited_words_of_a_view(ents):
    """`acheck` and `arequire` find the customer without keeping the loop waiting."""

    async def page(request):
        assert (await request.entitlements.acheck("sso")).reason == "not_entitled"
        return HttpResponse((await request.entitlements.arequire("exports")).reason)

    with project([path("page", page)], INSTANCE=ents, CUSTOMER=by_header_async):
        assert exchange_with("asgi")(Ask("/page", "cus_1")).body == b"entitled"
        assert exchange_with("asgi")(Ask("/page", "cus_2")).status == 402


def test_a_test_s_override_is_seen_by_a_page(ents):
    """What `override` says holds for a page, once it is known who asks; until then `in` waits for nothing, as ever."""

    async def page(request):
        before = "sso" in request.entitlements
        pin = await request.entitlements.apinned()
        decision = await request.entitlements.acheck("sso")
        return HttpResponse(f"{before} {'sso' in pin} {'sso' in request.entitlements} {decision.source}")

    with project([path("page", page)], INSTANCE=ents, CUSTOMER=by_header_async), override("cus_1", sso=True):
        assert exchange_with("asgi")(Ask("/page", "cus_1")).body == b"False True True override"
