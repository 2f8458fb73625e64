"""Django REST framework: `HasFeature` composed with other permissions, and its refusals in the framework's words."""

from __future__ import annotations

import json

import pytest
from django.http import HttpResponse
from django.urls import path
from web_django import MIDDLEWARE, exchange_with, project
from web_shelf import Shelf

from entitlements import Decision, Entitlements, FeatureRequired, InvalidInput, Reason
from entitlements import requires_feature as core_requires_feature
from entitlements.requirement import Requirement
from entitlements.terms import Terms
from entitlements.testing import Ask
from entitlements.web.django.checks import audited
from entitlements.web.django.drf import FeaturePermission, FeatureRefused, HasFeature
from entitlements.web.django.drf_refusal import refused

from rest_framework.authentication import BaseAuthentication  # isort: skip - once the settings are there
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.permissions import AND, NOT, OR, BasePermission, OperandHolder, SingleOperandHolder
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

exports = HasFeature("exports")


class Yes(BasePermission):
    def has_permission(self, request, view):
        return True


class No(BasePermission):
    def has_permission(self, request, view):
        return False

    has_object_permission = has_permission


class No2(No):
    def has_object_permission(self, request, view, obj):
        return False


class Customer:
    is_authenticated = True

    def __init__(self, customer):
        self.stripe_customer_id = customer


class Token(BaseAuthentication):
    def authenticate(self, request):
        who = request.headers.get("X-Who")
        return (Customer(who), None) if who else None

    def authenticate_header(self, request):
        return "Token"


class Session(Token):
    def authenticate_header(self, request):
        return None


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf) as ents:
        yield ents


def api(*permissions, on_objects=False, renderers=(JSONRenderer,), authentication=(Session,)):
    """Make a view that these permissions guard."""

    class Page(APIView):
        permission_classes = permissions
        authentication_classes = authentication
        renderer_classes = renderers

        def get(self, request):
            if on_objects:
                self.check_object_permissions(request, object())
            return Response("seen")

        post = get

    return Page.as_view()


@pytest.fixture
def ask(ents):
    """Ask a view; without anything else said, about the user whom the framework authenticates."""

    def ask(view, who="cus_1", *, headers=None, method="GET", transport="wsgi", also=None, **said):
        with project([path("page", view)], also=also, **{"INSTANCE": ents, **said}):
            return exchange_with(transport)(Ask("/page", who, method, headers or {}))

    return ask


# --- composing -------------------------------------------------------------------------------------------------------

Y, N, U = True, False, None  # yes, no, and cannot tell
WHO = {Y: "cus_1", N: "cus_2", U: "cus_3"}
STATUS = {Y: 200, N: {402, 403}, U: 503}


def both(one, other):
    return N if N in {one, other} else U if U in {one, other} else Y


def either(one, other):
    return Y if Y in {one, other} else U if U in {one, other} else N


def turned(one):
    return U if one is U else not one


EXPRESSIONS = {
    "x": (lambda: exports, lambda x: x),
    "~x": (lambda: ~exports, turned),
    "~~x": (lambda: ~~exports, lambda x: x),
    "x & yes": (lambda: exports & Yes, lambda x: x),
    "yes & x": (lambda: Yes & exports, lambda x: x),
    "no & x": (lambda: No & exports, lambda x: N),
    "x | no": (lambda: exports | No, lambda x: x),
    "no | x": (lambda: No | exports, lambda x: x),
    "x | yes": (lambda: exports | Yes, lambda x: Y),
    "yes | x": (lambda: Yes | exports, lambda x: Y),
    "~x | yes": (lambda: ~exports | Yes, lambda x: Y),
    "~x & yes": (lambda: ~exports & Yes, turned),
    "(x & yes) | yes": (lambda: (exports & Yes) | Yes, lambda x: Y),
    "(yes & x) | yes": (lambda: (Yes & exports) | Yes, lambda x: Y),
    "(x & yes) | no": (lambda: (exports & Yes) | No, lambda x: x),
    "~(x & yes)": (lambda: ~(exports & Yes), turned),
    "~(x | no)": (lambda: ~(exports | No), turned),
    "yes & yes & x": (lambda: Yes & Yes & exports, lambda x: x),
    "no | no | x": (lambda: No | No | exports, lambda x: x),
    "yes & (x | no)": (lambda: Yes & (exports | No), lambda x: x),
    "(yes & yes) & (x | yes)": (lambda: (Yes & Yes) & (exports | Yes), lambda x: Y),
    "x & x": (lambda: exports & exports, lambda x: x),
    "x | ~x": (lambda: exports | ~exports, lambda x: either(x, turned(x))),
    "x & ~x": (lambda: exports & ~exports, lambda x: both(x, turned(x))),
}


