"""A Django project for the servers' tests: its settings, its URLs, and its applications, all from the environment.

DJANGO_SETTINGS_MODULE=django_site python -m django runserver --noreload
gunicorn django_site:wsgi          uvicorn django_site:asgi
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from django.utils.deprecation import MiddlewareMixin

from entitlements.bound import bound_view

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

SECRET_KEY = "for tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_site"
WSGI_APPLICATION = "django_site.wsgi"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "entitlements.web.django"]
MIDDLEWARE = [
    "django_site.Outermost",
    "django.middleware.common.CommonMiddleware",
    "entitlements.web.django.EntitlementsMiddleware",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 100  # an event is longer, and is taken all the same
ENTITLEMENTS = {"CUSTOMER": "django_site.who_asks", "UPGRADE_URL": "/pricing"}  # and STRIPE_... in the environment
USE_TZ = True

_BY_ENVIRONMENT: Final = os.environ.get("DJANGO_SETTINGS_MODULE") == "django_site"


def who_asks(request: HttpRequest) -> str | None:
    return request.headers.get("X-User")


class Outermost(MiddlewareMixin):
    """Note what is bound before anything of ours runs: what a request before this one left behind."""

    def process_request(self, request: HttpRequest) -> None:
        request.META["bound"] = str(bound_view())

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response


def _row(number: int) -> bytes:
    return b"%d\n" % number


def _urls() -> list[Any]:
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import include, path

    from entitlements.web.django import awebhook, requires_feature

    row = requires_feature("exports")(_row)

    @requires_feature("exports")
    def rows(request: HttpRequest) -> HttpResponseBase:
        return StreamingHttpResponse(row(number) for number in range(3))

    @requires_feature("exports")
    async def arows(request: HttpRequest) -> HttpResponseBase:
        async def steps() -> AsyncIterator[bytes]:
            for number in range(3):
                yield row(number)

        return StreamingHttpResponse(steps())

    def breaks(request: HttpRequest) -> HttpResponseBase:
        def steps() -> Iterator[bytes]:
            yield b"begun\n"
            yield row(1)

        return StreamingHttpResponse(steps(), headers={"Content-Length": "100"})

    @requires_feature("exports")
    def report(request: HttpRequest) -> HttpResponse:
        return HttpResponse("the report")

    @requires_feature("exports")
    async def areport(request: HttpRequest) -> HttpResponse:
        return HttpResponse("the report")

    def outside(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.META["bound"])

    return [
        path("rows", rows),
        path("arows", arows),
        path("breaks", breaks),
        path("report", report),
        path("areport", areport),
        path("who", outside),
        path("stripe/webhook", include("entitlements.web.django.urls")),
        path("stripe/awebhook", awebhook),
    ]


if _BY_ENVIRONMENT:

    def __getattr__(name: str) -> Any:
        """Make what a server asks for when it asks: the settings are read before there are any applications."""
        from django.core.asgi import get_asgi_application
        from django.core.wsgi import get_wsgi_application

        made = {"urlpatterns": _urls, "wsgi": get_wsgi_application, "asgi": get_asgi_application}
        if name not in made:
            raise AttributeError(name)
        globals()[name] = made[name]()
        return globals()[name]
