"""A Django request's view of its customer: `request.entitlements`."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import SynchronousOnlyOperation

from entitlements.errors import NotConfigured
from entitlements.pinned import Pinned
from entitlements.resolver import core_of
from entitlements.seldom import Seldom
from entitlements.web.lazy import LazyView

if TYPE_CHECKING:
    from django.http import HttpRequest

    from entitlements.web.django.conf import Project

__all__ = ["PageView", "view_of"]

_seldom: Final = Seldom(logging.getLogger("entitlements"), seconds=60.0)


class PageView(LazyView):
    """Answer for the customer behind one request, who is found at the first question.

    Attributes:
        project: what the project said when the request came.
    """

    def __init__(self, project: Project, request: HttpRequest) -> None:
        self.project = project
        self._request = request
        self._asked = False
        self._user: object = None
        super().__init__(
            core_of(project.entitlements),
            partial(project.customers.find, request),
            partial(project.customers.afind, request),
        )

    def pinned(self) -> Pinned:
        try:
            return super().pinned()
        except SynchronousOnlyOperation:
            _seldom.warning(
                "a template or other synchronous code asked on an event loop's thread whose customer was not known "
                "yet, so it reads as unavailable; await request.entitlements.apinned() in the view before it, "
                'or say ENTITLEMENTS["PRELOAD"] = True'
            )
            return Pinned(unavailable=True)

    def __contains__(self, feature: object) -> bool:
        return feature in self.pinned()  # what a test overrides is among that, and this never waits

    def follow(self) -> None:
        """Begin again if another user was signed in since, as a REST framework's authentication does."""
        if self.known and self._user is not self._request.__dict__.get("user"):
            self._forget()
            self.ask_again()

    def _take(self, who: object) -> None:
        self._user = self._request.__dict__.get("user")
        super()._take(who)

    def _is_asked(self) -> bool:
        return self._asked

    def _ask(self, asked: bool) -> None:  # noqa: FBT001 - what is assigned to an attribute
        self._asked = asked
        if asked:
            # `cache_page` around a gate would store what one customer may see, and show it to all.
            self._request._cache_update_cache = False  # type: ignore[attr-defined]  # noqa: SLF001 - Django's own mark for that

    asked: Any = property(_is_asked, _ask)


def view_of(request: HttpRequest) -> PageView:
    """Give a request's view.

    Raises:
        NotConfigured: the middleware has not seen the request.
    """
    view = getattr(request, "entitlements", None)
    if isinstance(view, PageView):
        return view
    raise NotConfigured(
        "the request has no entitlements: add entitlements.web.django.EntitlementsMiddleware to MIDDLEWARE, "
        "after Django's AuthenticationMiddleware"
    )
