"""A Django project for the tests: set up once, and given its URLs, middleware and settings by each test.

with project([path("report", view)], INSTANCE=ents, CUSTOMER=lambda request: "cus_1"):
    reply = exchange_with("asgi")(Ask("/report"))
"""

from __future__ import annotations

import asyncio
import traceback
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from web_asgi import Talk, http_scope
from web_exchange import exchanging, header_lines, mounted

from entitlements.testing import gate_contract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from entitlements.testing.gate_contract import Ask, Endpoint, Shop

if not settings.configured:
    settings.configure(
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=ModuleType("no_urls"),
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "rest_framework",
            "entitlements.web.django",
        ],
        MIDDLEWARE=[],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        LOGGING_CONFIG=None,
        USE_TZ=True,
    )
    django.setup()

from django.contrib.auth.models import AnonymousUser
from rest_framework.decorators import api_view, permission_classes
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from entitlements.web.django import FeatureRequiredMixin, awebhook, requires_feature, webhook
from entitlements.web.django.drf import HasFeature

__all__ = [
    "KINDS",
    "MIDDLEWARE",
    "SCRIPT",
    "AnonymousUser",
    "exchange_with",
    "project",
    "shop_project",
    "shop_urls",
    "wsgi_handler",
]

SCRIPT = "/script"  # a prefix that a server takes off; any other is one of the project's URLs
MIDDLEWARE = "entitlements.web.django.EntitlementsMiddleware"


@contextmanager
def project(urlpatterns: list[Any], *, also: Mapping[str, object] | None = None, **said: Any) -> Iterator[None]:
    """Set a project up: its URLs, what it says in ENTITLEMENTS, and other settings."""
    urls: Any = ModuleType("urls")
    urls.urlpatterns = urlpatterns
    with override_settings(**{"ROOT_URLCONF": urls, "MIDDLEWARE": [MIDDLEWARE], **(also or {}), "ENTITLEMENTS": said}):
        yield


@contextmanager
def shop_project(
    shop: Shop, endpoints: list[Endpoint], *, mount: str, on_asgi: bool, **said: object
) -> Iterator[Callable[[Ask], gate_contract.Reply]]:
    """Set up the project of a contract's shop, and give what exchanges requests with it."""
    terms: dict[str, Any] = {name.upper(): value for name, value in said.items()}

    def customer(request: HttpRequest) -> object:
        return shop.customer(request.headers.get("X-Who"))

    script, prefix = (mount, "") if mount == SCRIPT else ("", mount)
    with project(shop_urls(endpoints, prefix, on_asgi=on_asgi), INSTANCE=shop.ents, CUSTOMER=customer, **terms):
        yield exchange_with("asgi" if on_asgi else "wsgi", script)


def exchange_with(transport: str, script: str = "") -> Callable[[Ask], gate_contract.Reply]:
    """Give what exchanges requests with the project as it is set up now, by "wsgi" or "asgi"."""
    if transport == "asgi":
        return aexchanging(cast("Any", ASGIHandler()), script)
    return _bodiless(exchanging(mounted(WSGIHandler(), script)))


def aexchanging(
    app: Callable[..., Coroutine[Any, Any, None]], root_path: str = ""
) -> Callable[[Ask], gate_contract.Reply]:
    """Give what sends a request to an ASGI application, and reads the whole of its reply."""

    def exchange(ask: Ask) -> gate_contract.Reply:
        where, _, query = ask.path.partition("?")
        lines = {"Accept": "*/*", **header_lines(ask)}
        accept, headers = (
            lines.pop("Accept"),
            [(name.lower().encode(), value.encode()) for name, value in lines.items()],
        )
        scope = http_scope(unquote(where), ask.method, query, accept, headers, root_path=root_path)
        talk = Talk({"type": "http.request", "body": ask.body, "more_body": False})
        try:
            asyncio.run(app(scope, talk.receive, talk.send))
        except Exception as error:
            _close_what_was_read(error)
            raise
        return _reply(talk)

    return _bodiless(exchange)