@pytest.mark.parametrize("on_objects", [False, True])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_it_composes_in_three_values(ask, shelf, expression, on_objects):
    """Yes, no and cannot tell go through `&`, `|` and `~` as they should; what can't be told never opens anything."""
    make, expected = EXPRESSIONS[expression]
    for answer, who in WHO.items():
        shelf.failing = answer is U
        reply = ask(api(make(), on_objects=on_objects and "no" not in expression), who)
        said = expected(answer)
        if said is U or said is Y:
            assert reply.status == STATUS[said], (expression, answer)
        else:
            assert reply.status in STATUS[N] or (answer is U and reply.status == 503), (expression, answer)


@pytest.mark.parametrize("answer", [N, U])
def test_composed_by_the_frameworks_own_operators_it_stays_shut(ask, shelf, answer):
    """A combination that was made without our part in it admits whom the other admits, and nobody for not knowing."""
    shelf.failing = answer is U
    ours_last = OperandHolder(OR, No, exports)
    ours_first = OperandHolder(OR, OperandHolder(AND, Yes, exports), Yes)
    assert ask(api(ours_last), WHO[answer]).status == (402 if answer is N else 503)
    assert ask(api(ours_first), WHO[answer]).status == (200 if answer is N else 503)
    assert ask(api(~OperandHolder(AND, Yes, exports)), WHO[answer]).status == (200 if answer is N else 503)


sso = HasFeature("sso")
NEGATED = {
    "~x": lambda: ~exports,
    "~x & yes": lambda: ~exports & Yes,
    "~(x & y)": lambda: ~(exports & sso),
    "~(x | y)": lambda: ~(exports | sso),
    "~(~x & ~y)": lambda: ~(~exports & ~sso),
    "~(~x | y)": lambda: ~(~exports | sso),
    "~~(x & y)": lambda: ~~(exports & sso),
    "~~~(x & y)": lambda: ~~~(exports & sso),
    "~(yes & x)": lambda: ~(Yes & exports),
    "~(no & x)": lambda: ~(No & exports),
    "~(x & no)": lambda: ~(exports & No),
    "~(no | x)": lambda: ~(No | exports),
    "~(yes & no & x)": lambda: ~(Yes & No & exports),
    "~(~yes & x)": lambda: ~(~Yes & exports),
    "~(~yes & (x | y))": lambda: ~(~Yes & (exports | sso)),
    "~(~x & no) & yes": lambda: ~(~exports & No) & Yes,
}


@pytest.mark.parametrize("on_objects", [False, True])
@pytest.mark.parametrize("expression", NEGATED)
def test_nobody_neither_has_nor_lacks_a_feature(ask, expression, on_objects):
    """Who isn't signed in may be somebody who has it: what is turned round and holds a gate lets nobody in."""
    reply = ask(api(NEGATED[expression](), on_objects=on_objects), None)
    assert (reply.status, body_of(reply)["reason"]) == (403, "anonymous")


def test_a_negation_of_objects_alone_admits_nobody(ask):
    """A view that checks its objects only asks the same of them."""

    class Page(APIView):
        authentication_classes = (Session,)

        def check_permissions(self, request): ...

        def get_permissions(self):
            return [(~(No2 & exports))()]

        def get(self, request):
            self.check_object_permissions(request, object())
            return Response("seen")

    assert [ask(Page.as_view(), who).status for who in (None, "cus_1")] == [403, 200]


