"""Django's decorator and mixin: on every kind of view, and where they are put wrongly."""

from __future__ import annotations

import asyncio
import json

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.views import View
from web_django import AnonymousUser, exchange_with, project
from web_shelf import Shelf

from entitlements import Entitlements, InvalidInput, InvalidSettings, NotConfigured
from entitlements import requires_feature as core_requires_feature
from entitlements.bound import bind
from entitlements.customer import RequestView
from entitlements.guard import gates_of
from entitlements.requirement import Requirement
from entitlements.testing import Ask
from entitlements.web.django import FeatureRequiredMixin, requires_feature
from entitlements.web.django.page import view_of


class Page(View):
    def get(self, request, number=0):
        return HttpResponse(f"page {number}")

    post = get


class AsyncPage(View):
    async def get(self, request, number=0):
        return HttpResponse(f"page {number}")

    post = get


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf) as ents:
        yield ents


@pytest.fixture(params=["wsgi", "asgi"])
def ask(ents, request):
    """Ask for the page of a view, whoever asks."""

    def ask(view, who="cus_1", *, at="/page/7", method="GET", middleware=True, **said):
        said = {"INSTANCE": ents, "CUSTOMER": by_header, **said}
        also = {} if middleware else {"MIDDLEWARE": []}
        with project([path("page/<int:number>", view)], also=also, **said):
            return exchange_with(request.param)(Ask(at, who, method))

    return ask


def by_header(request):
    return request.headers.get("X-Who")


async def by_header_async(request):
    return by_header(request)


@pytest.mark.parametrize("user", [AnonymousUser, lambda: SimpleLazyObject(AnonymousUser)])
def test_django_s_anonymous_user_is_nobody_at_a_gate(ask, user):
    """A gate's own `customer=` may return `request.user`, whoever that is, as ENTITLEMENTS["CUSTOMER"] may."""

    async def found(request, number):
        return user()

    @requires_feature("exports", customer=lambda request, number: user())
    def page(request, number): ...

    @requires_feature("exports", customer=found)
    async def async_page(request, number): ...

    for view in (page, async_page):
        reply = ask(view)
        assert (reply.status, json.loads(reply.body)["reason"]) == (403, "anonymous")


pages = pytest.mark.parametrize("page", [Page, AsyncPage])

# --- the mixin -------------------------------------------------------------------------------------------------------


@pages
@pytest.mark.parametrize(
    ("said", "statuses"),
    [
        ({"required_features": "exports"}, [200, 402]),
        ({"required_features": ("exports",)}, [200, 402]),
        ({"required_features": ["exports", "sso"]}, [402, 402]),
        ({"any_of": ["exports", "sso"]}, [200, 402]),
        ({"required_features": "exports", "status": 403}, [200, 403]),
        ({"required_features": "exports", "hide": True}, [200, 404]),
        ({"required_features": "sso", "status": 451}, [451, 451]),
    ],
)
def test_a_class_says_what_it_requires(ask, page, said, statuses):
    """Class attributes, or arguments of `as_view`, say what `requires_feature` takes."""
    of_class = type("Guarded", (FeatureRequiredMixin, page), said).as_view()
    of_view = type("Guarded", (FeatureRequiredMixin, page), {}).as_view(**said)
    for view in (of_class, of_view):
        assert [ask(view, who).status for who in ("cus_1", "cus_2")] == statuses
        assert gates_of(view)[0].need.features[0] in {"exports", "sso"}


@pages
def test_a_class_of_two_minds_asks_as_its_view_was_made(ask, page):
    """What `as_view` is given goes before the class, for that view alone."""

    class Guarded(FeatureRequiredMixin, page):
        required_features = "sso"

    assert ask(Guarded.as_view(required_features="exports")).status == 200
    assert ask(Guarded.as_view()).status == 402


@pages
def test_a_class_finds_its_own_customer(ask, page):
    """`entitled_customer` is called with what the view is."""

    class Guarded(FeatureRequiredMixin, page):
        required_features = "exports"

        def entitled_customer(self, request, number):
            return f"cus_{number}"

    assert [ask(Guarded.as_view(), at=at).status for at in ("/page/1", "/page/2")] == [200, 402]


def test_an_async_class_awaits_its_own_customer(ask):
    """`entitled_customer` may be async where the view is, and so may `otherwise`."""

    class Guarded(FeatureRequiredMixin, AsyncPage):
        required_features = "exports"

        async def entitled_customer(self, request, number):
            return f"cus_{number}"

        async def otherwise(self, request, number):
            return HttpResponse(f"no {number}", status=418)

    assert [ask(Guarded.as_view(), at=at).status for at in ("/page/1", "/page/2")] == [200, 418]


@pages
def test_a_class_does_otherwise(ask, shelf, page):
    """`otherwise` answers instead, for a no and for cannot tell."""

    class Guarded(FeatureRequiredMixin, page):
        required_features = "exports"

        def otherwise(self, request, number):
            return HttpResponse(f"less of {number}")

    assert [ask(Guarded.as_view(), who).body for who in ("cus_1", "cus_2")] == [b"page 7", b"less of 7"]
    shelf.failing = True
    assert ask(Guarded.as_view(), "cus_3").body == b"less of 7"


@pages
def test_a_class_asks_its_own_instance(ask, page):
    """`entitlements_instance` is asked about the middleware's customer, who is found at that question."""
    with Entitlements(source=Shelf(cus_2={"exports"})) as other:

        class Guarded(FeatureRequiredMixin, page):
            required_features = "exports"
            entitlements_instance = other

        for customer in (by_header, by_header_async):
            statuses = [ask(Guarded.as_view(), who, CUSTOMER=customer).status for who in ("cus_1", "cus_2", None)]
            assert statuses == [402, 200, 403]


