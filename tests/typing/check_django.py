"""What type checkers see of Django's gates: signatures are kept, and mixins and permissions fit where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.generic import TemplateView
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from entitlements import Entitlements
from entitlements.web.django import EntitledRequest, FeatureRequiredMixin, get_entitlements, requires_feature
from entitlements.web.django.drf import HasFeature

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rest_framework.request import Request

    from entitlements.customer import RequestView


@requires_feature("exports")
def page(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(str(number))


@requires_feature(any_of=["exports", "sso"], hide=True)
async def apage(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


plain: Callable[[HttpRequest, int], HttpResponse] = page
awaited: Callable[[HttpRequest], Coroutine[Any, Any, HttpResponse]] = apage


def call(request: HttpRequest) -> None:
    assert_type(page(request, 7), HttpResponse)
    assert_type(page(request, number=7), HttpResponse)
    page(request, "seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the signature was kept


async def acall(request: HttpRequest) -> None:
    assert_type(await apage(request), HttpResponse)


@method_decorator(requires_feature("exports"), name="dispatch")
class Decorated(View):
    @requires_feature("sso")
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class Mixed(FeatureRequiredMixin, TemplateView):
    required_features = "exports"
    status = 403

    def entitled_customer(self, request: HttpRequest) -> str:
        return "cus_1"

    def otherwise(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class Several(FeatureRequiredMixin, View):
    any_of = ("exports", "sso")


def view_of(request: EntitledRequest) -> RequestView:
    assert_type("exports" in request.entitlements, bool)
    return request.entitlements


class Page(APIView):
    permission_classes = (HasFeature("exports"), IsAuthenticated & HasFeature("sso"), HasFeature("a") | IsAuthenticated)

    def get(self, request: Request) -> Response:
        return Response()


class Turned(APIView):
    permission_classes = (~HasFeature("exports"),)


permission: type[BasePermission] = HasFeature("exports")
assert_type(get_entitlements(), Entitlements)
