"""A Django project in one file, with every mistake that an audit finds, and what is right beside it."""

# ruff: noqa: E402 - Django wants its settings before anything of it is imported

from __future__ import annotations

from typing import Any

from django.conf import settings

if not settings.configured:
    settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="audited", INSTALLED_APPS=[], ALLOWED_HOSTS=["*"])

import django
from django.core.wsgi import get_wsgi_application

django.setup()

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.viewsets import ViewSet

from entitlements.web.django.decorators import requires_feature
from entitlements.web.django.drf import HasFeature
from entitlements.web.django.mixins import FeatureRequiredMixin


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.path)


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.path)


gated = requires_feature("exports")(bare)


@requires_feature("export")
async def misspelt(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.path)


class Reports(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.path)

    @method_decorator(requires_feature("sso"))
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.path)


@method_decorator(requires_feature("exports"), name="dispatch")
class Dispatched(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.path)


class Mixed(FeatureRequiredMixin, View):
    required_features = ["exports", "sso"]  # noqa: RUF012 - as Django's class views have it

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.path)


class Rows(ViewSet):
    permission_classes = [HasFeature("sso")]  # noqa: RUF012 - as REST framework has it

    def list(self, request: Any) -> HttpResponse:
        return HttpResponse(request.path)


@api_view(["GET"])
@permission_classes([AllowAny & HasFeature("exports")])
def api(request: Any) -> HttpResponse:
    return HttpResponse(request.path)


urlpatterns = [
    path("", home),
    path("gated/", gated),
    path("bare/", bare),
    path(
        "in/",
        include(
            [
                path("misspelt/", misspelt),
                path("reports/<int:year>/", Reports.as_view()),
                path("dispatched/", Dispatched.as_view()),
                path("mixed/", Mixed.as_view()),
                path("rows/", Rows.as_view({"get": "list"})),
                path("api/", api),
            ]
        ),
    ),
]
application = get_wsgi_application()
