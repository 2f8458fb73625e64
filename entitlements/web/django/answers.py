"""A refusal as a Django response: the project's own, Django's words for what isn't there, or the usual one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, cast

from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_resolver

from entitlements.stripe.ids import shown
from entitlements.web.refusal import Request, is_hidden, refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from django.http import HttpRequest

    from entitlements.web.django.conf import Project
    from entitlements.web.refusal import Refusal
    from entitlements.web.response import Response

__all__ = ["Problem", "answered", "as_django", "instead_of", "told"]


_PROBLEM: Final = "application/problem+json"


class Problem(dict[str, object]):
    """What a REST framework is given to render, and the refusal that this says."""

    def __init__(self, error: Refusal, members: Mapping[str, object]) -> None:
        super().__init__(members)
        self.error = error


def answered(project: Project, request: HttpRequest, error: Refusal) -> HttpResponseBase:
    """Answer a refusal.

    Raises:
        Resolver404: it is to look as if there were nothing; Django answers as it does then.
        TypeError: the project's HANDLER gave something that is no response.
    """
    own = None if project.handler is None else project.handler(request, error)
    if inspect.isawaitable(own):
        own = async_to_sync(_awaited)(own)
    return _usual(project, request, error) if own is None else _rendered(own)


def instead_of(response: HttpResponseBase, usual: HttpResponseBase) -> HttpResponseBase:
    """Keep a REST framework's rendering of a problem, unless a person's browser or a HANDLER is answered otherwise."""
    if usual.headers.get("Content-Type") != _PROBLEM:
        return usual
    if response.headers.get("Content-Type", "").startswith("application/json"):
        response.headers["Content-Type"] = _PROBLEM
    return response


def as_django(response: Response) -> HttpResponse:
    """Make a Django response of one of ours."""
    return HttpResponse(response.body, status=response.status, headers=dict(response.headers))


def told(request: HttpRequest) -> Request:
    """Say what of a request the form of its refusal depends on."""
    return Request(
        method=request.method or "GET",
        accept=request.headers.get("Accept", ""),
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
    )


async def _awaited(own: Awaitable[object]) -> object:
    return await own


def _usual(project: Project, request: HttpRequest, error: Refusal) -> HttpResponse:
    if is_hidden(error, project.terms):
        raise _nothing_here(request)
    return as_django(refuse(error, told(request), project.terms))


def _rendered(own: object) -> HttpResponseBase:
    """Take the project's own answer; Django renders none that takes the place of a failed rendering."""
    if not isinstance(own, HttpResponseBase):
        raise TypeError(f'ENTITLEMENTS["HANDLER"] gave {shown(own)}: return an HttpResponse, or None for the usual one')
    render = getattr(own, "render", None)
    return cast("HttpResponseBase", render()) if callable(render) else own


def _nothing_here(request: HttpRequest) -> Resolver404:
    """Make what Django raises for a path that leads nowhere, down to what a 404.html can show of it."""
    resolver: Any = get_resolver(getattr(request, "urlconf", None))
    return Resolver404({"tried": [[pattern] for pattern in resolver.url_patterns], "path": request.path_info[1:]})