def test_nobody_is_admitted_by_what_another_permission_says(ask):
    """Beside a gate, however it is turned round, what admits anybody admits who isn't signed in."""
    for permission in (exports | Yes, ~exports | Yes, ~(exports & sso) | Yes, (Yes & Yes & exports) | Yes, Yes | ~sso):
        assert ask(api(permission), None).status == 200


def test_the_frameworks_own_negation_admits_nobody(ask):
    """A gate within operators that were made without our part in it is turned round for nobody either."""
    for inner in (exports, OperandHolder(AND, Yes, exports), OperandHolder(OR, No, exports)):
        assert ask(api(SingleOperandHolder(NOT, inner)), None).status == 403
        assert ask(api(SingleOperandHolder(NOT, inner)), "cus_2").status == 200


def test_expressions_are_compared_by_what_they_say():
    """Two that were written alike are equal, as the framework's are, and permissions are themselves alone."""
    assert (exports & Yes, ~(exports | No), ~~(exports & No)) == (exports & Yes, ~(exports | No), ~~(exports & No))
    assert ~(exports & Yes) != ~(exports & No)
    assert exports != HasFeature("exports")
    assert exports != OperandHolder(AND, Yes, No)
    assert len({exports, exports, exports & Yes, exports & Yes}) == 2


def test_reading_goes_on_while_it_can_t_be_told(ask, shelf):
    """`HasFeature("exports") & ... | ReadOnly` is open to readers in an outage."""

    class ReadOnly(BasePermission):
        def has_permission(self, request, view):
            return request.method == "GET"

    shelf.failing = True
    view = api((Yes & exports) | ReadOnly)
    assert [ask(view, "cus_3", method=method).status for method in ("GET", "POST")] == [200, 503]


def test_a_no_that_was_overruled_is_not_given_as_the_reason(ask):
    """Whom another permission denies is not told to buy what would not have helped."""
    for permissions in ([exports | Yes, No], [~exports, No], [~(exports & Yes), No]):
        assert ask(api(*permissions), "cus_2").status == 403
    assert ask(api(exports, No), "cus_2").status == 402


def test_a_permission_says_which_feature_it_is_about(ask):
    """What is lacking is named, wherever in the expression it stands; so is what one mustn't have."""
    problem = ask(api(Yes & (No | exports)), "cus_2").body
    assert b'"feature":"exports"' in problem
    assert "This is for whoever lacks “exports”.".encode() in ask(api(~exports), "cus_1").body


# --- what is answered ------------------------------------------------------------------------------------------------

PROBLEM = {
    "type": "urn:entitlements:feature-required",
    "title": "Plan upgrade required",
    "status": 402,
    "detail": "“exports” is not part of the current plan.",
    "feature": "exports",
    "reason": "not_entitled",
    "unlock_with": [],
}


def body_of(reply):
    return json.loads(reply.body)


@pytest.mark.parametrize("transport", ["wsgi", "asgi"])
def test_a_refusal_is_a_problem_of_the_frameworks(ask, transport):
    """The framework's own machinery renders it, with its headers."""
    reply = ask(api(exports), "cus_2", transport=transport)
    assert (reply.status, body_of(reply)) == (402, PROBLEM)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["allow"] == "GET, POST, HEAD, OPTIONS"
    assert reply.headers["cache-control"] == "private, no-store"


def test_cannot_tell_says_when_to_come_back(ask, shelf):
    """503 goes with Retry-After, by the framework's own `wait`."""
    shelf.failing = True
    reply = ask(api(exports), "cus_3")
    assert (reply.status, body_of(reply)["reason"], int(reply.headers["retry-after"]) >= 1) == (
        503,
        "unavailable",
        True,
    )


def test_nobody_is_asked_to_sign_in_as_the_framework_asks(ask):
    """Where an authenticator has a WWW-Authenticate, nobody is answered 401 with it; else 403."""
    reply = ask(api(exports, authentication=[Token]), None)
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Token")
    assert (body_of(reply)["status"], body_of(reply)["reason"]) == (401, "anonymous")
    assert ask(api(exports, authentication=[Token]), "cus_2").status == 402
    reply = ask(api(exports, authentication=[Session]), None)
    assert (reply.status, body_of(reply)["status"], "www-authenticate" in reply.headers) == (403, 403, False)