@pages
def test_a_class_that_names_no_feature_is_no_view(page):
    """A subclass that forgets what it requires is told when its URLs are loaded; a base between may leave it open."""

    class Between(FeatureRequiredMixin, page):
        pass

    class Guarded(Between):
        required_features = "exports"

    with pytest.raises(TypeError, match='Between says nothing of what it requires: set required_features = "exports"'):
        Between.as_view()
    assert Guarded.as_view()
    with pytest.raises(TypeError, match="Between says nothing"):
        Between().dispatch(None)


def test_a_mixin_that_would_never_be_asked_is_refused():
    """FeatureRequiredMixin behind View would do nothing, so no such class can be made."""
    with pytest.raises(TypeError, match=r"write class Guarded\(FeatureRequiredMixin, ...\)"):

        class Guarded(Page, FeatureRequiredMixin):
            required_features = "exports"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"required_features": ()}, TypeError),
        ({"required_features": "exports", "any_of": ["sso"]}, TypeError),
        ({"any_of": "exports"}, TypeError),
        ({"required_features": " exports"}, InvalidInput),
        ({"required_features": "exports", "status": 200}, InvalidSettings),
    ],
)
def test_a_class_that_requires_nonsense_is_no_view(said, error):
    """What a gate can't be told is an error when the URLs are loaded."""
    with pytest.raises(error):
        type("Guarded", (FeatureRequiredMixin, Page), said).as_view()


def test_mixins_are_asked_in_their_order(ask):
    """A mixin that stands before ours sends who isn't signed in to the login page, before anything is asked."""

    class SignedIn:
        def dispatch(self, request, *args, **kwargs):
            if "X-Who" not in request.headers:
                return HttpResponse("sign in", status=401)
            return super().dispatch(request, *args, **kwargs)

    class First(SignedIn, FeatureRequiredMixin, Page):
        required_features = "exports"

    class Second(FeatureRequiredMixin, SignedIn, Page):
        required_features = "exports"

    assert [ask(page.as_view(), None).status for page in (First, Second)] == [401, 403]
    assert [ask(page.as_view()).status for page in (First, Second)] == [200, 200]


# --- the decorator ---------------------------------------------------------------------------------------------------


def test_a_loop_is_not_kept_waiting_by_an_async_class(ents, shelf):
    """R70: an async class's `as_view()` and `dispatch` look like plain functions; their gates are awaited."""
    views = [
        requires_feature("exports")(AsyncPage.as_view()),
        method_decorator(requires_feature("exports"), name="dispatch")(type("Other", (AsyncPage,), {})).as_view(),
        type("Guarded", (FeatureRequiredMixin, AsyncPage), {"required_features": "exports"}).as_view(),
    ]

    async def answered(view):
        """Let the source answer only once the loop has had a turn to say so: a blocked loop never says it."""
        shelf.open.clear()
        shelf.asked.clear()
        with bind(RequestView(ents._core, f"cus_{views.index(view)}")):
            asked = asyncio.ensure_future(view(request))
        assert not shelf.asked.is_set(), "asked where nothing can be awaited"
        while not shelf.asked.is_set():
            await asyncio.sleep(0)
        shelf.open.set()
        return (await asked).status_code

    request = RequestFactory().get("/")
    shelf.held.update(dict.fromkeys(("cus_0", "cus_1", "cus_2"), frozenset({"exports"})))
    assert [asyncio.run(answered(view)) for view in views] == [200, 200, 200]


def test_a_decorated_view_is_found_by_the_audit():
    """Each way of guarding leaves its mark on what a URL calls."""
    guarded = type("Guarded", (FeatureRequiredMixin, Page), {"required_features": "exports"})
    views = [
        requires_feature("exports")(lambda request: None),
        requires_feature("exports")(AsyncPage.as_view()),
        method_decorator(requires_feature("exports"), name="dispatch")(type("Other", (Page,), {})).as_view(),
        guarded.as_view(),
    ]
    assert [[gate.need for gate in gates_of(view)] for view in views] == [[Requirement(("exports",))]] * 4


def test_without_the_middleware_nobody_is_admitted(ask, caplog):
    """A project that forgot the middleware is told so at the first gate, loudly."""
    assert ask(requires_feature("exports")(Page.as_view()), middleware=False).status == 500
    assert "run this within EntitlementsMiddleware" in caplog.text


def test_a_gate_asks_about_whom_its_view_is_for(ask):
    """`customer=` is called with what the view is, and `otherwise=` too."""

    def page(request, number):
        return HttpResponse("seen")

    def less(request, number):
        return HttpResponse(f"less of {number}")

    gate = requires_feature("exports", customer=lambda request, number: f"cus_{number}", otherwise=less)
    assert [ask(gate(page), at=at).body for at in ("/page/1", "/page/2")] == [b"seen", b"less of 2"]


@pytest.mark.parametrize("decorator", [requires_feature, core_requires_feature])
def test_a_gate_in_the_wrong_place_opens_nothing(ask, decorator):
    """A decorator that is routed itself, as if it were a view, is an error at every request."""
    assert ask(decorator("exports")).status == 500


@pytest.mark.parametrize("page", [Page, FeatureRequiredMixin])
def test_a_class_is_not_decorated(page):
    """A gate above a class says what to do instead."""
    with pytest.raises(TypeError, match=r"FeatureRequiredMixin first|methods that need the feature"):
        requires_feature("exports")(page)


def test_a_page_asked_for_outside_of_the_middleware_is_an_error():
    """`view_of` says which middleware has not been there."""
    with pytest.raises(NotConfigured, match="to MIDDLEWARE, after Django's AuthenticationMiddleware"):
        view_of(object())
