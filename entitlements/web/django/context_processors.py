"""The context processor: `entitlements` in every template that is rendered with a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.pinned import Pinned

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["entitlements"]


def entitlements(request: HttpRequest) -> dict[str, object]:
    """Give templates the request's view: `{% if "exports" in entitlements %}`, `{{ entitlements.features }}`.

    A page that is rendered where the middleware has not been, as an error page of another middleware's, can't be told
    anything: `entitlements.unavailable` is true there.

    >>> TEMPLATES = [{"OPTIONS": {"context_processors": ["entitlements.web.django.context_processors.entitlements"]}}]
    """
    return {"entitlements": getattr(request, "entitlements", Pinned(unavailable=True))}