def test_a_person_reads_the_frameworks_page(ask):
    """The browsable API shows a refusal as it shows everything; where a page sells, the person is sent there."""
    headers = {"Accept": "text/html"}
    view = api(exports, renderers=[JSONRenderer, BrowsableAPIRenderer])
    templates = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
    also = {"TEMPLATES": templates, "STATIC_URL": "/static/", "INSTALLED_APPS": ["rest_framework"]}
    reply = ask(view, "cus_2", headers=headers, also=also, CUSTOMER=lambda request: "cus_2")
    assert (reply.status, reply.headers["content-type"]) == (402, "text/html; charset=utf-8")
    assert b"Plan upgrade required" in reply.body
    sent = ask(view, "cus_2", headers=headers, also=also, CUSTOMER=lambda request: "cus_2", UPGRADE_URL="/pricing")
    assert (sent.status, sent.headers["location"]) == (303, "/pricing?feature=exports&next=%2Fpage")


@pytest.mark.parametrize("transport", ["wsgi", "asgi"])
def test_a_project_s_own_words_are_used(ask, transport):
    """HANDLER answers what a permission refuses, too."""

    def own(request, error):
        return HttpResponse(f"no {error.decision.feature}", status=418)

    reply = ask(api(exports), "cus_2", transport=transport, HANDLER=own)
    assert (reply.status, reply.body) == (418, b"no exports")


@pytest.mark.parametrize("transport", ["wsgi", "asgi"])
def test_what_is_hidden_is_a_path_that_leads_nowhere(ask, transport):
    """`hide=True` shows neither the framework's 404 nor its headers, but Django's."""
    hidden = ask(api(HasFeature("exports", hide=True)), "cus_2", transport=transport)
    with project([], INSTANCE=Entitlements(source=Shelf())):
        nothing = exchange_with(transport)(Ask("/page"))
    assert (hidden.status, hidden.body, hidden.headers) == (404, nothing.body, nothing.headers)


def handled(exc, context):
    if isinstance(exc, FeatureRefused):
        return Response({"wanted": exc.error.decision.feature, "codes": exc.get_codes()}, status=exc.status_code)
    return None


def test_an_exception_handler_of_ones_own_has_its_say(ask):
    """A project's EXCEPTION_HANDLER is given the refusal, and what it says is sent as it is."""

    class Page(APIView):
        permission_classes = (exports,)
        authentication_classes = (Session,)

        def get_exception_handler(self):
            return handled

        def get(self, request): ...

    reply = ask(Page.as_view(), "cus_2", HANDLER=lambda request, error: 1 / 0)
    assert (reply.status, body_of(reply)) == (402, {"wanted": "exports", "codes": "feature_required"})
    assert reply.headers["content-type"] == "application/json"


def test_a_refusal_s_details_can_be_read(ask):
    """The framework's words for an exception's details give the sentence and the code."""
    error = refused(FeatureRequired(Decision(Requirement(("exports",)), Reason.NOT_ENTITLED)), Terms())
    assert error.get_full_details() == {
        "message": "“exports” is not part of the current plan.",
        "code": "feature_required",
    }
    assert str(error) == "“exports” is not part of the current plan."


# --- who asks --------------------------------------------------------------------------------------------------------


def earlier(get_response):
    def middleware(request):
        request.user = Customer("cus_2")
        assert "exports" not in request.entitlements
        return get_response(request)

    return middleware


def test_the_user_whom_the_framework_authenticates_is_asked_about(ask):
    """A token's user counts, though a session's was asked about before the framework looked."""
    also = {"MIDDLEWARE": [MIDDLEWARE, f"{__name__}.earlier"]}
    assert ask(api(exports), "cus_1", also=also).status == 200
    assert ask(api(exports), None, also=also).status == 403


