"""The middleware: a view of its customer for every request, and refusals as responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, cast

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest
from django.urls import Resolver404

from entitlements.bound import bind
from entitlements.web.django.answers import Problem, answered, instead_of
from entitlements.web.django.awaits import awaits
from entitlements.web.django.conf import project
from entitlements.web.django.page import PageView, view_of
from entitlements.web.django.streams import bound_body
from entitlements.web.refusal import refusal_in
from entitlements.web.response import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http.response import HttpResponseBase

    from entitlements.customer import RequestView
    from entitlements.web.refusal import Refusal

__all__ = ["EntitledRequest", "EntitlementsMiddleware"]

_NOT_FOUND: Final = 404


class EntitledRequest(HttpRequest):
    """A request that has passed the middleware; for annotations, since Django's own class knows of no `entitlements`.

    >>> def report(request: EntitledRequest): ...
    """

    entitlements: RequestView


class EntitlementsMiddleware:
    """Give every request a view of its customer, and turn refusals into responses, under WSGI and ASGI alike.

    Put it after Django's AuthenticationMiddleware. `request.entitlements` finds the customer at the first question, and
    nothing is fetched before; it stays bound while a streamed body is made, and no longer. A `FeatureRequired` or
    `EntitlementsUnavailable` that a view raises, or a template while it is rendered, becomes the response. What depends
    on an answer and says nothing of caches is kept out of them, Django's own included; so is every 404, that a hidden
    one may look like the others.

    What there is to say is said in `settings.ENTITLEMENTS`.

    Raises:
        ImproperlyConfigured: when the server starts: something that the settings say can't be right.

    >>> MIDDLEWARE = [
    ...     "django.contrib.sessions.middleware.SessionMiddleware",
    ...     "django.contrib.auth.middleware.AuthenticationMiddleware",
    ...     "entitlements.web.django.EntitlementsMiddleware",
    ... ]
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        project()  # whoever says something wrong hears of it when the server starts
        self.get_response = get_response
        self._awaits = awaits(get_response)
        if self._awaits:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._awaits:
            return self._acall(request)
        view = _begun(request)
        with bind(view):
            response = cast("HttpResponseBase", self.get_response(request))
            error = _refused_by_rest(response)
            if error is not None:
                response = self._instead(request, response, error)
        return _finished(view, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        view = _begun(request)
        if view.project.preload:
            await view.apinned()
        with bind(view):
            response = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
            error = _refused_by_rest(response)
            if error is not None:
                response = await sync_to_async(self._instead)(request, response, error)
        return _finished(view, response)

    @staticmethod
    def _instead(request: HttpRequest, response: HttpResponseBase, error: Refusal) -> HttpResponseBase:
        try:
            return instead_of(response, answered(view_of(request).project, request, error))
        except Resolver404 as nothing:  # out here Django would turn it into a response that no cache is told of
            return response_for_exception(request, nothing)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer a refusal, and leave everything else to Django."""
        error = refusal_in(exception)
        if error is None:
            return None
        view = view_of(request)
        view.asked = True
        return answered(view.project, request, error)


def _begun(request: HttpRequest) -> PageView:
    view = PageView(project(), request)
    cast("EntitledRequest", request).entitlements = view
    return view


def _refused_by_rest(response: HttpResponseBase) -> Refusal | None:
    """Find the refusal that a REST framework answered by its own machinery, unless that put it in other words."""
    data = getattr(response, "data", None)
    return data.error if isinstance(data, Problem) else None


def _finished(view: PageView, response: HttpResponseBase) -> HttpResponseBase:
    if (view.asked or response.status_code == _NOT_FOUND) and not response.has_header("Cache-Control"):
        response.headers["Cache-Control"] = PRIVATE
    return bound_body(view, response)
