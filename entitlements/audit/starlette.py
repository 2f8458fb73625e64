"""Reads Starlette's route table, and FastAPI's, which is one of those."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from entitlements.audit.entry import VERBS, Entry, Unseen, by_methods

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["entries"]


def entries(app: Any, prefix: str = "") -> Iterator[Entry | Unseen]:  # noqa: ANN401 - its types would have to be installed
    """List the routes of an application, those of mounted ones included."""
    for route in _served(app):
        path = prefix + (getattr(route, "path", None) or "")
        inner = getattr(route, "app", None)
        if getattr(route, "endpoint", None) is not None:
            yield from _of_route(route, path)
        elif hasattr(inner, "routes") or getattr(route, "routes", None):
            yield from entries(inner if hasattr(inner, "routes") else route, path)
        else:
            yield Unseen(path, inner or route)


def _served(app: Any) -> Iterable[Any]:  # noqa: ANN401 - see above
    """List routes as FastAPI serves them: it looks at each request for what a router includes, and copies nothing."""
    contexts = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    served: Iterable[Any] = app.routes if contexts is None else contexts(app.routes)
    return served


def _of_route(route: Any, path: str) -> Iterator[Entry]:  # noqa: ANN401 - see above
    methods = getattr(route, "methods", None)
    given = {"HEAD"} if methods and "GET" in methods else set[str]()  # Starlette adds it to every GET by itself
    before = tuple(_dependencies(getattr(route, "dependant", None)))
    if not hasattr(getattr(route, "original_route", route), "methods"):
        yield Entry(path, ("WEBSOCKET",), route.endpoint, before)
    elif isinstance(route.endpoint, type):
        yield from by_methods(route.endpoint, Entry(path, methods or VERBS, route.endpoint, before))
    else:
        yield Entry(path, set(methods or ()) - given, route.endpoint, before)


def _dependencies(dependant: Any) -> Iterator[object]:  # noqa: ANN401 - see above
    """List what FastAPI calls before an endpoint, in its order."""
    for needed in getattr(dependant, "dependencies", ()):
        yield from _dependencies(needed)
        yield needed.call