def _close_what_was_read(error: Exception) -> None:
    """Close the file of a request's body, which Django leaves open when a streamed response breaks off."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "body_file" in frame.f_locals:
            frame.f_locals["body_file"].close()


def _reply(talk: Talk) -> gate_contract.Reply:
    """Read what was sent; Django leaves the case of its headers to the server."""
    start, *rest = talk.sent
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    assert len(headers) == len(start["headers"]), "a header was sent twice"
    return gate_contract.Reply(start["status"], headers, b"".join(message.get("body", b"") for message in rest))


def wsgi_handler() -> WSGIHandler:
    """Give what a server calls, for a test that looks at the response before it is sent."""
    return WSGIHandler()


def _bodiless(exchange: Callable[[Ask], gate_contract.Reply]) -> Callable[[Ask], gate_contract.Reply]:
    """Leave the body of an answer to HEAD out, as every server does for Django."""

    def exchange_as_a_server_does(ask: Ask) -> gate_contract.Reply:
        reply = exchange(ask)
        return gate_contract.Reply(reply.status, reply.headers, b"" if ask.method == "HEAD" else reply.body)

    return exchange_as_a_server_does


def shop_urls(endpoints: list[Endpoint], mount: str, *, on_asgi: bool) -> list[Any]:
    patterns: list[Any] = [
        path(endpoint.path.removeprefix("/"), {**KINDS, **(_ASYNC if on_asgi else {})}[endpoint.kind](endpoint))
        for endpoint in endpoints
    ]
    patterns.append(path("stripe/webhook", awebhook if on_asgi else webhook))
    return [path(f"{mount[1:]}/", include(patterns))] if mount else patterns


# --- a view of each kind ---------------------------------------------------------------------------------------------


def _gate(endpoint: Endpoint) -> Callable[[Any], Any]:
    return requires_feature(*endpoint.features, **endpoint.options)


def _permission(endpoint: Endpoint) -> Any:
    return HasFeature(*endpoint.features, **endpoint.options)


def _function(endpoint: Endpoint) -> object:
    @_gate(endpoint)
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(endpoint.run())

    return view


def _coroutine(endpoint: Endpoint) -> object:
    @_gate(endpoint)
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(endpoint.run())

    return view


def _page(endpoint: Endpoint) -> type[View]:
    class Page(View):
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse(endpoint.run())

        post = put = patch = delete = get

    return Page


def _async_page(endpoint: Endpoint) -> type[View]:
    class Page(View):
        async def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse(endpoint.run())

        post = put = patch = delete = get

    return Page


def _methods(endpoint: Endpoint) -> object:
    class Page(View):
        @_gate(endpoint)
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse(endpoint.run())

        post = put = patch = delete = get

    return Page.as_view()


def _async_methods(endpoint: Endpoint) -> object:
    class Page(View):
        @_gate(endpoint)
        async def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse(endpoint.run())

        post = put = patch = delete = get

    return Page.as_view()


def _mixed(endpoint: Endpoint, page: type[View]) -> object:
    said = {"required_features": endpoint.features or None, **endpoint.options}
    return cast("Any", type("Page", (FeatureRequiredMixin, page), said)).as_view()


def _method_decorated(endpoint: Endpoint, page: type[View]) -> object:
    return method_decorator(_gate(endpoint), name="dispatch")(page).as_view()


def _api_function(endpoint: Endpoint) -> object:
    @api_view([*endpoint.methods])
    @permission_classes([_permission(endpoint)])
    def view(request: object) -> Response:
        return Response(endpoint.run())

    return view


def _api_function_decorated(endpoint: Endpoint) -> object:
    @api_view([*endpoint.methods])
    @_gate(endpoint)
    def view(request: object) -> Response:
        return Response(endpoint.run())

    return view


def _api_class(endpoint: Endpoint) -> object:
    class Page(APIView):
        permission_classes = (_permission(endpoint),)

        def get(self, request: object) -> Response:
            return Response(endpoint.run())

        post = put = patch = delete = get

    return Page.as_view()


def _api_view_set(endpoint: Endpoint) -> object:
    class Page(ViewSet):
        permission_classes = (_permission(endpoint),)

        def answer(self, request: object) -> Response:
            return Response(endpoint.run())

    return Page.as_view({method.lower(): "answer" for method in endpoint.methods})


def _stream(endpoint: Endpoint) -> object:
    @_gate(endpoint)
    def view(request: HttpRequest) -> HttpResponseBase:
        return StreamingHttpResponse(endpoint.steps())

    return view


def _async_stream(endpoint: Endpoint) -> object:
    @_gate(endpoint)
    async def view(request: HttpRequest) -> HttpResponseBase:
        async def steps() -> AsyncIterator[str]:
            for step in endpoint.steps():
                yield step

        return StreamingHttpResponse(steps())

    return view


KINDS: dict[str, Callable[[Endpoint], Any]] = {
    "def": _function,
    "async def": _coroutine,
    "View's methods": _methods,
    "async View's methods": _async_methods,
    "mixin": lambda endpoint: _mixed(endpoint, _page(endpoint)),
    "async mixin": lambda endpoint: _mixed(endpoint, _async_page(endpoint)),
    "method_decorator": lambda endpoint: _method_decorated(endpoint, _page(endpoint)),
    "async method_decorator": lambda endpoint: _method_decorated(endpoint, _async_page(endpoint)),
    "as_view": lambda endpoint: _gate(endpoint)(_page(endpoint).as_view()),
    "async as_view": lambda endpoint: _gate(endpoint)(_async_page(endpoint).as_view()),
    "api_view": _api_function,
    "api_view, decorated": _api_function_decorated,
    "APIView": _api_class,
    "ViewSet": _api_view_set,
    "stream": _stream,
}
_ASYNC: dict[str, Callable[[Endpoint], Any]] = {"stream": _async_stream}  # an event loop takes no other