def test_a_permission_finds_its_own_customer(ask):
    """`customer=` is called with the request and the view."""

    def of_view(request, view):
        return "cus_1" if isinstance(view, APIView) and request.method == "POST" else "cus_2"

    view = api(HasFeature("exports", customer=of_view))
    assert [ask(view, method=method).status for method in ("GET", "POST")] == [402, 200]


def test_a_permission_asks_its_own_instance(ask):
    """`entitlements=` is asked instead of the middleware's."""
    with Entitlements(source=Shelf(cus_2={"exports"})) as other:
        view = api(HasFeature("exports", entitlements=other))
        assert [ask(view, who).status for who in ("cus_1", "cus_2")] == [402, 200]


def test_several_questions_cost_one_look_up(ask, shelf):
    """A view's permissions, on the view and on its objects, ask what the request has pinned."""
    assert ask(api(exports, exports & Yes, HasFeature(any_of=["exports", "sso"]), on_objects=True)).status == 200
    assert shelf.fetches == ["cus_1"]


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("permission", [HasFeature, core_requires_feature("exports"), core_requires_feature])
def test_a_gate_in_the_wrong_place_opens_nothing(ask, permission):
    """HasFeature without its key, or a decorator where a permission goes, is an error at every request."""
    assert ask(api(permission)).status == 500


def test_a_permission_is_no_decorator():
    """HasFeature above a view says where it goes."""
    with pytest.raises(TypeError, match=r"is a permission, not a decorator: write permission_classes = \[...\]"):

        @HasFeature("exports")
        def view(request): ...


def test_what_a_permission_can_t_be_told_is_an_error_at_once():
    """A key that can't be one is noticed when the module is loaded."""
    with pytest.raises(InvalidInput):
        HasFeature(" exports")
    with pytest.raises(TypeError):
        HasFeature("exports", any_of=["sso"])


def test_without_the_middleware_nobody_is_admitted(ask, caplog):
    """A project that forgot it is told."""
    assert ask(api(exports), also={"MIDDLEWARE": []}).status == 500
    assert "the request has no entitlements" in caplog.text


def test_the_audit_sees_through_expressions():
    """Permissions, composed or not, are found to gate their routes; one that wants a feature lacking is none."""

    @api_view(["GET"])
    @permission_classes([Yes & (exports | HasFeature("sso"))])
    def page(request): ...

    with project([path("page", page), path("other", api(~exports)), path("third", api(~~exports))]):
        gates = {route.path: set(route.gates) for route in audited(None).routes}
    assert gates["/page"] == {Requirement(("exports",)), Requirement(("sso",))}
    assert (gates["/other"], gates["/third"]) == (set(), {Requirement(("exports",))})


def test_the_audit_reads_what_a_route_was_given():
    """Permissions that `@action` or `as_view` was given stand in place of the class's own."""

    class Rows(ViewSet):
        permission_classes = (exports,)

        @action(detail=False, permission_classes=[HasFeature("sso")])
        def best(self, request): ...

        @action(detail=False, permission_classes=[])
        def open(self, request): ...

        def list(self, request): ...

    routes = SimpleRouter()
    routes.register("rows", Rows, basename="rows")
    page = type("Page", (APIView,), {"permission_classes": (exports,), "get": lambda self, request: None})
    with project([*routes.urls, path("page", page.as_view(permission_classes=[HasFeature("sso")]))]):
        gates = {route.path: route.gates for route in audited(None).routes if "GET" in route.methods}
    assert gates == {
        "/^rows/$": (Requirement(("exports",)),),
        "/^rows/best/$": (Requirement(("sso",)),),
        "/^rows/open/$": (),
        "/page": (Requirement(("sso",)),),
    }


def test_every_composition_is_named():
    """A permission's name says what it requires, for whoever reads a traceback or a table."""
    assert issubclass(exports, FeaturePermission)
    assert [each.__name__ for each in (exports, ~exports, ~~exports)] == [
        'HasFeature("exports")',
        '~HasFeature("exports")',
        'HasFeature("exports")',
    ]
